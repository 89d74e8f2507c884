"""Operations: queues, beat, the page, and what operators are told."""

import json
import time
from datetime import timedelta

import pytest
from celery import current_app
from django.contrib.auth.models import Permission
from django.core import mail
from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.tests.factories import UserFactory
from bookrec_site.operations import alerts, beat, queues, states
from bookrec_site.operations.queues import BrokerAway, QueueState, queue_states
from recommender.models import TrainingRun
from recommender.online import OnlineFigures

# Nothing listens there.
DEAD = "redis://127.0.0.1:1/0"
PAGE = "/admin/operations/"


@pytest.fixture
def own_queues(monkeypatch):
    """Two queues of this test's own: the workers of walked sites take from the real ones."""
    names = ["test-operations-busy", "test-operations-idle"]
    monkeypatch.setattr(queues, "routed_queues", lambda: names)
    # Nobody is to answer.
    monkeypatch.setattr(queues, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(queues, "PATIENT_SECONDS", 0.1)
    with queues.redis() as server:
        server.delete(*names)
    yield names
    with queues.redis() as server:
        server.delete(*names)


@pytest.fixture
def nothing_told():
    cache.delete("alerts:told")
    yield
    cache.delete("alerts:told")


def state(name: str = "training", **changes) -> QueueState:
    return QueueState(
        **{"name": name, "n_waiting": 0, "oldest_seconds": None, "n_consumers": 1} | changes
    )


def test_every_queue_that_tasks_are_routed_to_is_watched() -> None:
    sent_to = {task.queue for task in current_app.tasks.values() if getattr(task, "queue", None)}
    assert set(queues.routed_queues()) == {"default", "training"} | sent_to


def test_what_waits_is_counted_with_the_age_of_the_oldest(own_queues) -> None:
    busy, idle = own_queues
    for _ in range(3):
        current_app.send_task("recommender.train", args=[0], queue=busy)
    with queues.redis() as server:
        message = json.loads(server.lindex(busy, -1))
        message["headers"]["sent_at"] -= 90
        server.lset(busy, -1, json.dumps(message))
    by_name = {one.name: one for one in queue_states()}
    assert (by_name[busy].n_waiting, by_name[idle].n_waiting) == (3, 0)
    assert 90 <= by_name[busy].oldest_seconds < 150
    assert by_name[idle].oldest_seconds is None
    assert by_name[busy].is_unattended


@pytest.mark.parametrize(
    "foreign", ["no json", "[]", '{"headers": null}', '{"headers": {"sent_at": "soon"}}']
)
def test_a_message_of_somebody_else_has_no_age(own_queues, foreign) -> None:
    with queues.redis() as server:
        server.lpush(own_queues[1], foreign)
    _busy, idle = queue_states(with_consumers=False)
    assert (idle.n_waiting, idle.oldest_seconds, idle.n_consumers) == (1, None, None)


def test_a_broker_that_is_away_is_an_answer(settings) -> None:
    settings.REDIS_URL = DEAD
    with pytest.raises(BrokerAway):
        queue_states()
    assert states.queues()[0] == []
    assert not states._beat().is_well


def test_beat_leaves_a_sign_and_survives_without_redis(settings, monkeypatch) -> None:
    with queues.redis() as server:
        server.delete("bookrec:beat")
    assert beat.seconds_since_tick() is None
    ticked = []
    monkeypatch.setattr(beat.DatabaseScheduler, "tick", lambda self, *a, **k: ticked.append(1) or 5)
    scheduler = beat.Scheduler.__new__(beat.Scheduler)
    before = time.time()
    assert scheduler.tick() == 5
    with queues.redis() as server:
        assert before <= float(server.get("bookrec:beat")) <= time.time()
    assert beat.seconds_since_tick() is not None
    assert states._beat().is_well
    scheduler._signed_at = 0.0
    with queues.redis() as server:
        server.set("bookrec:beat", time.time() - 61)
    assert not states._beat().is_well
    settings.REDIS_URL = DEAD
    assert scheduler.tick() == 5
    assert ticked == [1, 1]
    with pytest.raises(RedisError):
        beat.seconds_since_tick()


def test_the_site_runs_the_beat_that_signs(settings) -> None:
    assert f"{beat.__name__}:{beat.Scheduler.__name__}" == settings.CELERY_BEAT_SCHEDULER


@pytest.mark.django_db
class TestAlerts:
    def active(self, **changes) -> TrainingRun:
        now = timezone.now()
        return TrainingRun.objects.create(
            **{"status": "active", "artifact": "run-1", "started_at": now, "finished_at": now}
            | changes
        )

    def test_nothing_is_wrong(self) -> None:
        self.active()
        assert alerts.alerts_now([state(), state("default")]) == []

    def test_what_is_wrong_is_named(self, settings) -> None:
        settings.ALERT_MODEL_HOURS, settings.ALERT_QUEUE_MINUTES = 10, 2
        assert [alert.name for alert in alerts.alerts_now(None)] == ["no active run", "no broker"]
        run = self.active(started_at=timezone.now() - timedelta(hours=11))
        late = state("default", n_waiting=4, oldest_seconds=121.0)
        found = alerts.alerts_now([state(n_consumers=0), late])
        assert [alert.name for alert in found] == [
            "old model", "nobody takes from training", "default is late",
        ]  # fmt: skip
        assert f"Run {run.pk}, the active one, was begun 11 hours ago" in found[0].text

    def test_runs_that_fail_in_a_row_are_an_alert(self, settings) -> None:
        settings.ALERT_FAILED_RUNS = 2
        self.active()
        end = {"finished_at": timezone.now(), "trigger": "test"}
        TrainingRun.objects.create(status="failed", **end)
        assert alerts.alerts_now([]) == []
        TrainingRun.objects.create(status="rejected", reason="Too few books.", **end)
        [alert] = alerts.alerts_now([])
        assert alert.text.endswith("Too few books.")

    def test_lists_of_popular_books_are_an_alert_where_there_are_many(
        self, settings, monkeypatch
    ) -> None:
        settings.ALERT_FALLBACK_PERCENT = 60
        self.active()
        served = OnlineFigures(lists_served=100, lists_fallback=61, lists_empty=60)
        monkeypatch.setattr(alerts, "online_figures", lambda *args, **options: [served])
        [alert] = alerts.alerts_now([])
        assert alert.text.startswith("61% of 100 lists since yesterday are fallback ones")
        served = OnlineFigures(lists_served=49, lists_fallback=49, lists_empty=49)
        assert alerts.alerts_now([]) == []

    def test_operators_are_told_once_and_when_it_is_well(
        self, settings, monkeypatch, nothing_told
    ) -> None:
        settings.ALERT_EMAILS = ["ops@example.org"]
        monkeypatch.setattr(alerts, "queue_states", lambda: [state()])
        alerts.tell_operators()
        alerts.tell_operators()
        [told] = mail.outbox
        assert told.to == ["ops@example.org"]
        assert told.subject == "Bookrec: no active run"
        self.active()
        alerts.tell_operators()
        alerts.tell_operators()
        assert [message.subject for message in mail.outbox[1:]] == [
            "Bookrec: well again (no active run)"
        ]

    def test_what_is_not_mended_is_told_again_after_a_day(
        self, settings, monkeypatch, nothing_told
    ) -> None:
        settings.ALERT_EMAILS = ["ops@example.org"]
        monkeypatch.setattr(alerts, "queue_states", lambda: [state()])
        alerts.tell_operators()
        long_ago = (timezone.now() - alerts.REMIND_AFTER).isoformat()
        cache.set("alerts:told", {"no active run": long_ago}, timeout=None)
        alerts.tell_operators()
        assert len(mail.outbox) == 2

    def test_a_mail_that_was_not_sent_is_tried_again(
        self, settings, monkeypatch, nothing_told
    ) -> None:
        settings.ALERT_EMAILS = ["ops@example.org"]
        monkeypatch.setattr(alerts, "queue_states", lambda: [state()])
        with monkeypatch.context() as patched:

            def refused(*args: object) -> None:
                raise ConnectionRefusedError

            patched.setattr(alerts, "send_mail", refused)
            with pytest.raises(ConnectionRefusedError):
                alerts.tell_operators()
        alerts.tell_operators()
        assert len(mail.outbox) == 1


@pytest.mark.django_db
class TestPage:
    def test_it_is_for_operators(self, client) -> None:
        assert client.get(PAGE).status_code == 302
        user = UserFactory(username="connie", is_staff=True)
        client.force_login(user)
        assert client.get(PAGE).status_code == 403

    def test_it_shows_a_queue_without_a_worker_in_red(self, client, own_queues) -> None:
        user = UserFactory(username="olive", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_trainingrun"))
        client.force_login(user)
        html = client.get(PAGE).content.decode()
        assert html.count('<td class="state-bad">none: nobody takes its tasks</td>') == 2
        assert "No run is active" in html
        assert f"No worker takes from the queue {own_queues[0]}." in html

    def test_it_answers_while_the_broker_is_away(self, client, settings) -> None:
        user = UserFactory(username="olive", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_trainingrun"))
        client.force_login(user)
        settings.REDIS_URL = DEAD
        html = client.get(PAGE).content.decode()
        assert "The broker does not answer" in html
