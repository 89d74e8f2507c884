"""API doors to all of a reader's stars: the list, and many books at once."""

import re
from collections import Counter
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.response import Response

from accounts.requests import ReaderApiRequest
from accounts.throttling import CostlyThrottle, ReaderThrottle
from ratings.answered import answer_once, digest_of
from ratings.api import BookRatingView
from ratings.api_parts import (
    MAX_ID,
    ListedBook,
    NewestFirst,
    PersonalView,
    as_whole_number,
    with_listed_books,
)
from ratings.errors import KeyReused
from ratings.models import AnsweredRequest, Rating
from ratings.rating_many import MAX_ROWS, Row, RowResult, rate_many

KEY_HEADER = "Idempotency-Key"


class ListedRating(ListedBook):
    stars = serializers.IntegerField(min_value=1, max_value=5)
    # Null for stars of imports: nobody knows when they were given.
    created_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)


@extend_schema_view(get=extend_schema(operation_id="list_ratings"))
class RatingsView(PersonalView, ListAPIView):
    """The stars that the reader gave, those given last first."""

    serializer_class = ListedRating
    pagination_class = NewestFirst
    queryset = Rating.objects.none()

    def get_queryset(self) -> Any:
        return with_listed_books(Rating.objects.filter(user=self.request.user))


@extend_schema_view(
    get=extend_schema(operation_id="get_own_rating"),
    put=extend_schema(operation_id="give_stars"),
    delete=extend_schema(operation_id="take_stars_back"),
)
class OwnRatingView(PersonalView, BookRatingView):
    """The same as `/books/{id}/rating/`, beside the list."""


class BulkRow(serializers.Serializer):
    book = serializers.IntegerField(min_value=1)
    stars = serializers.IntegerField(min_value=1, max_value=5)


class BulkInput(serializers.Serializer):
    """For the documentation: rows are read one by one, so that a bad one spoils no other."""

    ratings = serializers.ListField(child=BulkRow(), min_length=1, max_length=MAX_ROWS)


class BulkResult(serializers.Serializer):
    # Place among the rows that were sent, from 0.
    index = serializers.IntegerField()
    # Null when the row names none.
    book = serializers.IntegerField(allow_null=True)
    result = serializers.ChoiceField(choices=["created", "updated", "unchanged", "error"])
    # Of errors only.
    reason = serializers.CharField(required=False)


class BulkAnswer(serializers.Serializer):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = BulkResult(many=True)


class KeyOfAnotherRequest(APIException):
    status_code = 422
    default_code = "key_reused"


class BulkRatingsView(PersonalView):
    throttle_classes = (ReaderThrottle, CostlyThrottle)

    @extend_schema(
        operation_id="rate_books",
        request=BulkInput,
        responses={
            200: BulkAnswer,
            (422, "application/problem+json"): OpenApiResponse(
                OpenApiTypes.OBJECT, description="The key came with another request."
            ),
        },
        parameters=[
            OpenApiParameter(
                KEY_HEADER,
                {"type": "string", "pattern": "^[!-~]{1,255}$"},
                OpenApiParameter.HEADER,
                description=(
                    "Chosen by you: 1 to 255 printable ASCII characters, no spaces. The same "
                    "request with the same key in 24 hours is not done again but answered as at "
                    "first, with the header Idempotency-Replayed; another request with this key is "
                    "refused with 422."
                ),
            )
        ],
    )
    def post(self, request: ReaderApiRequest) -> Response:
        """Rate up to 1,000 books at once, each with a result of its own.

        A row that is wrong has the result "error" with a reason; the others are done.
        """
        rows = _rows(request.data)
        key = request.headers.get(KEY_HEADER)
        if key is None:
            return Response(_answer(rate_many(user=request.user, rows=rows)))
        if not re.fullmatch(rf"[!-~]{{1,{AnsweredRequest.MAX_KEY_LENGTH}}}", key):
            raise ValidationError({KEY_HEADER: ["1 to 255 printable ASCII characters, no spaces."]})
        try:
            answer, is_old = answer_once(
                user=request.user,
                key=key,
                digest=digest_of(
                    request.path, [(row.book_id, row.stars, row.reason) for row in rows]
                ),
                work=lambda: _answer(rate_many(user=request.user, rows=rows)),
            )
        except KeyReused as error:
            raise KeyOfAnotherRequest(str(error)) from error
        return Response(answer, headers={"Idempotency-Replayed": "true"} if is_old else None)


def _rows(body: object) -> list[Row]:
    rows = body.get("ratings") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        raise ValidationError(
            {"ratings": [f'A list of 1 to {MAX_ROWS} rows like {{"book": 1, "stars": 5}}.']}
        )
    return [_row(row) for row in rows]


def _row(row: object) -> Row:
    if not isinstance(row, dict):
        return Row(reason='A row is an object like {"book": 1, "stars": 5}.')
    book_id, stars = as_whole_number(row.get("book")), as_whole_number(row.get("stars"))
    if book_id is None:
        return Row(reason="book is the id of a book, a whole number.")
    if not 1 <= book_id <= MAX_ID:
        return Row(reason="There is no such book.")
    if stars is None or not 1 <= stars <= 5:
        return Row(book_id, reason="stars is a whole number from 1 to 5.")
    return Row(book_id, stars)


def _answer(results: list[RowResult]) -> dict[str, Any]:
    counts = Counter(told.result for told in results)
    return {
        "created": counts["created"],
        "updated": counts["updated"],
        "unchanged": counts["unchanged"],
        "failed": counts["error"],
        "results": [
            {"index": index, "book": told.row.book_id, "result": told.result}
            | ({"reason": told.reason} if told.reason else {})
            for index, told in enumerate(results)
        ],
    }
