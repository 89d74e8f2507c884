"""Everything that a reader has said of books: what a list is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import CharField, IntegerField, Value

from accounts.models import User
from ratings.models import Dismissal, Rating, Reading, ShelfEntry

# Beside the names of shelves, which are printable.
_STARS, _DISMISSED, _READ = "\x01stars", "\x01dismissed", "\x01read"


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


def opinions_of(user: User) -> Opinions:
    """Return what the reader has said, in one query."""

    def kind(name: str) -> Value:
        return Value(name, CharField())

    none = Value(0, IntegerField())
    ratings = Rating.objects.filter(user=user).annotate(kind=kind(_STARS))
    shelved = ShelfEntry.objects.filter(user=user).annotate(n=none)
    dismissed = Dismissal.objects.filter(user=user).annotate(kind=kind(_DISMISSED), n=none)
    readings = Reading.objects.filter(user=user).annotate(kind=kind(_READ), n=none)
    rows = ratings.values_list("book_id", "kind", "stars").union(
        shelved.values_list("book_id", "shelf", "n"),
        dismissed.values_list("book_id", "kind", "n"),
        readings.values_list("book_id", "kind", "n"),
        all=True,
    )
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
