import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from accounts.tests.factories import UserFactory
from catalog.models import BookTag, DataImport, Tag
from catalog.tests.factories import BookFactory
from ratings.models import Rating
from recommender import training
from recommender.dataset import load_dataset
from recommender.errors import NotEnoughData, Rejected, TrainingUnderWay
from recommender.models import TrainingRun
from recommender.training import is_up_to_date, run_training

pytestmark = pytest.mark.django_db


def test_a_run_records_what_it_did(two_tastes, artifacts) -> None:
    run = run_training(trigger="test")
    run.refresh_from_db()
    assert run.status == TrainingRun.Status.ACTIVE
    assert run.dataset["n_ratings"] == Rating.objects.count() == 120 * 9
    assert run.dataset["n_books"] == 24
    assert set(run.stage_seconds) == {"reading", "fitting", "measuring", "publishing"}
    assert run.metrics["linear"]["ndcg_at_10"] > run.metrics["popularity"]["ndcg_at_10"]
    assert run.hyperparameters["linear"]["n_neighbours"] == 400
    assert run.peak_megabytes > 50
    assert run.finished_at is not None
    assert (artifacts / run.artifact / "meta.json").is_file()


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
    assert TrainingRun.objects.get(status="active") == active


def test_a_model_worse_than_popularity_is_rejected(trained, monkeypatch) -> None:
    real = training.evaluate

    class Worthless:
        def __init__(self, report) -> None:
            self.report = report

        def as_dict(self) -> dict:
            return self.report.as_dict() | {"ndcg_at_10": 0.0}

    monkeypatch.setattr(
        training,
        "evaluate",
        lambda ranker, holdout, **options: (
            Worthless(real(ranker, holdout)) if ranker.name == "linear" else real(ranker, holdout)
        ),
    )
    with pytest.raises(Rejected, match="below popularity"):
        run_training(trigger="test")
    assert TrainingRun.objects.latest().status == "rejected"
    assert TrainingRun.objects.filter(status="active").count() == 1


def test_without_ratings_there_is_nothing_to_learn_from(artifacts, db) -> None:
    with pytest.raises(NotEnoughData, match="import a data set"):
        run_training(trigger="test")
    with pytest.raises(CommandError, match="import a data set"):
        call_command("train")
    assert set(TrainingRun.objects.values_list("status", flat=True)) == {"failed"}


def test_the_database_allows_one_run_under_way(db) -> None:
    TrainingRun.objects.create(trigger="test", status="fitting")
    with pytest.raises(IntegrityError), transaction.atomic():
        TrainingRun.objects.create(trigger="test", status="evaluating")


def test_the_database_allows_one_active_run(db) -> None:
    TrainingRun.objects.create(trigger="test", status="active", artifact="a")
    with pytest.raises(IntegrityError), transaction.atomic():
        TrainingRun.objects.create(trigger="test", status="active", artifact="b")


def test_a_run_whose_process_died_does_not_block_the_next(two_tastes, artifacts) -> None:
    dead = TrainingRun.objects.create(trigger="test", status="fitting")
    run_training(trigger="test")
    dead.refresh_from_db()
    assert (dead.status, dead.reason) == ("failed", "The process that fitted it died.")


def test_a_second_process_is_refused_while_one_lives(two_tastes, artifacts, second_session) -> None:
    with second_session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [training.ADVISORY_LOCK])
    with pytest.raises(TrainingUnderWay):
        run_training(trigger="test")
    assert not TrainingRun.objects.exists()


def test_if_needed_trains_once_per_data_import(two_tastes, artifacts, capsys) -> None:
    DataImport.objects.create(source="goodbooks", digest="0" * 64)
    call_command("train", "--if-needed")
    assert "is live" in capsys.readouterr().out
    call_command("train", "--if-needed")
    assert "nothing to do" in capsys.readouterr().out
    assert TrainingRun.objects.count() == 1
    DataImport.objects.create(source="goodbooks", digest="1" * 64)
    assert not is_up_to_date()


def test_the_dataset_is_what_is_in_the_database(two_tastes) -> None:
    data = load_dataset()
    user_id, book_id, stars = Rating.objects.values_list("user_id", "book_id", "stars")[5]
    row = data.interactions.users.indices([user_id])[0]
    column = data.interactions.items.indices([book_id])[0]
    assert data.interactions.ratings[row, column] == stars
    assert data.interactions.ratings.nnz == Rating.objects.count()


def test_the_catalogue_is_what_is_in_the_database(db) -> None:
    plain = BookFactory(authors=["Ann"])
    told = BookFactory(
        authors=["Bea", "Ann"],
        series="Tales",
        series__number=2,
        publication_year=-380,
        ratings_count=7,
        text_reviews_count=3,
        stars_1=1,
        stars_5=1,
    )
    for count, name in ((5, "epic"), (2, "old")):
        BookTag.objects.create(book=told, tag=Tag.objects.create(name=name), count=count)
    catalog = load_dataset().catalog
    first, second = catalog.items.indices([plain.pk, told.pk])
    assert catalog.years[[first, second]].tolist() == pytest.approx([np.nan, -380], nan_ok=True)
    assert catalog.n_ratings[[first, second]].tolist() == pytest.approx([np.nan, 7], nan_ok=True)
    assert catalog.n_reviews[second] == 3
    assert (catalog.mean_stars[second], catalog.std_stars[second]) == (3, 2)
    assert np.isnan(catalog.mean_stars[first])
    assert (catalog.series.index[first], catalog.series.number[second]) == (-1, 2)
    authors = catalog.authors.toarray()
    assert authors.sum(axis=1)[[first, second]].tolist() == [1, 2]
    assert authors[first, catalog.author_index[first]] == 1
    assert catalog.author_index[first] != catalog.author_index[second]
    assert sorted(catalog.tags.toarray()[second]) == [2, 5]
    assert not catalog.tags.toarray()[first].any()


def test_a_deleted_reader_is_in_no_later_dataset(two_tastes) -> None:
    alice = UserFactory()
    Rating.objects.create(user=alice, book=two_tastes["Dragon"][0], stars=5)
    assert alice.pk in load_dataset().interactions.user_ids
    user_id = alice.pk
    alice.delete()
    assert user_id not in load_dataset().interactions.user_ids


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
    monkeypatch.setattr(training, "KEPT_ARTIFACTS", 1)
    for _ in range(2):
        run_training(trigger="test")
    kept = set(TrainingRun.objects.exclude(artifact="").values_list("artifact", flat=True))
    assert len(kept) == 2
    assert {path.name for path in artifacts.iterdir()} == kept


def test_a_run_that_was_declared_dead_does_not_go_live(trained, monkeypatch) -> None:
    real = training.write_artifact

    def declared_dead(*args: object, **kwargs: object) -> object:
        TrainingRun.objects.filter(status="evaluating").update(status="failed")
        return real(*args, **kwargs)

    active = TrainingRun.objects.get(status="active")
    monkeypatch.setattr(training, "write_artifact", declared_dead)
    with pytest.raises(TrainingUnderWay, match="declared dead"):
        run_training(trigger="test")
    assert TrainingRun.objects.get(status="active") == active
