"""The readers whom every page is shown to, and what the addresses of the pages speak of.

    python -m bookrec_site.tests.walks.people PASSWORD

makes them in the database of the environment and prints the `World` as JSON.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

ALICE, BOB, CHARLIE = "alice", "bob", "charlie"


@dataclass(frozen=True)
class World:
    """Keys of what the addresses speak of."""

    book: int
    # On Alice's shelf, not rated by her.
    shelved_book: int
    # Of the first book; 0: it is in no series.
    author: int = 0
    series: int = 0
    reader: str = ALICE


def populate(books: Sequence, password: str) -> World:
    """Make the three readers: Alice has many opinions, all public; Bob few; Charlie none.

    Parameters
    ----------
    books : sequence of Book, at least 40 of them, each with an author.
    password : str. Of all three.
    """
    from accounts.models import User
    from ratings.models import ShelfEntry
    from ratings.services import (
        dismiss_book,
        mark_read,
        rate_book,
        shelve_book,
        write_note,
    )

    alice, bob, charlie = (
        User.objects.create_user(name, f"{name}@example.org", password)
        for name in (ALICE, BOB, CHARLIE)
    )
    for user in (alice, bob, charlie):
        confirm_address(user)
    alice.profile_is_public = alice.ratings_are_public = alice.shelves_are_public = True
    alice.save()
    first_day = date.today() - timedelta(days=600)
    for place, book in enumerate(books[:30]):
        rate_book(user=alice, book=book, stars=5 - place % 3)
        mark_read(user=alice, book=book, finished_on=first_day + timedelta(days=20 * place))
    write_note(user=alice, book=books[0], text="Read twice, the second time aloud.")
    for book in books[30:36]:
        shelve_book(user=alice, book=book)
    shelve_book(user=alice, book=books[36], shelf=ShelfEntry.Shelf.READING)
    for book in books[36:39]:
        shelve_book(user=alice, book=book, shelf="Holiday")
    dismiss_book(user=alice, book=books[39])
    for book in books[:2]:
        rate_book(user=bob, book=book, stars=3)
    volume = books[0].volumes.first()
    return World(
        book=books[0].pk,
        shelved_book=books[30].pk,
        author=books[0].authorships.get(position=0).author_id,
        series=volume.series_id if volume else 0,
    )


def confirm_address(user) -> None:
    """Count the reader's e-mail address as confirmed."""


def main(password: str) -> None:
    import django

    django.setup()
    from catalog.models import Book

    books = list(Book.objects.order_by("-ratings_count", "pk")[:40])
    json.dump(asdict(populate(books, password)), sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
