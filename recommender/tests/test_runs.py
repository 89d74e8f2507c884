"""Services on the rows of runs: never two, never stuck, always a way back."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

import pytest
from django.core.management import CommandError, call_command
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
from recommender.tests.test_training import names_in
from recommender.training import run_training
from recommender.training_logs import log_folder

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch) -> list[tuple[str, list[int]]]:
    """What was sent to the broker, in order."""
    messages: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(
        runs.current_app, "send_task", lambda name, args: messages.append((name, args))
    )
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


def wait_for_a_beat(run: TrainingRun) -> None:
    """Return when the run has beaten once more; fail after a minute."""
    row = TrainingRun.objects.filter(pk=run.pk)
    before = row.get().heartbeat_at
    deadline = time.monotonic() + 60
    while row.get().heartbeat_at == before:
        assert time.monotonic() < deadline, "no heartbeat for a minute"
        Event().wait(0.01)


def test_a_run_without_heartbeat_and_without_process_is_closed() -> None:
    run = worked_at(timedelta(minutes=1), stage="lists")
    assert runs.reap_stale_runs() == [run.pk]
    run.refresh_from_db()
    assert run.status == "failed"
    assert run.reason == "The process that worked at it died (lists)."
    assert run.finished_at is not None


def test_a_run_that_beats_is_left_alone() -> None:
    worked_at(runs.STALE_AFTER / 2)
    assert runs.reap_stale_runs() == []


def test_a_run_that_does_not_beat_but_whose_process_lives_is_left_alone(second_session) -> None:
    """A fit may be too busy to beat; the lock says that it lives."""
    run = worked_at(timedelta(hours=1))
    with second_session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    assert runs.reap_stale_runs() == []
    second_session.close()
    assert runs.reap_stale_runs() == [run.pk]


def test_a_heartbeat_from_the_future_does_not_keep_a_dead_run() -> None:
    """The server's clock was set back since."""
    run = worked_at(-timedelta(hours=3))
    assert runs.reap_stale_runs() == [run.pk]


def test_a_workers_wrong_clock_closes_nothing(monkeypatch) -> None:
    worked_at()
    monkeypatch.setattr(time, "time", lambda: 4e9)
    monkeypatch.setattr("django.utils.timezone.now", lambda: pytest.fail("a worker's clock"))
    assert runs.reap_stale_runs() == []


def test_what_a_dead_run_had_published_is_deleted(artifacts) -> None:
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


def test_a_dead_run_that_was_to_stop_counts_as_cancelled() -> None:
    run = worked_at(timedelta(minutes=1))
    runs.cancel_run(run.pk, by="connie")
    runs.reap_stale_runs()
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert run.reason.startswith("Cancelled by connie.")


def test_rolling_back_swaps_the_pointer_and_says_why(trained) -> None:
    first = TrainingRun.objects.get()
    second = run_training(trigger="test")
    assert runs.rollback_run(by="connie") == first
    for run in (first, second):
        run.refresh_from_db()
    assert (first.status, first.reason) == ("active", "Brought back by connie.")
    assert second.status == "retired"
    assert second.reason == f"Rolled back to run {first.pk} by connie."
    # Forth again, by its number; without one there is nothing earlier.
    with pytest.raises(NotPossible, match="no earlier run"):
        runs.rollback_run(by="connie")
    assert runs.rollback_run(second.pk, by="connie") == second


def test_rolling_back_goes_to_the_last_one_that_was_live(trained, monkeypatch) -> None:
    first = TrainingRun.objects.get()
    for _ in range(2):
        run_training(trigger="test")
    TrainingRun.objects.create(trigger="test", status="failed", finished_at=Now())
    second = TrainingRun.objects.filter(status="retired").latest()
    assert runs.rollback_run(by="test") == second
    assert runs.rollback_run(by="test") == first


@pytest.mark.parametrize("damage", ["missing", "flipped"])
def test_a_run_whose_files_are_not_whole_is_not_brought_back(trained, artifacts, damage) -> None:
    first = TrainingRun.objects.get()
    second = run_training(trigger="test")
    file = artifacts / first.artifact / "popularity.scores.npy"
    if damage == "missing":
        file.unlink()
    else:
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    with pytest.raises(NotPossible, match=f"Run {first.pk} cannot be served"):
        runs.rollback_run(by="test")
    assert TrainingRun.objects.get(status="active") == second


def test_only_a_retired_run_with_files_is_brought_back(trained) -> None:
    active = TrainingRun.objects.get()
    cleaned = TrainingRun.objects.create(trigger="test", status="retired")
    failed = TrainingRun.objects.create(trigger="test", status="failed", finished_at=Now())
    for run, complaint in (
        (active, "is active"),
        (cleaned, "is retired and has no files"),
        (failed, "is failed"),
    ):
        with pytest.raises(NotPossible, match=f"Run {run.pk} {complaint}"):
            runs.rollback_run(run.pk, by="test")
    with pytest.raises(NotPossible, match="no training run 123456"):
        runs.rollback_run(123456, by="test")


def test_the_command_rolls_back(trained, capsys) -> None:
    first = TrainingRun.objects.get()
    run_training(trigger="test")
    call_command("rollback_run")
    assert f"Run {first.pk} is live again" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no earlier run"):
        call_command("rollback_run")


def test_cleaning_keeps_the_last_retired_runs_and_the_active_one(trained, artifacts) -> None:
    for _ in range(3):
        run_training(trigger="test")
    oldest, middle, newest, active = TrainingRun.objects.order_by("pk")
    assert runs.clean_artifacts(keep=2) == [oldest.artifact]
    assert names_in(artifacts) == {run.artifact for run in (middle, newest, active)}
    # Rolled back to: it is the active one now, however old.
    runs.rollback_run(middle.pk, by="test")
    runs.clean_artifacts(keep=1)
    assert set(TrainingRun.objects.exclude(artifact="").values_list("pk", flat=True)) == {
        middle.pk,
        active.pk,
    }


def test_cleaning_deletes_what_belongs_to_no_run_after_a_day(trained, artifacts) -> None:
    mine = TrainingRun.objects.get().artifact
    old, young, draft = (artifact_store.new_name(number) for number in (1, 2, 3))
    drafts = artifacts / artifact_store.DRAFTS
    for folder in (artifacts / old, artifacts / young, drafts / draft, artifacts / "photos"):
        folder.mkdir()
    for folder in (artifacts / old, drafts / draft, artifacts / "photos", artifacts / mine):
        os.utime(folder, (0, 0))
    assert sorted(runs.clean_artifacts()) == sorted([old, draft])
    assert names_in(artifacts) == {mine, young}
    assert (artifacts / "photos").is_dir()


def test_cleaning_deletes_the_logs_of_runs_that_are_gone(trained, artifacts) -> None:
    mine, gone = TrainingRun.objects.get().artifact, artifact_store.new_name(1)
    for name in (mine, gone):
        log_folder(name).mkdir(parents=True)
    runs.clean_artifacts()
    assert log_folder(mine).is_dir()
    assert not log_folder(gone).exists()
