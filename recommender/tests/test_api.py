import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from ratings.services import rate_book

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/recommendations/"


def signed_in(user) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def alice(trained):
    alice = UserFactory(username="alice")
    for book in trained["Detective"][:4]:
        rate_book(user=alice, book=book, stars=5)
    return alice


def test_a_list_has_rank_book_score_and_reasons(trained, alice) -> None:
    response = signed_in(alice).get(ADDRESS, {"k": 3})
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-store"
    body = response.json()
    assert body["basis"] == "ratings"
    assert [item["rank"] for item in body["results"]] == [1, 2, 3]
    rated = {book.pk: book.title for book in trained["Detective"][:4]}
    for item in body["results"]:
        assert set(item) == {"rank", "book", "score", "predicted_stars", "reasons"}
        assert set(item["book"]) >= {"id", "title", "authors"}
        assert item["book"]["id"] not in rated
        assert item["book"]["authors"][0].startswith("Detective author")
        for reason in item["reasons"]:
            assert rated[reason["book"]["id"]] == reason["book"]["title"]
            assert reason["stars"] == 5


def test_ten_is_what_you_get_without_asking(trained, alice) -> None:
    assert len(signed_in(alice).get(ADDRESS).json()["results"]) == 10


def test_each_reader_gets_a_list_of_their_own(trained, alice) -> None:
    charlie = UserFactory(username="charlie")
    body = signed_in(charlie).get(ADDRESS).json()
    assert body["basis"] == "popular"
    assert all(item["reasons"] == [] for item in body["results"])


@pytest.mark.parametrize("k", ["0", "101", "-1", "ten", "1.5", "1e3", "9" * 30])
def test_a_length_that_is_none_is_answered_by_name(trained, alice, k: str) -> None:
    response = signed_in(alice).get(ADDRESS, {"k": k})
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert list(response.json()["errors"]) == ["k"]


def test_a_stranger_is_asked_to_log_in(db) -> None:
    response = APIClient().get(ADDRESS)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"


def test_an_address_that_is_none_is_a_problem_too(db) -> None:
    response = APIClient().get("/api/v1/nothing/here/")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_a_list_costs_few_queries(trained, alice, django_assert_max_num_queries) -> None:
    client = signed_in(alice)
    client.get(ADDRESS)
    with django_assert_max_num_queries(8):
        client.get(ADDRESS)


def test_a_forgotten_slash_is_added(trained, alice) -> None:
    response = signed_in(alice).get("/api/v1/recommendations?k=3")
    assert response.status_code == 301
    assert response["Location"] == "/api/v1/recommendations/?k=3"
