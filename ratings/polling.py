"""Answers about work that goes on elsewhere, for programs that ask again and again.

While it goes on, `Retry-After` says when there is likely something new. What has not changed since
the `ETag` that is sent back as `If-None-Match` is answered with 304 and no body.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from ratings.api_parts import PersonalView


class Conflict(APIException):
    """What is asked for does not go, or not now: where something else is in the way, it is named.

    Views that raise it say so with `may_conflict`, for the description.
    """

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"

    def __init__(self, detail: str, *, id: int | None = None, address: str = "") -> None:
        super().__init__(detail)
        self.members = {} if id is None else {"under_way": {"id": id, "address": address}}


class PolledView(PersonalView):
    """A door that is asked again and again; a reader's own cache may keep an answer and ask."""

    # Seconds until there is likely something new.
    ask_again_in: ClassVar[int] = 1

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if "ETag" in answer:
            answer["Cache-Control"] = "private, no-cache"
        return answer

    def polled(self, request: Request, told: Mapping[str, Any], *, is_under_way: bool) -> Response:
        """Tell how far the work is, or that this has not changed."""
        etag = f'"{hashlib.sha256(json.dumps(told).encode("ascii")).hexdigest()[:32]}"'
        headers = {"ETag": etag} | self.again(is_under_way)
        known = parse_etags(request.headers.get("If-None-Match", ""))
        # What was compressed on its way is marked as weak.
        if "*" in known or etag in (tag.removeprefix("W/") for tag in known):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(told, headers=headers)

    def taken_up(
        self,
        told: Mapping[str, Any],
        address: str,
        *,
        is_under_way: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Tell what was asked for, and where to look what becomes of it."""
        return Response(
            told,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": address, **self.again(is_under_way), **(headers or {})},
        )

    def again(self, is_under_way: bool) -> dict[str, str]:
        """Return the header that says when to ask again, if there is a reason to."""
        return {"Retry-After": str(self.ask_again_in)} if is_under_way else {}


def told_by(serializer: type[BaseSerializer[Any]], thing: Any) -> dict[str, Any]:
    """Return the answer about a thing, as values of JSON."""
    told: dict[str, Any] = serializer(thing).data
    return dict(told)


NOT_MODIFIED = {304: OpenApiResponse(description="Nothing has changed since that ETag.")}
AGAIN_PARAMETER = OpenApiParameter(
    "Retry-After",
    int,
    OpenApiParameter.HEADER,
    description="Seconds until there is likely something new; absent when it has ended.",
    response=[200, 202, 304],
)
POLL_PARAMETERS = [
    AGAIN_PARAMETER,
    OpenApiParameter(
        "ETag",
        str,
        OpenApiParameter.HEADER,
        description="Send it back as If-None-Match: what has not changed is answered with 304.",
        response=[200, 304],
    ),
]
ACCEPTED_PARAMETERS = [
    AGAIN_PARAMETER,
    OpenApiParameter(
        "Location",
        str,
        OpenApiParameter.HEADER,
        description="Where to look what becomes of it.",
        response=[202],
    ),
]
