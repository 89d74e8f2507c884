"""Counts every request by its route."""

import time

from django.http import HttpRequest, HttpResponse

from bookrec_site.metrics.counting import count_request
from bookrec_site.middleware import GetResponse

# No route has this name: what leads nowhere, whatever it is called.
NOWHERE = "nowhere"


def counted(get_response: GetResponse) -> GetResponse:
    """Count requests by the name of their route, never by their address."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = get_response(request)
        seconds = time.perf_counter() - started
        count_request(route_of(request), request.method, response.status_code, seconds)
        return response

    return middleware


def route_of(request: HttpRequest) -> str:
    """Return the name of the route that answered, or its pattern where it has none."""
    match = request.resolver_match
    if match is None:
        return NOWHERE
    return match.view_name if match.url_name else match.route
