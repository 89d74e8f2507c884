"""Celery beat, which says that it lives: the scheduler of the database, with a sign in Redis."""

import logging
import time
from typing import Any, Final

from django_celery_beat.schedulers import DatabaseScheduler
from redis.exceptions import RedisError

from bookrec_site.operations.queues import redis

logger = logging.getLogger(__name__)

_KEY: Final = "bookrec:beat"
# Beat ticks at least as often as CELERY_BEAT_MAX_LOOP_INTERVAL says.
_SIGN_EVERY: Final = 5.0
_KEPT_SECONDS: Final = 7 * 86400


class Scheduler(DatabaseScheduler):
    """Leaves the time of its last tick in Redis."""

    _signed_at = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() - self._signed_at >= _SIGN_EVERY:
            self._signed_at = time.monotonic()
            try:
                with redis() as server:
                    server.set(_KEY, time.time(), ex=_KEPT_SECONDS)
            except RedisError as error:
                logger.warning("beat cannot say that it lives: %s", error)
        return super().tick(*args, **kwargs)


def seconds_since_tick() -> float | None:
    """Return how long ago beat last ticked; None: not in the last week.

    Raises
    ------
    RedisError
        When Redis does not answer.
    """
    with redis() as server:
        told = server.get(_KEY)
    return None if told is None else max(0.0, time.time() - float(told))
