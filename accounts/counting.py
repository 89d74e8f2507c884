"""Counters of requests in Redis, for all processes together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar, cast

from django.core.cache import caches
from redis import Redis

T = TypeVar("T")

# All or nothing: a request that one counter refuses is counted by none. Redis runs a script as one
# step, so of many requests at once as many pass as of one after another.
_ADMIT: Final = """
local wait = 0
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[2 * i - 1]) then
    wait = math.max(wait, redis.call('PTTL', key), 1)
  end
end
if wait == 0 then
  for i, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[2 * i]) end
  end
end
return wait
"""


@dataclass(frozen=True)
class Limit:
    """At most so many requests in so many seconds, which begin with the first of them."""

    key: str
    most: int
    seconds: int


class FailOpen(Protocol):
    """The cache of this site (`bookrec_site.caching`)."""

    def ask_redis(self, ask: Callable[[Redis], T], otherwise: T) -> T: ...


def admit(limits: Sequence[Limit]) -> float:
    """Count a request by each of the limits; return 0, or the seconds to wait when one is full.

    While Redis is away everything is admitted.
    """
    keys = [f"requests:{limit.key}" for limit in limits]
    arguments = [number for limit in limits for number in (limit.most, limit.seconds * 1000)]

    def ask(redis: Redis) -> float:
        waited: int = redis.register_script(_ADMIT)(keys=keys, args=arguments)
        return waited / 1000

    return cast(FailOpen, caches["default"]).ask_redis(ask, 0.0)
