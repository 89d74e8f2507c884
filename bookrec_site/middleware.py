"""What is asked of every request before any view sees it."""

import codecs
from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.common import CommonMiddleware
from django.utils.cache import patch_vary_headers
from rest_framework.permissions import SAFE_METHODS

from bookrec_site.problems import API_PREFIX, length_required

GetResponse = Callable[[HttpRequest], HttpResponse]


class SlashMiddleware(CommonMiddleware):
    """Django's, but for what a program writes to an address without its last slash.

    A 301 makes a GET of it, whose 200 looks like success: what is not there is answered instead.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        writes = request.path.startswith(API_PREFIX) and request.method not in SAFE_METHODS
        return not writes and super().should_redirect_with_slash(request)


def known_length(get_response: GetResponse) -> GetResponse:
    """Refuse a body that does not say how long it is: to Django it would be none at all."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            return length_required(request)
        return get_response(request)

    return middleware


def known_charset(get_response: GetResponse) -> GetResponse:
    """Refuse a body in a "charset" that is none, or that is a codec of bytes, such as zlib."""

    def middleware(request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "")
        if charset and not _is_charset(charset):
            raise BadRequest(f"The charset {charset[:40]!r} is unknown.")
        return get_response(request)

    return middleware


def _is_charset(name: str) -> bool:
    try:
        return codecs.lookup(name)._is_text_encoding
    except (LookupError, ValueError):
        return False


def api_caching(get_response: GetResponse) -> GetResponse:
    """Say of every answer of the API who may keep it: nobody, unless its view says otherwise."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith(API_PREFIX):
            response.headers.setdefault("Cache-Control", "private, no-store")
            # Even what everybody gets is refused to a token that has ended.
            patch_vary_headers(response, ["Authorization", "Cookie"])
        return response

    return middleware
