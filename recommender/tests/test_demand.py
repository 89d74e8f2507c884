"""When a new run is worth its time."""

import pytest
from django.db.models.functions import Now

from accounts.tests.factories import UserFactory
from catalog.models import DataImport
from catalog.tests.factories import BookFactory
from ratings.models import Rating
from recommender import runs, tasks
from recommender.demand import MAX_FAILURES, why_train
from recommender.models import TrainingRun

pytestmark = pytest.mark.django_db


def rate(n: int) -> None:
    reader = UserFactory()
    Rating.objects.bulk_create(Rating(user=reader, book=BookFactory(), stars=4) for _ in range(n))


def ended(status: str, *, kind: str = "full", **fields: object) -> TrainingRun:
    """Return a run that has seen all ratings that there are."""
    last = Rating.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    dataset = {"last_rating_id": last, "data_import": None}
    return TrainingRun.objects.create(
        trigger="test",
        status=status,
        kind=kind,
        artifact="a" if status == "active" else "",
        finished_at=Now(),
        **{"dataset": dataset} | fields,
    )


def test_without_ratings_there_is_nothing_to_train() -> None:
    assert why_train(1) is None


def test_the_first_ratings_need_a_run() -> None:
    rate(1)
    assert why_train(1000) == "There is no run yet."


def test_so_many_new_ratings_need_a_run() -> None:
    rate(5)
    run = ended("active")
    rate(3)
    assert why_train(4) is None
    assert why_train(3) == f"3 or more ratings are new since run {run.pk}."


def test_a_quick_run_needs_a_full_one_after_it() -> None:
    rate(1)
    quick = ended("active", kind="quick")
    assert why_train(1000) == f"Run {quick.pk} holds lists only."


@pytest.mark.parametrize("status", ["rejected", "cancelled"])
def test_what_was_rejected_or_cancelled_is_not_tried_again_without_new_ratings(status: str) -> None:
    rate(1)
    ended("active", kind="quick")
    ended(status)
    assert why_train(1) is None
    rate(1)
    assert why_train(1) is not None


def test_what_failed_is_tried_again_but_not_for_ever() -> None:
    rate(1)
    quick = ended("active", kind="quick")
    for _ in range(MAX_FAILURES - 1):
        ended("failed")
        assert why_train(1) == f"Run {quick.pk} holds lists only."
    ended("failed")
    assert why_train(1) is None
    rate(1)
    assert why_train(1) is not None


def test_an_import_needs_a_run() -> None:
    rate(1)
    ended("active")
    assert why_train(1000) is None
    DataImport.objects.create(source="goodbooks", digest="0" * 64)
    assert why_train(1000) == "A data set was imported."


def test_a_threshold_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="min_new_ratings is 0"):
        why_train(0)


def test_the_check_requests_a_full_run_once(monkeypatch) -> None:
    monkeypatch.setattr(runs.current_app, "send_task", lambda name, args: None)
    rate(2)
    ended("active")
    tasks.train_when_needed(min_new_ratings=2)
    assert not TrainingRun.objects.filter(status="queued").exists()
    rate(2)
    tasks.train_when_needed(min_new_ratings=2)
    tasks.train_when_needed(min_new_ratings=2)
    run = TrainingRun.objects.get(status="queued")
    assert (run.kind, run.trigger) == ("full", "need")


def test_the_task_works_at_its_run_and_leaves_others_alone(two_tastes, artifacts) -> None:
    run = runs.request_run(trigger="test", kind="quick", send=False)
    tasks.train(run.pk)
    run.refresh_from_db()
    assert run.status == "active"
    tasks.train(run.pk)
    tasks.train(123456)
    assert TrainingRun.objects.count() == 1


def test_a_task_whose_run_ends_badly_is_done_all_the_same(artifacts) -> None:
    run = runs.request_run(trigger="test", send=False)
    tasks.train(run.pk)
    run.refresh_from_db()
    assert (run.status, "import a data set" in run.reason) == ("failed", True)
