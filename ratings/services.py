"""Writes of opinions. Every front door (pages, API, imports of libraries) comes through here.

What is said of a book that was merged into another at that moment is said of the other one.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from catalog.merged import hold_books
from catalog.models import Book
from ratings.errors import BookGone, InvalidShelf, InvalidStars, NoteTooLong
from ratings.models import Dismissal, Note, Rating, Reading, ShelfEntry
from ratings.signals import rated_from_list, rating_changed

MAX_SHELF_NAME = 60


def rate_book(*, user: User, book: Book, stars: int, list_id: str = "") -> Rating:
    """Give a book 1..5 stars, or change the stars it has.

    One statement in the database, so a double click or two tabs leave one rating: the last.
    A rated book has been read: it leaves the shelves that say otherwise, and is dismissed no more.
    `list_id` is of the list that the reader rated it from, as the list came with it; whatever it
    is, the rating stands.

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
        book = _held(book)
        [rating] = Rating.objects.bulk_create(
            [Rating(user=user, book=book, stars=stars, created_at=now, updated_at=now)],
            update_conflicts=True,
            unique_fields=["user", "book"],
            update_fields=["stars", "updated_at"],
        )
        _off_state_shelves(user, book)
        Dismissal.objects.filter(user=user, book=book).delete()
        _announce(user, book, stars)
        if list_id:
            transaction.on_commit(
                partial(announce_list, user=user, book=book, stars=stars, list_id=list_id)
            )
    return rating


def announce_list(*, user: User | None, book: Book, stars: int, list_id: str) -> None:
    """Tell whoever asks how lists do that a book was rated from one; `user` None: by a guest."""
    rated_from_list.send_robust(
        sender=Rating, user=user, book_id=book.pk, stars=stars, list_id=list_id
    )


@transaction.atomic
def rate_new_books(*, user: User, stars: Mapping[int, int]) -> int:
    """Give stars (1..5, by book id) to those of the books that the reader has not rated yet.

    As `rate_book` for each, in a few statements: all or none. Books that readers do not see, or
    that are gone, are passed over. Returns how many were rated.
    """
    now = timezone.now()
    # Kept from being deleted until the commit, where foreign keys are checked; always locked in
    # the same order.
    books = list(
        Book.objects.filter(pk__in=stars, is_hidden=False)
        .order_by("pk")
        .select_for_update(no_key=True)
        .only("pk")
    )
    # One after another for one reader, so that what is new now is new at the commit.
    User.objects.select_for_update(no_key=True).filter(pk=user.pk).values("pk").first()
    rated = set(Rating.objects.filter(user=user, book__in=books).values_list("book_id", flat=True))
    new = [book for book in books if book.pk not in rated]
    Rating.objects.bulk_create(
        [
            Rating(user=user, book=book, stars=stars[book.pk], created_at=now, updated_at=now)
            for book in new
        ],
        ignore_conflicts=True,
    )
    ShelfEntry.objects.filter(user=user, book__in=new, shelf__in=ShelfEntry.Shelf.values).delete()
    Dismissal.objects.filter(user=user, book__in=new).delete()
    for book in new:
        _announce(user, book, stars[book.pk])
    return len(new)


@transaction.atomic
def remove_rating(*, user: User, book: Book) -> bool:
    """Take the reader's stars back; False when there were none."""
    book = _held(book)
    deleted, _ = Rating.objects.filter(user=user, book=book).delete()
    if deleted:
        _announce(user, book, None)
    return bool(deleted)


def shelve_book(*, user: User, book: Book, shelf: str = ShelfEntry.Shelf.TO_READ) -> ShelfEntry:
    """Put a book on a shelf; doing so twice changes nothing.

    On one of `ShelfEntry.Shelf` it leaves the others of those. A book that is shelved is of
    interest: it is dismissed no more.

    Raises
    ------
    InvalidShelf
        When the name is empty, too long or not printable.
    BookGone
        When the book was deleted meanwhile.
    """
    shelf = shelf_name(shelf)
    with _gone_book_told(), transaction.atomic():
        book = _held(book)
        # Two tabs that put the book on two shelves: one after the other.
        User.objects.select_for_update(no_key=True).filter(pk=user.pk).values("pk").first()
        if shelf in ShelfEntry.Shelf.values:
            _off_state_shelves(user, book, but=shelf)
        Dismissal.objects.filter(user=user, book=book).delete()
        ShelfEntry.objects.bulk_create(
            [ShelfEntry(user=user, book=book, shelf=shelf, added_at=timezone.now())],
            ignore_conflicts=True,
        )
        return ShelfEntry.objects.get(user=user, book=book, shelf=shelf)


@transaction.atomic
def unshelve_book(*, user: User, book: Book, shelf: str = ShelfEntry.Shelf.TO_READ) -> bool:
    """Take a book off a shelf; False when it was not there."""
    deleted, _ = ShelfEntry.objects.filter(user=user, book=_held(book), shelf=shelf).delete()
    return bool(deleted)


def shelf_name(name: str) -> str:
    """Return the name as it is stored: single spaces, nothing that cannot be printed.

    Raises
    ------
    InvalidShelf
        When nothing is left, or more than a name.
    """
    cleaned = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not cleaned or len(cleaned) > MAX_SHELF_NAME:
        raise InvalidShelf(name)
    return cleaned


def dismiss_book(*, user: User, book: Book) -> Dismissal:
    """Hide a book from the reader's lists for good; those like it sink. Leaves the to-read shelf.

    Raises
    ------
    BookGone
        When the book was deleted meanwhile.
    """
    with _gone_book_told(), transaction.atomic():
        book = _held(book)
        # After or before a tab that shelves the book, never between its statements.
        User.objects.select_for_update(no_key=True).filter(pk=user.pk).values("pk").first()
        ShelfEntry.objects.filter(user=user, book=book, shelf=ShelfEntry.Shelf.TO_READ).delete()
        dismissal, _ = Dismissal.objects.get_or_create(
            user=user, book=book, defaults={"created_at": timezone.now()}
        )
    return dismissal


@transaction.atomic
def undo_dismissal(*, user: User, book: Book) -> bool:
    """Let a book be recommended again; False when it was not dismissed."""
    deleted, _ = Dismissal.objects.filter(user=user, book=_held(book)).delete()
    return bool(deleted)


def mark_read(*, user: User, book: Book, finished_on: date | None = None) -> Reading:
    """Say that a book was read, with or without the day; the day given last holds.

    Raises
    ------
    BookGone
        When the book was deleted meanwhile.
    """
    with _gone_book_told(), transaction.atomic():
        book = _held(book)
        _off_state_shelves(user, book)
        reading, _ = Reading.objects.update_or_create(
            user=user, book=book, defaults={"finished_on": finished_on}
        )
    return reading


@transaction.atomic
def unmark_read(*, user: User, book: Book) -> bool:
    """Take back that a book was read; False when nothing said so. Stars stay."""
    deleted, _ = Reading.objects.filter(user=user, book=_held(book)).delete()
    return bool(deleted)


def write_note(*, user: User, book: Book, text: str) -> Note | None:
    """Keep what the reader wrote of a book; an empty text removes it and returns None.

    Raises
    ------
    NoteTooLong
        When it has more than `Note.MAX_LENGTH` characters.
    BookGone
        When the book was deleted meanwhile.
    """
    text = text.replace("\0", "").strip()
    if len(text) > Note.MAX_LENGTH:
        raise NoteTooLong(len(text), Note.MAX_LENGTH)
    with _gone_book_told(), transaction.atomic():
        book = _held(book)
        if not text:
            Note.objects.filter(user=user, book=book).delete()
            return None
        note, _ = Note.objects.update_or_create(
            user=user, book=book, defaults={"text": text, "updated_at": timezone.now()}
        )
    return note


def _off_state_shelves(user: User, book: Book, but: str = "") -> None:
    states = [shelf for shelf in ShelfEntry.Shelf.values if shelf != but]
    ShelfEntry.objects.filter(user=user, book=book, shelf__in=states).delete()


def _held(book: Book) -> Book:
    """Return the book that the opinion is of, kept from being merged until the commit."""
    into = hold_books([book.pk]).get(book.pk, book.pk)
    return book if into == book.pk else Book.objects.get(pk=into)


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
