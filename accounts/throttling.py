"""Rate limits, counted in Redis for all web processes together; their rates are settings.

While Redis is away everybody is let through (`bookrec_site.caching`).
"""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from accounts.addresses import counted_address
from accounts.counting import Limit, admit
from accounts.models import ApiToken

if TYPE_CHECKING:  # rest_framework.views imports this module by the name in the settings
    from rest_framework.views import APIView

_WAIT_SECONDS = 60


class _Counted(SimpleRateThrottle):
    """DRF's rates, counted in one step: DRF's own throttles let requests at once slip through."""

    scope: str
    _wait = 0.0

    def who(self, request: Request) -> str | None:
        """Return whose requests are counted together; None: nobody's."""
        raise NotImplementedError

    def limits(self, request: Request) -> list[Limit]:
        who = self.who(request)
        return [self._limit(self.scope, self.rate, who)] if who is not None else []

    def _limit(self, scope: str, rate: str | None, who: str) -> Limit:
        most, seconds = self.parse_rate(rate)
        if most is None or seconds is None:
            raise ValueError(f"the scope {scope} has no rate")
        return Limit(f"{scope}:{who}", most, seconds)

    def allow_request(self, request: Request, view: "APIView | Any") -> bool:
        limits = self.limits(request)
        self._wait = admit(limits) if limits else 0.0
        return self._wait == 0

    def wait(self) -> float | None:
        """Return for how many seconds to wait, after a request that was not allowed."""
        return self._wait or None


class AnonymousThrottle(_Counted):
    """Counts strangers by address."""

    scope = "anonymous"

    def who(self, request: Request) -> str | None:
        return None if request.user.is_authenticated else counted_address(request)


class ReaderThrottle(_Counted):
    """Counts each token, and all tokens and sessions of a reader together."""

    scope = "reader"

    def who(self, request: Request) -> str | None:
        return str(request.user.pk) if request.user.is_authenticated else None

    def limits(self, request: Request) -> list[Limit]:
        limits = super().limits(request)
        if isinstance(request.auth, ApiToken):
            limits.append(
                self._limit("token", self.THROTTLE_RATES["token"], request.auth.token_key)
            )
        return limits


class _PerCaller(_Counted):
    """Counts readers, and by address who has no account."""

    def who(self, request: Request) -> str:
        if request.user.is_authenticated:
            return str(request.user.pk)
        return counted_address(request)


class CostlyThrottle(_PerCaller):
    """For doors of the API behind which much is done at once."""

    scope = "costly"


class EventsThrottle(_PerCaller):
    """For what a page says of its lists: a few times a minute, beside what the reader does."""

    scope = "events"


class ReportThrottle(_PerCaller):
    """For reports to the moderators, each of which somebody has to read."""

    scope = "report"


class _PerAddress(_Counted):
    """Counts by client address, logged in or not: for doors that a stranger knocks at."""

    def who(self, request: Request) -> str:
        return counted_address(request)


class WrongTokenThrottle(_PerAddress):
    """A token that is none, or may not write, makes a stranger's request; DRF counts neither."""

    scope = "anonymous"


class LoginThrottle(_PerAddress):
    scope = "login"


class SignUpThrottle(_PerAddress):
    scope = "signup"


class SearchThrottle(_PerAddress):
    """For the search field's suggestions, of which every letter typed asks for some."""

    scope = "search"


def too_many_requests(request: HttpRequest, wait_seconds: float | None = None) -> HttpResponse:
    """Answer who must wait. allauth, whose limits are by the minute, does not say how long."""
    response = render(request, "429.html", status=429)
    response["Retry-After"] = str(_WAIT_SECONDS if wait_seconds is None else int(wait_seconds) + 1)
    return response
