"""What an operator has to know of at once: found by rules, told by e-mail, once."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.core.mail import send_mail
from django.utils import timezone

from bookrec_site.operations.queues import BrokerAway, QueueState, queue_states
from recommender.models import TrainingRun
from recommender.online import online_figures

logger = logging.getLogger(__name__)

# What is told already, in the cache; without it an operator is told again.
_KEY: Final = "alerts:told"
# Of what has not been mended until then, an operator is told again.
REMIND_AFTER: Final = timedelta(days=1)


# Of fewer a share says nothing.
FEWEST_LISTS: Final = 50


@dataclass(frozen=True)
class Alert:
    """One thing that is wrong; the name stays the same while the numbers change."""

    name: str
    text: str


def alerts_now(queues: Sequence[QueueState] | None) -> list[Alert]:
    """Return what is wrong now; `queues` is None when the broker does not answer."""
    return [*_model_alerts(), *_list_alerts(), *_queue_alerts(queues)]


def tell_operators() -> list[Alert]:
    """Send an e-mail of what is wrong and was not, and of what is well again.

    Returns what is wrong. The worker that does this takes from the queue `default`: when nobody
    does, /metrics tells, not this.
    """
    try:
        queues = queue_states()
    except BrokerAway as error:
        logger.error("alerts: the broker does not answer: %s", error)
        queues = None
    now = alerts_now(queues)
    told: dict[str, str] = cache.get(_KEY) or {}
    due = timezone.now() - REMIND_AFTER
    fresh = [
        alert
        for alert in now
        if alert.name not in told or datetime.fromisoformat(told[alert.name]) <= due
    ]
    over = sorted(told.keys() - {alert.name for alert in now})
    for alert in fresh:
        logger.error("alert %s: %s", alert.name, alert.text)
    if over:
        logger.warning("alerts that are over: %s", ", ".join(over))
    if (fresh or over) and settings.ALERT_EMAILS:
        send_mail(_subject(fresh, over), _body(fresh, over), None, settings.ALERT_EMAILS)
    at = timezone.now().isoformat()
    kept = {alert.name: at if alert in fresh else told[alert.name] for alert in now}
    cache.set(_KEY, kept, timeout=None)
    return now


def _subject(fresh: Sequence[Alert], over: Sequence[str]) -> str:
    if fresh:
        return f"Bookrec: {fresh[0].name}" + (f" and {len(fresh) - 1} more" if fresh[1:] else "")
    return f"Bookrec: well again ({', '.join(over)})"


def _body(fresh: Iterable[Alert], over: Iterable[str]) -> str:
    lines = [alert.text for alert in fresh] + [f"Well again: {name}." for name in over]
    return "\n".join(lines) + "\n\nThe page “Operations” in the admin shows how it is now.\n"


def _model_alerts() -> list[Alert]:
    found = []
    active = TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).first()
    limit = timedelta(hours=settings.ALERT_MODEL_HOURS)
    if active is None:
        found.append(Alert("no active run", "No run is active: lists are of popular books only."))
    elif active.started_at is not None and timezone.now() - active.started_at > limit:
        hours = (timezone.now() - active.started_at).total_seconds() / 3600
        found.append(
            Alert(
                "old model",
                f"Run {active.pk}, the active one, was begun {hours:.0f} hours ago; wanted is at "
                f"most {settings.ALERT_MODEL_HOURS}.",
            )
        )
    n_bad = settings.ALERT_FAILED_RUNS
    last = list(
        TrainingRun.objects.exclude(status__in=TrainingRun.UNDER_WAY).order_by("-pk")[:n_bad]
    )
    bad = (TrainingRun.Status.FAILED, TrainingRun.Status.REJECTED)
    if len(last) == n_bad and all(run.status in bad for run in last):
        found.append(
            Alert(
                "failing runs",
                f"The last {n_bad} training runs ended without a model: "
                f"{last[0].reason or last[0].status}",
            )
        )
    return found


def _list_alerts() -> list[Alert]:
    today = timezone.now().date()
    found = online_figures(today - timedelta(days=1), today, by=())
    if not found or found[0].lists_served < FEWEST_LISTS:
        return []
    [figures] = found
    limit = settings.ALERT_FALLBACK_PERCENT / 100
    return [
        Alert(
            f"many {what} lists",
            f"{share:.0%} of {figures.lists_served:,} lists since yesterday are {what} ones; "
            f"wanted are at most {limit:.0%}.",
        )
        for what, share in (("fallback", figures.fallback_share), ("empty", figures.empty_share))
        if share is not None and share > limit
    ]


def _queue_alerts(queues: Sequence[QueueState] | None) -> list[Alert]:
    if queues is None:
        return [Alert("no broker", "The broker does not answer: no task is taken.")]
    found = [
        Alert(f"nobody takes from {queue.name}", f"No worker takes from the queue {queue.name}.")
        for queue in queues
        if queue.is_unattended
    ]
    limit = 60 * settings.ALERT_QUEUE_MINUTES
    found += [
        Alert(
            f"{queue.name} is late",
            f"A task waits in the queue {queue.name} for {queue.oldest_seconds / 60:.0f} minutes, "
            f"{queue.n_waiting} in all; wanted is at most {settings.ALERT_QUEUE_MINUTES}.",
        )
        for queue in queues
        if queue.oldest_seconds is not None and queue.oldest_seconds > limit
    ]
    return found
