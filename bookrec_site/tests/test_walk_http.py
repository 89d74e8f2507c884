"""The main job over HTTP, on the real data: sign up, rate, get ten, rate one, get another ten."""

from collections.abc import Iterator

import psycopg2
import pytest
import requests

from bookrec_site.tests.running_site import RunningSite

pytestmark = pytest.mark.realdata

FANTASY = [
    "The Fellowship of the Ring",
    "A Game of Thrones",
    "The Name of the Wind",
    "The Eye of the World",
    "Assassin's Apprentice",
]


@pytest.fixture(scope="module")
def database(goodbooks_site: RunningSite) -> Iterator:
    connection = psycopg2.connect(goodbooks_site.environment["DATABASE_URL"])
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


def books_by_title(database, titles: list[str]) -> list[int]:
    """Return the most read book of each title."""
    found = []
    for title in titles:
        database.execute(
            "SELECT id FROM catalog_book WHERE title = %s ORDER BY ratings_count DESC LIMIT 1",
            [title],
        )
        [book] = database.fetchone()
        found.append(book)
    return found


def with_tag(database, books: list[int], tag: str) -> set[int]:
    """Return those of the books that many Goodreads readers shelved under the tag."""
    database.execute(
        "SELECT book_id FROM catalog_booktag JOIN catalog_tag ON tag_id = catalog_tag.id "
        "WHERE name = %s AND count >= 50 AND book_id = ANY(%s)",
        [tag, books],
    )
    return {book for (book,) in database.fetchall()}


def test_a_program_signs_up_rates_and_gets_ten_good_books(goodbooks_site, database) -> None:
    api = f"{goodbooks_site.url}/api/v1"
    login = {"username": "walker", "password": "walks over http"}
    signed_up = requests.post(
        f"{api}/auth/signup/", json=login | {"email": "walker@example.org"}, timeout=30
    )
    assert signed_up.status_code == 201
    token = requests.post(f"{api}/auth/token/", json=login, timeout=30).json()["token"]
    with requests.Session() as session:
        session.headers["Authorization"] = f"Token {token}"

        def ten() -> dict:
            answer = session.get(f"{api}/recommendations/", params={"k": 10}, timeout=30)
            assert answer.status_code == 200
            return answer.json()

        cold = ten()
        assert cold["basis"] == "popular"
        assert len(cold["results"]) == 10
        assert (
            len({author for item in cold["results"] for author in item["book"]["authors"][:1]})
            == 10
        )

        rated = books_by_title(database, FANTASY)
        for book in rated:
            answer = session.put(f"{api}/books/{book}/rating/", json={"stars": 5}, timeout=30)
            assert answer.status_code == 200
        first = ten()
        books = [item["book"]["id"] for item in first["results"]]
        assert first["basis"] == "ratings"
        assert [item["rank"] for item in first["results"]] == list(range(1, 11))
        assert len(set(books)) == 10
        assert not set(books) & set(rated)
        assert len(with_tag(database, books, "fantasy")) >= 7
        assert all(item["reasons"] for item in first["results"])

        chosen = books[3]
        session.put(f"{api}/books/{chosen}/rating/", json={"stars": 4}, timeout=30)
        second = [item["book"]["id"] for item in ten()["results"]]
        assert len(second) == 10
        assert chosen not in second
        assert second != books

        session.delete(f"{api}/books/{chosen}/rating/", timeout=30)
        assert [item["book"]["id"] for item in ten()["results"]] == books


def test_another_taste_gets_another_list(goodbooks_site, database) -> None:
    api = f"{goodbooks_site.url}/api/v1"
    login = {"username": "detective", "password": "walks over http"}
    requests.post(
        f"{api}/auth/signup/", json=login | {"email": "detective@example.org"}, timeout=30
    )
    token = requests.post(f"{api}/auth/token/", json=login, timeout=30).json()["token"]
    headers = {"Authorization": f"Token {token}"}
    for book in books_by_title(
        database, ["The Big Sleep", "In the Woods", "And Then There Were None", "The Black Echo"]
    ):
        requests.put(f"{api}/books/{book}/rating/", json={"stars": 5}, headers=headers, timeout=30)
    answer = requests.get(f"{api}/recommendations/", headers=headers, timeout=30).json()
    books = [item["book"]["id"] for item in answer["results"]]
    assert len(with_tag(database, books, "mystery")) >= 7
    assert len(with_tag(database, books, "fantasy")) <= 3
