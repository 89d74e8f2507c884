"""What the API's doors to a reader's own things share."""

from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.parameters import one_of, read_params, whole_number
from accounts.private_view import PrivateView
from accounts.requests import ReaderApiRequest
from catalog.models import Authorship, Book
from ratings.errors import BookGone

# As many as there are in the largest key of a row, so that nothing else reaches the database.
MAX_ID = 2**63 - 1


# For operations that may answer 404 for what no address names.
NOT_FOUND = {
    (404, "application/problem+json"): OpenApiResponse(
        OpenApiTypes.OBJECT, description="There is no such book."
    )
}


class PersonalView(PrivateView):
    """A door to what a reader thinks of books, which may be taken away meanwhile."""

    request: ReaderApiRequest

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        # Told in JSON, whatever the door itself answers with.
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSONRenderer.media_type
        return super().options(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, BookGone):
            exc = NotFound(str(exc))
        return super().handle_exception(exc)


def visible_book(book_id: int) -> Book:
    """Return a book to say something of."""
    return get_object_or_404(Book, pk=book_id, is_hidden=False)


def known_book(book_id: int) -> Book:
    """Return a book to take something back of: a hidden one still counts in the reader's lists.

    Not one that was merged: the opinions on it are another's now, where its address leads.
    """
    return get_object_or_404(Book, pk=book_id, merged_into=None)


def with_listed_books(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Give rows of visible books what `ListedBook` shows, in three queries in all."""
    authorships = Authorship.objects.select_related("author")
    return (
        rows.filter(book__is_hidden=False)
        .select_related("book")
        .defer("book__description", "book__search_text")
        .prefetch_related(Prefetch("book__authorships", authorships))
    )


class ListedBook(serializers.Serializer):
    """A row of a list: `book` is the id, as it is written in addresses and bodies."""

    book = serializers.IntegerField(source="book_id")
    title = serializers.CharField(source="book.title")
    authors = serializers.SerializerMethodField()

    def get_authors(self, row: Any) -> list[str]:
        return [authorship.author.name for authorship in row.book.authorships.all()]


class NewestFirst(CursorPagination):
    """Pages in the order in which rows were added, the newest first unless asked otherwise.

    The first of `ORDERINGS` is that of who asks for none.

    They look like the catalogue's (`bookrec_site.pagination`).
    """

    ordering = "-id"
    ORDERINGS: ClassVar[dict[str, str]] = {"newest": "-id", "oldest": "id"}
    ordered_by = "By when they were added."
    page_size = 20
    page_size_query_param = "page_size"
    parameters = (OpenApiParameter("page_size", int), OpenApiParameter("cursor", str))
    max_page_size = 100

    def get_ordering(self, request: Request, queryset: Any, view: APIView) -> tuple[str, ...]:
        parameter = OpenApiParameter("ordering", str, enum=[*self.ORDERINGS])
        name = one_of(read_params(request, [parameter]), "ordering", self.ORDERINGS)
        return (self.ORDERINGS[name or next(iter(self.ORDERINGS))],)

    def get_page_size(self, request: Request) -> int:
        params = read_params(request, self.parameters)
        size = whole_number(params, "page_size", low=1, high=None, default=self.page_size)
        return min(size, self.max_page_size)

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor = super().decode_cursor(request)
        position = str(cursor.position) if cursor and cursor.position is not None else None
        # DRF hands what somebody made up to the database.
        if position is not None and not (
            position.isascii() and position.isdigit() and len(position) < len(str(MAX_ID))
        ):
            raise NotFound(self.invalid_cursor_message)
        return cursor

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.get_next_link(), "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        del described["properties"]["previous"]
        described["required"] = ["next", "results"]
        return described

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                parameter["schema"] |= {"minimum": 1, "default": self.page_size}
        schema = {
            "type": "string",
            "enum": [*self.ORDERINGS],
            "default": next(iter(self.ORDERINGS)),
        }
        return [
            *parameters,
            {
                "name": "ordering",
                "in": "query",
                "required": False,
                "description": self.ordered_by,
                "schema": schema,
            },
        ]
