"""What the API's doors to a reader's own things share."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import ReaderApiRequest
from catalog.models import Authorship, Book
from ratings.errors import BookGone

# As many as there are in the largest key of a row, so that nothing else reaches the database.
MAX_ID = 2**63 - 1


def as_whole_number(value: object) -> int | None:
    """Return a number of JSON that is whole; None for everything else, texts and True included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # 4.0 is whole to JSON; infinity and NaN are not.
    return int(value) if isinstance(value, int) or value.is_integer() else None


class WholeNumberField(serializers.IntegerField):
    """A number, not a text that looks like one: DRF would take "4.0" and Arabic digits too."""

    def to_internal_value(self, data: Any) -> int:
        number = as_whole_number(data)
        if number is None:
            self.fail("invalid")
        return number


# For operations that may answer 404 for what no address names.
NOT_FOUND = {
    (404, "application/problem+json"): OpenApiResponse(
        OpenApiTypes.OBJECT, description="There is no such book."
    )
}


class PersonalView(APIView):
    """A door to what only the reader may see: no cache keeps an answer, whatever it says."""

    request: ReaderApiRequest

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "private, no-store"
        return answer

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, BookGone):
            exc = NotFound(str(exc))
        return super().handle_exception(exc)


def visible_book(book_id: int) -> Book:
    """Return a book to say something of."""
    return get_object_or_404(Book, pk=book_id, is_hidden=False)


def known_book(book_id: int) -> Book:
    """Return a book to take something back of: a hidden one still counts in the reader's lists."""
    return get_object_or_404(Book, pk=book_id)


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
    """Pages in the order in which rows were added, the newest first.

    They look like the catalogue's (`bookrec_site.pagination`).
    """

    ordering = "-id"
    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get("page_size", "")
        if not text:
            return self.page_size
        if not (text.isascii() and text.isdigit()) or len(text) > 400 or int(text) == 0:
            raise ValidationError({"page_size": ["This is a whole number of 1 or more."]})
        return min(int(text), self.max_page_size)

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
        return parameters
