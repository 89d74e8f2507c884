"""Writes of opinions. Every front door (pages, API, imports of libraries) comes through here."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from catalog.models import Book
from ratings.errors import BookGone, InvalidStars
from ratings.models import Rating, ShelfEntry
from ratings.signals import rating_changed


def rate_book(*, user: User, book: Book, stars: int) -> Rating:
    """Give a book 1..5 stars, or change the stars it has.

    One statement in the database, so a double click or two tabs leave one rating: the last.
    A rated book has been read: it leaves the to-read shelf.

    Raises
    ------
    InvalidStars
        When stars is no whole number from 1 to 5 (True is none either).
    BookGone
        When the book was deleted meanwhile.
    """
    if isinstance(stars, bool) or not isinstance(stars, int) or not 1 <= stars <= 5:
        raise InvalidStars(stars)
    now = timezone.now()
    with _gone_book_told(), transaction.atomic():
        [rating] = Rating.objects.bulk_create(
            [Rating(user=user, book=book, stars=stars, created_at=now, updated_at=now)],
            update_conflicts=True,
            unique_fields=["user", "book"],
            update_fields=["stars", "updated_at"],
        )
        ShelfEntry.objects.filter(user=user, book=book).delete()
        _announce(user, book, stars)
    return rating


@transaction.atomic
def remove_rating(*, user: User, book: Book) -> bool:
    """Take the reader's stars back; False when there were none."""
    deleted, _ = Rating.objects.filter(user=user, book=book).delete()
    if deleted:
        _announce(user, book, None)
    return bool(deleted)


def shelve_book(*, user: User, book: Book) -> ShelfEntry:
    """Put a book on the to-read shelf; doing so twice changes nothing.

    Raises
    ------
    BookGone
        When the book was deleted meanwhile.
    """
    with _gone_book_told(), transaction.atomic():
        entry, _ = ShelfEntry.objects.get_or_create(
            user=user,
            book=book,
            shelf=ShelfEntry.Shelf.TO_READ,
            defaults={"added_at": timezone.now()},
        )
    return entry


def unshelve_book(*, user: User, book: Book) -> bool:
    """Take a book off the to-read shelf; False when it was not there."""
    deleted, _ = ShelfEntry.objects.filter(
        user=user, book=book, shelf=ShelfEntry.Shelf.TO_READ
    ).delete()
    return bool(deleted)


@contextmanager
def _gone_book_told() -> Iterator[None]:
    """Name the one thing that can be wrong at the commit, where foreign keys are checked."""
    try:
        yield
    except IntegrityError as error:
        raise BookGone from error


def _announce(user: User, book: Book, stars: int | None) -> None:
    transaction.on_commit(
        partial(
            rating_changed.send_robust,
            sender=Rating,
            user_id=user.pk,
            book_id=book.pk,
            stars=stars,
        )
    )
