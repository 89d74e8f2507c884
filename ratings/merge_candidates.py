"""What a curator is shown before two books are merged."""

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.models import Book
from catalog.selectors import load_cards
from catalog.twins import Reason, find_twins
from ratings.merging import OPINIONS_OF, fetch


@dataclass(frozen=True)
class Side:
    """One of the two books, with what readers said of it."""

    book: Book
    readers: int
    ratings: int
    shelf_entries: int
    readings: int
    notes: int
    dismissals: int


@dataclass(frozen=True)
class Pair:
    """Two books that may be one; the first has the most readers, and would stay."""

    first: Side
    second: Side
    # Who said something of both.
    shared: int
    # Who rated both: of their stars those given later stay.
    shared_ratings: int
    # Why they may be one; None when a curator chose them.
    reason: Reason | None = None


def proposed_pairs() -> list[Pair]:
    """Return the pairs that may be one book, the surest first. A few queries, however many."""
    twins = find_twins()
    known = _books({pk for pair in twins for pk in (pair.first, pair.second)})
    pairs: list[tuple[Book, Book, Reason | None]] = [
        (known[pair.first], known[pair.second], pair.reason)
        for pair in twins
        if pair.first in known and pair.second in known
    ]
    return _counted(pairs)


def pair_of(first: int, second: int) -> Pair | None:
    """Return two books beside each other; None when one is gone or merged, or both are one."""
    known = _books({first, second})
    if len(known) < 2:
        return None
    return _counted([(known[first], known[second], None)])[0]


def _books(ids: Iterable[int]) -> dict[int, Book]:
    books = list(
        Book.objects.filter(pk__in=set(ids), merged_into=None).defer("search_text").order_by("pk")
    )
    load_cards(books)
    return {book.pk: book for book in books}


def _counted(pairs: list[tuple[Book, Book, Reason | None]]) -> list[Pair]:
    ids = sorted({book.pk for one, other, _ in pairs for book in (one, other)})
    sides = {book.pk: side for book, side in _sides(pairs, ids)}
    shared = {
        (low, high): (readers, ratings)
        for low, high, readers, ratings in fetch(
            f"""SELECT p.low, p.high, count(DISTINCT a.user_id),
                       count(*) FILTER (WHERE a.kind = 'stars' AND b.kind = 'stars')
                FROM unnest(%(low)s::bigint[], %(high)s::bigint[]) AS p (low, high)
                JOIN ({_OF_MANY}) a ON a.book_id = p.low
                JOIN ({_OF_MANY}) b ON b.book_id = p.high AND b.user_id = a.user_id
                GROUP BY p.low, p.high""",  # noqa: S608 - this module's own names
            {
                "ids": ids,
                "low": [min(one.pk, other.pk) for one, other, _ in pairs],
                "high": [max(one.pk, other.pk) for one, other, _ in pairs],
            },
        )
    }
    found = []
    for one, other, reason in pairs:
        first, second = sides[one.pk], sides[other.pk]
        if (second.readers, -other.pk) > (first.readers, -one.pk):
            first, second = second, first
        both = shared.get((min(one.pk, other.pk), max(one.pk, other.pk)), (0, 0))
        found.append(Pair(first, second, *both, reason))
    return found


# Of several books; without the rows themselves, which nobody needs for counting.
_OF_MANY = OPINIONS_OF.replace("book_id = %(book)s", "book_id = ANY(%(ids)s)").replace(
    "to_jsonb(t) AS opinion", "book_id"
)


def _sides(
    pairs: list[tuple[Book, Book, Reason | None]], ids: list[int]
) -> list[tuple[Book, Side]]:
    counts = {
        book: numbers
        for book, *numbers in fetch(
            f"""SELECT book_id, count(DISTINCT user_id),
                       count(*) FILTER (WHERE kind = 'stars'),
                       count(*) FILTER (WHERE kind = 'shelf' OR kind LIKE 'own/%%'),
                       count(*) FILTER (WHERE kind = 'read'),
                       count(*) FILTER (WHERE kind = 'note'),
                       count(*) FILTER (WHERE kind = 'dismissed')
                FROM ({_OF_MANY}) opinions GROUP BY book_id""",  # noqa: S608 - as above
            {"ids": ids},
        )
    }
    books = {book.pk: book for one, other, _ in pairs for book in (one, other)}
    none = [0] * 6
    return [(book, Side(book, *counts.get(pk, none))) for pk, book in books.items()]
