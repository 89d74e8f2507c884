"""What curators decided, and which books came since the fit, as of this request."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from catalog.models import Boost
from catalog.prepared import Prepared
from catalog.selectors import visible_books
from recommender.list_options import NO_OPTIONS, ListOptions
from recommender.newcomers import NewBooks

# More than this have been imported, not added by hand, and wait for the next run.
MAX_NEW_BOOKS = 200

# Every list asks this: querysets would take several times as long to put together as to answer.
# Rows of `standing_from`; the values are `decided_values`.
DECIDED = """
SELECT id, 'hidden' FROM catalog_book WHERE is_hidden
UNION ALL
SELECT book_id, direction FROM catalog_boost WHERE starts_at <= %(now)s AND ends_at > %(now)s
UNION ALL
(SELECT id, 'new' FROM catalog_book WHERE id > %(newer_than)s AND NOT is_hidden
    ORDER BY id DESC LIMIT %(most_new)s)
UNION ALL
(SELECT id, 'change' FROM catalog_curationchange ORDER BY id DESC LIMIT 1)
"""
DECIDED_TYPES = {"now": "timestamptz", "newer_than": "bigint", "most_new": "bigint"}
_DECIDED = Prepared("bookrec_decided", DECIDED, DECIDED_TYPES)


@dataclass(frozen=True)
class Standing:
    """Book ids; everything is about the moment of the query."""

    hidden: frozenset[int] = frozenset()
    # 1: boosted, -1: buried; only while the boost is in force.
    boosts: tuple[tuple[int, int], ...] = ()
    # Visible ones that came after a given one, the latest first; at most MAX_NEW_BOOKS.
    new: tuple[int, ...] = ()
    # Number of the curators' latest change.
    latest_change: int = 0
    # The visible ones that meet the filters; None: there are none.
    matching: frozenset[int] | None = None

    def new_books(self, untouched: tuple[int, ...]) -> NewBooks:
        """Return the new books with those that the fit knew, but nobody had rated."""
        return NewBooks((*self.new, *untouched), self.latest_change)


def standing(options: ListOptions = NO_OPTIONS, *, newer_than: int = 2**63 - 1) -> Standing:
    """Return what holds for every list that is made now, in one query.

    Parameters
    ----------
    newer_than : the highest id that the model knows: of those above it nothing was learned.
    """
    values = decided_values(newer_than)
    if not options.filters:
        return standing_from(_DECIDED.rows(values))
    shown = visible_books().filter(options.matching()).values("pk")
    matching, its_values = shown.query.sql_with_params()
    # Django's own text, the values apart and given names.
    named = {f"matching_{number}": value for number, value in enumerate(its_values)}
    its_sql = matching.replace("%%", "%%%%") % tuple(f"%({name})s" for name in named)
    asked = f"{DECIDED} UNION ALL SELECT pk, 'matching' FROM ({its_sql}) AS shown"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(asked, values | named)
        return standing_from(cursor.fetchall(), filtered=True)


def decided_values(newer_than: int) -> dict[str, Any]:
    """Return the values of `DECIDED`."""
    return {"now": timezone.now(), "newer_than": newer_than, "most_new": MAX_NEW_BOOKS}


def standing_from(rows: Iterable[tuple[int, str]], *, filtered: bool = False) -> Standing:
    """Return what rows of book ids and what holds of them say; filtered: the matching are named."""
    found: dict[str, list[int]] = {}
    for pk, name in rows:
        found.setdefault(name, []).append(pk)
    moved = [(pk, 1) for pk in found.get(Boost.Direction.UP, ())]
    moved += [(pk, -1) for pk in found.get(Boost.Direction.DOWN, ())]
    return Standing(
        hidden=frozenset(found.get("hidden", ())),
        boosts=tuple(moved),
        new=tuple(sorted(found.get("new", ()), reverse=True)),
        latest_change=max(found.get("change", ()), default=0),
        matching=frozenset(found.get("matching", ())) if filtered else None,
    )


def boost_in_force() -> Subquery:
    """Return the direction in which the book of a row is moved now; NULL: in none."""
    now = timezone.now()
    boosts = Boost.objects.filter(book=OuterRef("pk"), starts_at__lte=now, ends_at__gt=now)
    return Subquery(boosts.values("direction")[:1])


def as_boosts(rows: Iterable[tuple[int, str | None]]) -> list[tuple[int, int]]:
    """Return (book id, 1 or -1) of the rows (book id, direction) that are moved."""
    return [(pk, 1 if way == Boost.Direction.UP else -1) for pk, way in rows if way]
