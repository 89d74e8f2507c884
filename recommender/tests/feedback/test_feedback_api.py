"""`POST /api/v1/events/`: what was shown, clicked and rated, by whoever was shown it."""

import pytest
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.models import Rating
from ratings.services import rate_book
from ratings.tests.api_doors import (
    assert_only,
    assert_private,
    assert_problem,
    at_most_queries,
    signed_in,
)
from recommender.feedback.list_ids import read_list_id
from recommender.models import FeedbackEvent, Surface
from recommender.tests.feedback.lists import list_of

pytestmark = pytest.mark.django_db

EVENTS = "/api/v1/events/"
LIST, SESSION = "/api/v1/recommendations/", "/api/v1/recommendations/session/"


@pytest.fixture
def books():
    return BookFactory.create_batch(3)


@pytest.fixture
def alice(trained):
    alice = UserFactory(username="alice")
    for book in trained["Detective"][:4]:
        rate_book(user=alice, book=book, stars=5)
    return alice


def send(client, *rows: object, **headers: str):
    return client.post(EVENTS, {"events": list(rows)}, format="json", headers=headers)


def shown(list_id: str, book) -> dict[str, object]:
    return {"list": list_id, "event": "shown", "book": book.pk}


def test_a_list_is_served_and_what_became_of_it_comes_back(alice) -> None:
    client = signed_in(alice)
    body = client.get(LIST, {"k": 5}).json()
    served, is_own = read_list_id(body["list"], alice.pk)
    listed = [item["book"]["id"] for item in body["results"]]
    assert is_own
    assert (served.surface, served.basis, served.k) == (Surface.API, "ratings", 5)
    assert (served.run_id, list(served.books)) == (body["run"], listed)
    rows = [{"list": body["list"], "event": "shown", "book": book} for book in listed]
    rows.append({"list": body["list"], "event": "clicked", "book": listed[1], "position": 2})
    rows.append({"list": body["list"], "event": "rated", "book": listed[1], "stars": 5})
    with at_most_queries(8):
        response = send(client, *rows)
    assert response.status_code == 200
    assert_private(response)
    told = response.json()
    assert (told["recorded"], told["known"], told["failed"]) == (7, 0, 0)
    assert told["results"][5] == {"index": 5, "book": listed[1], "result": "recorded"}
    assert FeedbackEvent.objects.filter(reader=alice, run_id=body["run"]).count() == 7
    assert send(client, *rows).json()["known"] == 7
    assert FeedbackEvent.objects.count() == 7


def test_a_guests_list_needs_no_account(trained) -> None:
    client = APIClient()
    body = client.post(SESSION, {"ratings": []}, format="json").json()
    first = body["results"][0]["book"]["id"]
    row = {"list": body["list"], "event": "clicked", "book": first}
    assert send(client, row).json()["recorded"] == 1
    event = FeedbackEvent.objects.get()
    assert (event.surface, event.basis, event.reader) == ("api_session", "popular", None)


def test_a_list_of_another_reader_is_refused(alice, trained) -> None:
    body = signed_in(alice).get(LIST).json()
    row = {"list": body["list"], "event": "shown", "book": body["results"][0]["book"]["id"]}
    for client in (signed_in(UserFactory(username="bob")), APIClient()):
        told = send(client, row).json()
        assert (told["recorded"], told["failed"]) == (0, 1)
        assert told["results"][0]["reason"] == "No list that was made for you has this id."
    assert not FeedbackEvent.objects.exists()
    assert send(signed_in(alice), row).json()["recorded"] == 1


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        "x",
        {},
        {"list": "x", "event": "shown"},
        {"book": "1"},
        {"book": True},
        {"book": 1.5},
        {"book": 10**30},
        {"book": -1},
        {"list": None},
        {"list": 5},
        {"list": "x" * 5000},
        {"list": "\0"},
        {"event": None},
        {"event": []},
        {"event": "seen"},
        {"event": "\0"},
        {"position": 2},
        {"position": "1"},
        {"position": 0},
        {"position": 10**30},
        {"stars": 5},
        {"event": "rated"},
        {"event": "rated", "stars": 0},
        {"event": "rated", "stars": "5"},
        {"event": "rated", "stars": 5.5},
        {"event": "rated", "stars": True},
    ],
)
def test_a_bad_row_is_told_and_the_next_is_done(books, row: object) -> None:
    good = shown(list_of(books), books[0])
    if isinstance(row, dict) and row:
        row = good | row
        row.pop("book" if row["list"] == "x" else "", None)
    told = send(APIClient(), row, good).json()
    assert [one["result"] for one in told["results"]] == ["error", "recorded"]
    assert told["results"][0]["reason"]
    assert (told["failed"], told["recorded"]) == (1, 1)


@pytest.mark.parametrize(
    "body",
    [None, [], {}, "x", {"events": None}, {"events": []}, {"events": {}}, {"events": [{}] * 201}],
)
def test_what_is_no_batch_is_a_problem(db, body: object) -> None:
    response = APIClient().post(EVENTS, body, format="json")
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["events"]


def test_an_old_list_is_refused(books, monkeypatch) -> None:
    with monkeypatch.context() as then:
        then.setattr("recommender.feedback.list_ids.time.time", lambda: 1_700_000_000.0)
        list_id = list_of(books)
    told = send(APIClient(), shown(list_id, books[0])).json()
    assert told["results"][0]["reason"] == "This list is older than 2 days."


@pytest.mark.parametrize("header", ["DNT", "Sec-GPC"])
def test_who_asks_not_to_be_tracked_is_not(alice, header: str) -> None:
    client = signed_in(alice)
    list_id = client.get(LIST).json()["list"]
    books = read_list_id(list_id, alice.pk)[0].books
    row = {"list": list_id, "event": "shown", "book": books[0]}
    assert send(client, row, **{header: "1"}).json()["ignored"] == 1
    assert not FeedbackEvent.objects.exists()
    assert client.get(LIST, headers={header: "1"}).json()["list"] is None
    assert send(client, row, **{header: "0"}).json()["recorded"] == 1


def test_who_wants_no_recommendations_has_no_list_and_leaves_no_event(alice) -> None:
    client = signed_in(alice)
    body = client.get(LIST).json()
    alice.wants_recommendations = False
    alice.save()
    assert client.get(LIST).json()["list"] is None
    row = {"list": body["list"], "event": "shown", "book": body["results"][0]["book"]["id"]}
    assert send(client, row).json()["ignored"] == 1
    assert not FeedbackEvent.objects.exists()


def test_a_rating_by_the_api_counts_for_its_list(alice, django_capture_on_commit_callbacks) -> None:
    client = signed_in(alice)
    body = client.get(LIST).json()
    book = body["results"][2]["book"]["id"]
    with django_capture_on_commit_callbacks(execute=True):
        response = client.put(
            f"/api/v1/books/{book}/rating/", {"stars": 4, "list": body["list"]}, format="json"
        )
    assert response.status_code == 200
    event = FeedbackEvent.objects.get()
    assert (event.kind, event.book_id, event.position, event.stars) == ("rated", book, 3, 4)


@pytest.mark.parametrize("list_id", [5, [], {}, "x" * 5000, "\0"])
def test_a_rating_with_what_is_no_list_id_is_a_problem(books, list_id: object) -> None:
    response = signed_in(UserFactory()).put(
        f"/api/v1/books/{books[0].pk}/rating/", {"stars": 4, "list": list_id}, format="json"
    )
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["list"]
    assert not Rating.objects.exists()


def test_a_session_needs_the_token_against_forgery_and_a_token_does_not(books) -> None:
    alice = UserFactory()
    body = {"events": [shown(list_of(books, alice), books[0])]}
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    response = browser.post(EVENTS, body, content_type="application/json")
    assert_problem(response, 403)
    assert not FeedbackEvent.objects.exists()
    program = APIClient(headers={"authorization": f"Token {issue_token(alice)[1]}"})
    assert send(program, *body["events"]).json()["recorded"] == 1
    stranger = APIClient(headers={"authorization": "Token made-up"})
    assert_problem(send(stranger, *body["events"]), 401)


def test_who_sends_too_often_must_wait(books, monkeypatch) -> None:
    monkeypatch.setattr("accounts.throttling.EventsThrottle.rate", "2/min", raising=False)
    cache.clear()
    client, row = APIClient(), shown(list_of(books), books[0])
    for _ in range(2):
        assert send(client, row).status_code == 200
    response = send(client, row)
    assert_problem(response, 429)
    assert int(response["Retry-After"]) > 0


def test_the_door_takes_posts_alone(db) -> None:
    assert_only(APIClient(), EVENTS, {"POST"})
