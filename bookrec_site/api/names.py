"""Authors, series, genres and tags, each with the number of its books."""

from typing import Any, ClassVar

from django.db.models import Exists, F, Func, Model, OuterRef, Q, QuerySet, Subquery
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
    inline_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.parameters import read_params
from bookrec_site.api.answers import AuthorAnswer, GenreAnswer, SeriesAnswer, TagAnswer
from bookrec_site.api.catalogue import CatalogueView
from bookrec_site.pagination import PAGE_PARAMETERS, Key, keyset_page
from catalog.filters import read_query
from catalog.models import Author, Authorship, Book, BookGenre, BookTag, Genre, Series, Tag, Volume
from catalog.sort_keys import fold, folded

_PARAMETERS = [
    OpenApiParameter("search", str, description="A part of the name."),
    *PAGE_PARAMETERS,
]
_BY_SORT_KEY = (Key("sort_key"), Key("name"), Key("id"))
_BY_NAME = (Key("name"), Key("id"))


def _described(name: str, answer: type[serializers.Serializer]) -> Any:
    listed = inline_serializer(
        f"{name.title()}List",
        {
            "next": serializers.URLField(
                allow_null=True, help_text="Address of the next page, if any."
            ),
            "results": answer(many=True),
        },
    )
    return extend_schema_view(
        get=extend_schema(
            operation_id=f"list_{name}",
            parameters=_PARAMETERS,
            responses={200: listed},
        )
    )


def with_books(model: type[Model], link: type[Model], field: str) -> QuerySet[Any]:
    """Return those that a visible book has, with `n_books`, counted for the rows of a page only.

    `link` is what links books to them, by `field`.
    """
    # Few books are hidden, if any: to leave those out is quicker than to look at all others.
    hidden = Book.objects.filter(is_hidden=True).values("pk")
    links = (
        link._default_manager.filter(**{field: OuterRef("pk")}).exclude(book__in=hidden).order_by()
    )
    count = links.annotate(n=Func(F("pk"), function="COUNT")).values("n")
    rows: QuerySet[Any] = model._default_manager.filter(Exists(links)).annotate(
        n_books=Subquery(count)
    )
    return rows


class _NamesView(CatalogueView):
    model: ClassVar[type[Model]]
    # What links books to it, and by which field.
    link: ClassVar[type[Model]]
    field: ClassVar[str]
    keys: ClassVar[tuple[Key, ...]] = _BY_NAME
    answer: ClassVar[type[serializers.Serializer]]
    shown: ClassVar[Q] = Q()

    def get(self, request: Request) -> Response:
        rows = with_books(self.model, self.link, self.field).filter(self.shown)
        params = read_params(request, _PARAMETERS)
        query = fold(read_query(params.get("search", "")))
        if query:
            rows = rows.annotate(folded=folded(F("name"))).filter(folded__contains=query)
        page = keyset_page(request, params, rows, self.keys, order=self.field)
        return Response({"next": page.next, "results": self.answer(page.items, many=True).data})


@_described("authors", AuthorAnswer)
class AuthorsView(_NamesView):
    """Authors by last name."""

    model, link, field = Author, Authorship, "author"
    keys = _BY_SORT_KEY
    answer = AuthorAnswer


@_described("series", SeriesAnswer)
class SeriesView(_NamesView):
    """Series by name, articles aside."""

    model, link, field = Series, Volume, "series"
    keys = _BY_SORT_KEY
    answer = SeriesAnswer


@_described("genres", GenreAnswer)
class GenresView(_NamesView):
    """Genres by name: the short list that books are browsed by."""

    model, link, field = Genre, BookGenre, "genre"
    answer = GenreAnswer


@_described("tags", TagAnswer)
class TagsView(_NamesView):
    """What Goodreads' readers called their shelves, by name."""

    model, link, field = Tag, BookTag, "tag"
    answer = TagAnswer
    # Neither blocked by a curator nor another spelling of one.
    shown = Q(is_blocked=False, synonym_of=None)
