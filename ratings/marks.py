"""What one reader said about the books of a page, read in one query."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Value
from django.http import HttpRequest

from accounts.models import User
from catalog.models import Book
from ratings.guest import stars_in_session
from ratings.models import Rating, ShelfEntry


@dataclass(frozen=True)
class MarkedBook:
    """A book beside the stars (1..5 or None) and the shelf that one reader gave it."""

    book: Book
    stars: int | None = None
    is_shelved: bool = False


def marked_for(request: HttpRequest, books: Iterable[Book]) -> list[MarkedBook]:
    """Return the books in their order with the marks of who asks, reader or guest."""
    if isinstance(request.user, User):
        return marked(request.user, books)
    stars = stars_in_session(request.session)
    return [MarkedBook(book, stars.get(book.pk)) for book in books]


def marked(user: User | AnonymousUser, books: Iterable[Book]) -> list[MarkedBook]:
    """Return the books in their order with the reader's marks; a guest has none."""
    books = list(books)
    if not isinstance(user, User) or not books:
        return [MarkedBook(book) for book in books]
    ids = [book.pk for book in books]
    ratings = Rating.objects.filter(user=user, book__in=ids).values_list("book_id", "stars")
    # Zero stars, which no rating has, stand for the shelf.
    shelved = (
        ShelfEntry.objects.filter(user=user, book__in=ids, shelf=ShelfEntry.Shelf.TO_READ)
        .annotate(stars=Value(0))
        .values_list("book_id", "stars")
    )
    stars: dict[int, int] = {}
    shelf: set[int] = set()
    for book_id, value in ratings.union(shelved, all=True):
        if value:
            stars[book_id] = value
        else:
            shelf.add(book_id)
    return [MarkedBook(book, stars.get(book.pk), book.pk in shelf) for book in books]
