"""Services on the rows of runs: never two, never stuck, always a way back."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

import pytest
from celery import Celery
from django.db import IntegrityError, connection, transaction
from django.db import OperationalError as DatabaseGone
from django.db.models import F
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from accounts.tests.factories import UserFactory
from recommender import artifact_store, pulse, runs, tasks
from recommender.errors import Cancelled, NotPossible, TrainingUnderWay
from recommender.models import TrainingRun
from recommender.pulse import ADVISORY_LOCK
from recommender.tests.conftest import end
from recommender.tests.test_training import names_in
from recommender.training import run_training
from recommender.training_logs import log_folder

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch) -> list[tuple[str, list[int]]]:
    """What was sent to the broker, in order."""
    messages: list[tuple[str, list[int]]] = []
    # The class: each thread has a current application of its own.
    monkeypatch.setattr(Celery, "send_task", lambda self, name, args: messages.append((name, args)))
    return messages


def worked_at(age: timedelta = timedelta(), **fields: object) -> TrainingRun:
    """Return a run that a process began, and that last beat so long ago."""
    return TrainingRun.objects.create(
        trigger="test",
        **{"status": "fitting", "started_at": Now(), "heartbeat_at": Now() - age} | fields,
    )


def test_a_request_sends_the_number_once_it_is_committed(
    sent, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        run = runs.request_run(trigger="admin", started_by=UserFactory(), kind="quick", force=True)
        assert sent == []
    [callback] = callbacks
    callback()
    assert sent == [("recommender.train", [run.pk])]
    run.refresh_from_db()
    assert (run.status, run.kind, run.forced, run.trigger) == ("queued", "quick", True, "admin")


def test_a_second_request_names_the_run_that_is_in_the_way(sent) -> None:
    first = runs.request_run(trigger="test")
    with pytest.raises(TrainingUnderWay, match=f"run {first.pk} is queued already") as refused:
        runs.request_run(trigger="test")
    assert refused.value.run == first
    assert TrainingRun.objects.count() == 1
    # A refusal costs no number: a check that comes every minute would use up many.
    runs.cancel_run(first.pk, by="test")
    assert runs.request_run(trigger="test").pk == first.pk + 1


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_the_same_moment_one_is_a_run(sent) -> None:
    together = Barrier(2)

    def request(_: int) -> str:
        try:
            together.wait()
            return f"run {runs.request_run(trigger='test').pk}"
        except TrainingUnderWay as refused:
            return f"refused for run {refused.run.pk if refused.run else None}"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(request, range(2)))
    run = TrainingRun.objects.get()
    assert answers == [f"refused for run {run.pk}", f"run {run.pk}"]
    assert sent == [("recommender.train", [run.pk])]


def test_a_broker_that_is_away_leaves_the_run_queued(
    monkeypatch, django_capture_on_commit_callbacks
) -> None:
    def away(name: str, args: list[int]) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(runs.current_app, "send_task", away)
    with django_capture_on_commit_callbacks(execute=True):
        run = runs.request_run(trigger="test")
    run.refresh_from_db()
    assert run.status == "queued"


def test_a_run_that_stays_queued_is_sent_again(sent) -> None:
    run = TrainingRun.objects.create(trigger="test")
    tasks.tend_runs()
    assert sent == []
    TrainingRun.objects.update(requested_at=Now() - runs.SEND_AGAIN_AFTER - timedelta(seconds=1))
    tasks.tend_runs()
    assert sent == [("recommender.train", [run.pk])]


def test_two_beats_ask_for_one_nightly_run(sent, trained) -> None:
    tasks.retrain()
    tasks.retrain()
    [run] = TrainingRun.objects.filter(trigger="schedule")
    assert run.kind == "full"
    # A small site: the run is over before the second beat asks.
    runs.cancel_run(run.pk, by="test")
    tasks.retrain()
    assert TrainingRun.objects.filter(trigger="schedule").count() == 1
    TrainingRun.objects.update(requested_at=F("requested_at") - timedelta(hours=24))
    tasks.retrain()
    assert TrainingRun.objects.filter(trigger="schedule").count() == 2


@pytest.mark.parametrize("status", ["queued", "fitting", "evaluating"])
def test_the_database_allows_one_run_under_way(status: str) -> None:
    worked_at()
    begun = {} if status == "queued" else {"started_at": Now(), "heartbeat_at": Now()}
    with pytest.raises(IntegrityError, match="one_under_way"), transaction.atomic():
        TrainingRun.objects.create(trigger="test", status=status, **begun)


def test_the_database_allows_one_active_run() -> None:
    TrainingRun.objects.create(trigger="test", status="active", artifact="a")
    with pytest.raises(IntegrityError, match="one_active"), transaction.atomic():
        TrainingRun.objects.create(trigger="test", status="active", artifact="b")


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"status": "active"}, "active_has_artifact"),
        ({"status": "done"}, "finished_when_over"),
        ({"kind": "slow"}, "kind_known"),
        ({"status": "queued", "started_at": Now()}, "queued_has_not_begun"),
        ({"status": "fitting", "started_at": Now()}, "worked_at_has_begun"),
        ({"status": "failed"}, "finished_when_over"),
        ({"status": "queued", "finished_at": Now()}, "finished_when_over"),
        ({"progress": 1.1}, "progress_in_0_to_1"),
    ],
)
def test_the_database_refuses_what_makes_no_sense(fields: dict, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        TrainingRun.objects.create(trigger="test", **fields)


def test_a_queued_run_is_cancelled_at_once() -> None:
    run = TrainingRun.objects.create(trigger="test")
    assert runs.cancel_run(run.pk, by="connie") == "cancelled"
    run.refresh_from_db()
    assert (run.status, run.reason) == ("cancelled", "Cancelled by connie.")
    with pytest.raises(NotPossible, match="not under way"):
        runs.cancel_run(run.pk, by="connie")


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_worked_at_stops_where_it_next_reports(
    two_tastes, artifacts, monkeypatch
) -> None:
    monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.02)
    stages: list[str] = []

    def report(stage: str, done: float) -> None:
        stages.append(stage)
        if stages.count("lists") == 1:
            run = TrainingRun.objects.get()
            assert runs.cancel_run(run.pk, by="connie") == "fitting"
            # After two beats the thread has certainly read what was just written.
            for _ in range(2):
                wait_for_a_beat(run)

    with pytest.raises(Cancelled):
        run_training(trigger="test", on_stage=report)
    run = TrainingRun.objects.get()
    assert (run.status, run.reason) == ("cancelled", "Cancelled by connie.")
    assert run.finished_at is not None
    assert stages.count("lists") == 1
    assert names_in(artifacts) == set()


@pytest.mark.django_db(transaction=True)
def test_a_stage_that_reports_nothing_beats_all_the_same(
    two_tastes, artifacts, monkeypatch
) -> None:
    monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.02)
    seen: list[tuple[str, float]] = []

    def report(stage: str, done: float) -> None:
        if stage == "lists" and not seen:
            run = TrainingRun.objects.get()
            for _ in range(2):
                wait_for_a_beat(run)
            assert pulse.some_process_lives()
            seen.extend(TrainingRun.objects.values_list("stage", "progress"))

    run_training(trigger="test", on_stage=report)
    assert seen == [("lists", 0.0)]
    assert not pulse.some_process_lives()


@pytest.mark.django_db(transaction=True)
def test_a_run_outlives_the_loss_of_its_sessions(two_tastes, artifacts, monkeypatch) -> None:
    """As when the database restarts: every session ends, the lock with it."""
    monkeypatch.setattr(pulse, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(pulse, "RETRY_SECONDS", 0.02)
    ended: list[int] = []

    def report(stage: str, done: float) -> None:
        if stage != "lists" or ended:
            return
        run = TrainingRun.objects.get()
        wait_for_a_beat(run)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            ended.extend(pid for pid, was_ended in cursor.fetchall() if was_ended)
        for _ in range(2):
            wait_for_a_beat(run)
        assert pulse.some_process_lives()
        assert runs.reap_stale_runs() == []
        # And the session of the fit itself, as it will find out when it next writes.
        connection.connection.close()

    run = run_training(trigger="test", on_stage=report)
    assert len(ended) == 1
    assert run.status == "active"


@pytest.mark.django_db(transaction=True)
def test_a_commit_whose_answer_is_lost_leaves_the_run_live_with_its_files(
    two_tastes, artifacts, monkeypatch
) -> None:
    real, calls = runs.activate, []

    def activate(run_id: int, **fields: object) -> None:
        real(run_id, **fields)
        calls.append(run_id)
        if len(calls) == 1:
            raise DatabaseGone("server closed the connection unexpectedly")

    monkeypatch.setattr(runs, "activate", activate)
    run = run_training(trigger="test")
    assert len(calls) == 2
    assert run.status == "active"
    assert names_in(artifacts) == {run.artifact}


def test_what_fails_after_a_run_went_live_does_not_take_its_files(
    two_tastes, artifacts, monkeypatch
) -> None:
    real = runs.activate

    def activate(run_id: int, **fields: object) -> None:
        real(run_id, **fields)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "activate", activate)
    with pytest.raises(KeyboardInterrupt):
        run_training(trigger="test")
    run = TrainingRun.objects.get()
    assert run.status == "active"
    assert names_in(artifacts) == {run.artifact}


@pytest.fixture
def old_server(monkeypatch) -> None:
    """A database server that runs since long ago; that of these tests may be seconds old."""
    monkeypatch.setattr(runs, "_ServerStart", lambda: Now() - timedelta(days=1))


def wait_for_a_beat(run: TrainingRun) -> None:
    """Return when the run has beaten once more; fail after a minute."""
    row = TrainingRun.objects.filter(pk=run.pk)
    before = row.get().heartbeat_at
    deadline = time.monotonic() + 60
    while row.get().heartbeat_at == before:
        assert time.monotonic() < deadline, "no heartbeat for a minute"
        Event().wait(0.01)


def test_a_run_without_heartbeat_and_without_process_is_closed(old_server) -> None:
    run = worked_at(timedelta(minutes=1), stage="lists")
    assert runs.reap_stale_runs() == [run.pk]
    run.refresh_from_db()
    assert run.status == "failed"
    assert run.reason == "The process that worked at it died (lists)."
    assert run.finished_at is not None


def test_a_run_that_beats_is_left_alone(old_server) -> None:
    worked_at(runs.STALE_AFTER / 2)
    assert runs.reap_stale_runs() == []


def test_a_run_that_does_not_beat_but_whose_process_lives_is_left_alone(
    second_session, old_server
) -> None:
    """A fit may be too busy to beat; the lock says that it lives."""
    run = worked_at(timedelta(hours=1))
    with second_session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    assert runs.reap_stale_runs() == []
    end(second_session)
    assert runs.reap_stale_runs() == [run.pk]


def test_a_run_that_could_not_beat_while_the_server_was_down_is_left_alone(monkeypatch) -> None:
    monkeypatch.setattr(runs, "_ServerStart", lambda: Now() - runs.STALE_AFTER / 2)
    worked_at(timedelta(minutes=1))
    assert runs.reap_stale_runs() == []


def test_a_heartbeat_from_the_future_does_not_keep_a_dead_run(old_server) -> None:
    """The server's clock was set back since."""
    run = worked_at(-timedelta(hours=3))
    assert runs.reap_stale_runs() == [run.pk]


def test_a_workers_wrong_clock_closes_nothing(monkeypatch, old_server) -> None:
    worked_at()
    monkeypatch.setattr(time, "time", lambda: 4e9)
    monkeypatch.setattr("django.utils.timezone.now", lambda: pytest.fail("a worker's clock"))
    assert runs.reap_stale_runs() == []


def test_what_a_dead_run_had_published_is_deleted(artifacts, old_server) -> None:
    name, other = artifact_store.new_name(7), artifact_store.new_name(8)
    for folder in (
        artifacts / name,
        artifacts / artifact_store.DRAFTS / name,
        artifacts / artifact_store.DRAFTS / f".{name}.staging-0123456789abcdef",
        log_folder(name),
        artifacts / other,
    ):
        folder.mkdir(parents=True)
    worked_at(timedelta(minutes=1), artifact=name)
    runs.reap_stale_runs()
    assert names_in(artifacts) == {other}
    assert not log_folder(name).exists()
    assert TrainingRun.objects.get().artifact == ""


def test_a_dead_run_that_was_to_stop_counts_as_cancelled(old_server) -> None:
    run = worked_at(timedelta(minutes=1))
    runs.cancel_run(run.pk, by="connie")
    runs.reap_stale_runs()
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert run.reason.startswith("Cancelled by connie.")
