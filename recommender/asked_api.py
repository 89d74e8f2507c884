"""API doors to what is computed from what a program sends or asks, and nothing stored."""

import re

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.fields import WholeNumberField
from accounts.parameters import read_params
from accounts.requests import ReaderApiRequest
from accounts.throttling import AnonymousThrottle, CostlyThrottle
from catalog.selectors import visible_books
from ratings.api_parts import MAX_ID, NOT_FOUND, PersonalView
from ratings.opinions import Opinions
from recommender.api import asked_for, shown_list, shown_stars
from recommender.api_answers import LIST_PARAMETERS, ExpectedStars, Recommended
from recommender.book_sources import BooksInMemory
from recommender.models import Surface
from recommender.serving import predicted_stars, recommendations_from

MAX_SESSION_RATINGS = 200
MAX_PREDICTIONS = 100
_IDS = rf"^[1-9][0-9]{{0,17}}(,[1-9][0-9]{{0,17}}){{0,{MAX_PREDICTIONS - 1}}}$"
_PREDICTION_PARAMETERS = [
    OpenApiParameter(
        "book",
        {"type": "string", "pattern": _IDS},
        required=True,
        description=f"Ids of at most {MAX_PREDICTIONS} books: 1,2,3.",
    )
]


class SessionRating(serializers.Serializer):
    book = WholeNumberField(min_value=1, max_value=MAX_ID)
    stars = WholeNumberField(min_value=1, max_value=5)


class SessionInput(serializers.Serializer):
    # May be empty: then the list is of popular books.
    ratings = serializers.ListField(child=SessionRating(), max_length=MAX_SESSION_RATINGS)

    def validate_ratings(self, ratings: list[dict[str, int]]) -> dict[int, int]:
        """Return the stars by book id, each book once."""
        stars = {rating["book"]: rating["stars"] for rating in ratings}
        if len(stars) < len(ratings):
            raise ValidationError("A book is named twice.")
        return stars


class SessionRecommendationsView(PersonalView):
    # No session here: nobody is known, and no cookie is read or set.
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (AnonymousThrottle, CostlyThrottle)

    @extend_schema(
        operation_id="recommend_for_session",
        parameters=LIST_PARAMETERS,
        request=SessionInput,
        responses={200: Recommended, **NOT_FOUND},
    )
    def post(self, request: Request) -> Response:
        """A list for somebody without an account, from the ratings that are sent.

        Nothing is stored.
        """
        k, options = asked_for(request)
        form = SessionInput(data=request.data)
        form.is_valid(raise_exception=True)
        stars = form.validated_data["ratings"]
        known = set(visible_books().filter(pk__in=stars).values_list("pk", flat=True))
        if unknown := sorted(stars.keys() - known):
            raise NotFound(f"There is no book {unknown[0]}.")
        opinions = Opinions(stars=dict(sorted(stars.items())), read=frozenset(stars))
        found = recommendations_from(
            opinions, k, options=options, with_predicted_stars=True, source=BooksInMemory()
        )
        return Response(shown_list(request, Surface.API_SESSION, found, k, options))


class Prediction(serializers.Serializer):
    book = serializers.IntegerField()
    predicted_stars = ExpectedStars(
        allow_null=True, help_text="null: nobody has rated the book yet."
    )


class Predictions(serializers.Serializer):
    results = Prediction(many=True)


class PredictionsView(PersonalView):
    @extend_schema(
        operation_id="predict_stars",
        parameters=_PREDICTION_PARAMETERS,
        responses={200: Predictions, **NOT_FOUND},
    )
    def get(self, request: ReaderApiRequest) -> Response:
        """How many stars the reader would probably give each book, in the order asked for."""
        ids = _book_ids(read_params(request, _PREDICTION_PARAMETERS)["book"])
        books = visible_books().defer("description", "search_text").in_bulk(ids)
        if unknown := [book_id for book_id in ids if book_id not in books]:
            raise NotFound(f"There is no book {unknown[0]}.")
        predicted = predicted_stars(request.user, books.values())
        return Response(
            {
                "results": [
                    {"book": id, "predicted_stars": shown_stars(predicted.get(id))} for id in ids
                ]
            }
        )


def _book_ids(given: str) -> list[int]:
    """Read ids with commas between them, each once."""
    texts = [text.strip() for text in given.split(",")]
    if len(texts) > MAX_PREDICTIONS:
        raise ValidationError({"book": [f"At most {MAX_PREDICTIONS} books at once."]})
    # Digits of ASCII only, and few of them: int() would read others, and numbers without end.
    if not re.fullmatch(_IDS, ",".join(texts)):
        raise ValidationError({"book": ["These are the ids of books: 1,2,3."]})
    return list(dict.fromkeys(map(int, texts)))
