"""What a curator sees of training runs, and may do with them."""

from itertools import pairwise

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import UserFactory, staff
from recommender import runs
from recommender.models import TrainingRun
from recommender.training import run_training

pytestmark = pytest.mark.django_db

OVERVIEW = "admin:recommender_trainingrun_changelist"


@pytest.fixture
def connie(client) -> User:
    user = staff("view_trainingrun", "change_trainingrun", username="connie")
    client.force_login(user)
    return user


@pytest.fixture
def onlooker(client) -> User:
    user = staff("view_trainingrun", username="oscar")
    client.force_login(user)
    return user


@pytest.fixture
def sent(monkeypatch) -> list[list[int]]:
    messages: list[list[int]] = []
    monkeypatch.setattr(runs.current_app, "send_task", lambda name, args: messages.append(args))
    return messages


def address(action: str, run: TrainingRun) -> str:
    return reverse(f"admin:recommender_trainingrun_{action}", args=[run.pk])


def test_the_list_shows_a_run_beside_the_one_that_was_active(
    client, connie, measured_tastes, artifacts
):
    first = run_training(trigger="test")
    second = run_training(trigger="test")
    html = client.get(reverse(OVERVIEW)).content.decode()
    own = f"{second.metrics['two_stage']['ndcg_at_10']:.4f}"
    assert f"{own} (run {first.pk})" in html
    assert html.count(own) == 3


def test_a_run_under_way_shows_how_far_it_is(client, connie) -> None:
    run = TrainingRun.objects.create(
        trigger="test", status="fitting", started_at=Now(), heartbeat_at=Now(),
        stage="embeddings", progress=0.4,
    )  # fmt: skip
    for page in (reverse(OVERVIEW), address("change", run)):
        html = client.get(page).content.decode()
        assert "embeddings 40%" in html
        assert '<meta http-equiv="refresh" content="5">' in html


def test_the_page_of_a_run_shows_verdict_history_and_files(
    client, connie, measured_tastes, artifacts
) -> None:
    run = run_training(trigger="test")
    history = {"training": [0.9, 0.8], "validation": [0.95, 0.9], "best_epoch": 2}
    TrainingRun.objects.update(history={"embeddings": history})
    html = client.get(address("change", run)).content.decode()
    parts = [
        "not below popularity",
        "popularity floor",
        "2 (kept)",
        "0.9500",
        run.checksums["meta.json"],
        "&quot;n_ratings&quot;: 1440",
    ]
    for part in parts:
        assert part in html, part
    # Nothing can be changed by hand.
    assert not [tag for tag in html.split("<input")[1:] if 'name="status"' in tag]
    assert 'name="_save"' not in html


def test_starting_is_confirmed_and_queues_a_full_run(
    client, connie, sent, django_capture_on_commit_callbacks
) -> None:
    start = reverse("admin:recommender_trainingrun_start")
    assert "Start a full training run?" in client.get(start).content.decode()
    assert not TrainingRun.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(start, follow=True)
        # A double click.
        again = client.post(start, follow=True)
    run = TrainingRun.objects.get()
    assert (run.status, run.kind, run.trigger, run.forced) == ("queued", "full", "admin", False)
    assert run.started_by == connie
    assert sent == [[run.pk]]
    assert f"Run {run.pk} is queued." in answer.content.decode()
    assert f"Training run {run.pk} is queued already" in again.content.decode()


def test_forcing_is_recorded(client, connie, sent) -> None:
    client.post(reverse("admin:recommender_trainingrun_start"), {"force": "yes"})
    run = TrainingRun.objects.get()
    assert (run.forced, run.started_by) == (True, connie)


def test_cancelling_and_rolling_back_are_confirmed(client, connie, trained) -> None:
    first = TrainingRun.objects.get()
    second = run_training(trigger="test")
    queued = TrainingRun.objects.create(trigger="test")
    assert address("cancel", queued) in client.get(address("change", queued)).content.decode()
    client.post(address("cancel", queued))
    queued.refresh_from_db()
    assert (queued.status, queued.reason) == ("cancelled", "Cancelled by connie.")
    assert address("rollback", first) in client.get(address("change", first)).content.decode()
    assert (
        f"Roll back to run {first.pk}?" in client.get(address("rollback", first)).content.decode()
    )
    assert TrainingRun.objects.get(status="active") == second
    client.post(address("rollback", first))
    assert TrainingRun.objects.get(status="active") == first


def test_what_is_not_possible_is_told(client, connie, trained) -> None:
    active = TrainingRun.objects.get()
    html = client.post(address("rollback", active), follow=True).content.decode()
    assert f"Run {active.pk} is active" in html


def test_an_onlooker_sees_and_changes_nothing(client, onlooker, sent, trained) -> None:
    active = TrainingRun.objects.get()
    page = client.get(address("change", active))
    assert page.status_code == 200
    start = reverse("admin:recommender_trainingrun_start")
    assert start not in client.get(reverse(OVERVIEW)).content.decode()
    for forbidden in (start, address("cancel", active), address("rollback", active)):
        assert client.get(forbidden).status_code == 403
        assert client.post(forbidden).status_code == 403
    assert TrainingRun.objects.get() == active


def test_a_reader_is_sent_to_the_login(client, trained) -> None:
    client.force_login(UserFactory())
    answer = client.post(reverse("admin:recommender_trainingrun_start"))
    assert (answer.status_code, "/admin/login/" in answer.url) == (302, True)
    assert TrainingRun.objects.count() == 1


def test_runs_are_listed_latest_first(client, connie) -> None:
    for _ in range(3):
        TrainingRun.objects.create(trigger="test", status="cancelled", finished_at=Now())
    found = client.get(reverse(OVERVIEW)).context["cl"].result_list
    assert all(later.pk > earlier.pk for later, earlier in pairwise(found))
