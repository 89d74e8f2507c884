"""Rate limits, counted in Redis for all web processes together."""

import logging
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, SimpleRateThrottle, UserRateThrottle

if TYPE_CHECKING:  # rest_framework.views imports this module by the name in the settings
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class _FailOpen(SimpleRateThrottle):
    """Lets requests through, with a log line, while Redis is away: ratings matter more."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        try:
            return super().allow_request(request, view)
        except RedisError as error:
            logger.warning("throttle %s is off, Redis is away: %s", self.scope, error)
            return True


class AnonymousThrottle(_FailOpen, AnonRateThrottle):
    scope = "anonymous"


class ReaderThrottle(_FailOpen, UserRateThrottle):
    scope = "reader"


class _PerAddress(_FailOpen):
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
