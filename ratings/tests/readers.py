"""The readers of page tests: Alice rated much, Bob little, Charlie nothing."""

from dataclasses import dataclass

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.tests.factories import RatingFactory, ShelfEntryFactory


@dataclass(frozen=True)
class Readers:
    alice: User
    bob: User
    charlie: User
    # Alice rated the first twelve and shelved the next two, Bob rated the first two.
    books: list[Book]


def make_readers() -> Readers:
    alice, bob, charlie = (UserFactory(username=name) for name in ("alice", "bob", "charlie"))
    books = [
        BookFactory(
            title=f"Volume {n}",
            authors=[f"Writer {n}", "Shared Writer"],
            series="The Long Series",
            series__number=n,
            ratings_count=1000 - n,
        )
        for n in range(1, 31)
    ]
    for n, book in enumerate(books[:12]):
        RatingFactory(user=alice, book=book, stars=n % 5 + 1)
    for book in books[12:14]:
        ShelfEntryFactory(user=alice, book=book)
    for book in books[:2]:
        RatingFactory(user=bob, book=book, stars=3)
    return Readers(alice, bob, charlie, books)
