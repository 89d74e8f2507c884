"""What a reader has just settled of the books of a list, each with the way to undo it."""

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.models import Book
from catalog.selectors import visible_books
from ratings.opinions import Opinions


@dataclass(frozen=True)
class SettledBook:
    """One of: rated, dismissed, on the to-read shelf."""

    book: Book
    # Where in the list its line stands, from 0.
    place: int
    stars: int | None = None
    is_dismissed: bool = False


def settled_books(opinions: Opinions, places: Mapping[int, int]) -> list[SettledBook]:
    """Return those of the books (id -> place) that the reader has settled, by place."""
    said = places.keys() & {*opinions.stars, *opinions.dismissed, *opinions.to_read}
    if not said:
        return []
    settled = [
        # Stars say more than a dismissal that came at the same time.
        SettledBook(
            book,
            places[book.pk],
            opinions.stars.get(book.pk),
            is_dismissed=book.pk in opinions.dismissed and book.pk not in opinions.stars,
        )
        for book in visible_books().filter(pk__in=said)
    ]
    return sorted(settled, key=lambda line: (line.place, line.book.pk))
