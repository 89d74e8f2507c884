"""Rate limits, counted in Redis for all web processes together.

While Redis is away the cache lets everything through (`bookrec_site.caching`).
"""

import ipaddress
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.request import Request
from rest_framework.throttling import (
    AnonRateThrottle,
    BaseThrottle,
    SimpleRateThrottle,
    UserRateThrottle,
)

if TYPE_CHECKING:  # rest_framework.views imports this module by the name in the settings
    from rest_framework.views import APIView

# Stands for a client whose address is not known, as behind a Unix socket.
NO_ADDRESS = "0.0.0.0"  # noqa: S104 - nothing is bound to it
_WAIT_SECONDS = 60


class AnonymousThrottle(AnonRateThrottle):
    scope = "anonymous"


class ReaderThrottle(UserRateThrottle):
    scope = "reader"


class CostlyThrottle(UserRateThrottle):
    """For doors of the API behind which much is done at once; by address without an account."""

    scope = "costly"


class _PerAddress(SimpleRateThrottle):
    """Counts by client address, logged in or not: for doors that a stranger knocks at."""

    def get_cache_key(self, request: Request, view: "APIView") -> str:
        if not self.scope:
            raise ImproperlyConfigured("A throttle needs a scope.")
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class LoginThrottle(_PerAddress):
    scope = "login"


class SignUpThrottle(_PerAddress):
    scope = "signup"


class SearchThrottle(_PerAddress):
    """For the search field's suggestions, of which every letter typed asks for some."""

    scope = "search"


def client_address(request: HttpRequest) -> str:
    """Return the address that the throttles count by: a proxy's word only where it is trusted."""
    try:
        # Looks at request.META alone, which both kinds of request have.
        return str(ipaddress.ip_address(BaseThrottle().get_ident(request)))  # type: ignore[arg-type]
    except ValueError:
        return NO_ADDRESS


def too_many_requests(request: HttpRequest, wait_seconds: float | None = None) -> HttpResponse:
    """Answer who must wait. allauth, whose limits are by the minute, does not say how long."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = str(_WAIT_SECONDS if wait_seconds is None else int(wait_seconds) + 1)
    return response
