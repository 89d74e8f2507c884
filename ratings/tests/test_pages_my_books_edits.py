"""The forms of My books, which change many books at once."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from ratings.models import Dismissal, Note, Rating, Reading, ShelfEntry
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
