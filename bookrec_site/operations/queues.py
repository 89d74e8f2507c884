"""The queues of Celery as they are now: what waits, since when, and who takes it."""

import json
import logging
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from celery import current_app
from celery.signals import before_task_publish
from django.conf import settings
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# How long workers may take to answer; every call waits so long. Before it is said that nobody
# takes from a queue they are given more time: on a busy machine they are slow.
ANSWER_SECONDS: Final = 1.0
PATIENT_SECONDS: Final = 4.0
_REDIS_SECONDS: Final = 1.0
SENT_AT: Final = "sent_at"


@dataclass(frozen=True)
class QueueState:
    """One queue that tasks are routed to."""

    name: str
    n_waiting: int
    # Of the message that waits longest; None: nothing waits, or it does not say when it was sent.
    oldest_seconds: float | None
    # Workers that take from it now; None: they could not be asked.
    n_consumers: int | None

    @property
    def is_unattended(self) -> bool:
        """Whether tasks come here and nobody takes them."""
        return self.n_consumers == 0


class BrokerAway(Exception):
    """The broker does not answer: nobody knows what waits."""


def routed_queues() -> list[str]:
    """Return the queues that tasks of this site are sent to."""
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    return sorted({settings.CELERY_TASK_DEFAULT_QUEUE, *routed})


def redis() -> Redis:
    """Return a connection to the broker's server that gives up soon."""
    return Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_SECONDS,
    )


def queue_states(*, with_consumers: bool = True) -> list[QueueState]:
    """Return the state of every routed queue; asking workers takes a second,
    or five while one is missing.

    Raises
    ------
    BrokerAway
        When the broker does not answer.
    """
    try:
        with redis() as server:
            waiting = {name: _waiting(server, name) for name in routed_queues()}
        consumers = _consumers() if with_consumers else None
    except (RedisError, OperationalError) as error:
        raise BrokerAway(str(error)) from error
    return [
        QueueState(name, *state, None if consumers is None else consumers[name])
        for name, state in waiting.items()
    ]


def _waiting(server: Redis, queue: str) -> tuple[int, float | None]:
    # kombu pushes at the left and takes from the right.
    with server.pipeline(transaction=False) as asked:
        asked.llen(queue)
        asked.lindex(queue, -1)
        n_waiting, oldest = asked.execute()
    return n_waiting, None if oldest is None else _age(oldest)


def _age(message: bytes) -> float | None:
    try:
        sent_at = json.loads(message)["headers"][SENT_AT]
        return max(0.0, time.time() - float(sent_at))
    except (ValueError, KeyError, TypeError):
        # Somebody else's message, or one from before this was written into them.
        return None


def _consumers() -> Counter[str]:
    found = Counter[str]()
    for timeout in (ANSWER_SECONDS, PATIENT_SECONDS):
        answers = current_app.control.inspect(timeout=timeout).active_queues() or {}
        found = Counter(queue["name"] for queues in answers.values() for queue in queues)
        if all(found[name] for name in routed_queues()):
            break
    return found


@before_task_publish.connect
def _note_when(headers: dict[str, Any], **kwargs: object) -> None:
    """Write into every message when it was sent."""
    headers[SENT_AT] = time.time()
