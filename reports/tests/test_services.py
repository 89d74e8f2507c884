"""The life of a report that was asked for."""

import gzip
from dataclasses import dataclass
from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from reports import services, tasks
from reports.errors import ReportUnderWay
from reports.models import Report

pytestmark = pytest.mark.django_db


@dataclass
class Made:
    html: str = "<p>déjà</p>"
    seconds: float = 1.5
    n_figures: int = 3


def test_a_report_is_made_once_and_kept() -> None:
    report = Report.objects.create()
    calls = []

    def make() -> Made:
        assert Report.objects.get().status == "making"
        calls.append(1)
        return Made()

    services.fulfil(report.pk, make)
    services.fulfil(report.pk, make)  # the task is delivered again
    assert calls == [1]
    report.refresh_from_db()
    assert (report.status, report.seconds, report.n_figures) == ("ready", 1.5, 3)
    content = gzip.decompress(report.content)
    assert content.decode() == "<p>déjà</p>"
    assert report.n_bytes == len(content)
    assert report.requested_at <= report.started_at <= report.finished_at


def test_the_task_makes_the_real_one() -> None:
    report = Report.objects.create()
    tasks.make(report.pk)
    report.refresh_from_db()
    assert b"There are no ratings yet." in gzip.decompress(report.content)


def test_a_failure_is_written_down_and_raised() -> None:
    report = Report.objects.create()

    def fail() -> Made:
        raise MemoryError("no room")

    with pytest.raises(MemoryError):
        services.fulfil(report.pk, fail)
    report.refresh_from_db()
    assert (report.status, report.reason) == ("failed", "MemoryError: no room")
    assert services.request_report().pk != report.pk


def test_one_whose_worker_was_ended_is_closed_in_time() -> None:
    limit = timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT)
    now = timezone.now()
    report = Report.objects.create(status="making", started_at=now - limit + timedelta(minutes=2))
    with pytest.raises(ReportUnderWay):
        services.request_report()
    Report.objects.update(started_at=now - limit - timedelta(minutes=2))
    assert services.request_report().pk != report.pk
    report.refresh_from_db()
    assert (report.status, report.reason) == ("failed", "The worker that made it was ended.")


def test_a_broker_that_is_away_leaves_it_queued(
    monkeypatch, caplog, django_capture_on_commit_callbacks
) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("refused")

    monkeypatch.setattr(services.current_app, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        report = services.request_report()
    assert Report.objects.get() == report
    assert "the broker does not answer" in caplog.text


def test_the_last_ones_are_kept() -> None:
    for _ in range(services.KEPT + 3):
        services.fulfil(Report.objects.create().pk, Made)
    assert Report.objects.count() == services.KEPT
    assert Report.objects.earliest("id").pk == Report.objects.latest("id").pk - services.KEPT + 1


def test_the_database_holds_one_under_way_and_none_ready_without_content() -> None:
    Report.objects.create(status="making")
    for fields in ({"status": "queued"}, {"status": "ready"}, {"status": "lost"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Report.objects.create(**fields)


def test_it_goes_to_the_worker_that_gives_its_memory_back() -> None:
    route = current_app.amqp.router.route({}, services.MAKE_TASK)
    assert route["queue"].name == "training"
    assert tasks.make.name == services.MAKE_TASK
