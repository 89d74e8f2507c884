"""Asking for a report, making it, and forgetting old ones."""

import gzip
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final, Protocol

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from accounts.models import User
from reports.errors import ReportUnderWay
from reports.models import Report

logger = logging.getLogger(__name__)

MAKE_TASK: Final = "reports.make"
KEPT: Final = 10


class Made(Protocol):
    """What `reports.document.make_document` returns."""

    @property
    def html(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def n_figures(self) -> int: ...


def request_report(*, requested_by: User | None = None) -> Report:
    """Have the worker make a report; return its row.

    A queued one that the broker may have lost is sent again instead. The worker of training runs
    makes it: it gives its memory back, and nobody's import waits for it.

    Raises
    ------
    ReportUnderWay
        When one is being made.
    """
    close_dead_reports()
    report = Report.objects.filter(status=Report.Status.QUEUED).first()
    if report is None:
        try:
            with transaction.atomic():
                report = Report.objects.create(requested_by=requested_by)
        except IntegrityError as error:
            raise ReportUnderWay("A report is being made; wait until it is ready.") from error
    number = report.pk
    transaction.on_commit(lambda: _send(number))
    return report


def _send(number: int) -> None:
    try:
        current_app.send_task(MAKE_TASK, args=[number])
    except OperationalError as error:
        logger.error("report %d stays queued, the broker does not answer: %s", number, error)


def close_dead_reports() -> int:
    """Close reports whose worker was ended before it could say so; return how many."""
    # The hard limit has ended it by then.
    lost = Now() - timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT + 60)
    return Report.objects.filter(status=Report.Status.MAKING, started_at__lt=lost).update(
        status=Report.Status.FAILED, finished_at=Now(), reason="The worker that made it was ended."
    )


def fulfil(number: int, make: Callable[[], Made]) -> None:
    """Make a queued report by `make` and keep it; any other is left alone.

    A task may be delivered twice. What fails is written down and raised again.
    """
    own = Report.objects.filter(pk=number)
    begun = own.filter(status=Report.Status.QUEUED).update(
        status=Report.Status.MAKING, started_at=Now()
    )
    if not begun:
        logger.info("report %d is not queued: nothing to do", number)
        return
    try:
        made = make()
    except BaseException as error:
        own.filter(status=Report.Status.MAKING).update(
            status=Report.Status.FAILED,
            finished_at=Now(),
            reason=f"{type(error).__name__}: {error}",
        )
        raise
    content = made.html.encode()
    own.filter(status=Report.Status.MAKING).update(
        status=Report.Status.READY,
        finished_at=Now(),
        seconds=made.seconds,
        n_figures=made.n_figures,
        content=gzip.compress(content),
        n_bytes=len(content),
    )
    _forget_old()


def _forget_old() -> None:
    kept = Report.objects.order_by("-id").values("pk")[:KEPT]
    Report.objects.exclude(pk__in=list(kept.values_list("pk", flat=True))).exclude(
        status__in=Report.UNDER_WAY
    ).delete()
