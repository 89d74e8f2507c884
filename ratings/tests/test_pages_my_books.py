"""The page of everything a reader has."""

from datetime import UTC, date, datetime

import pytest
from django.urls import reverse

from catalog.models import Book, BookGenre, Genre
from catalog.tests.factories import BookFactory
from ratings.models import Rating, Reading
from ratings.services import shelve_book
from ratings.tests.factories import RatingFactory
from ratings.tests.own_library import fill_library, listed, volumes
from ratings.tests.readers import Readers, make_readers

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(db) -> Readers:
    return make_readers()


@pytest.fixture
def library(client, readers) -> Readers:
    return fill_library(client, readers)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, volumes(*range(1, 19))),
        ({"shelf": "all"}, volumes(*range(1, 19))),
        ({"shelf": "read"}, volumes(*range(1, 13), 18)),
        ({"shelf": "to_read"}, volumes(13, 14)),
        ({"shelf": "reading"}, volumes(15)),
        ({"shelf": "abandoned"}, volumes(16)),
        ({"shelf": "dismissed"}, volumes(19)),
        ({"own": "Book club"}, volumes(1, 17)),
    ],
)
def test_each_shelf_shows_its_books_and_counts_them(library, client, params, expected):
    page = client.get(reverse("my_books"), params)
    assert {row.mark.book.title for row in page.context["rows"]} == expected
    shown = {key: n for key, _, n in page.context["groups"]} | page.context["own_shelves"]
    key = params.get("own") or params.get("shelf", "all")
    assert shown[key] == len(expected)


def test_a_shelf_of_ones_own_may_have_the_name_of_any_other(library, client):
    shelve_book(user=library.alice, book=library.books[20], shelf="read")
    assert listed(client, own="read") == ["Volume 21"]
    assert len(listed(client, shelf="read")) == 13


def test_nobody_elses_books_or_shelves_are_shown(library, client):
    shelve_book(user=library.bob, book=library.books[25], shelf="Secret")
    assert "Volume 26" not in listed(client)
    assert client.get(reverse("my_books"), {"own": "Secret"}).status_code == 404
    client.force_login(library.bob)
    assert set(listed(client)) == volumes(1, 2, 26)
    assert client.get(reverse("my_books"), {"own": "Book club"}).status_code == 404
    client.force_login(library.charlie)
    page = client.get(reverse("my_books"))
    assert page.context["rows"] == []
    assert "No books yet" in page.content.decode()


def test_a_hidden_book_is_neither_listed_nor_counted(library, client):
    Book.objects.filter(pk__in=[library.books[0].pk, library.books[12].pk]).update(is_hidden=True)
    page = client.get(reverse("my_books"))
    assert not {"Volume 1", "Volume 13"} & {row.mark.book.title for row in page.context["rows"]}
    counts = {key: n for key, _, n in page.context["groups"]}
    assert (counts["all"], counts["read"], counts["to_read"]) == (16, 12, 1)
    assert page.context["own_shelves"] == {"Book club": 1}


def test_rows_say_everything_of_a_book(library, client):
    rows = {row.mark.book.title: row for row in client.get(reverse("my_books")).context["rows"]}
    assert rows["Volume 1"].shelves == ["Book club"]
    assert rows["Volume 1"].shelf_links == [("Book club", "?own=Book+club")]
    assert rows["Volume 13"].shelf_links == [("to read", "?shelf=to_read")]
    assert rows["Volume 18"].finished_on == date(2024, 3, 1)
    assert rows["Volume 2"].mark.stars == 2
    assert rows["Volume 2"].finished_on is None
    assert rows["Volume 2"].read_on is not None
    assert rows["Volume 13"].read_on is None
    assert rows["Volume 13"].mark.is_shelved


@pytest.fixture
def facts(library) -> Readers:
    """Facts of the first four books by which orders and filters tell them apart."""
    horror = Genre.objects.create(slug="horror", name="Horror")
    for book, title, year, average, day in zip(
        library.books,
        ("b", "C", "a", "D"),
        (1990, -380, None, 2001),
        ("3.10", "4.90", None, "4.00"),
        (3, 1, 2, None),
        strict=False,
    ):
        Book.objects.filter(pk=book.pk).update(
            title=title, publication_year=year, average_rating=average
        )
        at = datetime(2026, 1, day, tzinfo=UTC) if day else None
        Rating.objects.filter(user=library.alice, book=book).update(created_at=at, updated_at=at)
    BookGenre.objects.create(book=library.books[0], genre=horror, share=1.0)
    BookGenre.objects.create(book=library.books[20], genre=horror, share=1.0)
    Rating.objects.filter(user=library.alice, book__in=library.books[4:]).delete()
    Reading.objects.filter(user=library.alice).delete()
    return library


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("recent", ["b", "a", "C", "D"]),
        ("best", ["D", "a", "C", "b"]),
        ("worst", ["b", "C", "a", "D"]),
        ("title", ["a", "b", "C", "D"]),
        ("author", ["b", "C", "a", "D"]),
        ("year", ["D", "b", "C", "a"]),
        ("average", ["C", "D", "b", "a"]),
        ("nonsense", ["b", "a", "C", "D"]),
    ],
)
def test_orders(facts, client, sort, expected):
    """Their stars are 1, 2, 3, 4; their authors Writer 1 to Writer 4."""
    assert listed(client, shelf="read", sort=sort) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"stars": "4"}, ["D"]),
        ({"stars": "0", "shelf": "to_read"}, ["Volume 14", "Volume 13"]),
        ({"genre": "horror"}, ["b"]),
        ({"genre": "no-such"}, []),
        ({"from": "1990"}, ["b", "D"]),
        ({"to": "1990"}, ["b", "C"]),
        ({"from": "-400", "to": "0"}, ["C"]),
        ({"read_in": "2026"}, ["b", "a", "C"]),
        ({"read_in": "2025"}, []),
        ({"q": "writer 2"}, ["C"]),
        ({"q": "shared writer"}, ["b", "a", "C", "D"]),
        ({"stars": "1", "genre": "horror", "from": "1900", "q": "writer 1"}, ["b"]),
    ],
)
def test_filters(facts, client, params, expected):
    assert listed(client, **{"shelf": "read", **params}) == expected


ODD = ["\0", "a\0b", "9" * 400, "-1", "٣", "1e9", "' or 1=1 --", "%", "ﷺ" * 50, b"\xed\xa0\x80"]


@pytest.mark.parametrize("value", ODD, ids=ascii)
def test_odd_parameters_are_no_error(library, client, value):
    names = ("shelf", "stars", "genre", "from", "to", "read_in", "q", "sort", "page", "ticked")
    for name in names:
        assert client.get(reverse("my_books"), {name: value}).status_code == 200
    assert client.get(reverse("my_books"), dict.fromkeys(names, value)).status_code == 200
    own = client.get(reverse("my_books"), {"own": value})
    assert own.status_code == (200 if value == "\0" else 404)


def test_parameters_given_twice_count_once(library, client):
    assert len(listed(client, shelf=["to_read", "read"], stars="1", **{"stars[]": "2"})) == 3


def test_long_lists_come_in_pages_without_overlap(library, client):
    for book in [*library.books[18:], *(BookFactory() for _ in range(8))]:
        RatingFactory(user=library.alice, book=book, stars=3)
    first, second = (listed(client, sort="worst", page=n) for n in (1, 2))
    assert (len(first), len(second)) == (30, 8)
    assert not set(first) & set(second)


def test_the_page_asks_few_queries(library, client, django_assert_max_num_queries):
    for address in ("?", "?own=Book+club&q=volume&genre=x&sort=author", "?shelf=dismissed"):
        with django_assert_max_num_queries(10):
            client.get(reverse("my_books") + address)


def test_all_boxes_can_be_ticked_without_a_script(library, client):
    html = client.get(reverse("my_books"), {"ticked": "all"}).content.decode()
    assert html.count('name="books"') == html.count(" checked>") == 18
    assert "checked" not in client.get(reverse("my_books")).content.decode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/ratings/", "/my-books/?shelf=read"),
        ("/ratings/?sort=best&page=2", "/my-books/?shelf=read&sort=best&page=2"),
        ("/to-read/", "/my-books/?shelf=to_read"),
        ("/to-read/?next=//evil.example", "/my-books/?shelf=to_read"),
    ],
)
def test_old_addresses_lead_on_for_good(client, old, new):
    response = client.get(old)
    assert response.status_code == 301
    assert response["Location"] == new
    assert client.post(old).status_code == 405


def test_my_books_are_kept_by_no_cache(library, client):
    for name in ("my_books", "reading_history", "taste"):
        assert "no-store" in client.get(reverse(name))["Cache-Control"]


def test_my_taste_is_shown_from_five_ratings_on(client, readers, django_assert_max_num_queries):
    client.force_login(readers.bob)
    assert "3 more ratings" in client.get(reverse("taste")).content.decode()
    client.force_login(readers.alice)
    client.get(reverse("taste"))
    with django_assert_max_num_queries(12):
        page = client.get(reverse("taste"))
    assert page.context["authors"][0].name == "Shared Writer"
    assert page.context["n_ratings"] == 12
