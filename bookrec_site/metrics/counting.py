"""What each process counts. Imported by who counts alone: processes that do not, keep no files.

Labels have few values: names of routes, methods that are known, status codes, our own words.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from prometheus_client import values

from bookrec_site.metrics.slots import Slot
from recommender.signals import list_served

logger = logging.getLogger(__name__)

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
# Seconds. A list takes hundredths, an upload a few.
_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TASK_BUCKETS: Final = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)

os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.METRICS_DIR)
# Before any metric is made; the library's own way to name the files of a process.
values.ValueClass = values.MultiProcessValue(  # type: ignore[no-untyped-call]
    Slot(Path(settings.METRICS_DIR))
)
from prometheus_client import Counter, Histogram  # noqa: E402

_requests = Counter(
    "bookrec_requests",
    "Requests answered, by the name of their route.",
    ["route", "method", "status"],
    registry=None,
)
_seconds = Histogram(
    "bookrec_request_seconds",
    "Seconds until a request was answered.",
    ["route"],
    buckets=_BUCKETS,
    registry=None,
)
_lists = Counter(
    "bookrec_lists",
    "Lists served, by where they are shown, what they were made from and whether they are empty.",
    ["surface", "basis", "empty"],
    registry=None,
)
_tasks = Counter(
    "bookrec_tasks", "Tasks of Celery that have ended, by how.", ["task", "state"], registry=None
)
_task_seconds = Histogram(
    "bookrec_task_seconds",
    "Seconds that a task of Celery took.",
    ["task"],
    buckets=_TASK_BUCKETS,
    registry=None,
)


class _Broken:
    """Whether counting has failed once: then it stops, and readers notice nothing."""

    is_so = False


def _count(count: Callable[[], None]) -> None:
    if _Broken.is_so:
        return
    try:
        count()
    except (OSError, ValueError) as error:
        # ValueError: a file that is not what it should be.
        _Broken.is_so = True
        logger.error("this process counts nothing any more: %s", error)


def count_request(route: str, method: str | None, status: int, seconds: float) -> None:
    """Count an answered request; whatever fails is logged, not raised."""

    def count() -> None:
        known = method if method in METHODS else OTHER
        _requests.labels(route, known, str(status)).inc()
        _seconds.labels(route).observe(seconds)

    _count(count)


def count_task(task: str, state: str, seconds: float) -> None:
    """Count a task that has ended; whatever fails is logged, not raised."""

    def count() -> None:
        _tasks.labels(task, state).inc()
        _task_seconds.labels(task).observe(seconds)

    _count(count)


def count_list(surface: str, basis: str, is_empty: bool, **kwargs: Any) -> None:
    """Count a list that is served; whatever fails is logged, not raised."""
    _count(lambda: _lists.labels(surface, basis, "yes" if is_empty else "no").inc())


list_served.connect(count_list, dispatch_uid="bookrec_site.metrics")
