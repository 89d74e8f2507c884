"""What a reader has just settled of the books of a list, each with the way to undo it."""

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.models import User
from catalog.models import Book
from catalog.selectors import visible_books
from ratings.models import Dismissal, Rating, ShelfEntry


@dataclass(frozen=True)
class SettledBook:
    """One of: rated, dismissed, on the to-read shelf."""

    book: Book
    # Where in the list its line stands, from 0.
    place: int
    stars: int | None = None
    is_dismissed: bool = False


def settled_books(user: User, places: Mapping[int, int]) -> list[SettledBook]:
    """Return those of the books (id -> place) that the reader has settled, by place."""
    if not places:
        return []
    mine = {"user": user, "book__in": list(places)}
    stars = dict(Rating.objects.filter(**mine).values_list("book_id", "stars"))
    dismissed = set(Dismissal.objects.filter(**mine).values_list("book_id", flat=True))
    to_read = ShelfEntry.objects.filter(**mine, shelf=ShelfEntry.Shelf.TO_READ)
    said = {*stars, *dismissed, *to_read.values_list("book_id", flat=True)}
    books = visible_books().filter(pk__in=said)
    # Stars say more than a dismissal that came at the same time.
    settled = [
        SettledBook(
            book,
            places[book.pk],
            stars.get(book.pk),
            is_dismissed=book.pk in dismissed and book.pk not in stars,
        )
        for book in books
    ]
    return sorted(settled, key=lambda one: one.place)
