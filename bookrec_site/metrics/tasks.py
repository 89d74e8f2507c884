"""Counts the tasks of a worker; imported by its processes when they begin."""

import time
from typing import Any

from celery.signals import task_postrun, task_prerun

from bookrec_site.metrics.counting import count_task

_STARTED = "bookrec_started"


@task_prerun.connect(dispatch_uid="bookrec_site.metrics.tasks.begin")
def _begin(task: Any, **kwargs: object) -> None:
    setattr(task.request, _STARTED, time.perf_counter())


@task_postrun.connect(dispatch_uid="bookrec_site.metrics.tasks.end")
def _end(task: Any, state: str | None = None, **kwargs: object) -> None:
    started = getattr(task.request, _STARTED, None)
    if started is not None:
        count_task(task.name, state or "unknown", time.perf_counter() - started)
