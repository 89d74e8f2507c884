"""Training runs by the API: who may, what is told of them, and what can be done with them."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.db.models.functions import Now
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.factories import UserFactory
from ratings.tests.api_doors import (
    assert_for_readers_only,
    assert_only,
    assert_private,
    assert_problem,
    at_most_queries,
    made_up_cursor,
    signed_in,
)
from recommender import runs
from recommender.models import TrainingRun
from recommender.training import run_training

pytestmark = pytest.mark.django_db

RUNS = "/api/v1/runs/"
ROLLBACK = f"{RUNS}rollback/"


def person(*permissions: str, **fields: object) -> User:
    """Somebody who has the permissions by a group, as operators have them."""
    user = UserFactory(**{"is_staff": True, **fields})
    group = Group.objects.create(name=f"group of {user.username}")
    group.permissions.set(Permission.objects.filter(codename__in=permissions))
    user.groups.add(group)
    return user


def again(user: User) -> APIClient:
    """A client as each request finds the user: what they may do is not known from before."""
    return signed_in(User.objects.get(pk=user.pk))


@pytest.fixture
def connie(db) -> User:
    return person("view_trainingrun", "change_trainingrun", username="connie")


@pytest.fixture
def sent(monkeypatch) -> list[list[int]]:
    messages: list[list[int]] = []
    monkeypatch.setattr(runs.current_app, "send_task", lambda name, args: messages.append(args))
    return messages


def working_run(**fields: object) -> TrainingRun:
    return TrainingRun.objects.create(
        **{"trigger": "test", "status": "fitting", "started_at": Now(), "heartbeat_at": Now()}
        | fields
    )


def test_a_run_is_started_once_and_the_other_is_named(
    connie, sent, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True), at_most_queries(8):
        response = again(connie).post(RUNS, {"kind": "quick", "force": True}, format="json")
    run = TrainingRun.objects.get()
    assert response.status_code == 202
    assert response["Location"] == f"http://testserver{RUNS}{run.pk}/"
    assert response["Retry-After"] == "3"
    assert_private(response)
    assert (run.kind, run.forced, run.trigger, run.started_by) == ("quick", True, "api", connie)
    assert sent == [[run.pk]]
    told = response.json()
    assert (told["id"], told["status"], told["started_by"]) == (run.pk, "queued", "connie")
    assert (told["verdict"], told["metrics"], told["history"]) == (None, [], None)
    with at_most_queries(8):
        refused = again(connie).post(RUNS, {}, format="json")
    assert_problem(refused, 409)
    assert refused.json()["under_way"] == {"id": run.pk, "address": response["Location"]}
    assert f"Training run {run.pk} is queued already" in refused.json()["detail"]
    assert TrainingRun.objects.count() == 1


def test_without_wishes_a_run_is_full_and_not_forced(connie) -> None:
    assert again(connie).post(RUNS, {}, format="json").status_code == 202
    run = TrainingRun.objects.get()
    assert (run.kind, run.forced) == ("full", False)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"kind": "slow"}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": ["full"]}, "kind"),
        ({"force": "yes"}, "force"),
        ({"force": 1}, "force"),
        ({"force": None}, "force"),
        ([], "non_field_errors"),
        ("full", "non_field_errors"),
    ],
)
def test_wishes_that_are_none_are_named(connie, body, named) -> None:
    response = again(connie).post(RUNS, body, format="json")
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == [named]
    assert not TrainingRun.objects.exists()


def test_a_run_is_watched_by_asking_again(connie) -> None:
    run = working_run(stage="linear", progress=0.25)
    client, address = again(connie), f"{RUNS}{run.pk}/"
    with at_most_queries(8):
        first = client.get(address)
    assert (first.json()["stage"], first.json()["progress"]) == ("linear", 0.25)
    assert (first["Retry-After"], first["Cache-Control"]) == ("3", "private, no-cache")
    # A sign of life is no news.
    TrainingRun.objects.update(heartbeat_at=Now())
    same = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert (same.status_code, same.content, same["Retry-After"]) == (304, b"", "3")
    TrainingRun.objects.update(progress=0.5)
    news = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert (news.status_code, news.json()["progress"]) == (200, 0.5)
    TrainingRun.objects.update(status="cancelled", finished_at=Now())
    assert "Retry-After" not in client.get(address)


def test_a_run_that_waits_is_cancelled_at_once_and_one_at_work_is_to_stop(connie) -> None:
    queued = TrainingRun.objects.create(trigger="test")
    with at_most_queries(8):
        response = again(connie).post(f"{RUNS}{queued.pk}/cancel/")
    assert (response.status_code, response.json()["status"]) == (202, "cancelled")
    assert response.json()["reason"] == "Cancelled by connie."
    assert "Retry-After" not in response
    assert_problem(again(connie).post(f"{RUNS}{queued.pk}/cancel/"), 409)
    run = working_run()
    response = again(connie).post(f"{RUNS}{run.pk}/cancel/")
    assert (response.status_code, response.json()["status"]) == (202, "fitting")
    assert response.json()["cancel_requested"] is True
    assert response["Retry-After"] == "3"
    assert response["Location"].endswith(f"{RUNS}{run.pk}/")


def test_everything_that_is_known_of_a_run_is_told(connie, measured_tastes, artifacts) -> None:
    first = run_training(trigger="test")
    run = run_training(trigger="test", force=True, started_by=connie)
    history = {"training": [0.9, 0.8], "validation": [0.95, 0.9], "best_epoch": 2}
    TrainingRun.objects.filter(pk=run.pk).update(
        history={"embeddings": history}, skipped_parts={"map": "Too few books."}
    )
    run.refresh_from_db()
    with at_most_queries(8):
        told = again(connie).get(f"{RUNS}{run.pk}/").json()
    figures = {one["name"]: one for one in told["metrics"]}
    assert set(figures) == {"two_stage", "popularity", "active"}
    assert figures["active"]["run"] == first.pk
    for name, one in figures.items():
        kept = run.metrics[name]
        assert one["ndcg_at_10"] == kept["ndcg_at_10"]
        low, high = one["ndcg_at_10_interval"]
        assert low <= one["ndcg_at_10"] <= high
        assert one["novelty_at_10"] == kept["novelty_at_10"]
    curve = figures["two_stage"]["cold_start"]
    assert curve
    assert [(point["n_ratings"], point["ndcg_at_10"]) for point in curve] == [
        (point["n_ratings"], point["ndcg_at_10"])
        for point in run.metrics["two_stage"]["cold_start"]
    ]
    assert figures["popularity"]["cold_start"] == []
    assert told["ndcg_at_10"] == run.metrics["two_stage"]["ndcg_at_10"]
    verdict = told["verdict"]
    assert (verdict["passed"], verdict["forced"], verdict["forced_by"]) == (True, True, "connie")
    assert [rule["name"] for rule in verdict["rules"]][:3] == [
        "finite",
        "nothing_rated_is_shown",
        "popularity_floor",
    ]
    assert verdict["rules"][0]["can_be_forced"] is False
    assert told["history"] == history
    assert told["skipped_parts"] == [{"name": "map", "reason": "Too few books."}]
    assert {s["name"]: s["seconds"] for s in told["stages"]} == run.stage_seconds
    assert (told["artifact"], told["checksums"]) == (run.artifact, run.checksums)
    assert told["dataset"]["n_ratings"] == 1440
    assert told["can_activate"] is False
    assert again(connie).get(f"{RUNS}{first.pk}/").json()["can_activate"] is True


def test_the_list_goes_from_page_to_page_the_latest_first(connie) -> None:
    made = [
        TrainingRun.objects.create(
            trigger="test",
            status="failed" if number % 2 else "cancelled",
            kind="full" if number < 3 else "quick",
            started_by=connie,
            finished_at=Now(),
        ).pk
        for number in range(5)
    ]
    client = again(connie)
    with at_most_queries(8):
        page = client.get(RUNS, {"page_size": 3}).json()
    assert [run["id"] for run in page["results"]] == made[:1:-1]
    rest = client.get(page["next"]).json()
    assert ([run["id"] for run in rest["results"]], rest["next"]) == (made[1::-1], None)

    def found(**wanted: str) -> list[int]:
        return [run["id"] for run in client.get(RUNS, wanted).json()["results"]]

    assert found(status="failed") == [made[3], made[1]]
    assert found(kind="quick", status="cancelled") == [made[4]]
    assert found(status="active") == []
    for name, value in (("status", "dead"), ("status", ""), ("kind", "FULL"), ("kind", "\0")):
        response = client.get(RUNS, {name: value})
        assert_problem(response, 400)
        assert list(response.json()["errors"]) == [name]
    assert_problem(client.get(f"{RUNS}?status=failed&status=active"), 400)
    assert_problem(client.get(RUNS, {"cursor": made_up_cursor("x")}), 404)


def test_an_earlier_run_is_brought_back(connie, trained) -> None:
    first = TrainingRun.objects.get()
    second = run_training(trigger="test")
    with at_most_queries(8):
        response = again(connie).post(ROLLBACK)
    assert (response.status_code, response.json()["id"]) == (200, first.pk)
    assert (response.json()["status"], response.json()["reason"]) == (
        "active",
        "Brought back by connie.",
    )
    refused = again(connie).post(ROLLBACK)
    assert_problem(refused, 409)
    assert "no earlier run" in refused.json()["detail"]
    with at_most_queries(8):
        response = again(connie).post(f"{RUNS}{second.pk}/activate/")
    assert (response.status_code, response.json()["status"]) == (200, "active")
    refused = again(connie).post(f"{RUNS}{second.pk}/activate/")
    assert_problem(refused, 409)
    assert f"Run {second.pk} is active" in refused.json()["detail"]


def test_a_run_whose_files_are_spoilt_is_not_brought_back(connie, trained, artifacts) -> None:
    first = TrainingRun.objects.get()
    active = run_training(trigger="test")
    (artifacts / first.artifact / "popularity.scores.npy").unlink()
    refused = again(connie).post(f"{RUNS}{first.pk}/activate/")
    assert_problem(refused, 409)
    assert "cannot be served" in refused.json()["detail"]
    assert TrainingRun.objects.get(status="active") == active


DOORS = {
    RUNS: {"GET", "POST"},
    ROLLBACK: {"POST"},
    f"{RUNS}{{id}}/": {"GET"},
    f"{RUNS}{{id}}/cancel/": {"POST"},
    f"{RUNS}{{id}}/activate/": {"POST"},
}


@pytest.mark.parametrize("door", DOORS)
def test_each_door_is_for_staff_with_the_permission(door: str, connie) -> None:
    run = working_run()
    before = TrainingRun.objects.values().get()
    address, methods = door.format(id=run.pk), DOORS[door]
    assert_only(again(connie), address, methods)
    assert_for_readers_only(address, methods)
    both = ("view_trainingrun", "change_trainingrun")
    strangers = [
        UserFactory(),
        person(),
        # Who is no staff any more, whatever groups say.
        person(*both, is_staff=False),
    ]
    for method in methods:
        for stranger in strangers:
            response = again(stranger).generic(method, address)
            assert_problem(response, 403)
            assert_private(response)
        onlooker = again(person("view_trainingrun")).generic(method, address)
        if method == "GET":
            assert onlooker.status_code == 200
        else:
            assert_problem(onlooker, 403)
    assert TrainingRun.objects.values().get() == before


@pytest.mark.parametrize("number", ["0", "999999999", "9" * 40])
@pytest.mark.parametrize("door", [door for door in DOORS if "{id}" in door])
def test_what_is_not_there_is_not_found(door: str, number: str, connie) -> None:
    [method] = DOORS[door]
    assert_problem(again(connie).generic(method, door.format(id=number)), 404)
    # Whether there is such a run is nothing for strangers.
    assert_problem(again(UserFactory()).generic(method, door.format(id=number)), 403)
