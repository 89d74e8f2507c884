"""The addresses of a book that was merged into another lead to that one, pages and API alike."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import reverse

from bookrec_site.problems import API_PREFIX
from catalog.merged import survivor_of

GetResponse = Callable[[HttpRequest], HttpResponse]

# What every address that speaks of a book calls its id.
_KEY = "book_id"
_MAX_ID = 2**63 - 1


def merged_books(get_response: GetResponse) -> GetResponse:
    """Answer 301 or 308 where a book is not found because it is part of another one now.

    Asked only when the answer is 404 anyway, so all other requests go on as they are. 308 where
    the method has to stay: for the API, and for forms. A merge may be undone, so the answer is
    asked for again each time.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code != HTTPStatus.NOT_FOUND:
            return response
        match = request.resolver_match
        book_id = match.kwargs.get(_KEY) if match else None
        if match is None or not isinstance(book_id, int) or book_id > _MAX_ID:
            return response
        survivor = survivor_of(book_id)
        if survivor is None:
            return response
        address = reverse(match.view_name, kwargs={**match.kwargs, _KEY: survivor})
        query = request.META.get("QUERY_STRING", "")
        is_page = request.method in ("GET", "HEAD") and not request.path.startswith(API_PREFIX)
        return HttpResponsePermanentRedirect(
            f"{address}?{query}" if query else address,
            preserve_request=not is_page,
            headers={"Cache-Control": "no-cache" if is_page else "private, no-cache"},
        )

    return middleware
