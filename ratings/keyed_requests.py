"""Idempotency-Key at the doors of the API: what may be sent again without being done again."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.exceptions import APIException, ValidationError

from accounts.requests import ReaderApiRequest
from ratings.answered import answer_once, digest_of
from ratings.errors import KeyReused
from ratings.models import AnsweredRequest

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"

KEY_PARAMETER = OpenApiParameter(
    KEY_HEADER,
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    OpenApiParameter.HEADER,
    description=(
        "Chosen by you: 1 to 255 printable ASCII characters, no spaces. The same request with the "
        "same key in 24 hours is not done again but answered as at first, with the header "
        "Idempotency-Replayed; another request with this key is refused with 422."
    ),
)
KEY_REUSED = {
    (422, "application/problem+json"): OpenApiResponse(
        OpenApiTypes.OBJECT, description="The key came with another request."
    )
}


class KeyOfAnotherRequest(APIException):
    status_code = 422
    default_code = "key_reused"


def done_once(
    request: ReaderApiRequest, asked: Sequence[Any], work: Callable[[], dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Do the work, unless the request has a key with which it was done; return answer and headers.

    `asked` is what was understood of the request's body, as JSON values.

    Raises
    ------
    ValidationError
        When the key is none.
    KeyOfAnotherRequest
        When the key came with another request in the last day.
    """
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return work(), {}
    if not re.fullmatch(rf"[!-~]{{1,{AnsweredRequest.MAX_KEY_LENGTH}}}", key):
        raise ValidationError({KEY_HEADER: ["1 to 255 printable ASCII characters, no spaces."]})
    try:
        answer, is_old = answer_once(
            user=request.user, key=key, digest=digest_of(request.path, asked), work=work
        )
    except KeyReused as error:
        raise KeyOfAnotherRequest(str(error)) from error
    return answer, {REPLAYED_HEADER: "true"} if is_old else {}
