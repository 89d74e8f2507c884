"""What happens around every request of a reader who is logged in."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers

from accounts.open_sessions import note_visit

GetResponse = Callable[[HttpRequest], HttpResponse]


def seen_now(get_response: GetResponse) -> GetResponse:
    """Keep the list of sessions current: address, browser and time of the last visit.

    After the view, and only when it looked at the session: a page that does not, such as a drawn
    cover, stays free of it and may be kept by every cache.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.session.accessed:
            note_visit(request)
        return response

    return middleware


def private_pages(get_response: GetResponse) -> GetResponse:
    """Let no cache keep a page of an account, whichever library made it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith("/account/"):
            add_never_cache_headers(response)
        return response

    return middleware
