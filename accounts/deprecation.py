"""Doors of the API that will go: they say so in every answer and in the description.

`Deprecation` (RFC 9745) tells since when nothing new should use the address, `Sunset` (RFC 8594)
from when on it may be gone, and a `Link` what takes its place. The policy is in docs/api.md.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar

from django.utils.http import http_date
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

# Between the first answer that says so and the last.
LEAST_NOTICE: Final = timedelta(days=180)

_View = TypeVar("_View", bound=type[APIView])
_HEADERS: Final = [
    OpenApiParameter(
        "Deprecation",
        {"type": "string", "pattern": "^@[0-9]+$"},
        OpenApiParameter.HEADER,
        description="Since when nothing new should use this: @ and seconds of the epoch.",
        required=True,
        response=True,
    ),
    OpenApiParameter(
        "Sunset",
        str,
        OpenApiParameter.HEADER,
        description="When this may be gone, as an HTTP date.",
        required=True,
        response=True,
    ),
]


def deprecated(*, since: date, sunset: date, instead: str = "") -> Callable[[_View], _View]:
    """Declare a view deprecated; `instead` is the address of what takes its place, if anything.

    Every answer of the view has the headers, also one that refuses. Works as a decorator above
    `extend_schema`, if there is any.

    Raises
    ------
    ValueError
        When less notice is given than the policy promises.
    """
    if sunset - since < LEAST_NOTICE:
        raise ValueError(
            f"The sunset {sunset} is {(sunset - since).days} days after {since}; at least "
            f"{LEAST_NOTICE.days} are promised."
        )
    headers = {
        "Deprecation": f"@{int(_midnight(since).timestamp())}",
        "Sunset": http_date(_midnight(sunset).timestamp()),
    }
    if instead:
        headers["Link"] = f'<{instead}>; rel="successor-version"'

    def declare(view: _View) -> _View:
        finalize = view.finalize_response

        def finalize_response(
            self: APIView, request: Request, response: Response, *args: Any, **kwargs: Any
        ) -> Response:
            answer = finalize(self, request, response, *args, **kwargs)
            for name, value in headers.items():
                answer[name] = value
            return answer

        described: _View = extend_schema(deprecated=True, parameters=_HEADERS)(view)
        # Its own class, so that whatever the view inherits from stays as it is.
        described.finalize_response = finalize_response  # type: ignore[method-assign]
        return described

    return declare


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
