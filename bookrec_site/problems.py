"""What is answered to requests that fail: pages, and RFC 9457 problem details below the API."""

import sys
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views import defaults
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from bookrec_site.parsers import ContentTooLarge
from catalog.selectors import load_cards
from ratings.marks import marked, marked_for
from recommender.serving import popular_books

MEDIA_TYPE = "application/problem+json"
API_PREFIX = "/api/"
# Books that a page that is not there offers instead.
N_IDEAS = 6
# Seconds; a database that was restarted is back by then.
RETRY_AFTER = 10


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
    if isinstance(error, RequestDataTooBig):
        error = ContentTooLarge()
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
    # Whatever the view answers with otherwise, and whatever was asked for.
    request = context["request"]
    request.accepted_renderer, request.accepted_media_type = JSONRenderer(), MEDIA_TYPE
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
        ideas = popular_books(k=N_IDEAS)
        load_cards(ideas, with_series=False)
        # A middleware before the one that finds the user may raise it too.
        known = hasattr(request, "user")
        books = marked_for(request, ideas) if known else marked(AnonymousUser(), ideas)
        return render(request, "404.html", {"books": books}, status=404)
    return JsonResponse(
        problem(404, f"There is nothing at {request.path[:200]}."),
        status=404,
        content_type=MEDIA_TYPE,
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer our own mistake: what happened is in the log, not in the answer.

    A database that cannot be reached, or does not answer in time, is none: 503, try again.
    """
    if isinstance(sys.exception(), OperationalError | InterfaceError):
        return _database_away(request)
    if not request.path.startswith(API_PREFIX):
        return defaults.server_error(request)
    return JsonResponse(
        problem(500, "Something went wrong here; it has been logged."),
        status=500,
        content_type=MEDIA_TYPE,
    )


def _database_away(request: HttpRequest) -> HttpResponse:
    response: HttpResponse
    if request.path.startswith(API_PREFIX):
        response = JsonResponse(
            problem(503, "The database cannot be reached; try again soon."),
            status=503,
            content_type=MEDIA_TYPE,
        )
    else:
        # Without a context of the request: that would ask for the reader and their session.
        response = HttpResponse(render_to_string("503.html"), status=503)
    response["Retry-After"] = str(RETRY_AFTER)
    response["Cache-Control"] = "no-store"
    return response
