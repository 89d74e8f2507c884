"""A whole run by the real code path: what it records, and what no end of it may harm."""

from pathlib import Path

import numpy as np
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.tests.factories import UserFactory
from catalog.models import DataImport
from ratings.models import Rating
from recommender import artifact_store, fitting, runs, training
from recommender.demand import is_up_to_date
from recommender.engine import ArtifactError, PopularityRanker, TwoStageRanker
from recommender.errors import NotEnoughData, Rejected, RunLost, TrainingUnderWay
from recommender.held_out import is_held_out
from recommender.models import TrainingRun
from recommender.pulse import ADVISORY_LOCK
from recommender.tests.conftest import add_readers
from recommender.tests.event_files import logged
from recommender.training import execute, run_training
from recommender.training_logs import log_folder

pytestmark = pytest.mark.django_db


def names_in(artifacts: Path) -> set[str]:
    """Return what is published, or was left behind: the store's own empty folder apart."""
    return {path.name for path in artifacts.rglob("run-*") if path.parent.name != "tensorboard"}


def test_a_run_records_what_it_did(measured_tastes, artifacts) -> None:
    run = run_training(trigger="test")
    assert (run.status, run.kind, run.trigger) == ("active", "quick", "test")
    assert run.dataset["n_ratings"] == Rating.objects.count() == 160 * 9
    assert run.dataset["n_books"] == 24
    assert run.dataset["last_rating_id"] == Rating.objects.latest("id").pk
    assert set(run.stage_seconds) == {"reading", "lists", "popularity", "measuring", "publishing"}
    assert run.metrics["two_stage"]["ndcg_at_10"] > run.metrics["popularity"]["ndcg_at_10"]
    low, high = run.metrics["two_stage"]["ndcg_at_10_interval"]
    assert low < run.metrics["two_stage"]["ndcg_at_10"] < high
    assert run.hyperparameters["two_stage"]["linear"]["n_neighbours"] == 400
    assert run.skipped_parts == {"second stage": fitting.QUICK}
    assert run.peak_megabytes > 50
    assert run.requested_at <= run.started_at <= run.heartbeat_at <= run.finished_at
    assert (run.stage, run.reason, run.progress) == ("", "", 1.0)
    assert run.verdict["passed"] is True


def test_a_catalogue_larger_than_the_setting_is_fitted_book_by_book(
    measured_tastes, artifacts, settings
) -> None:
    dense = run_training(trigger="test").hyperparameters["two_stage"]["linear"]
    assert dense["path"]["solver"] == "dense"
    settings.LINEAR_DENSE_BOOKS = 23
    settings.LINEAR_SUPPORT_BOOKS = 10
    # Ten of 24 books cost some of the lists of forty readers; how much is the gate's business.
    sparse = run_training(trigger="test", force=True)
    assert sparse.status == "active"
    config = sparse.hyperparameters["two_stage"]["linear"]
    why = "24 items are more than dense_items, 23"
    assert config["path"] == {"solver": "sparse", "because": why}
    assert config["n_support"] == 10
    assert sparse.metrics["two_stage"]["ndcg_at_10"] > sparse.metrics["popularity"]["ndcg_at_10"]


def test_a_run_knows_its_files(two_tastes, artifacts) -> None:
    run = run_training(trigger="test")
    folder = artifacts / run.artifact
    files = {path.name: path for path in folder.iterdir()}
    assert set(run.checksums) == set(files)
    assert run.artifact_bytes == sum(path.stat().st_size for path in files.values())
    opened = artifact_store.load(run.artifact)
    assert run.checksums["meta.json"] == opened.manifest_sha256


def test_held_out_readers_are_measured_and_in_no_fit(measured_tastes, artifacts, monkeypatch):
    fitted_on = []
    real = fitting.PopularityRanker.fit

    def fit(self, interactions, *args, **options):
        fitted_on.extend(interactions.user_ids.tolist())
        return real(self, interactions, *args, **options)

    monkeypatch.setattr(fitting.PopularityRanker, "fit", fit)
    run = run_training(trigger="test")
    assert len(fitted_on) == 120
    assert not any(map(is_held_out, fitted_on))
    assert run.dataset["held_out"]["n_withheld"] == 40
    assert 20 < run.dataset["held_out"]["n_measured"] == run.metrics["two_stage"]["n_users"] <= 40


def test_a_second_run_is_compared_with_the_first_on_the_same_readers(measured_tastes, artifacts):
    first = run_training(trigger="test")
    second = run_training(trigger="test")
    assert second.metrics["active"]["run"] == first.pk
    # The same data and the same seed: the same model, reader by reader.
    assert second.metrics["active"]["ndcg_at_10"] == first.metrics["two_stage"]["ndcg_at_10"]
    [rule] = [r for r in second.verdict["rules"] if r["name"] == "not_worse_than_active"]
    assert (rule["passed"], rule["numbers"]["relative"]) == (True, 0)


def test_a_full_run_need_not_reach_the_quick_one_whose_place_it_takes(
    measured_tastes, artifacts, monkeypatch
) -> None:
    """The stopgap is measured beside it; popularity is reached or the run is refused."""
    quick = run_training(trigger="test")
    monkeypatch.setattr(fitting, "LEAST_RATINGS_FOR_STARS", 10**9)  # they are not what this asks
    full = run_training(trigger="test", kind="full")
    rules = {rule["name"]: rule for rule in full.verdict["rules"]}
    assert rules["not_worse_than_active"]["passed"] is None
    assert f"Run {quick.pk} holds lists only" in rules["not_worse_than_active"]["detail"]
    assert rules["popularity_floor"]["passed"] is True
    assert full.metrics["active"]["run"] == quick.pk
    again = run_training(trigger="test", kind="full")
    [rule] = [r for r in again.verdict["rules"] if r["name"] == "not_worse_than_active"]
    assert rule["passed"] is True


def test_a_full_run_fits_embeddings_and_stars(measured_tastes, artifacts, monkeypatch) -> None:
    run = run_training(trigger="test", kind="full")
    artifact = artifact_store.load(run.artifact)
    assert set(artifact.parts) == {
        *("items", "two_stage", "popularity", "embeddings", "stars"),
        *("also_loved", "readers", "map"),
    }
    assert list(run.skipped_parts) == ["second stage"]
    assert "fewer than" in run.skipped_parts["second stage"]
    errors = run.history["embeddings"]["training"]
    assert len(errors) >= 1
    assert np.isfinite(errors).all()
    log = log_folder(run.artifact) / "embeddings"
    assert logged(log, "epoch_mean_squared_error") == pytest.approx(errors)
    assert 0 < run.metrics["stars"]["mse_of_reader"] < 2
    assert {"embeddings", "stars", "readers", "map", "loved together"} <= set(run.stage_seconds)
    assert set(run.hyperparameters) == set(artifact.parts)
    # The right to be forgotten: readers who are alike are those of the fit, by number.
    user_ids = artifact.part("readers").array("user_ids")
    assert len(user_ids) == 120
    assert not any(map(is_held_out, user_ids.tolist()))


def test_a_full_run_says_which_parts_had_too_little_data(two_tastes, artifacts) -> None:
    Rating.objects.filter(user_id__in=Rating.objects.values("user_id")[:300]).delete()
    run = run_training(trigger="test", kind="full")
    n_left = Rating.objects.count()
    assert n_left < fitting.LEAST_RATINGS_FOR_STARS
    assert run.skipped_parts["stars"] == f"{n_left} ratings, fewer than 1000"
    parts = set(artifact_store.load(run.artifact).parts)
    assert parts == {"items", "two_stage", "popularity", "readers", "map", "also_loved"}


def test_a_new_run_retires_the_old_one(trained) -> None:
    first = TrainingRun.objects.get()
    second = run_training(trigger="test")
    assert list(TrainingRun.objects.order_by("id").values_list("id", "status")) == [
        (first.pk, "retired"),
        (second.pk, "active"),
    ]


def test_a_failed_run_leaves_the_active_one(trained, artifacts, monkeypatch) -> None:
    def no_space(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    active = TrainingRun.objects.get()
    monkeypatch.setattr(training, "write_artifact", no_space)
    with pytest.raises(OSError, match="No space left"):
        run_training(trigger="test")
    failed = TrainingRun.objects.latest()
    assert (failed.status, failed.artifact) == ("failed", "")
    assert "No space left" in failed.reason
    assert failed.finished_at is not None
    assert TrainingRun.objects.get(status="active") == active
    assert names_in(artifacts) == {active.artifact}


def test_an_artifact_that_does_not_rank_as_measured_goes_nowhere(
    trained, artifacts, monkeypatch
) -> None:
    real = artifact_store.load

    def damaged(name):
        artifact = real(name)
        weights = artifact.part("two_stage").arrays["linear_weights"]
        artifact.part("two_stage").arrays["linear_weights"] = weights * np.float32(0.5)
        return artifact

    active = TrainingRun.objects.get()
    monkeypatch.setattr(training.artifact_store, "load", damaged)
    with pytest.raises(ArtifactError, match="does not rank as"):
        run_training(trigger="test")
    assert TrainingRun.objects.get(status="active") == active
    assert names_in(artifacts) == {active.artifact}


def test_a_model_worse_than_popularity_is_rejected(measured_tastes, artifacts, monkeypatch):
    """The first run too: here popularity is given the very lists that the readers wait for."""

    def best_first(self, profiles):
        return np.tile(np.linspace(1, 0, self.n_items, dtype=np.float32), (len(profiles), 1))

    monkeypatch.setattr(PopularityRanker, "batch_scores", best_first)
    monkeypatch.setattr(
        TwoStageRanker, "batch_scores", lambda self, profiles: -best_first(self, profiles)
    )
    # Everybody loves the first books.
    books = sorted(measured_tastes["Dragon"] + measured_tastes["Detective"], key=lambda b: b.pk)
    Rating.objects.filter(book__in=books[:12]).update(stars=5)
    Rating.objects.filter(book__in=books[12:]).update(stars=1)
    with pytest.raises(Rejected, match="below popularity's"):
        run_training(trigger="test")
    run = TrainingRun.objects.latest()
    assert (run.status, run.artifact) == ("rejected", "")
    assert "below popularity's" in run.reason
    assert not TrainingRun.objects.filter(status="active").exists()
    assert names_in(artifacts) == set()


def test_a_model_of_far_fewer_ratings_is_rejected_unless_forced(trained, caplog) -> None:
    active = TrainingRun.objects.get()
    Rating.objects.filter(user_id__in=Rating.objects.values("user_id")[:200]).delete()
    with pytest.raises(Rejected, match="ratings, -"):
        run_training(trigger="test")
    assert TrainingRun.objects.get(status="active") == active
    curator = UserFactory(username="connie")
    run = run_training(trigger="test", force=True, started_by=curator)
    assert (run.status, run.forced) == ("active", True)
    assert run.verdict["overruled"] == ["no_fewer_ratings"]
    assert run.verdict["forced_by"] == "connie"
    assert "connie overruled no_fewer_ratings" in caplog.text


def test_nobody_can_force_a_model_live_that_shows_rated_books(trained, monkeypatch) -> None:
    monkeypatch.setattr(
        TwoStageRanker, "recommend", lambda self, profile, **options: profile.item_indices
    )
    with pytest.raises(Rejected, match="would be shown a book that they have rated"):
        run_training(trigger="test", force=True)


def test_nobody_can_force_weights_live_that_are_no_numbers(trained, monkeypatch) -> None:
    real = fitting.PopularityRanker.to_part

    def to_part(self):
        part = real(self)
        arrays = {name: array * np.float32(np.nan) for name, array in part.arrays.items()}
        return type(part)(part.algorithm, arrays, part.config)

    monkeypatch.setattr(fitting.PopularityRanker, "to_part", to_part)
    with pytest.raises(Rejected, match="Not finite: popularity"):
        run_training(trigger="test", force=True)


def test_without_ratings_there_is_nothing_to_learn_from(artifacts, db) -> None:
    with pytest.raises(NotEnoughData, match="import a data set"):
        run_training(trigger="test")
    with pytest.raises(CommandError, match="import a data set"):
        call_command("train")
    assert set(TrainingRun.objects.values_list("status", flat=True)) == {"failed"}


def test_a_run_whose_process_died_does_not_block_the_next(two_tastes, artifacts) -> None:
    dead = TrainingRun.objects.create(
        trigger="test",
        status="fitting",
        started_at="2020-01-01T00:00Z",
        heartbeat_at="2020-01-01T00:00Z",
    )
    run_training(trigger="test")
    dead.refresh_from_db()
    assert (dead.status, dead.reason) == ("failed", "The process that worked at it died ().")


def test_a_queued_run_gives_way_to_one_that_begins_at_once(two_tastes, artifacts) -> None:
    queued = runs.request_run(trigger="test", send=False)
    run = run_training(trigger="command")
    queued.refresh_from_db()
    assert (queued.status, run.status) == ("cancelled", "active")
    # Its task comes after all.
    assert execute(queued.pk).status == "cancelled"


def test_a_second_process_is_refused_while_one_lives(two_tastes, artifacts, second_session) -> None:
    with second_session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
    with pytest.raises(TrainingUnderWay):
        run_training(trigger="test")
    assert not TrainingRun.objects.exists()
    queued = runs.request_run(trigger="test", send=False)
    with pytest.raises(TrainingUnderWay):
        execute(queued.pk)
    queued.refresh_from_db()
    assert queued.status == "queued"


def test_a_task_that_comes_twice_does_nothing_the_second_time(two_tastes, artifacts) -> None:
    run = execute(runs.request_run(trigger="test", kind="quick", send=False).pk)
    before = TrainingRun.objects.values().get(pk=run.pk)
    files = {path: path.stat().st_mtime_ns for path in artifacts.rglob("*")}
    execute(run.pk)
    assert TrainingRun.objects.values().get(pk=run.pk) == before
    assert {path: path.stat().st_mtime_ns for path in artifacts.rglob("*")} == files


def test_if_needed_trains_once_per_data_import(two_tastes, artifacts, capsys) -> None:
    DataImport.objects.create(source="goodbooks", digest="0" * 64)
    call_command("train", "--if-needed", "--kind", "quick")
    assert "is live" in capsys.readouterr().out
    call_command("train", "--if-needed", "--kind", "quick")
    assert "nothing to do" in capsys.readouterr().out
    assert TrainingRun.objects.count() == 1
    DataImport.objects.create(source="goodbooks", digest="1" * 64)
    assert not is_up_to_date()


def test_a_deleted_reader_is_in_no_later_artifact(two_tastes, artifacts) -> None:
    """Bit by bit, the later artifact is that of a database which never knew the reader."""
    never = run_training(trigger="test", kind="full")
    [alice] = add_readers(two_tastes, [987_654_321])
    assert not is_held_out(alice.pk)
    known = run_training(trigger="test", kind="full")
    alice.delete()
    forgotten = run_training(trigger="test", kind="full")

    def arrays(run: TrainingRun) -> dict[str, np.ndarray]:
        parts = artifact_store.load(run.artifact).parts
        return {
            f"{part}.{name}": array for part in parts for name, array in parts[part].arrays.items()
        }

    before, between, after = arrays(never), arrays(known), arrays(forgotten)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)
    assert any(not np.array_equal(before[name], between[name]) for name in before)
    assert not any((array == 987_654_321).any() for array in after.values())


def test_artifacts_of_an_earlier_database_are_in_nobodys_way(two_tastes, artifacts) -> None:
    run = run_training(trigger="test")
    TrainingRun.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('recommender_trainingrun', 'id'), %s, false)",
            [run.pk],
        )
    again = run_training(trigger="test")
    assert again.pk == run.pk
    assert again.artifact != run.artifact


def test_the_files_of_the_last_runs_are_kept(trained, artifacts, monkeypatch) -> None:
    for _ in range(runs.KEPT_ARTIFACTS + 1):
        run_training(trigger="test")
    kept = set(TrainingRun.objects.exclude(artifact="").values_list("artifact", flat=True))
    assert len(kept) == runs.KEPT_ARTIFACTS + 1
    assert names_in(artifacts) == kept
    assert TrainingRun.objects.get(status="active").artifact in kept


def test_a_run_that_was_declared_dead_does_not_go_live(trained, artifacts, monkeypatch) -> None:
    real = training.write_artifact

    def declared_dead(*args: object, **kwargs: object) -> object:
        TrainingRun.objects.filter(status="evaluating").update(
            status="failed", finished_at="2020-01-01T00:00Z"
        )
        return real(*args, **kwargs)

    active = TrainingRun.objects.get(status="active")
    monkeypatch.setattr(training, "write_artifact", declared_dead)
    with pytest.raises(RunLost, match="declared dead"):
        run_training(trigger="test")
    assert TrainingRun.objects.get(status="active") == active
    assert names_in(artifacts) == {active.artifact}


def test_ctrl_c_ends_a_run_as_cancelled(two_tastes, artifacts) -> None:
    def interrupt(stage: str, done: float) -> None:
        if stage == "measuring":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(trigger="command", on_stage=interrupt)
    run = TrainingRun.objects.get()
    assert (run.status, run.reason) == ("cancelled", "Interrupted by Ctrl-C.")
    assert run.stage_seconds["lists"] >= 0


def test_a_run_that_takes_too_long_says_so(two_tastes, artifacts) -> None:
    def too_late(stage: str, done: float) -> None:
        raise SoftTimeLimitExceeded

    with pytest.raises(SoftTimeLimitExceeded):
        run_training(trigger="test", on_stage=too_late)
    run = TrainingRun.objects.get()
    assert run.status == "failed"
    assert run.reason == "It took longer than TRAINING_TIME_LIMIT allows."
