"""API door to lists."""

from dataclasses import replace

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.parameters import read_params
from accounts.requests import ReaderApiRequest
from ratings.api_parts import NOT_FOUND, PersonalView
from recommender.api_answers import LIST_PARAMETERS, Recommended
from recommender.feedback.page import list_for
from recommender.list_options import ListOptions, read_options
from recommender.listed import listed_recommendations
from recommender.models import Surface
from recommender.predictions import PredictedStars
from recommender.serving import Recommendation, RecommendationList

_FLAGS = {"1": True, "true": True, "0": False, "false": False}


class RecommendationsView(PersonalView):
    """The reader's list, computed from the ratings that are in the database now."""

    @extend_schema(
        operation_id="list_recommendations",
        parameters=LIST_PARAMETERS,
        responses={200: Recommended, **NOT_FOUND},
    )
    def get(self, request: ReaderApiRequest) -> Response:
        k, options = asked_for(request)
        found = listed_recommendations(request.user, k, options)
        return Response(shown_list(request, Surface.API, found, k, options))


def asked_for(request: Request) -> tuple[int, ListOptions]:
    """Return the length and the options that the parameters of an address ask for.

    Raises
    ------
    ValidationError
        Naming every parameter that is wrong.
    NotFound
        When nothing is wrong but that there is no book of which more like it are wanted.
    """
    params = read_params(request, LIST_PARAMETERS)
    asked, errors = read_options(params), dict[str, list[str]]()

    def flag(name: str, default: bool) -> bool:
        text = params.get(name)
        if text is not None and text.lower() not in _FLAGS:
            errors[name] = ["This is true or false."]
        return default if text is None else _FLAGS.get(text.lower(), default)

    options = replace(
        asked.options, exclude_read=flag("exclude_read", True), explain=flag("explain", False)
    )
    errors |= asked.errors
    if asked.gone and len(errors) == 1:
        raise NotFound(errors[asked.gone][0])
    if errors:
        raise ValidationError(errors)
    return asked.k, options


def shown_list(
    request: Request, surface: Surface, found: RecommendationList, k: int, options: ListOptions
) -> dict[str, object]:
    """Return a list of k `BooksInMemory` at the most as the API shows it, and count it."""
    return {
        "basis": found.basis,
        "run": found.run_id,
        "list": list_for(request, surface, found.basis, found.run_id, found.book_ids, k) or None,
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
            "authors": list(item.book.authors),
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
