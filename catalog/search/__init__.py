"""Books, authors and series by title, name or ISBN, typing errors forgiven.

`find` looks through an index in memory, one for each process and version of the catalogue
(docs/adr/0009-search-in-memory.md); the books themselves come from the database, which has the
last word on what is hidden.
"""

from dataclasses import dataclass
from functools import cached_property

from django.db.models import (
    BigIntegerField,
    BooleanField,
    F,
    Func,
    IntegerField,
    OrderBy,
    QuerySet,
    TextField,
    Value,
)

from catalog.models import Book
from catalog.search.current import holder
from catalog.search.finding import MAX_SUGGESTIONS, Matches, Suggestion
from catalog.search.index import Kind
from catalog.search.isbn import as_isbn
from catalog.search.words import MAX_QUERY_LENGTH

__all__ = [
    "MAX_QUERY_LENGTH",
    "MAX_SUGGESTIONS",
    "Found",
    "Kind",
    "Suggestion",
    "as_isbn",
    "find",
    "find_title",
    "search_books",
]

# What is worth the database's looking up a place in the order.
_MOST_RANKED = 300


@dataclass(frozen=True)
class Found:
    """What a query found: keys, the best first, and querysets of them."""

    query: str
    matches: Matches

    @property
    def is_near_miss(self) -> bool:
        """Whether nothing holds all words of the query as they were typed.

        The books are then those that `reading` finds, if it is clear what was meant.
        """
        return self.matches.is_near_miss

    @property
    def reading(self) -> str:
        """The query of a near miss without its errors; "" when nobody can tell."""
        return self.matches.reading

    @property
    def suggestions(self) -> tuple[Suggestion, ...]:
        """At most seven, the likeliest first; none when it is clear what was meant."""
        return self.matches.suggestions

    @cached_property
    def books(self) -> QuerySet[Book]:
        """The visible books found, in no order."""
        return Book.objects.filter(
            Func(
                F("pk"),
                _array(self.matches.books),
                arg_joiner=" = ANY ",
                template="%(expressions)s",
                output_field=BooleanField(),
            ),
            is_hidden=False,
        )

    def best_first(self, books: QuerySet[Book]) -> QuerySet[Book]:
        """Order books that were found."""
        rank = Func(
            _array(self.matches.books[: min(self.matches.n_ranked, _MOST_RANKED)]),
            F("pk"),
            function="array_position",
            output_field=IntegerField(),
        )
        return books.order_by(OrderBy(rank, nulls_last=True), "-ratings_count", "id")


def find(query: str) -> Found:
    """Find books, authors and series; one query, and a new index when the catalogue changed."""
    return Found(query, holder.look_up(query[: 2 * MAX_QUERY_LENGTH]))


def find_title(title: str) -> Found:
    """Find the book of that title or ISBN, or suggest up to seven books with titles like it."""
    return Found(title, holder.titles_like(title[: 2 * MAX_QUERY_LENGTH]))


def search_books(query: str) -> QuerySet[Book]:
    """Return the visible books that match, the best match first."""
    found = find(query)
    return found.best_first(found.books)


def _array(keys: tuple[int, ...]) -> Func:
    """Give keys as one parameter: thousands of them are quicker as text than one by one."""
    text = "{" + ",".join(map(str, keys)) + "}"
    return Func(
        Value(text, output_field=TextField()),
        template="(%(expressions)s::bigint[])",
        output_field=BigIntegerField(),
    )
