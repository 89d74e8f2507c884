"""What every address of the catalogue answers to: anything, at little cost."""

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from bookrec_site.tests.catalog_library import BOOKS, NAMES, RECOMMEND, make_library
from catalog.models import Book

pytestmark = pytest.mark.django_db

ADDRESSES = [
    BOOKS,
    f"{BOOKS}popular/",
    f"{BOOKS}new/",
    f"{BOOKS}trending/",
    "{book}",
    "{book}similar/",
    RECOMMEND,
    *(f"/api/v1/{name}/" for name in NAMES),
    "{author}",
    "{series}",
]


def address_of(template: str, book: Book) -> str:
    """Return the address, of the book or of what it has."""
    if template == "{author}":
        return f"/api/v1/authors/{book.authors.get().pk}/"
    if template == "{series}":
        return f"/api/v1/series/{book.series.get().pk}/"
    return template.format(book=f"{BOOKS}{book.pk}/")


@pytest.fixture
def client() -> APIClient:
    return APIClient()


@pytest.fixture
def library() -> dict[str, Book]:
    return make_library()


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_what_an_endpoint_does_not_do_is_a_problem_document(
    client, library, address, method
) -> None:
    address = address_of(address, library["dune"])
    client.force_authenticate(UserFactory())
    answer = getattr(client, method)(address, {"a": 1}, format="json")
    assert answer.status_code == 405
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["title"] == "Method Not Allowed"
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize(
    ("address", "name", "value"),
    [
        *(
            (BOOKS, name, value)
            for name in ("author", "series")
            for value in ("x", "0", "-1", "1.0", "٣", "9" * 30)
        ),
        *(
            (BOOKS, name, value)
            for name in ("year_from", "year_to")
            for value in ("x", "10000", "1e3")
        ),
        (BOOKS, "min_ratings", "-1"),
        (BOOKS, "min_ratings", str(2**31)),
        (BOOKS, "genre", "a\0b"),
        (BOOKS, "genre", "Not A Slug"),
        (BOOKS, "language", "english!"),
        (BOOKS, "ordering", "-title"),
        *(
            (address, "page_size", value)
            for address in (BOOKS, "/api/v1/tags/")
            for value in ("0", "-5", "x", "٣")
        ),
        *((BOOKS, name, "") for name in ("genre", "author", "year_to", "ordering", "page_size")),
        *((BOOKS, name, ["1", "2"]) for name in ("genre", "author", "search", "cursor")),
        (RECOMMEND, "title", ""),
        (RECOMMEND, "title", ["a", "b"]),
    ],
)
def test_a_wrong_parameter_is_named(client, library, address, name, value) -> None:
    answer = client.get(address, {name: value})
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert list(answer.json()["errors"]) == [name]


@pytest.mark.parametrize("address", [BOOKS, "/api/v1/tags/"])
@pytest.mark.parametrize("cursor", ["x", "a:b:c", "\0", "é:é:é", "x" * 5000])
def test_a_cursor_that_is_none_leads_nowhere(client, library, address, cursor) -> None:
    answer = client.get(address, {"cursor": cursor})
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_a_cursor_of_another_list_is_refused(client, library) -> None:
    following = client.get(BOOKS, {"page_size": 1}).json()["next"]
    cursor = following.partition("cursor=")[2].partition("&")[0].replace("%3A", ":")
    for address, params in (
        (BOOKS, {"ordering": "title"}),
        (BOOKS, {"search": "dune"}),
        ("/api/v1/authors/", {}),
    ):
        assert client.get(address, {**params, "cursor": cursor}).status_code == 404


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "x" * 5000, "%", "_", "'", "\\", "🐙", "!!!", "\u200b"]
)
def test_no_text_breaks_a_search(client, library, text) -> None:
    for address in (BOOKS, *(f"/api/v1/{name}/" for name in NAMES)):
        assert client.get(address, {"search": text}).status_code == 200
    assert client.get(RECOMMEND, {"title": text}).status_code == 200
