"""Errors of the API as RFC 9457 problem details."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

MEDIA_TYPE = "application/problem+json"
API_PREFIX = "/api/"


def problem(status: int, detail: str, **members: object) -> dict[str, object]:
    """Return the members of a problem document; type is "about:blank", so title names status."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **members,
    }


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer what a client did wrong; leave what we did wrong to Django's own 500."""
    response = drf_exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    assert isinstance(error, exceptions.APIException)  # noqa: S101 - the handler's own promise
    if isinstance(error, exceptions.ValidationError):
        fields = response.data if isinstance(response.data, dict) else {}
        response.data = problem(
            response.status_code, "The request has fields that are not valid.", errors=fields
        )
    else:
        response.data = problem(response.status_code, str(error.detail))
    response.content_type = MEDIA_TYPE
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself refuses: too large, for an unknown host."""
    if not request.path.startswith(API_PREFIX):
        return defaults.bad_request(request, exception)
    return JsonResponse(
        problem(400, "The request is not valid."), status=400, content_type=MEDIA_TYPE
    )


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown address: a problem below the API, a page elsewhere."""
    if not request.path.startswith(API_PREFIX):
        return defaults.page_not_found(request, exception)
    return JsonResponse(
        problem(404, f"There is nothing at {request.path[:200]}."),
        status=404,
        content_type=MEDIA_TYPE,
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer our own mistake: what happened is in the log, not in the answer."""
    if not request.path.startswith(API_PREFIX):
        return defaults.server_error(request)
    return JsonResponse(
        problem(500, "Something went wrong here; it has been logged."),
        status=500,
        content_type=MEDIA_TYPE,
    )
