"""API door to lists."""

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import ReaderApiRequest
from recommender.api_answers import LIST_PARAMETERS, Recommended
from recommender.list_options import read_options
from recommender.predictions import PredictedStars
from recommender.serving import Recommendation, recommendations_for


class RecommendationsView(APIView):
    """The reader's list, computed from the ratings that are in the database now.

    Parameters, none of them needed: `k` (1..100), `genre` (slug), `language` (code), `year_from`,
    `year_to`, `diversity` (0..1), `novelty` (0..1), `like` (id of a book).
    """

    @extend_schema(
        operation_id="recommendations", parameters=LIST_PARAMETERS, responses={200: Recommended}
    )
    def get(self, request: ReaderApiRequest) -> Response:
        asked = read_options(request.query_params)
        if asked.errors:
            raise ValidationError(asked.errors)
        found = recommendations_for(
            request.user, k=asked.k, options=asked.options, with_predicted_stars=True
        )
        response = Response(
            {
                "basis": found.basis,
                "run": found.run_id,
                "results": [_shown(item) for item in found.items],
            }
        )
        response["Cache-Control"] = "private, no-store"
        return response


def _shown(item: Recommendation) -> dict[str, object]:
    return {
        "rank": item.rank,
        "book": {
            "id": item.book.pk,
            "title": item.book.title,
            "authors": [authorship.author.name for authorship in item.book.authorships.all()],
        },
        "score": item.score,
        "predicted_stars": _stars(item.predicted),
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


def _stars(predicted: PredictedStars | None) -> dict[str, object] | None:
    if predicted is None:
        return None
    # "mean": of all readers; this one has rated nothing, or no part of the run predicts.
    basis = "reader" if predicted.is_personal else "mean"
    return {"stars": round(predicted.stars, 2), "basis": basis}
