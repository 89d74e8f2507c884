"""The cache, which holds rate limits and nothing that a page could not do without."""

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache.backends.redis import RedisCache
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

T = TypeVar("T")


class JsonSerializer:
    """Values as JSON: Django's own would unpickle whatever somebody put into Redis."""

    def dumps(self, value: Any) -> int | bytes:
        # Whole numbers as they are, so that Redis can count them.
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, stored: bytes) -> Any:
        return json.loads(stored)


class _Absence:
    """Whether a server is away, for all threads of the process: Django makes each a cache."""

    RETRY_SECONDS = 5.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_away = False
        self._retry_at = 0.0

    def may_ask(self) -> bool:
        """Return whether to try: always, or of a server that is away one thread now and then."""
        if not self._is_away:
            return True
        with self._lock:
            if time.monotonic() < self._retry_at:
                return False
            self._retry_at = time.monotonic() + self.RETRY_SECONDS
            return True

    def failed(self, error: RedisError) -> None:
        with self._lock:
            is_news, self._is_away = not self._is_away, True
            self._retry_at = time.monotonic() + self.RETRY_SECONDS
        if is_news:
            logger.warning("Redis is away, rate limits are off: %s", error)

    def answered(self) -> None:
        if self._is_away:
            with self._lock:
                is_news, self._is_away = self._is_away, False
            if is_news:
                logger.warning("Redis is back, rate limits are on")


_absences: defaultdict[str, _Absence] = defaultdict(_Absence)


class FailOpenRedisCache(RedisCache):
    """Redis; while that is away, a cache that keeps nothing and refuses nothing.

    So limits are off, with a log line when it goes and one when it is back, rather than the doors
    shut. After an error Redis is left alone for a few seconds: one that hangs costs one request a
    timeout, not each of them.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._absence = _absences[str(server)]

    def _try(self, ask: Callable[[], T], otherwise: T) -> T:
        if not self._absence.may_ask():
            return otherwise
        try:
            answer = ask()
        except RedisError as error:
            self._absence.failed(error)
            return otherwise
        self._absence.answered()
        return answer

    def ask_redis(self, ask: Callable[[Redis], T], otherwise: T) -> T:
        """Do with Redis itself what a cache cannot; answer `otherwise` while it is away."""
        return self._try(lambda: ask(self._cache.get_client(write=True)), otherwise)

    def add(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> bool:
        return self._try(
            lambda: super(FailOpenRedisCache, self).add(key, value, *args, **kwargs), True
        )

    def get(self, key: Any, default: Any = None, *args: Any, **kwargs: Any) -> Any:
        return self._try(
            lambda: super(FailOpenRedisCache, self).get(key, default, *args, **kwargs), default
        )

    def set(self, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        self._try(lambda: super(FailOpenRedisCache, self).set(key, value, *args, **kwargs), None)

    def delete(self, key: Any, *args: Any, **kwargs: Any) -> bool:
        return self._try(
            lambda: super(FailOpenRedisCache, self).delete(key, *args, **kwargs), False
        )
