"""Earlier runs brought back, and the files of old ones cleaned away."""

import os

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from recommender import artifact_store, runs
from recommender.errors import NotPossible
from recommender.models import TrainingRun
from recommender.tests.test_training import names_in
from recommender.training import run_training
from recommender.training_logs import log_folder

pytestmark = pytest.mark.django_db


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


def test_rolling_back_does_not_return_to_a_run_that_was_rolled_back(trained) -> None:
    first = TrainingRun.objects.get()
    bad = run_training(trigger="test")
    assert runs.rollback_run(by="connie") == first
    run_training(trigger="test")
    assert runs.rollback_run(by="connie") == first
    # Unless asked to; then it is one as good as any other.
    assert runs.rollback_run(bad.pk, by="connie") == bad
    run_training(trigger="test")
    assert runs.rollback_run(by="connie") == bad


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
