"""Writes of one reader's opinions on many books at once: all of it happens, or nothing.

Each function holds what its namesake in `services` holds. One edit after the other: the reader's
row is locked first, as `shelve_book` does, and rows are written in the order of books, so two tabs
cannot block each other.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from catalog.merged import hold_books
from catalog.selectors import visible_books
from ratings.errors import (
    BookGone,
    BooksUnknown,
    DayInFuture,
    InvalidShelf,
    InvalidStars,
    NothingChosen,
    ShelfReserved,
    TooManyBooks,
)
from ratings.models import Dismissal, Note, Rating, Reading, ShelfEntry
from ratings.services import shelf_name
from ratings.signals import rating_changed

MAX_BOOKS = 500


@dataclass(frozen=True)
class Removal:
    """How many rows go when books leave a reader's books."""

    books: int
    ratings: int
    shelf_entries: int
    readings: int
    notes: int


def rate_books(*, user: User, book_ids: Iterable[int], stars: int) -> int:
    """Give every book the same stars; return how many books there are.

    Raises
    ------
    InvalidStars
        When stars is no whole number from 1 to 5.
    NothingChosen, TooManyBooks, BooksUnknown, BookGone
        As all functions here: no book, more than `MAX_BOOKS`, one that is not in the catalogue,
        one that was deleted meanwhile. Nothing is changed then.
    """
    if isinstance(stars, bool) or not isinstance(stars, int) or not 1 <= stars <= 5:
        raise InvalidStars(stars)
    now = timezone.now()
    with _edit(user, book_ids) as ids:
        Rating.objects.bulk_create(
            [
                Rating(user=user, book_id=id, stars=stars, created_at=now, updated_at=now)
                for id in ids
            ],
            update_conflicts=True,
            unique_fields=["user", "book"],
            update_fields=["stars", "updated_at"],
        )
        _off_state_shelves(user, ids)
        Dismissal.objects.filter(user=user, book__in=ids).delete()
        _announce(user, ids, stars)
    return len(ids)


def shelve_books(*, user: User, book_ids: Iterable[int], shelf: str) -> int:
    """Put every book on a shelf; return how many books there are.

    Raises
    ------
    InvalidShelf
        When the name is empty, too long or not printable.
    NothingChosen, TooManyBooks, BooksUnknown, BookGone
        As `rate_books`.
    """
    shelf = shelf_name(shelf)
    now = timezone.now()
    with _edit(user, book_ids) as ids:
        if shelf in ShelfEntry.Shelf.values:
            _off_state_shelves(user, ids, but=shelf)
        Dismissal.objects.filter(user=user, book__in=ids).delete()
        ShelfEntry.objects.bulk_create(
            [ShelfEntry(user=user, book_id=id, shelf=shelf, added_at=now) for id in ids],
            ignore_conflicts=True,
        )
    return len(ids)


def unshelve_books(*, user: User, book_ids: Iterable[int], shelf: str) -> int:
    """Take the books off a shelf; return how many stood there. Raises as `rate_books`."""
    with _edit(user, book_ids) as ids:
        entries = ShelfEntry.objects.filter(user=user, book__in=ids, shelf=shelf)
        deleted, _ = entries.delete()
    return deleted


def mark_books_read(*, user: User, book_ids: Iterable[int], finished_on: date | None = None) -> int:
    """Say that the books were read; return how many there are. Without a day, known days stay.

    Raises
    ------
    DayInFuture
        When the day has not come anywhere on Earth.
    NothingChosen, TooManyBooks, BooksUnknown, BookGone
        As `rate_books`.
    """
    if finished_on is not None and finished_on > timezone.now().date() + timedelta(days=1):
        raise DayInFuture(finished_on)
    with _edit(user, book_ids) as ids:
        _off_state_shelves(user, ids)
        readings = [Reading(user=user, book_id=id, finished_on=finished_on) for id in ids]
        if finished_on is None:
            Reading.objects.bulk_create(readings, ignore_conflicts=True)
        else:
            Reading.objects.bulk_create(
                readings,
                update_conflicts=True,
                unique_fields=["user", "book"],
                update_fields=["finished_on"],
            )
    return len(ids)


def remove_ratings(*, user: User, book_ids: Iterable[int]) -> int:
    """Take the reader's stars back; return how many there were. Raises as `rate_books`."""
    with _edit(user, book_ids) as ids:
        return _remove_ratings(user, ids)


def remove_books(*, user: User, book_ids: Iterable[int]) -> Removal:
    """Take the books out of the reader's books: stars, shelves, days and notes.

    What the reader is not interested in stays so. Raises as `rate_books`.
    """
    with _edit(user, book_ids) as ids:
        removal = _removal(user, ids)
        _remove_ratings(user, ids)
        for model in (ShelfEntry, Reading, Note):
            model._default_manager.filter(user=user, book__in=ids).delete()
    return removal


def what_goes(*, user: User, book_ids: Iterable[int]) -> Removal:
    """Return what `remove_books` would remove. Raises as `rate_books`."""
    return _removal(user, _chosen(book_ids))


def undo_dismissals(*, user: User, book_ids: Iterable[int]) -> int:
    """Let the books be recommended again; return how many were not. Raises as `rate_books`."""
    with _edit(user, book_ids) as ids:
        deleted, _ = Dismissal.objects.filter(user=user, book__in=ids).delete()
    return deleted


@transaction.atomic
def rename_shelf(*, user: User, shelf: str, name: str) -> int:
    """Give one of the reader's own shelves another name; return how many books stand on it then.

    A shelf that has the name already takes the books in.

    Raises
    ------
    InvalidShelf
        When the name is none, or the reader has no such shelf of their own.
    ShelfReserved
        When the new name is that of a shelf that everybody has.
    """
    name = shelf_name(name)
    if name in ShelfEntry.Shelf.values:
        raise ShelfReserved(name)
    _lock(user)
    entries = _own_shelf(user, shelf)
    if name != shelf:
        there = ShelfEntry.objects.filter(user=user, shelf=name)
        entries.filter(book__in=list(there.values_list("book_id", flat=True))).delete()
        entries.update(shelf=name)
    return ShelfEntry.objects.filter(user=user, shelf=name).count()


@transaction.atomic
def delete_shelf(*, user: User, shelf: str) -> int:
    """Take all books off one of the reader's own shelves; return how many stood there.

    Raises
    ------
    InvalidShelf
        When the reader has no such shelf of their own.
    """
    _lock(user)
    deleted, _ = _own_shelf(user, shelf).delete()
    return deleted


def _own_shelf(user: User, shelf: str) -> QuerySet[ShelfEntry]:
    entries = ShelfEntry.objects.filter(user=user, shelf=shelf)
    if shelf in ShelfEntry.Shelf.values or not entries.exists():
        raise InvalidShelf(shelf)
    return entries


@contextmanager
def _edit(user: User, book_ids: Iterable[int]) -> Iterator[list[int]]:
    """Give the ids in order, within a transaction of its own turn."""
    try:
        with transaction.atomic():
            _lock(user)
            book_ids = set(book_ids)
            # A book that is merged meanwhile is no more to be seen, and told as unknown.
            hold_books(book_ids)
            yield _chosen(book_ids)
    except IntegrityError as error:
        # Foreign keys are checked at the commit.
        raise BookGone from error


def _lock(user: User) -> None:
    User.objects.select_for_update(no_key=True).filter(pk=user.pk).values("pk").first()


def _chosen(book_ids: Iterable[int]) -> list[int]:
    ids = sorted(set(book_ids))
    if not ids:
        raise NothingChosen
    if len(ids) > MAX_BOOKS:
        raise TooManyBooks(len(ids), MAX_BOOKS)
    n_known = visible_books().filter(pk__in=ids).count()
    if n_known < len(ids):
        raise BooksUnknown(len(ids) - n_known)
    return ids


def _remove_ratings(user: User, ids: list[int]) -> int:
    ratings = Rating.objects.filter(user=user, book__in=ids)
    rated = list(ratings.select_for_update().order_by("book_id").values_list("book_id", flat=True))
    ratings.filter(book__in=rated).delete()
    _announce(user, rated, None)
    return len(rated)


def _removal(user: User, ids: list[int]) -> Removal:
    ratings, entries, readings, notes = (
        list(
            model._default_manager.filter(user=user, book__in=ids).values_list("book_id", flat=True)
        )
        for model in (Rating, ShelfEntry, Reading, Note)
    )
    books = {*ratings, *entries, *readings, *notes}
    return Removal(len(books), len(ratings), len(entries), len(readings), len(notes))


def _off_state_shelves(user: User, ids: list[int], but: str = "") -> None:
    states = [shelf for shelf in ShelfEntry.Shelf.values if shelf != but]
    ShelfEntry.objects.filter(user=user, book__in=ids, shelf__in=states).delete()


def _announce(user: User, ids: list[int], stars: int | None) -> None:
    def tell() -> None:
        for book_id in ids:
            rating_changed.send_robust(sender=Rating, user_id=user.pk, book_id=book_id, stars=stars)

    transaction.on_commit(tell)
