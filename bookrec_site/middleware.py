"""What is asked of every request before any view sees it."""

import codecs
from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


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
