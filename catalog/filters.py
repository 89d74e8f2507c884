"""Which books a reader asked to see, as read from the address of the browse page."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import F, Model, QuerySet
from django.http import Http404, QueryDict

from catalog.models import Author, Series
from catalog.search import MAX_QUERY_LENGTH, Found, find

# What `?sort=` understands. Ties end with the id, so pages never overlap.
SORTS: dict[str, list[Any]] = {
    "popular": ["-ratings_count", "id"],
    "rating": [F("average_rating").desc(nulls_last=True), "-ratings_count", "id"],
    "year": [F("publication_year").desc(nulls_last=True), "-ratings_count", "id"],
    "title": ["title", "id"],
}
BEST_MATCH = "best"
SORT_NAMES = {
    BEST_MATCH: "Best match",
    "popular": "Popular",
    "rating": "Best rated",
    "year": "Newest",
    "title": "Title",
}

Named = TypeVar("Named", bound=Model)


@dataclass(frozen=True)
class Filters:
    """Every part may be absent."""

    query: str = ""
    genre_slug: str = ""
    author: Author | None = None
    series: Series | None = None
    # A key of SORTS, or BEST_MATCH when there is a query.
    sort: str = "popular"

    @cached_property
    def found(self) -> Found:
        """What the query finds, looked up once for all that a page asks of it."""
        return find(self.query)

    @property
    def sort_choices(self) -> list[tuple[str, str]]:
        return [(key, name) for key, name in SORT_NAMES.items() if self.query or key != BEST_MATCH]

    @property
    def default_sort(self) -> str:
        return BEST_MATCH if self.query else "popular"


def read_filters(params: QueryDict) -> Filters:
    """Read `q`, `genre`, `author`, `series` and `sort`.

    A sort that we do not know gives way to the usual one; an author or series that does not
    exist raises Http404, because all books would be the wrong answer to it.
    """
    query = " ".join(params.get("q", "").replace("\0", " ").split())[:MAX_QUERY_LENGTH].strip()
    sorts = {*SORTS, BEST_MATCH} if query else set(SORTS)
    sort = params.get("sort", "")
    return Filters(
        query=query,
        genre_slug=params.get("genre", "").replace("\0", ""),
        author=_by_id(Author.objects.all(), params.get("author", "")),
        series=_by_id(Series.objects.all(), params.get("series", "")),
        sort=sort if sort in sorts else BEST_MATCH if query else "popular",
    )


def _by_id(rows: QuerySet[Named], text: str) -> Named | None:
    if not text:
        return None
    row = rows.filter(pk=int(text)).first() if re.fullmatch(r"[0-9]{1,18}", text) else None
    if row is None:
        raise Http404("There is no such author or series.")
    return row
