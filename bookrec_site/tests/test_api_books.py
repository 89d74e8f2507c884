"""Books by the API: filtered, searched, in four orders, page by page."""

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from bookrec_site.tests.catalog_library import (
    BOOKS,
    every_page,
    make_library,
    titles,
)
from catalog.models import Book, Volume
from catalog.search import find
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return APIClient()


@pytest.fixture
def library() -> dict[str, Book]:
    return make_library()


def test_the_list_shows_books_by_popularity_and_never_a_hidden_one(client, library) -> None:
    body = client.get(BOOKS).json()
    assert [book["title"] for book in body["results"]] == [
        "Dune",
        "Emma",
        "Dune Messiah",
        "The Iliad",
    ]
    assert body["next"] is None
    assert set(body) == {"next", "results"}
    series = Volume.objects.get(book=library["dune"]).series
    assert body["results"][0] == {
        "id": library["dune"].pk,
        "title": "Dune",
        "original_title": "",
        "authors": [{"id": library["dune"].authors.get().pk, "name": "Frank Herbert"}],
        "series": [{"id": series.pk, "name": "Dune Chronicles", "label": "1"}],
        "genres": [{"slug": "science-fiction", "name": "Science Fiction"}],
        "year": 1965,
        "language": "eng",
        "average_rating": 4.2,
        "ratings_count": 900,
        "cover_url": None,
    }


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"genre": "science-fiction"}, ["Dune", "Dune Messiah"]),
        ({"genre": "no-such-genre"}, []),
        ({"language": "eng"}, ["Dune", "Dune Messiah"]),
        ({"year_from": 1815, "year_to": 1965}, ["Dune", "Emma"]),
        ({"year_to": -1}, ["The Iliad"]),
        ({"min_ratings": 500}, ["Dune", "Emma"]),
        ({"genre": "science-fiction", "min_ratings": 500}, ["Dune"]),
        ({"author": 2**62}, []),
        ({"search": "dune", "ordering": "newest"}, ["Dune Messiah", "Dune"]),
        ({"search": " ", "cursor": ""}, ["Dune", "Emma", "Dune Messiah", "The Iliad"]),
        (
            {"no_such_parameter": "x", "author[]": "1"},
            ["Dune", "Emma", "Dune Messiah", "The Iliad"],
        ),
    ],
)
def test_filters_can_be_combined(client, library, params, expected) -> None:
    assert titles(client.get(BOOKS, params)) == expected


def test_filters_by_author_and_series(client, library) -> None:
    author, series = library["dune"].authors.get(), library["dune"].series.get()
    for params in ({"author": author.pk}, {"series": series.pk}):
        assert titles(client.get(BOOKS, params)) == ["Dune", "Dune Messiah"]


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("popular", ["Dune", "Emma", "Dune Messiah", "The Iliad"]),
        ("rating", ["Dune", "Dune Messiah", "Emma", "The Iliad"]),
        ("newest", ["Dune Messiah", "Dune", "Emma", "The Iliad"]),
        ("title", ["Dune", "Dune Messiah", "Emma", "The Iliad"]),
    ],
)
@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_every_order_can_be_paged_through(client, library, ordering, expected, page_size) -> None:
    params = {"ordering": ordering, "page_size": page_size}
    assert [book["title"] for book in every_page(client, BOOKS, params)] == expected


@pytest.mark.parametrize("ordering", ["popular", "rating", "newest", "title"])
def test_pages_neither_repeat_nor_skip_among_equals(client, ordering) -> None:
    for number in range(30):
        BookFactory(
            title=f"Same {number % 3}",
            ratings_count=number % 2,
            average_rating=None if number % 3 else Decimal("4.00"),
            publication_year=None if number % 4 else 2000,
        )
    found = [
        book["id"] for book in every_page(client, BOOKS, {"ordering": ordering, "page_size": 7})
    ]
    assert sorted(found) == sorted(Book.objects.values_list("pk", flat=True))
    assert len(set(found)) == 30


def test_a_book_that_comes_meanwhile_moves_no_other(client, library) -> None:
    first = client.get(BOOKS, {"page_size": 2}).json()
    BookFactory(title="Suddenly Popular", ratings_count=5000)
    assert titles(client.get(first["next"])) == ["Dune Messiah", "The Iliad"]


def test_a_page_has_at_most_a_hundred(client) -> None:
    BookFactory.create_batch(105)
    for size in (101, 10**30):
        assert len(client.get(BOOKS, {"page_size": size}).json()["results"]) == 100
    assert len(client.get(BOOKS).json()["results"]) == 20


def test_a_search_answers_as_the_site_does(client, library) -> None:
    body = client.get(BOOKS, {"search": "Dune", "page_size": 1}).json()
    assert [book["title"] for book in body["results"]] == ["Dune"]
    assert (body["reading"], body["suggestions"]) == ("", [])
    both = every_page(client, BOOKS, {"search": "Dune", "page_size": 1})
    assert [book["title"] for book in both] == ["Dune", "Dune Messiah"]
    assert titles(client.get(BOOKS, {"search": "9780441013593"})) == ["Dune"]
    site = client.get("/books/", {"q": "Dune"}).content.decode()
    assert site.index(">Dune<") < site.index("Dune Messiah")


def test_a_near_miss_is_read_and_suggested(client, library) -> None:
    body = client.get(BOOKS, {"search": "Dune Mesiah"}).json()
    site = find("Dune Mesiah")
    assert body["reading"] == site.reading == "dune messiah"
    assert [book["title"] for book in body["results"]] == ["Dune Messiah"]
    assert body["suggestions"] == [
        {"kind": item.kind.value, "id": item.pk, "text": item.text} for item in site.suggestions
    ]
    assert body["suggestions"][0]["text"] == "Dune Messiah"
    assert client.get(BOOKS, {"search": "Dune Secrets"}).json()["results"] == []
