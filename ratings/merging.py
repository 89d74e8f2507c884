"""Two rows of the catalogue turn out to be one book: their opinions come together."""

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from ratings.models import Dismissal, ImportRow, Note, Rating, Reading, ShelfEntry

_BETWEEN_NOTES = "\n\n"


@transaction.atomic
def merge_opinions(*, of: int, into: int) -> None:
    """Move every opinion of the book `of` to the book `into`; both are ids of books.

    Where a reader spoke of both, the stars given later hold, a day of finishing is taken where
    there was none, the shelf of `into` holds, and notes are joined. Two notes too long to be
    joined stay with their books. A reader who had read the one has read both.
    """
    both = _readers_of(of) & _readers_of(into)
    _merge_ratings(of, into)
    _merge_shelves(of, into)
    _merge_readings(of, into)
    _merge_notes(of, into)
    _move(Dismissal.objects.filter(book=of), into)
    _agree(into, both)
    # So that an import can be undone afterwards too.
    ImportRow.objects.filter(book=of).update(book=into)


def _merge_ratings(of: int, into: int) -> None:
    others = {rating.user_id: rating for rating in Rating.objects.filter(book=of)}
    for rating in Rating.objects.filter(book=into, user__in=others):
        other = others[rating.user_id]
        if _given_at(other) > _given_at(rating):
            rating.stars, rating.updated_at = other.stars, other.updated_at
            rating.save(update_fields=["stars", "updated_at"])
        other.delete()
    Rating.objects.filter(book=of).update(book=into)


def _given_at(rating: Rating) -> datetime:
    """Imported stars have no time and are older than any that have one."""
    return rating.updated_at or rating.created_at or datetime.min.replace(tzinfo=UTC)


def _merge_shelves(of: int, into: int) -> None:
    states = ShelfEntry.Shelf.values
    entries = ShelfEntry.objects.filter(book=of)
    there = ShelfEntry.objects.filter(book=into, user=OuterRef("user"))
    entries.filter(Exists(there.filter(shelf__in=states)), shelf__in=states).delete()
    entries.filter(Exists(there.filter(shelf=OuterRef("shelf")))).delete()
    entries.update(book=into)


def _merge_readings(of: int, into: int) -> None:
    dated = dict(
        Reading.objects.filter(book=of, finished_on__isnull=False).values_list(
            "user_id", "finished_on"
        )
    )
    for reading in Reading.objects.filter(book=into, user__in=dated, finished_on__isnull=True):
        reading.finished_on = dated[reading.user_id]
        reading.save(update_fields=["finished_on"])
    _move(Reading.objects.filter(book=of), into)


def _merge_notes(of: int, into: int) -> None:
    others = {note.user_id: note for note in Note.objects.filter(book=of)}
    for note in Note.objects.filter(book=into, user__in=others):
        other = others.pop(note.user_id)
        text = note.text + _BETWEEN_NOTES + other.text
        if other.text in note.text:
            other.delete()
        elif len(text) <= Note.MAX_LENGTH:
            note.text, note.updated_at = text, max(note.updated_at, other.updated_at)
            note.save(update_fields=["text", "updated_at"])
            other.delete()
    Note.objects.filter(book=of, user__in=others).update(book=into)


def _move(rows: "QuerySet[Reading] | QuerySet[Dismissal]", into: int) -> None:
    """Move the rows of which a reader has at most one a book; the one that is there stays."""
    rows.filter(
        Exists(rows.model._default_manager.filter(book=into, user=OuterRef("user")))
    ).delete()
    rows.update(book=into)


def _readers_of(book: int) -> set[int]:
    kinds = (Rating, ShelfEntry, Reading, Note, Dismissal)
    first, *others = (
        model._default_manager.filter(book=book).values_list("user_id") for model in kinds
    )
    return {user_id for (user_id,) in first.union(*others)}


def _agree(book: int, readers: set[int]) -> None:
    """Hold what `services` holds, for readers who spoke of both books.

    A book that was read leaves the shelves that say otherwise, and one that was rated or shelved
    is dismissed no more.
    """

    def said(model: type[Rating] | type[Reading] | type[ShelfEntry]) -> Exists:
        return Exists(model._default_manager.filter(book=book, user=OuterRef("user")))

    entries = ShelfEntry.objects.filter(book=book, user__in=readers)
    entries.filter(said(Rating) | said(Reading), shelf__in=ShelfEntry.Shelf.values).delete()
    dismissals = Dismissal.objects.filter(book=book, user__in=readers)
    dismissals.filter(said(Rating) | said(ShelfEntry)).delete()
