"""API door to readers with a taste like one's own."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from accounts.parameters import read_params, whole_number
from accounts.requests import ReaderApiRequest
from accounts.throttling import CostlyThrottle, ReaderThrottle
from bookrec_site.pages.readers import reader_address, reader_name
from catalog.models import Book
from ratings.api_parts import PersonalView
from recommender.api_answers import NamedBook
from recommender.like_minded import LikeMinded, like_minded_readers

DEFAULT_LENGTH, MAX_LENGTH = 12, 50
_PARAMETERS = [
    OpenApiParameter(
        "k",
        {"type": "integer", "minimum": 1, "maximum": MAX_LENGTH, "default": DEFAULT_LENGTH},
        description="How many readers.",
    )
]


class LikeMindedReader(serializers.Serializer):
    name = serializers.CharField()
    page = serializers.CharField(help_text="The address of their page on the site.")
    similarity = serializers.FloatField(help_text="Cosine of the two tastes, above 0 and up to 1.")
    n_shared = serializers.IntegerField(
        allow_null=True,
        help_text="Books both gave 4 or 5 stars; null when they show their ratings to nobody.",
    )
    shared = NamedBook(many=True, help_text="The most telling of them.")
    new = NamedBook(many=True, help_text="What they loved and you do not know.")


class LikeMindedAnswer(serializers.Serializer):
    is_ready = serializers.BooleanField(
        help_text="false: no training run is active, or one that knows nothing of readers."
    )
    has_taste = serializers.BooleanField(help_text="false: you have not liked enough books yet.")
    results = LikeMindedReader(many=True)


class ReadersLikeMeView(PersonalView):
    throttle_classes = (ReaderThrottle, CostlyThrottle)

    @extend_schema(
        operation_id="list_readers_like_me",
        parameters=_PARAMETERS,
        responses={200: LikeMindedAnswer},
    )
    def get(self, request: ReaderApiRequest) -> Response:
        """Readers whose taste is like the reader's, the most alike first.

        Only those who show their profile to everybody, and readers of public data sets.
        """
        params = read_params(request, _PARAMETERS)
        k = whole_number(params, "k", low=1, high=MAX_LENGTH, default=DEFAULT_LENGTH)
        found = like_minded_readers(request.user, k)
        return Response(
            {
                "is_ready": found.is_ready,
                "has_taste": found.has_taste,
                "results": [_shown(reader) for reader in found.readers],
            }
        )


def _shown(reader: LikeMinded) -> dict[str, Any]:
    return {
        "name": reader_name(reader.user),
        "page": reader_address(reader.user),
        "similarity": round(reader.similarity, 4),
        "n_shared": reader.n_shared,
        "shared": [_named(book) for book in reader.shared],
        "new": [_named(book) for book in reader.new],
    }


def _named(book: Book) -> dict[str, Any]:
    return {"id": book.pk, "title": book.title}
