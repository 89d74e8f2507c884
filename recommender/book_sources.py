"""Where the books of a list come from once it is ranked: the database, or this process's memory."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from catalog.listing import ListedBook, listed_books
from catalog.models import Book
from catalog.selectors import load_cards, visible_books
from catalog.versions import Version
from recommender.active import ActiveModel
from recommender.engine import Profile
from recommender.popular import books_by_id
from recommender.predictions import PredictedStars, predict, predict_by_id


class ShownBook(Protocol):
    """What a list itself needs to know of a book."""

    @property
    def pk(self) -> int: ...

    @property
    def title(self) -> str: ...


Shown = TypeVar("Shown", bound=ShownBook)


class BookSource(Protocol[Shown]):
    def by_id(self, ids: Iterable[int]) -> dict[int, Shown]:
        """Return those of the books that exist and are shown."""

    def titled(self, ids: Iterable[int]) -> dict[int, Shown]:
        """Return the same, of which only the titles are needed."""

    def of_rows(self, rows: Sequence[Book]) -> list[Shown]:
        """Return books that were read already, in their order."""

    def complete(self, books: Iterable[Shown]) -> None:
        """Load what is shown of the books besides their own rows."""

    def predicted(
        self, model: ActiveModel | None, profile: Profile | None, books: Sequence[Shown]
    ) -> dict[int, PredictedStars]:
        """Return the predicted stars of those books of which anything is known."""


class BookRows:
    """Rows of the database with what a card shows: for pages."""

    def __init__(self, *, with_series: bool = True) -> None:
        self._with_series = with_series

    def by_id(self, ids: Iterable[int]) -> dict[int, Book]:
        return books_by_id(ids, with_cards=False)

    def titled(self, ids: Iterable[int]) -> dict[int, Book]:
        wanted = list(ids)
        return visible_books().only("pk", "title").in_bulk(wanted) if wanted else {}

    def of_rows(self, rows: Sequence[Book]) -> list[Book]:
        return list(rows)

    def complete(self, books: Iterable[Book]) -> None:
        load_cards({id(book): book for book in books}.values(), with_series=self._with_series)

    def predicted(
        self, model: ActiveModel | None, profile: Profile | None, books: Sequence[Book]
    ) -> dict[int, PredictedStars]:
        return predict(model, profile, books)


BOOK_ROWS = BookRows()


class BooksInMemory:
    """Title and authors out of this process's memory: for the API, which shows no more.

    Making and reading rows for ten books and their reasons takes longer than ranking them.
    """

    def __init__(self, version: Version | None = None) -> None:
        """Take them as they are now; without a query where the version has just been read."""
        self._books = listed_books(version)

    def by_id(self, ids: Iterable[int]) -> dict[int, ListedBook]:
        return {book: self._books[book] for book in ids if book in self._books}

    titled = by_id

    def of_rows(self, rows: Sequence[Book]) -> list[ListedBook]:
        return list(self.by_id(row.pk for row in rows).values())

    def complete(self, books: Iterable[ListedBook]) -> None:
        """Nothing: they are complete."""

    def predicted(
        self, model: ActiveModel | None, profile: Profile | None, books: Sequence[ListedBook]
    ) -> dict[int, PredictedStars]:
        return predict_by_id(model, profile, [book.pk for book in books])
