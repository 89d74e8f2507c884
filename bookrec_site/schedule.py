"""The periodic tasks, put into the database once; from then on the admin's edits hold."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections
from django.db.models.signals import post_migrate
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask


@dataclass(frozen=True)
class Periodic:
    """A task as it is scheduled at first: every so many minutes, or daily at an hour (UTC)."""

    name: str
    task: str
    description: str
    minutes: int | None = None
    hour: int | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def periodic_tasks() -> list[Periodic]:
    """The schedule of a new site."""
    return [
        Periodic(
            "nightly training run",
            "recommender.retrain",
            "Fits everything anew. The gate decides whether it goes live.",
            hour=settings.RETRAIN_HOUR,
            kwargs={"kind": "full"},
        ),
        Periodic(
            "training run when needed",
            "recommender.train_when_needed",
            "Starts a full run when so many ratings are new since the last one, after an import, "
            "and after a quick run.",
            minutes=settings.TRAINING_CHECK_MINUTES,
            kwargs={"min_new_ratings": settings.TRAINING_NEW_RATINGS},
        ),
        Periodic(
            "tend training runs",
            "recommender.tend_runs",
            "Closes runs whose process died, and sends queued ones again.",
            minutes=1,
        ),
        Periodic(
            "tend library imports",
            "ratings.tend_imports",
            "Takes up imports that no worker has begun or that one left lying; forgets old ones.",
            minutes=1,
        ),
        Periodic(
            "forget old answers",
            "ratings.forget_answers",
            "Deletes answers that are kept for a day in case a program asks again.",
            minutes=60,
        ),
        Periodic(
            "forget old merges",
            "ratings.forget_merges",
            "Deletes what undoing merges of books needs, 30 days after them.",
            minutes=6 * 60,
        ),
        Periodic(
            "fold changes of the catalogue",
            "catalog.fold_changes",
            "Puts one row in the place of many that say that the catalogue has changed.",
            minutes=6 * 60,
        ),
        Periodic(
            "delete old artifacts",
            "recommender.clean_artifacts",
            "Keeps the files of so many retired runs, and of the active one.",
            minutes=6 * 60,
            kwargs={"keep": 5},
        ),
        Periodic(
            "add up feedback",
            "recommender.roll_up_feedback",
            "Counts what was shown, clicked and rated from lists, for each day, run and surface.",
            minutes=10,
        ),
        Periodic(
            "forget old feedback",
            "recommender.forget_feedback",
            "Deletes events of lists that are older than so many days; the sums stay.",
            minutes=6 * 60,
            kwargs={"keep_days": 90},
        ),
        Periodic(
            "clear expired sessions and tokens",
            "bookrec.clear_expired",
            "Deletes sessions and API tokens that are over.",
            minutes=6 * 60,
        ),
        Periodic(
            "watch",
            "bookrec.watch",
            "Tells operators by e-mail (ALERT_EMAILS) of old models, failing runs and late queues.",
            minutes=5,
        ),
    ]


def schedule_after_migrate() -> None:
    """Have the schedule made whenever the tables that hold it were migrated."""
    # Apps without models of their own, such as this one, send no such signal.
    beat = apps.get_app_config("django_celery_beat")
    post_migrate.connect(_make_schedule, sender=beat, dispatch_uid="bookrec_site.schedule")


def _make_schedule(using: str, **kwargs: object) -> None:
    # Migrated back to nothing, there are none.
    if PeriodicTask._meta.db_table in connections[using].introspection.table_names():
        make_schedule(using)


def make_schedule(using: str = "default") -> int:
    """Add the periodic tasks that are missing by name; return how many that were.

    What is there stays as it is: its times, its arguments, and whether it is enabled.
    """
    known = set(PeriodicTask.objects.using(using).values_list("name", flat=True))
    missing = [periodic for periodic in periodic_tasks() if periodic.name not in known]
    for periodic in missing:
        when: dict[str, Any]
        if periodic.hour is not None:
            crontab, _ = CrontabSchedule.objects.using(using).get_or_create(
                minute="0",
                hour=str(periodic.hour),
                day_of_week="*",
                day_of_month="*",
                month_of_year="*",
                timezone="UTC",
            )
            when = {"crontab": crontab}
        else:
            interval, _ = IntervalSchedule.objects.using(using).get_or_create(
                every=periodic.minutes, period=IntervalSchedule.MINUTES
            )
            when = {"interval": interval}
        PeriodicTask.objects.using(using).get_or_create(
            name=periodic.name,
            defaults={
                "task": periodic.task,
                "description": periodic.description,
                "kwargs": json.dumps(dict(periodic.kwargs)),
                # While no worker takes them, the next one makes the last one needless.
                "expire_seconds": 60 * (periodic.minutes or 60),
                **when,
            },
        )
    return len(missing)
