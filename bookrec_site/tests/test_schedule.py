"""The schedule is made once, and an admin's edits outlive later migrations."""

import json

import pytest
from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from bookrec_site.schedule import make_schedule, periodic_tasks

pytestmark = pytest.mark.django_db


def test_migrating_has_made_the_schedule() -> None:
    made = {task.name: task for task in PeriodicTask.objects.all()}
    assert set(made) == {periodic.name for periodic in periodic_tasks()}
    nightly = made["nightly training run"]
    assert (nightly.crontab.hour, str(nightly.crontab.timezone)) == ("3", "UTC")
    check = made["training run when needed"]
    assert check.interval.every == settings.TRAINING_CHECK_MINUTES
    assert json.loads(check.kwargs) == {"min_new_ratings": settings.TRAINING_NEW_RATINGS}


def test_edits_survive_another_migrate() -> None:
    task = PeriodicTask.objects.get(name="training run when needed")
    task.enabled = False
    task.kwargs = '{"min_new_ratings": 7}'
    task.interval = IntervalSchedule.objects.create(every=17, period=IntervalSchedule.MINUTES)
    task.save()
    before = PeriodicTask.objects.order_by("pk").values()
    kept = list(before)

    call_command("migrate", verbosity=0)

    assert list(before.all()) == kept


def test_a_task_that_is_missing_comes_back() -> None:
    PeriodicTask.objects.filter(name="delete old artifacts").delete()

    assert make_schedule() == 1
    assert make_schedule() == 0


def test_every_scheduled_task_is_known_and_takes_its_arguments() -> None:
    current_app.loader.import_default_modules()
    for periodic in periodic_tasks():
        task = current_app.tasks[periodic.task]
        task.typing = True
        # Raises TypeError when the signature does not fit.
        task.__header__(**periodic.kwargs)


def test_the_broker_hands_no_running_task_to_a_second_worker() -> None:
    limits = [a["time_limit"] for a in settings.CELERY_TASK_ANNOTATIONS.values()]
    longest = max(settings.CELERY_TASK_TIME_LIMIT, *limits)
    assert settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"] > longest
    for limit in settings.CELERY_TASK_ANNOTATIONS.values():
        assert limit["soft_time_limit"] < limit["time_limit"]


def test_training_has_a_queue_of_its_own() -> None:
    router = current_app.amqp.router
    assert router.route({}, "recommender.train")["queue"].name == "training"
    assert (
        router.route({}, "recommender.retrain")
        .get("queue", current_app.amqp.queues["default"])
        .name
        == "default"
    )
