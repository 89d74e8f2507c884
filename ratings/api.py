"""API doors to opinions: the token's owner rates a book or takes the stars back."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.fields import TextField
from accounts.requests import ReaderApiRequest
from catalog.models import Book
from ratings.answers import MAX_LIST_ID_LENGTH
from ratings.errors import BookGone
from ratings.models import Rating
from ratings.selectors import stars_given
from ratings.services import rate_book, remove_rating


class RatingInput(serializers.Serializer):
    stars = serializers.IntegerField(min_value=1, max_value=5)
    list = TextField(
        required=False,
        max_length=MAX_LIST_ID_LENGTH,
        help_text="The id of the list that the book was rated from; says how good lists are.",
    )

    def to_internal_value(self, data: object) -> dict[str, Any]:
        # A number, not a text that looks like one: DRF would take "4.0" and Arabic digits too.
        if isinstance(data, dict) and isinstance(data.get("stars"), bool | str):
            raise serializers.ValidationError({"stars": ["A valid integer is required."]})
        fields: dict[str, Any] = super().to_internal_value(data)
        return fields


class StarsGiven(serializers.Serializer):
    book = serializers.IntegerField(help_text="Id of the book.")
    stars = serializers.IntegerField(min_value=1, max_value=5)


class RatingGiven(StarsGiven):
    updated_at = serializers.DateTimeField()


class BookRatingView(APIView):
    """`/books/{id}/rating/`: the stars that the reader gave to the book."""

    @extend_schema(operation_id="get_rating", responses={200: StarsGiven})
    def get(self, request: ReaderApiRequest, book_id: int) -> Response:
        book = _book(book_id)
        stars = stars_given(request.user, book)
        if stars is None:
            raise NotFound("You have not rated this book.")
        return Response({"book": book.pk, "stars": stars})

    @extend_schema(operation_id="rate_book", request=RatingInput, responses={200: RatingGiven})
    def put(self, request: ReaderApiRequest, book_id: int) -> Response:
        book = _book(book_id)
        form = RatingInput(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            rating = rate_book(
                user=request.user,
                book=book,
                stars=form.validated_data["stars"],
                list_id=form.validated_data.get("list", ""),
            )
        except BookGone as error:
            raise NotFound(str(error)) from error
        return Response(_shown(rating))

    @extend_schema(operation_id="remove_rating", responses={204: None})
    def delete(self, request: ReaderApiRequest, book_id: int) -> Response:
        # Of a hidden book too: it still counts in the reader's lists. Not of a merged one, whose
        # address leads on.
        book = get_object_or_404(Book, pk=book_id, merged_into=None)
        remove_rating(user=request.user, book=book)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _book(book_id: int) -> Book:
    return get_object_or_404(Book, pk=book_id, is_hidden=False)


def _shown(rating: Rating) -> dict[str, object]:
    return {"book": rating.book_id, "stars": rating.stars, "updated_at": rating.updated_at}
