"""What the reader decides of a row by hand."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from catalog.models import Book
from ratings.errors import ImportNotPossible
from ratings.library_import.formats import Columns
from ratings.library_import.working import count_again, entry_of, fill_in, take_back
from ratings.models import ImportRow, LibraryImport
from ratings.states import load_states, save_states


@transaction.atomic
def choose_book(*, row: ImportRow, book: Book) -> ImportRow:
    """Say that the row means the book, and do what it says.

    Raises
    ------
    ImportNotPossible
        When the row was decided already, or its import was undone.
    """
    row, library_import = _open(row, ImportRow.Outcome.NEEDS_REVIEW, ImportRow.Outcome.SKIPPED)
    columns = Columns(tuple(library_import.columns), library_import.format)
    entry = entry_of(library_import, columns.by_name(row.cells))
    row.is_chosen = True
    before = load_states(library_import.user, [book.pk], lock=True)
    after = fill_in(
        row, entry, book.pk, before[book.pk], timezone.now(), library_import.replace_stars
    )
    save_states(library_import.user, before, {book.pk: after})
    row.save()
    count_again(library_import)
    return row


@transaction.atomic
def skip_row(*, row: ImportRow) -> ImportRow:
    """Say that the row is not wanted; nothing is changed by it.

    Raises
    ------
    ImportNotPossible
        When the row was decided already, or its import was undone.
    """
    row, library_import = _open(row, ImportRow.Outcome.NEEDS_REVIEW)
    row.outcome = ImportRow.Outcome.SKIPPED
    row.save(update_fields=["outcome"])
    count_again(library_import)
    return row


@transaction.atomic
def reopen_row(*, row: ImportRow) -> ImportRow:
    """Take a choice, or a skip, back: what the row changed is undone, and it is asked again.

    Raises
    ------
    ImportNotPossible
        When nobody has decided the row by hand, or its import was undone.
    """
    row, library_import = _open(
        row,
        ImportRow.Outcome.SKIPPED,
        *(outcome for outcome in ImportRow.Outcome if row.is_chosen),
    )
    if row.is_chosen:
        take_back(library_import.user, [row])
    row.outcome = ImportRow.Outcome.NEEDS_REVIEW
    row.is_chosen, row.book, row.changes = False, None, {}
    row.save()
    count_again(library_import)
    return row


def _open(row: ImportRow, *outcomes: str) -> tuple[ImportRow, LibraryImport]:
    """Hold the row and its import for this transaction."""
    imports = LibraryImport.objects.select_for_update(no_key=True, of=("self",))
    library_import = imports.select_related("user").get(pk=row.library_import_id)
    User.objects.select_for_update(no_key=True).get(pk=library_import.user_id)
    row = ImportRow.objects.get(pk=row.pk)
    is_over = library_import.status != LibraryImport.Status.DONE or not library_import.has_rows
    if is_over or row.outcome not in outcomes:
        raise ImportNotPossible(_("This row was decided already, or its import was undone."))
    return row, library_import
