"""What the site as a whole knows at the moment of a scrape: the active run, queues, beat.

The same from every host; what cannot be asked is left out, and `bookrec_source_up` says so.
"""

import logging
from collections.abc import Iterator

from django.db import DatabaseError
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from bookrec_site.operations.beat import seconds_since_tick
from bookrec_site.operations.queues import BrokerAway, queue_states
from recommender.models import TrainingRun

logger = logging.getLogger(__name__)


class SiteCollector(Collector):
    """Asks PostgreSQL and Redis, in at most a few seconds."""

    def collect(self) -> Iterator[Metric]:
        """Yield what can be known now."""
        up = GaugeMetricFamily(
            "bookrec_source_up", "Whether a server could be asked just now.", labels=["source"]
        )
        for source, ask in (("database", _runs), ("redis", _queues)):
            try:
                found = ask()
            except (DatabaseError, RedisError, BrokerAway) as error:
                logger.error("metrics: %s cannot be asked: %s", source, error)
                up.add_metric([source], 0)
            else:
                yield from found
                up.add_metric([source], 1)
        yield up


def _runs() -> list[Metric]:
    active = TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).first()
    under_way = TrainingRun.objects.filter(status__in=TrainingRun.UNDER_WAY).count()
    found: list[Metric] = [
        GaugeMetricFamily(
            "bookrec_runs_under_way", "Training runs queued or being worked at.", under_way
        )
    ]
    if active is not None:
        found.append(
            GaugeMetricFamily("bookrec_active_run_id", "Number of the active run.", active.pk)
        )
        if active.finished_at is not None:
            age = (timezone.now() - active.finished_at).total_seconds()
            found.append(
                GaugeMetricFamily(
                    "bookrec_active_run_age_seconds", "Seconds since it went live.", max(0.0, age)
                )
            )
    return found


def _queues() -> list[Metric]:
    waiting = GaugeMetricFamily(
        "bookrec_queue_waiting", "Tasks that wait in a queue.", labels=["queue"]
    )
    oldest = GaugeMetricFamily(
        "bookrec_queue_oldest_seconds",
        "Seconds that the oldest of them has waited; 0 where none waits.",
        labels=["queue"],
    )
    for state in queue_states(with_consumers=False):
        waiting.add_metric([state.name], state.n_waiting)
        oldest.add_metric([state.name], state.oldest_seconds or 0.0)
    found: list[Metric] = [waiting, oldest]
    ticked = seconds_since_tick()
    if ticked is not None:
        found.append(
            GaugeMetricFamily(
                "bookrec_beat_age_seconds", "Seconds since beat looked at its schedule.", ticked
            )
        )
    return found
