"""One book by the API, and what is like it."""

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from bookrec_site.tests.catalog_library import BOOKS, RECOMMEND, make_library, titles
from catalog.models import Book, Tag
from ratings.services import rate_book

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return APIClient()


@pytest.fixture
def library() -> dict[str, Book]:
    return make_library()


def test_the_detail_has_everything_of_a_book(client, library) -> None:
    dune = library["dune"]
    dune.description, dune.description_source = "Sand.", "language_model"
    dune.save()
    rate_book(user=UserFactory(), book=dune, stars=4)
    body = client.get(f"{BOOKS}{dune.pk}/").json()
    assert body["description"] == {"text": "Sand.", "source": "language_model"}
    assert (body["isbn10"], body["isbn13"]) == ("", "9780441013593")
    assert body["goodreads_histogram"] == {"1": 1, "2": 0, "3": 0, "4": 0, "5": 7}
    assert body["site_histogram"] == {"1": 0, "2": 0, "3": 0, "4": 1, "5": 0}
    # "to-read" says nothing of the book.
    [tag] = body["tags"]
    assert tag == {
        "id": Tag.objects.get(name="desert-planet").pk,
        "name": "desert-planet",
        "label": "desert planet",
        "count": 50,
    }
    assert client.get(f"{BOOKS}{library['emma'].pk}/").json()["description"] is None


@pytest.mark.parametrize("below", ["", "similar/"])
def test_a_hidden_book_and_one_that_is_none_are_not_found(client, library, below) -> None:
    for book_id in (library["hidden"].pk, 0, 2**31, 2**63, 10**30, "abc", "%00", -1):
        answer = client.get(f"{BOOKS}{book_id}/{below}")
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"


def test_similar_books_are_those_of_the_same_readers(client, trained) -> None:
    book = trained["Dragon"][0]
    found = titles(client.get(f"{BOOKS}{book.pk}/similar/", {"k": 3}))
    assert len(found) == 3
    assert book.title not in found
    assert all(title.startswith("Dragon") for title in found)
    Book.objects.filter(title=found[0]).update(is_hidden=True)
    assert found[0] not in titles(client.get(f"{BOOKS}{book.pk}/similar/"))


def test_without_a_model_nothing_is_similar(client, library, artifacts) -> None:
    assert titles(client.get(f"{BOOKS}{library['dune'].pk}/similar/")) == []


def test_an_exact_title_gets_five_similar_books_with_their_ratings(client, trained) -> None:
    Book.objects.update(average_rating="4.05", ratings_count=10)
    body = client.get(RECOMMEND, {"title": "dragon 3"}).json()
    assert body["match"] == "exact"
    assert body["book"]["id"] == trained["Dragon"][3].pk
    assert len(body["results"]) == 5
    for book in body["results"]:
        assert set(book) == {"id", "title", "authors", "average_rating", "ratings_count"}
        assert (book["average_rating"], book["ratings_count"]) == (4.05, 10)


def test_a_title_that_is_nearly_one_gets_suggestions(client, library) -> None:
    body = client.get(RECOMMEND, {"title": "Dune Mesiah"}).json()
    assert set(body) == {"match", "suggestions"}
    assert body["match"] == "near_miss"
    assert body["suggestions"][0] == {"id": library["messiah"].pk, "title": "Dune Messiah"}
    assert len(body["suggestions"]) <= 7
    hidden = client.get(RECOMMEND, {"title": "Dune Secrets"}).json()
    assert library["hidden"].pk not in [book["id"] for book in hidden["suggestions"]]


@pytest.mark.parametrize("k", ["0", "51", "x", "-1", "9" * 30])
def test_a_number_of_similar_books_that_is_none_is_named(client, library, k) -> None:
    answer = client.get(f"{BOOKS}{library['dune'].pk}/similar/", {"k": k})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["k"]


def test_a_recommendation_needs_a_title(client) -> None:
    answer = client.get(RECOMMEND)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["title"])
