"""One author and one series by the API."""

import pytest
from rest_framework.test import APIClient

from bookrec_site.tests.catalog_library import every_page, make_library, titles
from catalog.models import Author, Book, Series, Volume
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return APIClient()


@pytest.fixture
def library() -> dict[str, Book]:
    return make_library()


def author_address(name: str) -> str:
    return f"/api/v1/authors/{Author.objects.get(name=name).pk}/"


def series_address(name: str) -> str:
    return f"/api/v1/series/{Series.objects.get(name=name).pk}/"


def test_an_author_has_books_and_series(client, library) -> None:
    BookFactory(title="Alone", authors=["Frank Herbert", "Somebody"], ratings_count=400)
    BookFactory(title="Withdrawn", authors=["Frank Herbert"], is_hidden=True)
    body = client.get(author_address("Frank Herbert")).json()
    assert (body["name"], body["books"], body["next"]) == ("Frank Herbert", 3, None)
    series = Series.objects.get(name="Dune Chronicles")
    assert body["series"] == [{"id": series.pk, "name": "Dune Chronicles", "books": 2}]
    assert [book["title"] for book in body["results"]] == ["Dune", "Alone", "Dune Messiah"]
    assert set(body) == {"id", "name", "books", "series", "next", "results"}


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("popular", ["Dune", "Dune Messiah"]),
        ("newest", ["Dune Messiah", "Dune"]),
        ("rating", ["Dune", "Dune Messiah"]),
        ("title", ["Dune", "Dune Messiah"]),
    ],
)
def test_the_books_of_an_author_come_in_any_order_and_in_pages(
    client, library, ordering, expected
) -> None:
    address = author_address("Frank Herbert")
    params = {"ordering": ordering, "page_size": 1}
    assert [book["title"] for book in every_page(client, address, params)] == expected
    assert client.get(address, {"ordering": "oldest"}).status_code == 400


def test_a_series_has_its_volumes_in_order(client, library) -> None:
    for label, number in (("0.5", "0.5"), ("1-3", None), ("10", 10)):
        BookFactory(
            title=f"Volume {label}",
            series="Dune Chronicles",
            series__number=number,
            ratings_count=5000,
        )
        Volume.objects.filter(book__title=f"Volume {label}").update(label=label)
    BookFactory(title="Gone", series="Dune Chronicles", series__number=3, is_hidden=True)
    address = series_address("Dune Chronicles")
    body = client.get(address).json()
    assert (body["name"], body["books"], body["next"]) == ("Dune Chronicles", 5, None)
    listed = [(row["number"], row["label"], row["book"]["title"]) for row in body["results"]]
    assert listed == [
        (0.5, "0.5", "Volume 0.5"),
        (1.0, "1", "Dune"),
        (2.0, "2", "Dune Messiah"),
        (10.0, "10", "Volume 10"),
        (None, "1-3", "Volume 1-3"),
    ]
    in_pages = every_page(client, address, {"page_size": 2})
    assert [row["book"]["title"] for row in in_pages] == [title for *_, title in listed]


def test_who_has_no_book_to_show_is_not_there(client, library) -> None:
    for address in (author_address("Nobody Known"), series_address("Secret Series")):
        answer = client.get(address)
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"
    for name in ("authors", "series"):
        for number in (0, 2**31, 2**63, 10**30, "abc", "%00", -1):
            assert client.get(f"/api/v1/{name}/{number}/").status_code == 404


def test_an_author_is_found_by_the_list_of_authors(client, library) -> None:
    [row] = client.get("/api/v1/authors/", {"search": "austen"}).json()["results"]
    assert titles(client.get(f"/api/v1/authors/{row['id']}/")) == ["Emma"]
