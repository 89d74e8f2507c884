"""The page of everything a reader has, and the forms that change many books at once."""

from datetime import UTC, date, datetime

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Book, BookGenre, Genre
from catalog.tests.factories import BookFactory
from ratings.models import Dismissal, Note, Rating, Reading, ShelfEntry
from ratings.services import dismiss_book, mark_read, shelve_book, write_note
from ratings.tests.factories import RatingFactory
from ratings.tests.readers import Readers, make_readers

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(db) -> Readers:
    return make_readers()


def listed(client, **params) -> list[str]:
    page = client.get(reverse("my_books"), params)
    assert page.status_code == 200
    return [row.mark.book.title for row in page.context["rows"]]


def edit(client, action: str, books, **fields):
    ids = [getattr(book, "pk", book) for book in books]
    return client.post(reverse("edit_my_books"), {"action": action, "books": ids, **fields})


def said(user) -> tuple:
    return tuple(
        sorted(model.objects.filter(user=user).values_list("book", *columns))
        for model, columns in (
            (Rating, ["stars"]),
            (ShelfEntry, ["shelf"]),
            (Reading, []),
            (Note, ["text"]),
            (Dismissal, []),
        )
    )


@pytest.fixture
def library(client, readers) -> Readers:
    """Alice's ratings and shelf of `make_readers` and one book of every other kind."""
    alice, books = readers.alice, readers.books
    shelve_book(user=alice, book=books[14], shelf="reading")
    shelve_book(user=alice, book=books[15], shelf="abandoned")
    shelve_book(user=alice, book=books[0], shelf="Book club")
    shelve_book(user=alice, book=books[16], shelf="Book club")
    mark_read(user=alice, book=books[17], finished_on=date(2024, 3, 1))
    dismiss_book(user=alice, book=books[18])
    write_note(user=alice, book=books[0], text="private")
    client.force_login(alice)
    return readers


def volumes(*numbers: int) -> set[str]:
    return {f"Volume {number}" for number in numbers}


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


class TestEditing:
    def test_stars_for_many(self, library, client):
        response = edit(client, "rate", library.books[:3], stars="5", list="shelf=read&page=1")
        assert response.status_code == 302
        assert response["Location"] == "/my-books/?shelf=read&page=1"
        rated = Rating.objects.filter(user=library.alice, book__in=library.books[:3])
        assert set(rated.values_list("stars", flat=True)) == {5}
        assert "3 books have 5 stars now." in client.get(response["Location"]).content.decode()

    def test_shelves(self, library, client):
        books = library.books[:2]
        edit(client, "shelve", books, shelf="reading")
        edit(client, "shelve_new", books, new_shelf="  Lent   out ")
        shelves = ShelfEntry.objects.filter(user=library.alice, book=books[1])
        assert set(shelves.values_list("shelf", flat=True)) == {"reading", "Lent out"}
        edit(client, "unshelve", books, shelf="Lent out")
        assert set(shelves.values_list("shelf", flat=True)) == {"reading"}

    def test_a_day_of_reading(self, library, client):
        edit(client, "read", library.books[12:14], finished_on="2024-02-29")
        days = Reading.objects.filter(user=library.alice, book__in=library.books[12:14])
        assert set(days.values_list("finished_on", flat=True)) == {date(2024, 2, 29)}
        assert not ShelfEntry.objects.filter(user=library.alice, shelf="to_read").exists()

    def test_interest_again(self, library, client):
        edit(client, "restore", [library.books[18]], list="shelf=dismissed")
        assert not Dismissal.objects.exists()

    @pytest.mark.parametrize("action", ["remove", "remove_stars"])
    def test_removal_asks_first_and_says_what_goes(self, library, client, action):
        before = said(library.alice)
        asked = edit(client, action, library.books[:3], list="shelf=read")
        assert asked.status_code == 200
        html = asked.content.decode()
        assert "Volume 2" in html
        assert "?shelf=read" in html
        assert ("one private note" in html) is (action == "remove")
        assert said(library.alice) == before
        client.post(
            reverse("edit_my_books"),
            {"action": action, "books": asked.context["books"], "confirmed": "yes"},
        )
        kept = Note.objects.filter(user=library.alice).exists()
        assert kept is (action == "remove_stars")
        assert not Rating.objects.filter(user=library.alice, book__in=library.books[:3]).exists()
        assert Rating.objects.filter(user=library.alice).count() == 9
        assert Rating.objects.filter(user=library.bob).count() == 2

    def test_the_whole_list_on_every_page(self, library, client):
        for book in library.books[18:]:
            RatingFactory(user=library.alice, book=book, stars=3)
        edit(client, "rate", [], stars="1", whole_list="yes", list="shelf=read&stars=3&page=2")
        stars = Rating.objects.filter(user=library.alice).values_list("stars", flat=True)
        assert 3 not in stars
        assert list(stars).count(1) == 3 + 2 + 12

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"action": "rate", "stars": "6"}, "whole numbers from 1 to 5"),
            ({"action": "rate", "stars": "٣"}, "whole numbers from 1 to 5"),
            ({"action": "rate"}, "whole numbers from 1 to 5"),
            ({"action": "shelve_new", "new_shelf": "\0"}, "1 to 60 characters"),
            ({"action": "shelve_new", "new_shelf": "x" * 61}, "1 to 60 characters"),
            ({"action": "shelve"}, "1 to 60 characters"),
            ({"action": "read", "finished_on": "2024-02-30"}, "is no day"),
            ({"action": "read", "finished_on": "٢٠٢٤-٠١-٠١"}, "is no day"),
            ({"action": "read", "finished_on": "2999-01-01"}, "still to come"),
            ({"action": "drop"}, "choose what to do"),
            ({}, "choose what to do"),
            ({"action": "rate", "stars": "4", "books": []}, "tick the books first"),
            ({"action": "rate", "stars": "4", "books": ["x"]}, "one of the books is not"),
            ({"action": "rate", "stars": "4", "books": [str(10**30)]}, "one of the books is not"),
            ({"action": "rate", "stars": "4", "books": ["1;2"]}, "one of the books is not"),
            ({"action": "rate", "stars": "4", "books": ["-1", "\0"]}, "2 of the books are not"),
            ({"action": "rate", "stars": "4", "books": ["٣"]}, "one of the books is not"),
            ({"action": "remove", "books": ["999999999"]}, "one of the books is not"),
        ],
    )
    def test_what_cannot_be_done_changes_nothing_and_says_so(
        self, library, client, fields, message
    ):
        before = said(library.alice)
        ids = [book.pk for book in library.books[:2]]
        response = client.post(reverse("edit_my_books"), {"books": ids, **fields}, follow=True)
        assert response.status_code == 200
        assert message in response.content.decode()
        assert said(library.alice) == before

    def test_more_than_500_books_at_once_are_refused(self, library, client):
        before = said(library.alice)
        many = ",".join(map(str, range(1, 502)))
        data = {"action": "rate", "stars": "4", "books": many}
        response = client.post(reverse("edit_my_books"), data, follow=True)
        assert "at most 500 books at once, not 501" in response.content.decode()
        assert said(library.alice) == before

    def test_the_way_back_is_a_list_of_this_site(self, library, client):
        for wanted in ("https://evil.example/", "//evil.example", "next=//evil.example", "\0" * 9):
            response = edit(client, "rate", library.books[:1], stars="5", list=wanted)
            assert response["Location"].startswith("/my-books/?")
            assert "evil" not in response["Location"]

    def test_another_readers_books_stay_theirs(self, library, client):
        shelve_book(user=library.bob, book=library.books[25], shelf="Secret")
        before = said(library.bob)
        edit(client, "unshelve", library.books, shelf="Secret")
        edit(client, "remove", library.books, confirmed="yes", user=library.bob.pk)
        assert said(library.bob) == before

    def test_a_guest_is_sent_to_log_in_and_to_the_list(self, library):
        response = edit(Client(), "rate", library.books[:1], stars="5")
        assert response["Location"] == "/account/login/?next=/my-books/"

    def test_a_form_without_the_token_is_refused(self, library):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(library.alice)
        assert edit(strict, "rate", library.books[:1], stars="5").status_code == 403

    def test_only_post_changes_anything(self, library, client):
        for name in ("edit_my_books", "edit_shelf"):
            assert client.get(reverse(name)).status_code == 405


class TestOwnShelves:
    def post(self, client, **fields):
        return client.post(reverse("edit_shelf"), {"shelf": "Book club", **fields})

    def test_a_shelf_gets_another_name(self, library, client):
        response = self.post(client, action="rename", name="Club & <co>")
        assert response["Location"] == "/my-books/?own=Club+%26+%3Cco%3E"
        html = client.get(response["Location"]).content.decode()
        assert "Club &amp; &lt;co&gt;" in html
        assert "<co>" not in html
        assert set(listed(client, own="Club & <co>")) == volumes(1, 17)

    def test_a_shelf_is_deleted_after_asking(self, library, client):
        asked = self.post(client, action="delete")
        assert "2 books stand on it" in asked.content.decode()
        assert ShelfEntry.objects.filter(shelf="Book club").count() == 2
        self.post(client, action="delete", confirmed="yes")
        assert not ShelfEntry.objects.filter(shelf="Book club").exists()
        assert Rating.objects.filter(user=library.alice).count() == 12

    @pytest.mark.parametrize(
        "fields",
        [
            {"action": "rename", "name": "\0"},
            {"action": "rename", "name": "to_read"},
            {"action": "rename", "name": "x" * 100},
            {"action": "rename"},
            {"action": "burn"},
        ],
    )
    def test_a_name_that_is_none_changes_nothing(self, library, client, fields):
        response = self.post(client, **fields)
        assert response["Location"] == "/my-books/?own=Book+club"
        assert ShelfEntry.objects.filter(shelf="Book club").count() == 2

    @pytest.mark.parametrize("shelf", ["to_read", "Secret", "", "\0", "x" * 9999])
    @pytest.mark.parametrize("action", ["rename", "delete"])
    def test_shelves_that_are_not_ones_own_do_not_exist(self, library, client, shelf, action):
        shelve_book(user=library.bob, book=library.books[25], shelf="Secret")
        response = self.post(client, shelf=shelf, action=action, name="Mine", confirmed="yes")
        assert response.status_code == 404
        assert ShelfEntry.objects.filter(user=library.bob, shelf="Secret").count() == 1

    def test_a_guest_is_sent_to_log_in(self, library):
        assert self.post(Client(), action="delete")["Location"] == "/account/login/?next=/my-books/"


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
