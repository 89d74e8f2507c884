"""API door to lists."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from accounts.requests import ReaderApiRequest
from ratings.api_parts import PersonalView
from recommender.api_answers import LIST_PARAMETERS, Recommended
from recommender.list_options import ListOptions, read_options
from recommender.predictions import PredictedStars
from recommender.serving import Recommendation, RecommendationList, recommendations_for

_FLAGS = {"": False, "1": True, "true": True, "0": False, "false": False}


class RecommendationsView(PersonalView):
    """The reader's list, computed from the ratings that are in the database now."""

    @extend_schema(
        operation_id="recommendations", parameters=LIST_PARAMETERS, responses={200: Recommended}
    )
    def get(self, request: ReaderApiRequest) -> Response:
        k, options = asked_for(request.query_params)
        found = recommendations_for(request.user, k=k, options=options, with_predicted_stars=True)
        return Response(shown_list(found, options))


def asked_for(params: Mapping[str, Any]) -> tuple[int, ListOptions]:
    """Return the length and the options that the parameters of an address ask for.

    Raises
    ------
    ValidationError
        Naming every parameter that is wrong.
    """
    asked, errors = read_options(params), dict[str, list[str]]()

    def flag(name: str, default: bool) -> bool:
        text = str(params.get(name, "")).strip().lower()
        if text not in _FLAGS:
            errors[name] = ["This is true or false."]
        return _FLAGS.get(text, default) if text else default

    options = replace(
        asked.options, exclude_read=flag("exclude_read", True), explain=flag("explain", False)
    )
    if asked.errors or errors:
        raise ValidationError(asked.errors | errors)
    return asked.k, options


def shown_list(found: RecommendationList, options: ListOptions) -> dict[str, object]:
    """Return a list as the API shows it."""
    return {
        "basis": found.basis,
        "run": found.run_id,
        "results": [
            _shown(item) | ({"contributions": _contributions(item)} if options.explain else {})
            for item in found.items
        ],
    }


def _contributions(item: Recommendation) -> list[dict[str, object]]:
    return [
        {
            "book": {"id": told.book.pk, "title": told.book.title},
            "stars": told.stars,
            "share": round(told.share, 4),
        }
        for told in item.contributions
    ]


def _shown(item: Recommendation) -> dict[str, object]:
    return {
        "rank": item.rank,
        "book": {
            "id": item.book.pk,
            "title": item.book.title,
            "authors": [authorship.author.name for authorship in item.book.authorships.all()],
        },
        "score": item.score,
        "predicted_stars": shown_stars(item.predicted),
        "reasons": [
            {
                "book": {"id": reason.book.pk, "title": reason.book.title},
                "stars": reason.stars,
                "share": round(reason.share, 4),
                "text": reason.text,
            }
            for reason in item.reasons
        ],
    }


def shown_stars(predicted: PredictedStars | None) -> dict[str, object] | None:
    """Return predicted stars as the API shows them."""
    if predicted is None:
        return None
    # "mean": of all readers; this one has rated nothing, or no part of the run predicts.
    basis = "reader" if predicted.is_personal else "mean"
    return {"stars": round(predicted.stars, 2), "basis": basis}
