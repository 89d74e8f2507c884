"""Popular, new and trending books by the API, as the home page shows them."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.tests.factories import ImportedReaderFactory, UserFactory
from bookrec_site.api.book_lists import MAX_POPULAR
from bookrec_site.tests.catalog_library import BOOKS, every_page, make_library, titles
from catalog.latest import newest_books
from catalog.models import Book, BookGenre, Genre
from catalog.tests.factories import BookFactory
from ratings.services import rate_book
from ratings.tests.factories import RatingFactory
from ratings.trending import TREND_DAYS, trending_book_ids
from recommender.serving import popular_books

pytestmark = pytest.mark.django_db

POPULAR, NEW, TRENDING = (f"{BOOKS}{name}/" for name in ("popular", "new", "trending"))
LISTS = [POPULAR, NEW, TRENDING]


@pytest.fixture
def client() -> APIClient:
    return APIClient()


@pytest.fixture
def library() -> dict[str, Book]:
    return make_library()


def rated_now(*books: Book) -> None:
    reader = UserFactory()
    for book in books:
        rate_book(user=reader, book=book, stars=4)


def of_genre(slug: str, *books: Book) -> None:
    genre = Genre.objects.create(slug=slug, name=slug)
    for book in books:
        BookGenre.objects.create(book=book, genre=genre, share=0.5)


def test_popular_books_are_those_of_the_home_page(client, trained) -> None:
    expected = [book.title for book in popular_books(24)]
    assert len(expected) == 24
    for page_size in (5, 24):
        found = every_page(client, POPULAR, {"page_size": page_size})
        assert [book["title"] for book in found] == expected
    Book.objects.filter(title=expected[0]).update(is_hidden=True)
    assert expected[0] not in titles(client.get(POPULAR, {"page_size": 100}))


def test_popular_books_of_a_genre(client, trained) -> None:
    shelf = trained["Detective"][:5]
    newer = BookFactory(title="Newer than the run", ratings_count=0)
    of_genre("noir", *shelf, newer)
    found = [row["title"] for row in every_page(client, POPULAR, {"genre": "noir", "page_size": 2})]
    assert sorted(found) == sorted([*(book.title for book in shelf), newer.title])
    # By what readers of the run think of them; what the run does not know comes last.
    assert found[-1] == newer.title
    order = [title for title in (book.title for book in popular_books(24)) if title in found]
    assert found[:-1] == order


def test_without_a_run_the_most_read_are_popular(client, library, artifacts) -> None:
    assert titles(client.get(POPULAR)) == ["Dune", "Emma", "Dune Messiah", "The Iliad"]
    assert titles(client.get(POPULAR, {"genre": "classics"})) == ["Emma"]


def test_the_popular_list_ends(client, db, artifacts) -> None:
    BookFactory.create_batch(MAX_POPULAR + 3)
    found = list(every_page(client, POPULAR, {"page_size": 100}))
    assert len({book["id"] for book in found}) == len(found) == MAX_POPULAR


def test_new_books_are_those_of_the_home_page(client, library) -> None:
    BookFactory(title="To come", publication_year=timezone.now().year + 1)
    BookFactory(title="Of no year", publication_year=None)
    BookFactory(title="Dune's year, less read", publication_year=1965, ratings_count=1)
    expected = [book.title for book in newest_books(10)]
    assert expected == ["Dune Messiah", "Dune", "Dune's year, less read", "Emma", "The Iliad"]
    assert [row["title"] for row in every_page(client, NEW, {"page_size": 2})] == expected
    assert titles(client.get(NEW, {"genre": "science-fiction"})) == ["Dune Messiah", "Dune"]


def test_trending_books_are_those_of_the_home_page(client, library) -> None:
    dune, messiah, emma, iliad = (library[n] for n in ("dune", "messiah", "emma", "iliad"))
    rated_now(emma, messiah, iliad)
    rated_now(emma, messiah)
    rated_now(emma, library["hidden"])
    rated_now(library["hidden"])
    # Once, long ago, or nobody knows when: no trend.
    RatingFactory(book=dune, created_at=timezone.now() - timedelta(days=TREND_DAYS + 1))
    RatingFactory(book=dune, created_at=None)
    RatingFactory(book=dune, created_at=timezone.now(), user=ImportedReaderFactory())
    assert trending_book_ids(10) == [emma.pk, messiah.pk]
    found = every_page(client, TRENDING, {"page_size": 1})
    assert [row["title"] for row in found] == ["Emma", "Dune Messiah"]
    assert titles(client.get(TRENDING, {"genre": "science-fiction"})) == ["Dune Messiah"]


def test_nothing_trends_where_nobody_rates(client, library) -> None:
    assert client.get(TRENDING).json() == {"next": None, "results": []}


@pytest.mark.parametrize("address", LISTS)
def test_a_genre_that_there_is_not_has_no_books(client, library, address) -> None:
    assert titles(client.get(address, {"genre": "no-such-genre"})) == []


@pytest.mark.parametrize("address", LISTS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("genre", value) for value in ("", "a b", "\0", "fantasy\n", "x" * 51, ["a", "b"])),
        *(("page_size", value) for value in ("0", "-1", "x", "")),
    ],
)
def test_what_is_no_genre_or_size_is_named(client, library, address, name, value) -> None:
    answer = client.get(address, {name: value})
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert list(answer.json()["errors"]) == [name]


@pytest.mark.parametrize("address", LISTS)
def test_a_cursor_of_another_list_leads_nowhere(client, library, address) -> None:
    following = client.get(BOOKS, {"page_size": 1}).json()["next"]
    [cursor] = parse_qs(urlsplit(following).query)["cursor"]
    assert client.get(address, {"cursor": cursor}).status_code == 404
