"""The newest books."""

from django.db.models import F, QuerySet
from django.utils import timezone

from catalog.models import Book
from catalog.selectors import visible_books


def dated_books(*, genre: str = "") -> QuerySet[Book]:
    """Return the books of which a year is known, of one genre when its slug is given.

    A book without a year is not known to be new, and one of a year to come is a mistake of the
    catalogue.
    """
    books = visible_books().filter(publication_year__lte=timezone.now().year)
    return books.filter(book_genres__genre__slug=genre) if genre else books


def newest_books(k: int, *, genre: str = "") -> list[Book]:
    """Return the `dated_books` of the latest years, the most read of a year first."""
    books = dated_books(genre=genre)
    ids = books.order_by(F("publication_year").desc(), "-ratings_count", "id").values("pk")[:k]
    found = visible_books().filter(pk__in=ids).defer("description", "search_text")
    return sorted(
        found, key=lambda book: (-(book.publication_year or 0), -book.ratings_count, book.pk)
    )


def most_read_books(k: int, *, genre: str = "") -> list[Book]:
    """Return the books with the most ratings."""
    books = visible_books().defer("description", "search_text")
    if genre:
        books = books.filter(book_genres__genre__slug=genre)
    return list(books.order_by("-ratings_count", "id")[:k])
