"""Lists and predictions for what a program sends: parameters, guests, explanations."""

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.models import Rating
from ratings.services import dismiss_book, mark_read, rate_book, shelve_book
from ratings.tests.api_doors import (
    assert_for_readers_only,
    assert_only,
    assert_private,
    assert_problem,
    at_most_queries,
    signed_in,
)

pytestmark = pytest.mark.django_db

LIST = "/api/v1/recommendations/"
SESSION, PREDICTIONS = f"{LIST}session/", "/api/v1/predictions/"


@pytest.fixture
def alice(trained):
    alice = UserFactory(username="alice")
    for book in trained["Detective"][:4]:
        rate_book(user=alice, book=book, stars=5)
    rate_book(user=alice, book=trained["Dragon"][0], stars=1)
    return alice


def ids(response) -> set[int]:
    return {item["book"]["id"] for item in response.json()["results"]}


def test_books_that_were_read_come_back_when_asked_for(trained, alice) -> None:
    detectives = trained["Detective"]
    mark_read(user=alice, book=detectives[4])
    shelve_book(user=alice, book=detectives[5])
    dismiss_book(user=alice, book=detectives[6])
    read = {book.pk for book in detectives[:5]}
    client = signed_in(alice)
    assert not ids(client.get(LIST, {"k": 100})) & read
    again = ids(client.get(LIST, {"k": 100, "exclude_read": "false"}))
    assert read <= again
    assert not again & {detectives[5].pk, detectives[6].pk}
    charlie = UserFactory(username="charlie")
    mark_read(user=charlie, book=detectives[0])
    assert detectives[0].pk not in ids(signed_in(charlie).get(LIST, {"k": 100}))
    with_read = signed_in(charlie).get(LIST, {"k": 100, "exclude_read": "0"})
    assert with_read.json()["basis"] == "popular"
    assert detectives[0].pk in ids(with_read)


def test_an_explanation_names_every_contribution(trained, alice) -> None:
    own = {book.pk for book in [*trained["Detective"][:4], trained["Dragon"][0]]}
    client = signed_in(alice)
    assert "contributions" not in client.get(LIST, {"k": 1}).json()["results"][0]
    with at_most_queries(8):
        body = client.get(LIST, {"k": 3, "explain": "1"}).json()
    for item in body["results"]:
        told = item["contributions"]
        shares = [one["share"] for one in told]
        assert {one["book"]["id"] for one in told} <= own
        assert shares == sorted(shares, reverse=True)
        assert sum(share for share in shares if share > 0) == pytest.approx(1, abs=0.001)
        reasons = {reason["book"]["id"]: reason["share"] for reason in item["reasons"]}
        everything = {one["book"]["id"]: one["share"] for one in told}
        assert reasons.items() <= everything.items()
        assert item["reasons"] != []


@pytest.mark.parametrize("name", ["exclude_read", "explain"])
@pytest.mark.parametrize("value", ["2", "yes", "-1", "\0", "[true]", "9" * 40])
def test_a_flag_that_is_none_is_answered_by_name(alice, name: str, value: str) -> None:
    response = signed_in(alice).get(LIST, {name: value, "k": "0"})
    assert_problem(response, 400)
    assert set(response.json()["errors"]) == {name, "k"}


def test_a_guests_list_is_that_of_a_reader_with_the_same_stars(trained, alice) -> None:
    ratings = [{"book": r.book_id, "stars": r.stars} for r in Rating.objects.filter(user=alice)]
    n_ratings, client = Rating.objects.count(), APIClient()
    with at_most_queries(8):
        response = client.post(f"{SESSION}?k=5&explain=true", {"ratings": ratings}, format="json")
    mine = signed_in(alice).get(LIST, {"k": 5, "explain": "true"})
    # Each list has an id of its own.
    assert response.json() | {"list": ""} == mine.json() | {"list": ""}
    assert not response.cookies
    assert_private(response)
    assert Rating.objects.count() == n_ratings


def test_a_guest_without_ratings_gets_popular_books(trained) -> None:
    response = APIClient().post(SESSION, {"ratings": []}, format="json")
    assert response.json()["basis"] == "popular"
    assert len(response.json()["results"]) == 10


def test_a_bad_token_or_session_is_no_matter_to_a_guests_list(trained) -> None:
    client = APIClient(headers={"authorization": "Token nonsense"}, enforce_csrf_checks=True)
    client.force_login(UserFactory())
    assert client.post(SESSION, {"ratings": []}, format="json").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        "x",
        {"ratings": None},
        {"ratings": {}},
        {"ratings": "x"},
        {"ratings": [[]]},
        {"ratings": [None]},
        {"ratings": [{}]},
        {"ratings": [{"book": 1}]},
        {"ratings": [{"book": "1", "stars": 5}]},
        {"ratings": [{"book": 10**30, "stars": 5}]},
        {"ratings": [{"book": [[1]], "stars": 5}]},
        {"ratings": [{"book": 1, "stars": 5}] * 201},
    ],
)
def test_what_are_no_ratings_of_a_guest_is_a_problem(body: object) -> None:
    response = APIClient().post(SESSION, body, format="json")
    assert_problem(response, 400)
    assert response.json()["errors"]


@pytest.mark.parametrize("stars", ["5", "٥", 0, 6, 4.5, True, None, [5], {}, "\0", 10**30])
def test_what_are_no_stars_of_a_guest_is_a_problem(stars: object) -> None:
    body = {"ratings": [{"book": BookFactory().pk, "stars": stars}]}
    assert_problem(APIClient().post(SESSION, body, format="json"), 400)


def test_a_guest_names_each_book_once_and_no_hidden_one() -> None:
    hidden, book = BookFactory(is_hidden=True), BookFactory()
    for ids, status in (([hidden.pk], 404), ([999_999], 404), ([book.pk, book.pk], 400)):
        body = {"ratings": [{"book": one, "stars": 5} for one in ids]}
        assert_problem(APIClient().post(SESSION, body, format="json"), status)


def test_predictions_come_in_the_order_asked_for_with_their_basis(trained, alice) -> None:
    dragon, detective = trained["Dragon"][3], trained["Detective"][5]
    nobody = BookFactory(average_rating=None)
    for n, book in enumerate((detective, dragon)):
        book.average_rating = 3 + n
        book.save()
    with at_most_queries(8):
        response = signed_in(alice).get(
            PREDICTIONS, {"book": f"{detective.pk},{dragon.pk}, {nobody.pk},{dragon.pk}"}
        )
    assert_private(response)
    results = response.json()["results"]
    assert [row["book"] for row in results] == [detective.pk, dragon.pk, nobody.pk]
    assert results[2]["predicted_stars"] is None
    # This run predicts no stars.
    told = [row["predicted_stars"] for row in results[:2]]
    assert told == [{"stars": 3.0, "basis": "mean"}, {"stars": 4.0, "basis": "mean"}]


@pytest.mark.parametrize(
    "books", ["", ",", "x", "1,x", "-1", "1.5", "0", "\0", "٣", "[1]", "9" * 30]
)
def test_books_that_are_none_are_answered_by_name(books: str) -> None:
    response = signed_in(UserFactory()).get(PREDICTIONS, {"book": books})
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["book"]


def test_predictions_need_books_and_have_a_limit() -> None:
    client, hidden = signed_in(UserFactory()), BookFactory(is_hidden=True)
    assert_problem(client.get(PREDICTIONS), 400)
    assert_problem(client.get(PREDICTIONS, {"book": hidden.pk}), 404)
    assert_problem(client.get(PREDICTIONS, {"book": "999999"}), 404)
    books = BookFactory.create_batch(101, authors=[])
    texts = [str(book.pk) for book in books]
    assert_problem(client.get(PREDICTIONS, {"book": ",".join(texts)}), 400)
    assert client.get(PREDICTIONS, {"book": ",".join(texts[:100])}).status_code == 200


def test_each_door_has_its_methods_and_is_for_readers() -> None:
    client = signed_in(UserFactory())
    assert_only(client, LIST, {"GET"})
    assert_only(client, PREDICTIONS, {"GET"})
    assert_only(APIClient(), SESSION, {"POST"})
    assert_for_readers_only(LIST, {"GET"})
    assert_for_readers_only(PREDICTIONS, {"GET"})


def test_who_asks_too_often_must_wait(monkeypatch) -> None:
    monkeypatch.setattr("accounts.throttling.CostlyThrottle.rate", "2/min", raising=False)
    cache.clear()
    client = APIClient()
    for _ in range(2):
        assert client.post(SESSION, {"ratings": []}, format="json").status_code == 200
    response = client.post(SESSION, {"ratings": []}, format="json")
    assert_problem(response, 429)
    assert int(response["Retry-After"]) > 0
