"""If-None-Match and If-Match at doors whose answers have an `ETag` and no `Last-Modified`."""

from http import HTTPStatus

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.http import ConditionalGetMiddleware
from django.utils.decorators import decorator_from_middleware

from bookrec_site.problem_documents import MEDIA_TYPE, problem


class _Conditions(ConditionalGetMiddleware):
    """Django's, but what it refuses is told as every problem is.

    `If-Unmodified-Since` is left alone, as RFC 9110 (13.1.4) has it where there is no date to
    compare with; Django would refuse each.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        request.META.pop("HTTP_IF_UNMODIFIED_SINCE", None)
        answer = super().process_response(request, response)
        if answer.status_code != HTTPStatus.PRECONDITION_FAILED:
            return answer
        detail = "What is here has another ETag than those in If-Match."
        return JsonResponse(problem(412, detail), status=412, content_type=MEDIA_TYPE)


# For the `dispatch` of a view.
conditional = decorator_from_middleware(_Conditions)
