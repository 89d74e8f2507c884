"""The catalogue's answers to caches: what may be kept, and when it is sent again."""

import gzip
import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from bookrec_site.tests.catalog_library import BOOKS, make_library
from bookrec_site.tests.test_api_catalog import ADDRESSES, address_of
from catalog.models import Author, Book, BookTag, Genre, Series, Tag
from catalog.tests.factories import BookFactory
from ratings.models import Rating
from ratings.services import rate_book
from recommender.training import run_training

pytestmark = pytest.mark.django_db

# Each changes the one book whose parts the addresses are of.
CHANGES = {
    "title": lambda book: Book.objects.filter(pk=book.pk).update(title="Dunes"),
    "figure": lambda book: Book.objects.filter(pk=book.pk).update(average_rating="1.23"),
    "hidden": lambda book: Book.objects.filter(pk=book.pk).update(is_hidden=True),
    "author": lambda book: Author.objects.filter(books=book).update(name="F. Herbert"),
    "series": lambda book: Series.objects.filter(books=book).update(name="The Dunes"),
    "genre": lambda book: Genre.objects.filter(books=book).update(name="SF"),
    "tag": lambda book: BookTag.objects.filter(book=book).update(count=3),
    "description": lambda book: Book.objects.filter(pk=book.pk).update(
        description="Sand.", description_source="language_model"
    ),
    "stars": lambda book: rate_book(user=UserFactory(), book=book, stars=2),
    "own year": lambda book: Book.objects.filter(pk=book.pk).update(publication_year=1999),
}
BOOK_LISTS = [BOOKS, f"{BOOKS}popular/", f"{BOOKS}new/", "{book}", "{author}", "{series}"]
SHOWN = {"title", "figure", "hidden", "author", "series", "genre", "own year"}
# What each address shows of a book, so that a change of it is a change there.
SHOWS = {
    **dict.fromkeys(BOOK_LISTS, SHOWN),
    "{book}": {*CHANGES},
    f"{BOOKS}trending/": SHOWN,
    "/api/v1/recommend/": {"title", "figure", "hidden", "author"},
    "/api/v1/authors/": {"author", "hidden"},
    "/api/v1/series/": {"series", "hidden"},
    "/api/v1/genres/": {"genre", "hidden"},
    "/api/v1/tags/": {"hidden"},
}


@pytest.fixture
def client() -> APIClient:
    return APIClient()


@pytest.fixture
def library(artifacts) -> dict[str, Book]:
    books = make_library()
    for _ in range(2):
        rate_book(user=UserFactory(), book=books["dune"], stars=5)
    # One more of each: none of them is gone with the book.
    other = BookFactory(title="Other", authors=["Frank Herbert"], series="Dune Chronicles")
    other.book_genres.create(genre=Genre.objects.get(slug="science-fiction"), share=1)
    other.book_tags.create(tag=Tag.objects.get(name="desert-planet"), count=1)
    return books


@pytest.mark.parametrize(
    ("address", "change"),
    [(address, change) for address, changes in SHOWS.items() for change in sorted(changes)],
)
def test_a_changed_book_changes_the_etag(client, library, address, change) -> None:
    address, dune = address_of(address, library["dune"]), library["dune"]
    first = client.get(address, {"title": "dune"})
    same = client.get(address, {"title": "dune"}, headers={"If-None-Match": first["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    CHANGES[change](dune)
    changed = client.get(address, {"title": "dune"}, headers={"If-None-Match": first["ETag"]})
    gone = change == "hidden" and address.endswith(f"{BOOKS}{dune.pk}/")
    assert changed.status_code == (404 if gone else 200)
    assert gone or changed["ETag"] != first["ETag"]


def test_a_new_run_changes_what_is_similar(client, two_tastes, artifacts) -> None:
    address = f"{BOOKS}{two_tastes['Dragon'][0].pk}/similar/"
    first = client.get(address)
    run_training(trigger="test")
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_what_trends_no_more_changes_the_etag(client, library) -> None:
    first = client.get(f"{BOOKS}trending/")
    assert len(first.json()["results"]) == 1
    Rating.objects.update(created_at=timezone.now() - timedelta(days=365))
    again = client.get(f"{BOOKS}trending/", headers={"If-None-Match": first["ETag"]})
    assert again.json()["results"] == []


def test_the_etag_of_a_page_stays_as_long_as_its_books_do(client, library, monkeypatch) -> None:
    asked, now = {"page_size": 1}, time.time()
    first = client.get(BOOKS, asked)
    assert first.json()["next"]
    monkeypatch.setattr("time.time", lambda: now + 60)
    again = client.get(BOOKS, asked, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("address", ADDRESSES)
def test_caches_ask_anew_and_tell_readers_apart(client, library, address) -> None:
    address = address_of(address, library["dune"])
    answer = client.get(address, {"title": "dune"})
    again = client.get(address, {"title": "dune"}, headers={"If-None-Match": answer["ETag"]})
    for one in (answer, again):
        # Kept, and never shown before it was asked for again: a hidden book is gone at once.
        assert one["Cache-Control"] == "public, no-cache"
        varied = {name.strip() for name in one["Vary"].split(",")}
        assert varied >= {"Authorization", "Cookie", "Accept-Encoding", "Accept-Language"}
        assert "Last-Modified" not in one
    assert again.status_code == 304


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_refused_is_kept_by_nobody(client, library, address) -> None:
    address = address_of(address, library["dune"])
    refused = (
        client.get(address, {"page_size": "0", "title": "", "k": "x"}),
        client.delete(address),
        client.get(address, headers={"Authorization": "Token 0123"}),
        client.get(address, headers={"Accept": "image/png"}),
    )
    for answer in refused:
        # `books/{id}/` has no parameter that could be wrong.
        if answer.status_code != 200:
            assert answer["Cache-Control"] == "private, no-store"
    assert [one.status_code for one in refused[1:]] == [405, 401, 406]


@pytest.mark.parametrize("path", ["/api/v1/nothing/", "/api/v1/books/999999999/"])
def test_what_is_not_there_is_kept_by_nobody(client, db, path) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["Cache-Control"]) == (404, "private, no-store")


def test_what_is_long_is_compressed_and_known_again_by_its_etag(client, library) -> None:
    plain = client.get(BOOKS)
    packed = client.get(BOOKS, headers={"Accept-Encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.content)) == plain.json()
    # The same content in another form: equal to the weak comparison that If-None-Match is.
    assert packed["ETag"] == f"W/{plain['ETag']}"
    for etag in (plain["ETag"], packed["ETag"]):
        headers = {"Accept-Encoding": "gzip", "If-None-Match": etag}
        again = client.get(BOOKS, headers=headers)
        assert (again.status_code, again.content) == (304, b"")


def test_readers_get_the_same_as_everybody(client, library) -> None:
    token = issue_token(UserFactory())[1]
    theirs = client.get(BOOKS, headers={"Authorization": f"Token {token}"})
    assert theirs.content == client.get(BOOKS).content
    assert theirs["ETag"] == client.get(BOOKS)["ETag"]


@pytest.mark.parametrize("address", [*ADDRESSES, "/api/v1/schema/"])
def test_what_is_not_as_it_was_is_refused_with_a_problem(client, library, address) -> None:
    address, asked = address_of(address, library["dune"]), {"title": "dune"}
    etag = client.get(address, asked)["ETag"]
    refused = client.get(address, asked, headers={"If-Match": '"another"'})
    assert (refused.status_code, refused["Content-Type"]) == (412, "application/problem+json")
    assert refused.json()["status"] == 412
    assert refused["Cache-Control"] == "private, no-store"
    assert client.get(address, asked, headers={"If-Match": etag}).status_code == 200
    # There is no date to compare with.
    since = {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}
    assert client.get(address, asked, headers=since).status_code == 200


def test_the_description_tells_what_is_answered_to_conditions(client) -> None:
    paths = client.get("/api/v1/schema/").json()["paths"]
    answers = paths[BOOKS]["get"]["responses"]
    assert answers.keys() >= {"200", "304", "412"}
    assert "content" not in answers["304"]
