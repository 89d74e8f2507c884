"""What the reader decides of a row by hand.

The row comes as a query for it, so that looking it up and holding it are one; that of another
reader's row, or of none, raises `ImportRow.DoesNotExist`.
"""

from collections import Counter
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from catalog.merged import hold_books
from catalog.models import Book
from ratings.errors import ImportNotPossible
from ratings.library_import.formats import Columns
from ratings.library_import.working import entry_of, fill_in, take_back
from ratings.models import ImportRow, LibraryImport
from ratings.states import load_states, save_states


@transaction.atomic
def choose_book(*, rows: QuerySet[ImportRow], book: Book) -> ImportRow:
    """Say that the row means the book, and do what it says.

    Raises
    ------
    ImportNotPossible
        When the row was decided already, or its import was undone.
    """
    opened = _open(rows, ImportRow.Outcome.NEEDS_REVIEW, ImportRow.Outcome.SKIPPED)
    row, library_import = opened.row, opened.library_import
    columns = Columns(tuple(library_import.columns), library_import.format)
    entry = entry_of(library_import, columns.by_name(row.cells))
    row.is_chosen = True
    book_id = hold_books([book.pk]).get(book.pk, book.pk)
    before = load_states(library_import.user, [book_id], lock=True)
    after = fill_in(
        row, entry, book_id, before[book_id], timezone.now(), library_import.replace_stars
    )
    save_states(library_import.user, before, {book_id: after})
    if book_id == book.pk:
        row.book = book
    opened.save()
    return row


@transaction.atomic
def skip_row(*, rows: QuerySet[ImportRow]) -> ImportRow:
    """Say that the row is not wanted; nothing is changed by it.

    Raises
    ------
    ImportNotPossible
        When the row was decided already, or its import was undone.
    """
    opened = _open(rows, ImportRow.Outcome.NEEDS_REVIEW)
    opened.row.outcome = ImportRow.Outcome.SKIPPED
    opened.save()
    return opened.row


@transaction.atomic
def reopen_row(*, rows: QuerySet[ImportRow]) -> ImportRow:
    """Take a choice, or a skip, back: what the row changed is undone, and it is asked again.

    Raises
    ------
    ImportNotPossible
        When nobody has decided the row by hand, or its import was undone.
    """
    opened = _open(rows)
    row = opened.row
    if not row.is_chosen and row.outcome != ImportRow.Outcome.SKIPPED:
        raise _decided_already()
    if row.is_chosen:
        take_back(opened.library_import.user, [row])
    row.outcome = ImportRow.Outcome.NEEDS_REVIEW
    row.is_chosen, row.book, row.changes = False, None, {}
    opened.save()
    return row


@dataclass(frozen=True)
class _Opened:
    """A row that nobody else decides of until the end of the transaction."""

    row: ImportRow
    library_import: LibraryImport
    outcome: str

    def save(self) -> None:
        """Write the row, and the import's counts without asking for those of all its rows."""
        self.row.save()
        counts = Counter(self.library_import.counts)
        counts.subtract([self.outcome])
        counts.update([self.row.outcome])
        LibraryImport.objects.filter(pk=self.library_import.pk).update(counts=+counts)


def _open(rows: QuerySet[ImportRow], *outcomes: str) -> _Opened:
    """Hold the import, its reader and then the row, in the order in which workers hold them."""
    held = ("library_import", "library_import__user", "self")
    row = rows.select_related("library_import__user").select_for_update(no_key=True, of=held).get()
    library_import = row.library_import
    is_over = library_import.status != LibraryImport.Status.DONE or not library_import.has_rows
    if is_over or (outcomes and row.outcome not in outcomes):
        raise _decided_already()
    return _Opened(row, library_import, row.outcome)


def _decided_already() -> ImportNotPossible:
    return ImportNotPossible(_("This row was decided already, or its import was undone."))
