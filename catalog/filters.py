"""Which books a reader asked to see, as read from the address of the browse page."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Model, OuterRef, QuerySet
from django.db.models.functions import Coalesce
from django.http import Http404, QueryDict
from django.utils.translation import gettext_lazy as _

from catalog.models import Author, Series, Tag
from catalog.periods import Period, period_by_key
from catalog.search import MAX_QUERY_LENGTH, Found, find
from catalog.telling_tags import is_telling

# What `?sort=` understands. Ties end with the id, so pages never overlap.
SORTS: dict[str, list[Any]] = {
    "popular": ["-ratings_count", "id"],
    "rating": [F("average_rating").desc(nulls_last=True), "-ratings_count", "id"],
    "year": [F("publication_year").desc(nulls_last=True), "-ratings_count", "id"],
    "oldest": [F("publication_year").asc(nulls_last=True), "-ratings_count", "id"],
    "title": ["title", "id"],
}
BEST_MATCH = "best"
SORT_NAMES = {
    BEST_MATCH: _("Best match"),
    "popular": _("Popular"),
    "rating": _("Best rated"),
    "year": _("Newest"),
    "oldest": _("Oldest"),
    "title": _("Title"),
}
# What a slug and a code of a language look like, whether or not a book has them.
SLUG = r"^[-a-zA-Z0-9_]{1,50}$"
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,4})?$"

Named = TypeVar("Named", bound=Model)


@dataclass(frozen=True)
class Filters:
    """Every part may be absent."""

    query: str = ""
    genre_slug: str = ""
    # A code as stored, or UNKNOWN_LANGUAGE.
    language: str = ""
    period: Period | None = None
    tag: Tag | None = None
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
        return [
            (key, str(name)) for key, name in SORT_NAMES.items() if self.query or key != BEST_MATCH
        ]

    @property
    def default_sort(self) -> str:
        return BEST_MATCH if self.query else "popular"

    @property
    def are_any(self) -> bool:
        return any(
            (
                self.query,
                self.genre_slug,
                self.language,
                self.period,
                self.tag,
                self.author,
                self.series,
            )
        )


def read_filters(params: QueryDict) -> Filters:
    """Read `q`, `genre`, `language`, `decade`, `tag`, `author`, `series` and `sort`.

    A sort that we do not know gives way to the usual one; a period, tag, author or series that
    does not exist raises Http404, because all books would be the wrong answer to it.
    """
    query = read_query(params.get("q", ""))
    sorts = {*SORTS, BEST_MATCH} if query else set(SORTS)
    sort = params.get("sort", "")
    language = params.get("language", "")
    if language and not re.fullmatch(LANGUAGE, language):
        raise Http404("There is no such language.")
    decade = params.get("decade", "")
    period = period_by_key(decade)
    if decade and not period:
        raise Http404("There is no such decade.")
    return Filters(
        query=query,
        genre_slug=params.get("genre", "").replace("\0", ""),
        language=language,
        period=period,
        tag=_telling_tag(params.get("tag", "")),
        author=_by_id(Author.objects.all(), params.get("author", "")),
        series=_by_id(Series.objects.all(), params.get("series", "")),
        sort=sort if sort in sorts else BEST_MATCH if query else "popular",
    )


def read_query(typed: str) -> str:
    """Return what was typed into a search field as it is searched for."""
    return " ".join(typed.replace("\0", " ").split())[:MAX_QUERY_LENGTH].strip()


def _telling_tag(name: str) -> Tag | None:
    """Return the tag, or the one that it is a synonym of, with the ids of all its `spellings`."""
    if not name:
        return None
    tag = None
    if "\0" not in name and is_telling(name):
        asked = Tag.objects.filter(name=name, is_blocked=False).values(
            meant=Coalesce("synonym_of_id", "id")
        )
        spellings = Tag.objects.filter(synonym_of=OuterRef("pk"), is_blocked=False)
        tag = (
            Tag.objects.filter(pk__in=asked, is_blocked=False)
            .annotate(spellings=ArraySubquery(spellings.values("pk")))
            .first()
        )
    if tag is None:
        raise Http404("There is no such tag.")
    return tag


def _by_id(rows: QuerySet[Named], text: str) -> Named | None:
    if not text:
        return None
    row = rows.filter(pk=int(text)).first() if re.fullmatch(r"[0-9]{1,18}", text) else None
    if row is None:
        raise Http404("There is no such author or series.")
    return row
