"""Everything around the site at one look."""

import logging
from dataclasses import dataclass
from typing import Final

from redis.exceptions import RedisError

from bookrec_site.health import database_state, model_state_now, redis_state
from bookrec_site.operations.beat import seconds_since_tick
from bookrec_site.operations.queues import BrokerAway, QueueState, queue_states

logger = logging.getLogger(__name__)

# Beat looks at its schedule every five seconds.
BEAT_LATE_SECONDS: Final = 60


@dataclass(frozen=True)
class Part:
    """One thing that the site needs, and whether it is well."""

    name: str
    is_well: bool
    detail: str


def parts() -> list[Part]:
    """Return the servers, the model and beat."""
    database, redis = database_state(), redis_state()
    model = model_state_now() if database == "ok" else "unknown"
    return [
        Part("PostgreSQL", database == "ok", database),
        Part("Redis", redis == "ok", redis),
        Part("Model of this web process", model == "ok", model),
        _beat(),
    ]


def queues() -> tuple[list[QueueState], str]:
    """Return the queues, or none and why."""
    try:
        return queue_states(), ""
    except BrokerAway as error:
        logger.error("the broker does not answer: %s", error)
        return [], "The broker does not answer; nobody knows what waits."


def _beat() -> Part:
    try:
        seconds = seconds_since_tick()
    except RedisError as error:
        logger.error("Redis does not answer: %s", error)
        return Part("Beat", False, "unknown: Redis does not answer")
    if seconds is None:
        return Part("Beat", False, "has not ticked in the last week")
    return Part("Beat", seconds <= BEAT_LATE_SECONDS, f"last ticked {seconds:.0f} s ago")
