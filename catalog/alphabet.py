"""Authors and series from A to Z, in the order of an index at the end of a book."""

from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    Func,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Substr, Upper
from django.http import Http404, QueryDict

from catalog.models import Author, Authorship, Series, Volume
from catalog.search import MAX_QUERY_LENGTH
from catalog.sort_keys import fold, folded

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Where names stand that begin with a digit or in another script.
OTHER = "other"

Named = TypeVar("Named", Author, Series)


@dataclass(frozen=True)
class Wanted:
    """What part of an index is asked for."""

    # Normalized as names are compared; "" for all.
    query: str
    # What the reader typed.
    typed: str
    # One of LETTERS, OTHER, or "" for all.
    letter: str


@dataclass(frozen=True)
class Letter:
    key: str
    n_names: int


def read_wanted(params: QueryDict) -> Wanted:
    """Read `q` and `letter`; a letter that is none raises Http404."""
    typed = " ".join(params.get("q", "").replace("\0", " ").split())[:MAX_QUERY_LENGTH].strip()
    letter = params.get("letter", "")
    if letter and letter not in (*LETTERS, OTHER):
        raise Http404("There is no such letter.")
    return Wanted(fold(typed), typed, letter)


def authors_index(wanted: Wanted) -> tuple[QuerySet[Author], list[Letter]]:
    """Return the authors of visible books by last name, each with `n_books`, and all letters."""
    return _index(Author.objects.all(), Authorship.objects.filter(author=OuterRef("pk")), wanted)


def series_index(wanted: Wanted) -> tuple[QuerySet[Series], list[Letter]]:
    """Return the series with visible books by name, each with `n_books`, and all letters."""
    return _index(Series.objects.all(), Volume.objects.filter(series=OuterRef("pk")), wanted)


def _index(
    rows: QuerySet[Named], links: QuerySet[Any], wanted: Wanted
) -> tuple[QuerySet[Named], list[Letter]]:
    links = links.filter(book__is_hidden=False).order_by()
    rows = rows.filter(Exists(links))
    if wanted.query:
        rows = rows.annotate(folded=folded(F("name"))).filter(folded__contains=wanted.query)
    first = Upper(Substr("sort_key", 1, 1))
    rows = rows.annotate(
        letter=Case(When(sort_key__regex="^[a-z]", then=first), default=Value(OTHER))
    )
    counts = dict(rows.values_list("letter").annotate(n=Count("*")).order_by())
    letters = [Letter(key, counts[key]) for key in (*LETTERS, OTHER) if key in counts]
    if wanted.letter:
        rows = rows.filter(letter=wanted.letter)
    # Counted for the rows of one page only: PostgreSQL does it after the limit.
    n_books = links.annotate(n=Func(F("pk"), function="COUNT")).values("n")
    return rows.annotate(n_books=Subquery(n_books)).order_by("sort_key", "name", "id"), letters
