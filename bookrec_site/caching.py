"""The cache, which holds rate limits and nothing that a page could not do without."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

T = TypeVar("T")


class FailOpenRedisCache(RedisCache):
    """Redis; while that is away, a cache that keeps nothing and refuses nothing.

    So limits are off, with a log line, rather than the doors shut. After an error Redis is left
    alone for a few seconds: one that hangs costs a request one timeout, not one for each look.
    """

    RETRY_SECONDS = 5.0

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._away_until = 0.0

    def _try(self, ask: Callable[[], T], otherwise: T) -> T:
        if time.monotonic() < self._away_until:
            return otherwise
        try:
            return ask()
        except RedisError as error:
            self._away_until = time.monotonic() + self.RETRY_SECONDS
            logger.warning("Redis is away, rate limits are off: %s", error)
            return otherwise

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
