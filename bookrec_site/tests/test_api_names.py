"""Authors, series, genres and tags by the API."""

import pytest
from rest_framework.test import APIClient

from bookrec_site.tests.catalog_library import (
    every_page,
    make_library,
)
from catalog.models import Book

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return APIClient()


@pytest.fixture
def library() -> dict[str, Book]:
    return make_library()


def test_names_come_with_the_number_of_books_that_are_shown(client, library) -> None:
    def listed(name: str) -> dict[str, int]:
        return {
            row["name"]: row["books"]
            for row in every_page(client, f"/api/v1/{name}/", {"page_size": 1})
        }

    assert listed("authors") == {"Jane Austen": 1, "Frank Herbert": 2, "Homer": 1}
    assert listed("series") == {"Dune Chronicles": 2}
    assert listed("genres") == {"Classics": 1, "Science Fiction": 2}
    assert listed("tags") == {"desert-planet": 1, "matchmaking": 1, "to-read": 1}


@pytest.mark.parametrize(
    ("name", "query", "expected"),
    [
        ("authors", "HERB", ["Frank Herbert"]),
        ("authors", "nobody", []),
        ("series", "dûne", ["Dune Chronicles"]),
        ("genres", "fiction", ["Science Fiction"]),
        ("tags", "planet", ["desert-planet"]),
    ],
)
def test_names_are_searched(client, library, name, query, expected) -> None:
    answer = client.get(f"/api/v1/{name}/", {"search": query})
    assert [row["name"] for row in answer.json()["results"]] == expected
