"""Two rows of the catalogue turn out to be one book: their opinions come together.

In statements over whole tables, so that a book with 20,000 ratings takes a second.
"""

# ruff: noqa: S608 - the tables and conditions in these statements are this module's own.
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from ratings.models import ImportRow, ShelfEntry

# Every opinion as the row it is; one a reader and kind (`ratings.states`), which the unique
# constraints of the tables see to.
_STATES = ", ".join(f"'{shelf}'" for shelf in ShelfEntry.Shelf.values)
OPINIONS_OF = " UNION ALL ".join(
    f"SELECT user_id, {kind} AS kind, to_jsonb(t) AS opinion FROM {table} t "
    "WHERE book_id = %(book)s"
    for table, kind in (
        ("ratings_rating", "'stars'"),
        (
            "ratings_shelfentry",
            f"CASE WHEN shelf IN ({_STATES}) THEN 'shelf' ELSE 'own/' || shelf END",
        ),
        ("ratings_reading", "'read'"),
        ("ratings_note", "'note'"),
        ("ratings_dismissal", "'dismissed'"),
    )
)
# Imported stars have no time and are older than any that have one.
_GIVEN_AT = "coalesce({0}.updated_at, {0}.created_at, '-infinity')"
_OF = "o.book_id = %(of)s AND i.book_id = %(into)s AND o.user_id = i.user_id"
_STATEMENTS = (
    # Stars: those given later hold.
    "UPDATE ratings_rating i SET stars = o.stars, updated_at = o.updated_at "
    f"FROM ratings_rating o WHERE {_OF} AND {_GIVEN_AT.format('o')} > {_GIVEN_AT.format('i')}",
    f"DELETE FROM ratings_rating o USING ratings_rating i WHERE {_OF}",
    "UPDATE ratings_rating SET book_id = %(into)s WHERE book_id = %(of)s",
    # Shelves: that of `into` holds where a book stands on one at most.
    f"DELETE FROM ratings_shelfentry o USING ratings_shelfentry i WHERE {_OF} "
    f"AND (o.shelf = i.shelf OR o.shelf IN ({_STATES}) AND i.shelf IN ({_STATES}))",
    "UPDATE ratings_shelfentry SET book_id = %(into)s WHERE book_id = %(of)s",
    # Readings: a day is taken where there was none.
    "UPDATE ratings_reading i SET finished_on = o.finished_on "
    f"FROM ratings_reading o WHERE {_OF} AND i.finished_on IS NULL",
    f"DELETE FROM ratings_reading o USING ratings_reading i WHERE {_OF}",
    "UPDATE ratings_reading SET book_id = %(into)s WHERE book_id = %(of)s",
    # Notes are joined, even into one that is longer than can be written: no word is lost.
    "UPDATE ratings_note i SET text = i.text || E'\\n\\n' || o.text, "
    "updated_at = greatest(i.updated_at, o.updated_at) "
    f"FROM ratings_note o WHERE {_OF} AND position(o.text IN i.text) = 0",
    f"DELETE FROM ratings_note o USING ratings_note i WHERE {_OF}",
    "UPDATE ratings_note SET book_id = %(into)s WHERE book_id = %(of)s",
    f"DELETE FROM ratings_dismissal o USING ratings_dismissal i WHERE {_OF}",
    "UPDATE ratings_dismissal SET book_id = %(into)s WHERE book_id = %(of)s",
    # What `services` holds, for readers who spoke of both: a book that was read leaves the
    # shelves that say otherwise, and one that was rated or shelved is dismissed no more.
    f"DELETE FROM ratings_shelfentry e WHERE book_id = %(into)s AND shelf IN ({_STATES}) "
    "AND user_id = ANY(%(both)s) AND ("
    "EXISTS (SELECT FROM ratings_rating WHERE book_id = %(into)s AND user_id = e.user_id) OR "
    "EXISTS (SELECT FROM ratings_reading WHERE book_id = %(into)s AND user_id = e.user_id))",
    "DELETE FROM ratings_dismissal d WHERE book_id = %(into)s AND user_id = ANY(%(both)s) AND ("
    "EXISTS (SELECT FROM ratings_rating WHERE book_id = %(into)s AND user_id = d.user_id) OR "
    "EXISTS (SELECT FROM ratings_shelfentry WHERE book_id = %(into)s AND user_id = d.user_id))",
)


@transaction.atomic
def merge_opinions(*, of: int, into: int) -> None:
    """Move every opinion of the book `of` to the book `into`; both are ids of books.

    Where a reader spoke of both, the stars given later hold, a day of finishing is taken where
    there was none, the shelf of `into` holds, and notes are joined. A reader who had read the one
    has read both.
    """
    with connection.cursor() as cursor:
        both = readers_of(of) & readers_of(into)
        values: dict[str, Any] = {"of": of, "into": into, "both": sorted(both)}
        for statement in _STATEMENTS:
            cursor.execute(statement, values)
    # So that an import can be undone afterwards too.
    ImportRow.objects.filter(book=of).update(book=into)


def readers_of(book_id: int) -> set[int]:
    """Return the ids of the readers who said anything of a book."""
    rows = fetch(f"SELECT DISTINCT user_id FROM ({OPINIONS_OF}) opinions", {"book": book_id})
    return {user_id for (user_id,) in rows}


def fetch(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a query over opinions."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
