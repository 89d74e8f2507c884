"""Authors, series, genres and tags, each with the number of its books."""

from typing import Any, ClassVar

from django.db.models import Exists, F, Func, Model, OuterRef, QuerySet, Subquery
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_view,
    inline_serializer,
)
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bookrec_site.api.answers import AuthorAnswer, GenreAnswer, SeriesAnswer, TagAnswer
from bookrec_site.api.reading import read_params
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


@method_decorator(conditional_page, name="dispatch")
class _NamesView(APIView):
    permission_classes = (AllowAny,)
    model: ClassVar[type[Model]]
    # What links books to it, and by which field.
    link: ClassVar[type[Model]]
    field: ClassVar[str]
    keys: ClassVar[tuple[Key, ...]] = _BY_NAME
    answer: ClassVar[type[serializers.Serializer]]

    def get(self, request: Request) -> Response:
        rows = self._rows()
        params = read_params(request, _PARAMETERS)
        query = fold(read_query(params.get("search", "")))
        if query:
            rows = rows.annotate(folded=folded(F("name"))).filter(folded__contains=query)
        page = keyset_page(request, params, rows, self.keys, order=self.field)
        return Response({"next": page.next, "results": self.answer(page.items, many=True).data})

    def _rows(self) -> QuerySet[Any]:
        """Return those that a visible book has; counted for the rows of one page only."""
        # Few books are hidden, if any: to leave those out is quicker than to look at all others.
        hidden = Book.objects.filter(is_hidden=True).values("pk")
        links = (
            self.link._default_manager.filter(**{self.field: OuterRef("pk")})
            .exclude(book__in=hidden)
            .order_by()
        )
        count = links.annotate(n=Func(F("pk"), function="COUNT")).values("n")
        rows: QuerySet[Any] = self.model._default_manager.filter(Exists(links)).annotate(
            n_books=Subquery(count)
        )
        return rows


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
