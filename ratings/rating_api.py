"""API doors to all of a reader's stars: the list, and many books at once."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.response import Response

from accounts.fields import as_whole_number
from accounts.requests import ReaderApiRequest
from accounts.throttling import CostlyThrottle, ReaderThrottle
from ratings.api import BookRatingView
from ratings.api_parts import (
    MAX_ID,
    ListedBook,
    NewestFirst,
    PersonalView,
    with_listed_books,
)
from ratings.bulk_answers import RowAnswer, rows_answered, rows_sent
from ratings.keyed_requests import KEY_PARAMETER, KEY_REUSED, done_once
from ratings.models import Rating
from ratings.rating_many import MAX_ROWS, Row, rate_many

_RESULTS = ("created", "updated", "unchanged")
_EXAMPLE = '{"book": 1, "stars": 5}'


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


class BulkResult(RowAnswer):
    result = serializers.ChoiceField(choices=[*_RESULTS, "error"])


class BulkAnswer(serializers.Serializer):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = BulkResult(many=True)


class BulkRatingsView(PersonalView):
    throttle_classes = (ReaderThrottle, CostlyThrottle)

    @extend_schema(
        operation_id="rate_books",
        request=BulkInput,
        responses={200: BulkAnswer, **KEY_REUSED},
        parameters=[KEY_PARAMETER],
    )
    def post(self, request: ReaderApiRequest) -> Response:
        """Rate up to 1,000 books at once, each with a result of its own.

        A row that is wrong has the result "error" with a reason; the others are done.
        """
        rows = [_row(row) for row in rows_sent(request.data, "ratings", MAX_ROWS, _EXAMPLE)]
        answer, headers = done_once(
            request,
            [(row.book_id, row.stars, row.reason) for row in rows],
            lambda: rows_answered(rate_many(user=request.user, rows=rows), _RESULTS),
        )
        return Response(answer, headers=headers)


def _row(row: object) -> Row:
    if not isinstance(row, dict):
        return Row(reason=f"A row is an object like {_EXAMPLE}.")
    book_id, stars = as_whole_number(row.get("book")), as_whole_number(row.get("stars"))
    if book_id is None:
        return Row(reason="book is the id of a book, a whole number.")
    if not 1 <= book_id <= MAX_ID:
        return Row(reason="There is no such book.")
    if stars is None or not 1 <= stars <= 5:
        return Row(book_id, reason="stars is a whole number from 1 to 5.")
    return Row(book_id, stars)
