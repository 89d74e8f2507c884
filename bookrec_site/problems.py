"""What is answered to requests that fail: pages, and RFC 9457 problem details below the API."""

import sys
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import is_valid_path
from django.views import defaults
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from accounts.selectors import is_gone
from bookrec_site.parsers import ContentTooLarge
from bookrec_site.problem_documents import MEDIA_TYPE, problem
from catalog.selectors import load_cards
from ratings.marks import marked, marked_for
from recommender.serving import popular_books

API_PREFIX = "/api/"
# Books that a page that is not there offers instead.
N_IDEAS = 6
# Seconds; a database that was restarted is back by then.
RETRY_AFTER = 10


class ReaderGone(exceptions.AuthenticationFailed):
    """The account was deleted while its owner asked: by another request, or by somebody else."""

    default_detail = "This account is gone."
    auth_header = ""


def _is_of_a_reader_gone(error: BaseException | None, request: Any) -> bool:
    """Tell whether an error came of it that the reader was deleted after the request began.

    So no service has to expect it: what is theirs is not found, or cannot be written. Asked only
    of what would be our own mistake otherwise.
    """
    lost = isinstance(error, ObjectDoesNotExist | DatabaseError)
    return lost and not isinstance(error, OperationalError) and is_gone(request.user)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer what a client did wrong; leave what we did wrong to Django's own 500."""
    if isinstance(error, RequestDataTooBig):
        error = ContentTooLarge()
    elif _is_of_a_reader_gone(error, context["request"]):
        error = ReaderGone()
        # What DRF's views add to a refusal that they raise themselves.
        error.auth_header = context["view"].get_authenticate_header(context["request"])
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
        members = getattr(error, "members", {})
        response.data = problem(response.status_code, str(error.detail), **members)
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
    path = request.path[:200]
    detail = f"There is nothing at {path}."
    if not path.endswith("/") and is_valid_path(f"{request.path_info}/"):
        detail = f"There is nothing at {path}: addresses end with a slash, {path}/."
    return JsonResponse(problem(404, detail), status=404, content_type=MEDIA_TYPE)


def length_required(request: HttpRequest) -> HttpResponse:
    """Answer a request whose body comes in chunks, of which nobody knows how many."""
    detail = "Say how long the body is, in Content-Length; a body in chunks is not read here."
    if not request.path.startswith(API_PREFIX):
        return HttpResponse(f"{detail}\n", status=411, content_type="text/plain")
    return JsonResponse(problem(411, detail), status=411, content_type=MEDIA_TYPE)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer our own mistake: what happened is in the log, not in the answer.

    A database that cannot be reached, or does not answer in time, is none: 503, try again. Nor is
    a reader who was deleted meanwhile, by another tab perhaps.
    """
    error = sys.exception()
    if isinstance(error, OperationalError | InterfaceError):
        return _database_away(request)
    if _is_of_a_reader_gone(error, request):
        return redirect("home")
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
