"""Taking a change back: what it changed has to be as it left it, and becomes as it was before."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from catalog.curation.book_values import read_values
from catalog.curation.books import edit_book
from catalog.curation.boosts import boost_values, restore_boost
from catalog.curation.errors import CannotUndo
from catalog.curation.journal import Curator, Subject, Values, record
from catalog.curation.lists import list_values, restore_list
from catalog.curation.tags import restore_tag, tag_values
from catalog.models import Book, Boost, CurationChange, EditorialList, Tag


@transaction.atomic
def undo(change_id: int, *, by: Curator, reason: str = "") -> CurationChange:
    """Take a change back, and write that down as a change of its own, which can be undone too.

    Raises
    ------
    CannotUndo
        When it was undone before, what it changed has been changed since, or is gone.
    """
    change = CurationChange.objects.select_for_update().filter(pk=change_id).first()
    if change is None:
        raise CannotUndo("There is no such change.")
    if CurationChange.objects.filter(undoes=change).exists():
        raise CannotUndo(f"“{change}” has been undone already.")
    try:
        done = _UNDO[change.subject](change, by, reason or f"undoes: {change.action}")
    except ValidationError as error:
        raise CannotUndo(f"“{change}” cannot be undone: {' '.join(error.messages)}") from error
    return done


def _undo_book(change: CurationChange, by: Curator, reason: str) -> CurationChange:
    before = {name: value for name, value in change.before.items() if name != "curated"}
    book = Book.objects.select_for_update().filter(pk=change.subject_id).first()
    if book is None:
        raise CannotUndo("This book is no longer in the catalogue.")
    _same(read_values(book, before), {name: change.after[name] for name in before})
    done = edit_book(book.pk, before, by=by, reason=reason, action="undone", undoes=change)
    if done is None:  # without a difference there would have been no change
        raise CannotUndo("There is nothing to undo.")
    return done


def _undo_boost(change: CurationChange, by: Curator, reason: str) -> CurationChange:
    boost = Boost.objects.select_for_update().filter(pk=change.subject_id).first()
    _same({"boost": boost_values(boost)}, change.after)
    restore_boost(change.subject_id, change.before["boost"])
    return _recorded(change, by, reason)


def _undo_tag(change: CurationChange, by: Curator, reason: str) -> CurationChange:
    tag = (
        Tag.objects.select_for_update(of=("self",))
        .select_related("genre", "synonym_of")
        .filter(pk=change.subject_id)
        .first()
    )
    if tag is None:
        raise CannotUndo("There is no such tag any more.")
    _same({name: tag_values(tag)[name] for name in change.after}, change.after)
    restore_tag(tag, change.before)
    return _recorded(change, by, reason)


def _undo_list(change: CurationChange, by: Curator, reason: str) -> CurationChange:
    shown = EditorialList.objects.select_for_update().filter(pk=change.subject_id).first()
    _same({"list": list_values(shown)}, change.after)
    restore_list(change.subject_id, change.before["list"])
    return _recorded(change, by, reason)


_UNDO: dict[str, Callable[[CurationChange, Curator, str], CurationChange]] = {
    CurationChange.Subject.BOOK: _undo_book,
    CurationChange.Subject.BOOST: _undo_boost,
    CurationChange.Subject.TAG: _undo_tag,
    CurationChange.Subject.LIST: _undo_list,
}


def _same(present: Values, left: dict[str, Any]) -> None:
    changed = [name for name, value in present.items() if value != left.get(name)]
    if changed:
        raise CannotUndo(
            f"It has been changed again since ({', '.join(changed)}): undo the later change first."
        )


def _recorded(change: CurationChange, by: Curator, reason: str) -> CurationChange:
    subject = Subject(
        CurationChange.Subject(change.subject), change.subject_id, change.name, change.book_id
    )
    return record(
        subject,
        "undone",
        by=by,
        reason=reason,
        before=change.after,
        after=change.before,
        undoes=change,
    )
