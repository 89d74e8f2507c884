"""What a worker does with an import: batch by batch, each in one transaction.

A worker that is killed loses the batch it was at. Whoever takes the import up goes on behind the
last one that is in the database, and comes to the same end.
"""

import itertools
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Count
from django.db.models.functions import Now
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import User
from catalog.merged import hold_books
from ratings.library_import import goodreads, storygraph
from ratings.library_import.applying import applied
from ratings.library_import.entries import Entry, RowError
from ratings.library_import.formats import Columns
from ratings.library_import.matching import CatalogueIndex, Match
from ratings.library_import.reading import Row, read_table
from ratings.library_import.requests import begun
from ratings.library_import.undoing import changes_between, taken_back
from ratings.models import ImportFile, ImportRow, LibraryImport
from ratings.states import State, load_states, save_states

logger = logging.getLogger(__name__)

BATCH: Final = 250
# Remarks on a row.
_TOLD: Final = 10
_PARSERS: Final = {
    LibraryImport.Format.GOODREADS: goodreads.entry_of,
    LibraryImport.Format.STORYGRAPH: storygraph.entry_of,
}


class _BooksChanged(Exception):
    """A book was merged into another since the catalogue was read."""


def work_at(import_id: int) -> None:
    """Import, or undo, what is waiting; an import that another worker is at is left alone."""
    library_import = begun(import_id)
    if library_import is None:
        return
    started = timezone.now()
    with translation.override(library_import.language or None):
        if library_import.status == LibraryImport.Status.UNDOING:
            _undo(library_import)
        else:
            _import(library_import)
    seconds = (timezone.now() - started).total_seconds()
    logger.info("import %d: %d rows in %.1f s", import_id, library_import.n_rows, seconds)


def _import(library_import: LibraryImport) -> None:
    content = ImportFile.objects.filter(library_import=library_import).first()
    if content is None:
        return
    table = read_table(bytes(content.content))
    del content
    n_done = library_import.n_done
    rows = itertools.islice(table.rows(), n_done, None)
    index = CatalogueIndex.load()
    for batch in _batches(rows):
        counts = library_import.counts
        try:
            going_on = _import_batch(library_import, table.columns, batch, index, n_done)
        except (IntegrityError, _BooksChanged):
            # A book was deleted or merged between the look and the commit.
            index, library_import.counts = CatalogueIndex.load(), counts
            going_on = _import_batch(library_import, table.columns, batch, index, n_done)
        if not going_on:
            return
        n_done += len(batch)
    _end(library_import, LibraryImport.Status.DONE)


def _undo(library_import: LibraryImport) -> None:
    while _undo_batch(library_import):
        pass
    _end(library_import, LibraryImport.Status.UNDONE)


def _end(library_import: LibraryImport, status: str) -> None:
    under_way = LibraryImport.objects.filter(
        pk=library_import.pk, status__in=LibraryImport.UNDER_WAY
    )
    with transaction.atomic():
        if under_way.update(status=status, finished_at=Now(), counts=_counts(library_import)):
            ImportFile.objects.filter(library_import=library_import).delete()


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(itertools.islice(rows, BATCH)):
        yield batch


@transaction.atomic
def _import_batch(
    library_import: LibraryImport,
    columns: Columns,
    batch: Sequence[Row],
    index: CatalogueIndex,
    n_done: int,
) -> bool:
    """Apply the rows and remember it; False when another worker has come further."""
    if not _locked(library_import, n_done=n_done):
        return False
    read = [_read(library_import, columns, row) for row in batch]
    chosen = _choices(library_import.user, [row.book_key for row, entry in read if entry])
    books = {}
    for row, entry in read:
        if entry is None:
            continue
        book_id = chosen.get(row.book_key)
        match = Match(book_id) if book_id in index else index.match(entry)
        books[row.line] = match.book_id
        row.candidates = list(match.candidates)
        row.message = match.question
        row.is_chosen = match.book_id is not None and match.book_id == book_id
    _apply(library_import, read, books)
    ImportRow.objects.bulk_create([row for row, _entry in read])
    counts = Counter(library_import.counts) + Counter(row.outcome for row, _entry in read)
    library_import.counts = dict(counts)
    _report(library_import, n_done + len(batch))
    return True


def _read(
    library_import: LibraryImport, columns: Columns, row: Row
) -> tuple[ImportRow, Entry | None]:
    """Return what is to be remembered of the row, and what it says; None when it says nonsense."""
    named = columns.by_name(row.cells)
    made = ImportRow(
        library_import=library_import,
        line=row.line,
        title=_shown(named.get("title", "")),
        author=_shown(named.get("author", "") or named.get("authors", "")),
        outcome=ImportRow.Outcome.FAILED,
        message=row.problem,
        cells=[cell.replace("\0", "") for cell in row.cells],
    )
    if row.problem:
        return made, None
    try:
        entry = entry_of(library_import, named)
    except RowError as error:
        made.message = str(error)
        return made, None
    made.book_key = entry.book_key
    return made, entry


def entry_of(library_import: LibraryImport, named: dict[str, str]) -> Entry:
    """Return what the cells, by the names of their columns, say in this import's format.

    Raises
    ------
    RowError
        When they say something impossible.
    """
    return _PARSERS[LibraryImport.Format(library_import.format)](named)


def _apply(
    library_import: LibraryImport,
    read: Sequence[tuple[ImportRow, Entry | None]],
    books: dict[int, int | None],
) -> None:
    """Fill the rows in with what they change, and write all of it at once."""
    wanted = {book_id for book_id in books.values() if book_id is not None}
    if any(book_id != into for book_id, into in hold_books(wanted).items()):
        raise _BooksChanged
    before = load_states(library_import.user, wanted, lock=True)
    after = dict(before)
    # Of two rows for one book, as two editions are, the first decides the stars.
    decided = set(
        library_import.rows.filter(book__in=wanted).values_list("book_id", flat=True)
        if library_import.replace_stars
        else ()
    )
    now = timezone.now()
    for row, entry in read:
        book_id = books.get(row.line)
        if entry is None:
            continue
        if book_id is None:
            row.outcome = ImportRow.Outcome.NEEDS_REVIEW
            row.message = _lines([row.message, *entry.remarks])
            continue
        replace = library_import.replace_stars and book_id not in decided
        after[book_id] = fill_in(row, entry, book_id, after[book_id], now, replace)
        decided.add(book_id)
    save_states(library_import.user, before, after)


def fill_in(
    row: ImportRow, entry: Entry, book_id: int, before: State, now: datetime, replace_stars: bool
) -> State:
    """Say in the row what it makes of its book; return that."""
    after, remarks = applied(entry, before, now=now, replace_stars=replace_stars)
    row.book_id = book_id
    row.changes = changes_between(before, after)
    row.message = _lines([*entry.remarks, *remarks])
    if not row.is_chosen:
        row.cells = []
    if not row.changes:
        row.outcome = ImportRow.Outcome.UNCHANGED
    else:
        row.outcome = ImportRow.Outcome.UPDATED if before else ImportRow.Outcome.ADDED
    return after


def _choices(user: User, keys: Sequence[str]) -> dict[str, int]:
    """Return the books that the reader chose by hand for such rows, in any import."""
    rows = ImportRow.objects.filter(
        library_import__user=user, is_chosen=True, book_key__in=keys, book__isnull=False
    )
    return dict(rows.order_by("pk").values_list("book_key", "book_id"))


def _locked(library_import: LibraryImport, n_done: int | None = None) -> bool:
    """Hold the import for this transaction; False when it is gone or others work at it."""
    rows = LibraryImport.objects.select_for_update(no_key=True).filter(
        pk=library_import.pk, status__in=LibraryImport.UNDER_WAY
    )
    if n_done is not None:
        rows = rows.filter(n_done=n_done)
    # One after the other with what the reader does to shelves at this moment.
    reader = User.objects.select_for_update(no_key=True).filter(pk=library_import.user_id)
    return rows.values("pk").first() is not None and reader.values("pk").first() is not None


def _report(library_import: LibraryImport, n_done: int) -> None:
    LibraryImport.objects.filter(pk=library_import.pk).update(
        n_done=n_done, counts=library_import.counts, beat_at=Now()
    )


@transaction.atomic
def _undo_batch(library_import: LibraryImport) -> bool:
    """Take the last rows back that are not yet; False when there are none."""
    if not _locked(library_import):
        return False
    rows = list(
        library_import.rows.filter(
            outcome__in=[ImportRow.Outcome.ADDED, ImportRow.Outcome.UPDATED]
        ).order_by("-line")[:BATCH]
    )
    take_back(library_import.user, rows)
    ImportRow.objects.bulk_update(rows, ["outcome", "message"])
    n_left = library_import.rows.filter(
        outcome__in=[ImportRow.Outcome.ADDED, ImportRow.Outcome.UPDATED]
    ).count()
    library_import.counts = _counts(library_import)
    _report(library_import, max(library_import.n_rows - n_left, 0))
    return bool(rows)


def take_back(user: User, rows: Sequence[ImportRow]) -> None:
    """Undo the rows, the last first, and say in each what became of it; the caller saves them."""
    held = hold_books({row.book_id for row in rows if row.book_id})
    before = load_states(user, set(held.values()), lock=True)
    after = dict(before)
    for row in rows:
        row.book_id = held.get(row.book_id or 0)
        if row.book_id is None:
            row.outcome = ImportRow.Outcome.KEPT
            row.message = _("The book is no longer in the catalogue.")
            continue
        after[row.book_id], kept = taken_back(row, after[row.book_id])
        row.outcome = ImportRow.Outcome.KEPT if kept else ImportRow.Outcome.UNDONE
        row.message = _("Kept, because you have changed it since.") if kept else ""
    save_states(user, before, after)


def _counts(library_import: LibraryImport) -> dict[str, int]:
    return dict(library_import.rows.values_list("outcome").annotate(n=Count("pk")).order_by())


def _lines(remarks: Sequence[str]) -> str:
    """A row full of nonsense is told in part."""
    return "\n".join(remarks[:_TOLD])


def _shown(cell: str) -> str:
    text = "".join(c if c.isprintable() else " " for c in cell[:1000])
    return " ".join(text.split())[:300]
