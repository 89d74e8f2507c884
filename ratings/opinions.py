"""Everything that a reader has said of books: what a list is made from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from catalog.prepared import Prepared
from ratings.models import ShelfEntry

# Beside the names of shelves, which are printable.
_STARS, _DISMISSED, _READ = "\x01stars", "\x01dismissed", "\x01read"
# Every list asks this: querysets would take several times as long to put together as to answer.
# Rows of `opinions_from`; the values are `said_values`.
SAID = """
SELECT book_id, %(stars)s, stars FROM ratings_rating WHERE user_id = %(user)s
UNION ALL
SELECT book_id, shelf, 0 FROM ratings_shelfentry WHERE user_id = %(user)s
UNION ALL
SELECT book_id, %(dismissed)s, 0 FROM ratings_dismissal WHERE user_id = %(user)s
UNION ALL
SELECT book_id, %(read)s, 0 FROM ratings_reading WHERE user_id = %(user)s
"""
SAID_TYPES = {"user": "bigint", "stars": "text", "dismissed": "text", "read": "text"}
_SAID = Prepared("bookrec_said", SAID, SAID_TYPES)


@dataclass(frozen=True)
class Opinions:
    """One reader's, or one guest's, opinions by book id."""

    # 1..5
    stars: Mapping[int, int] = field(default_factory=dict)
    to_read: frozenset[int] = frozenset()
    dismissed: frozenset[int] = frozenset()
    # Read, with stars or without.
    read: frozenset[int] = frozenset()
    # Begun, given up, or on a shelf of the reader's own.
    shelved_otherwise: frozenset[int] = frozenset()

    @property
    def taken(self) -> set[int]:
        """The books that no list of this reader shows."""
        return {*self.read, *self.taken_unread}

    @property
    def taken_unread(self) -> set[int]:
        """Those of them that are out whether they were read or not."""
        return {*self.to_read, *self.dismissed, *self.shelved_otherwise}


def said_values(user: User) -> dict[str, Any]:
    """Return the values of `SAID`."""
    return {"user": user.pk, "stars": _STARS, "dismissed": _DISMISSED, "read": _READ}


def opinions_of(user: User) -> Opinions:
    """Return what the reader has said, in one query."""
    return opinions_from(_SAID.rows(said_values(user)))


def opinions_from(rows: Iterable[tuple[Any, ...]]) -> Opinions:
    """Return the opinions of one reader's rows: book id, what it is, number of stars."""
    stars: dict[int, int] = {}
    groups: dict[str, set[int]] = {ShelfEntry.Shelf.TO_READ: set(), _DISMISSED: set(), _READ: set()}
    others: set[int] = set()
    for book_id, name, value in rows:
        if name == _STARS:
            stars[book_id] = value
        else:
            groups.get(name, others).add(book_id)
    return Opinions(
        stars=dict(sorted(stars.items())),
        to_read=frozenset(groups[ShelfEntry.Shelf.TO_READ]),
        dismissed=frozenset(groups[_DISMISSED]),
        read=frozenset(groups[_READ] | stars.keys()),
        shelved_otherwise=frozenset(others),
    )
