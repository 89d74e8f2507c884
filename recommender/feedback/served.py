"""How many lists were served: counted in Redis, one step a list, and nothing of who saw them.

Counts of a day only grow until they are forgotten, so reading them twice adds nothing. While Redis
is away lists are served uncounted, with a log line.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from accounts.models import User
from recommender.feedback.list_ids import new_list_id
from recommender.models import ListBasis, Surface
from recommender.signals import list_served

logger = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=8)
_TIMEOUT_SECONDS = 0.5
_RETRY_SECONDS = 5.0
_SEPARATOR = "|"
# Counted and made to end in one step: a process that dies between two would leave a key that nobody
# forgets. The end is set once for every kind of list, not for every list.
_COUNT: Final = """
if redis.call('HINCRBY', KEYS[1], ARGV[1], 1) == 1 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
"""


class Served(NamedTuple):
    """Of which lists some were counted."""

    run_id: int | None
    surface: Surface
    basis: ListBasis
    is_empty: bool


def serve_list(
    *,
    surface: Surface,
    basis: str,
    run_id: int | None,
    k: int,
    books: Sequence[int],
    reader: User | None,
) -> str:
    """Count a list that is about to be shown, and return its id; "off" is no list and has none."""
    list_served.send(Served, surface=str(surface), basis=basis, is_empty=not books)
    if basis not in ListBasis.values:
        return ""
    made_from = ListBasis(basis)
    _count(Served(run_id, surface, made_from, not books))
    return new_list_id(
        surface=surface,
        basis=made_from,
        run_id=run_id,
        k=k,
        books=books,
        reader_id=reader.pk if reader else None,
    )


@dataclass
class _Away:
    """Since when Redis is left alone, after it did not answer."""

    until: float = 0.0


_away = _Away()


def _count(served: Served) -> None:
    if time.monotonic() < _away.until:
        return
    key = _key(datetime.now(UTC).date())
    try:
        _redis(settings.REDIS_URL).eval(
            _COUNT, 1, key, _field(served), str(int(KEPT_FOR.total_seconds()))
        )
    except RedisError as error:
        _away.until = time.monotonic() + _RETRY_SECONDS
        logger.warning("Redis is away, served lists are not counted: %s", error)


def served_on(day: date) -> dict[Served, int]:
    """Return how many lists were served on a day (UTC), as far as Redis knows.

    Raises
    ------
    redis.exceptions.RedisError
        While Redis is away.
    """
    counts: Any = _redis(settings.REDIS_URL).hgetall(_key(day))
    return {_served(field): int(count) for field, count in counts.items()}


@lru_cache(maxsize=4)
def _redis(url: str) -> "Redis":
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
    )


def _key(day: date) -> str:
    return f"bookrec:served-lists:{day.isoformat()}"


def _field(served: Served) -> str:
    parts = (str(served.run_id or 0), served.surface, served.basis, str(int(served.is_empty)))
    return _SEPARATOR.join(parts)


def _served(field: str) -> Served:
    run, surface, basis, is_empty = field.split(_SEPARATOR)
    return Served(int(run) or None, Surface(surface), ListBasis(basis), is_empty == "1")
