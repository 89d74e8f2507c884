"""What the API's lists look like; described for programs, not used to make them."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from catalog.filters import LANGUAGE, SLUG
from recommender.list_options import DEFAULT_LENGTH, MAX_LENGTH, MAX_YEAR, MIN_YEAR

_YEAR = {"type": "integer", "minimum": MIN_YEAR, "maximum": MAX_YEAR}
_FRACTION = {"type": "number", "minimum": 0, "maximum": 1, "default": 0}

LIST_PARAMETERS = [
    OpenApiParameter(
        "k",
        {"type": "integer", "minimum": 1, "maximum": MAX_LENGTH, "default": DEFAULT_LENGTH},
        description="How many books.",
    ),
    OpenApiParameter(
        "genre",
        {"type": "string", "pattern": SLUG},
        description="Its slug; of a genre that there is not the list is empty.",
    ),
    OpenApiParameter(
        "language",
        {"type": "string", "pattern": LANGUAGE},
        description="Its code, such as eng; in a language of no book the list is empty.",
    ),
    OpenApiParameter("year_from", _YEAR, description="Published in this year or later."),
    OpenApiParameter("year_to", _YEAR, description="Published in this year or before."),
    OpenApiParameter("diversity", _FRACTION, description="1: as varied as can be."),
    OpenApiParameter("novelty", _FRACTION, description="1: hidden gems."),
    OpenApiParameter(
        "like",
        {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
        description="Id of a book: more like it; 404 when there is none.",
    ),
    OpenApiParameter(
        "exclude_read",
        {"type": "boolean", "default": True},
        description="false: as if the reader had read nothing yet.",
    ),
    OpenApiParameter(
        "explain",
        {"type": "boolean", "default": False},
        description="true: with every contribution to each place.",
    ),
]


class NamedBook(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()


class ListedBook(NamedBook):
    authors = serializers.ListField(child=serializers.CharField())


class ListReason(serializers.Serializer):
    book = NamedBook()
    stars = serializers.IntegerField(allow_null=True, help_text="null: on the to-read shelf.")
    share = serializers.FloatField(help_text="Its part of all that speaks for the book, 0..1.")
    text = serializers.CharField()


class Contribution(serializers.Serializer):
    book = NamedBook()
    stars = serializers.IntegerField(allow_null=True)
    share = serializers.FloatField(
        help_text="Those above 0 add up to 1, less books that are hidden; below 0: speaks against."
    )


class ExpectedStars(serializers.Serializer):
    stars = serializers.FloatField()
    basis = serializers.ChoiceField(
        choices=["reader", "mean"], help_text="mean: of all readers; too little is known of this."
    )


class ListedRecommendation(serializers.Serializer):
    rank = serializers.IntegerField()
    book = ListedBook()
    score = serializers.FloatField(help_text="Orders this list and says nothing beside another.")
    predicted_stars = ExpectedStars(allow_null=True)
    reasons = ListReason(many=True)
    contributions = Contribution(
        many=True, required=False, help_text="With `explain` only: all the reader's books."
    )


class Recommended(serializers.Serializer):
    basis = serializers.ChoiceField(
        choices=["ratings", "popular", "book", "off"],
        help_text="What the list was made from; off: the reader wants none.",
    )
    run = serializers.IntegerField(allow_null=True, help_text="The training run that scored it.")
    list = serializers.CharField(
        allow_null=True,
        help_text="The list's id, for `events/`; null when no event is wanted of it.",
    )
    results = ListedRecommendation(many=True)
