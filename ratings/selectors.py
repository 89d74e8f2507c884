"""Reads of opinions."""

from django.db.models import Count, QuerySet

from accounts.models import User
from catalog.models import Book
from ratings.models import Dismissal, Rating, ShelfEntry


def ratings_for_user(user: User) -> QuerySet[Rating]:
    """Return the reader's ratings with their books, the latest first."""
    return Rating.objects.filter(user=user).select_related("book").order_by("-updated_at", "-id")


def stars_by_book(user: User) -> list[tuple[int, int]]:
    """Return (book id, stars) of everything the reader rated, in the order of book ids."""
    return list(
        Rating.objects.filter(user=user).order_by("book_id").values_list("book_id", "stars")
    )


def shelved_book_ids(user: User) -> list[int]:
    """Return the ids of the books on the reader's to-read shelf, ascending."""
    return list(
        ShelfEntry.objects.filter(user=user, shelf=ShelfEntry.Shelf.TO_READ)
        .order_by("book_id")
        .values_list("book_id", flat=True)
    )


def stars_given(user: User, book: Book) -> int | None:
    """Return the reader's stars for the book, or None."""
    return Rating.objects.filter(user=user, book=book).values_list("stars", flat=True).first()


def is_shelved(user: User, book: Book) -> bool:
    """Return whether the book is on the reader's to-read shelf."""
    return ShelfEntry.objects.filter(user=user, book=book, shelf=ShelfEntry.Shelf.TO_READ).exists()


def shelf_for_user(user: User) -> QuerySet[ShelfEntry]:
    """Return the reader's to-read shelf with its books, the latest first."""
    return (
        ShelfEntry.objects.filter(user=user, shelf=ShelfEntry.Shelf.TO_READ)
        .select_related("book")
        .order_by("-added_at", "-id")
    )


def dismissals_for_user(user: User) -> QuerySet[Dismissal]:
    """Return what the reader is not interested in, with the books, the latest first."""
    return Dismissal.objects.filter(user=user).select_related("book").order_by("-created_at", "-id")


def site_histogram(book: Book) -> list[int]:
    """Return how many of the ratings in this database gave 1, 2, 3, 4 and 5 stars."""
    counts = dict(
        Rating.objects.filter(book=book).values_list("stars").annotate(n=Count("id")).order_by()
    )
    return [counts.get(stars, 0) for stars in range(1, 6)]
