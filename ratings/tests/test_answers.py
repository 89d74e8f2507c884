"""Rating, shelving and dismissing in place: what htmx is answered, and what everybody else is."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.models import Dismissal, Rating, ShelfEntry
from ratings.opinions import opinions_of
from ratings.services import dismiss_book, rate_book, shelve_book
from ratings.settled import settled_books
from ratings.tests.readers import Readers, make_readers

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(db) -> Readers:
    return make_readers()


@pytest.fixture
def bob(client, readers):
    client.force_login(readers.bob)
    return readers.bob


def send(client, name, book, **fields):
    """Send a form as htmx does."""
    address = reverse(name, args=[book.pk])
    return client.post(address, fields, headers={"HX-Request": "true"})


def test_stars_in_place_are_answered_with_the_stars_alone(client, readers, bob):
    book = readers.books[20]
    response = send(client, "rate_book", book, stars=4, look="large removable", next="/books/?q=a")
    html = response.content.decode()
    assert response.status_code == 200
    assert "<html" not in html
    assert html.count('aria-pressed="true"') == 1
    assert 'value="4" aria-pressed="true"' in html
    assert 'class="stars large"' in html
    assert 'value="remove"' in html
    # The form goes on returning to the page that it stands on.
    assert 'name="next" value="/books/?q=a"' in html
    assert 'hx-swap-oob="innerHTML"' in html
    assert "You gave “Volume 21” 4 stars." in html
    assert json.loads(response["HX-Trigger-After-Swap"]) == {"opinion-changed": {"book": book.pk}}
    assert opinions_of(bob).stars[book.pk] == 4


def test_a_part_looks_as_it_did(client, readers, bob):
    html = send(client, "rate_book", readers.books[20], stars=4).content.decode()
    assert "large" not in html
    assert 'value="remove"' not in html


def test_the_message_is_shown_once(client, readers, bob):
    send(client, "rate_book", readers.books[20], stars=4)
    assert "You gave" not in client.get(reverse("home")).content.decode()


def test_wrong_stars_are_answered_with_the_stars_there_are(client, readers, bob):
    response = send(client, "rate_book", readers.books[0], stars="9")
    assert response.status_code == 200
    html = response.content.decode()
    assert "stars are whole numbers from 1 to 5" in html
    assert 'value="3" aria-pressed="true"' in html


def test_the_shelf_in_place(client, readers, bob):
    book = readers.books[20]
    html = send(client, "shelve_book", book, action="add").content.decode()
    assert 'name="action" value="remove" aria-pressed="true"' in html
    html = send(client, "shelve_book", book, action="remove").content.decode()
    assert 'name="action" value="add" aria-pressed="false"' in html
    assert not ShelfEntry.objects.filter(user=bob).exists()


@pytest.mark.parametrize(
    ("name", "fields", "said", "undo"),
    [
        ("rate_book", {"stars": "1"}, "You gave <cite>Volume 21</cite> 1 star.", "rate_book"),
        ("dismiss_book", {}, "Not interested in <cite>Volume 21</cite>.", "undo_dismissal"),
        ("shelve_book", {"action": "add"}, "is on your to-read shelf.", "shelve_book"),
    ],
)
def test_a_row_gives_way_to_what_was_settled(client, readers, bob, name, fields, said, undo):
    book = readers.books[20]
    for _again in range(2):  # a double click
        response = send(client, name, book, row="3", **fields)
        html = response.content.decode()
        assert html.startswith("<li")
        assert said in html
        assert f'data-settled="{book.pk}-3"' in html
        assert json.loads(response["HX-Trigger-After-Swap"]) == {
            "opinion-changed": {"book": book.pk, "row": 3}
        }
        assert f'action="{reverse(undo, args=[book.pk])}"' in html
        assert "HX-Reswap" not in response
    # What undoes it leaves the line to the list that is fetched anew.
    undone = {"stars": "remove", "action": "remove"}
    for _again in range(2):
        response = send(client, undo, book, row="3", **undone)
        assert response["HX-Reswap"] == "none"
        assert "opinion-changed" in response["HX-Trigger-After-Swap"]
        assert "<li" not in response.content.decode()
    assert book.pk not in opinions_of(bob).taken


@pytest.mark.parametrize("row", ["", "-1", "1000", "٣", "x", "1\0", "3.0"])
def test_a_row_that_is_no_place_is_no_row(client, readers, bob, row):
    response = send(client, "rate_book", readers.books[20], stars=5, row=row)
    assert response.status_code == 200
    assert "<form" in response.content.decode()


@pytest.mark.parametrize("name", ["shelve_book", "dismiss_book", "undo_dismissal"])
def test_a_guest_is_sent_to_log_in(client, readers, name):
    book = readers.books[20]
    response = send(client, name, book, action="add", next="/books/?page=2")
    assert response.status_code == 200
    login = f"/account/login/?next=/books/%3Fpage%3D2%23book-{book.pk}"
    assert response["HX-Redirect"] == login
    plain = client.post(reverse(name, args=[book.pk]), {"action": "add", "next": "/books/?page=2"})
    assert plain["Location"] == login
    assert not Dismissal.objects.exists()


@pytest.mark.parametrize("name", ["dismiss_book", "undo_dismissal"])
def test_without_htmx_a_dismissal_returns_to_the_page(client, readers, bob, name):
    book = readers.books[20]
    dismiss_book(user=bob, book=book)
    response = client.post(reverse(name, args=[book.pk]), {"next": "/recommendations/?k=20"})
    assert response["Location"] == f"/recommendations/?k=20#book-{book.pk}"
    assert Dismissal.objects.filter(user=bob).exists() is (name == "dismiss_book")


@pytest.mark.parametrize("name", ["dismiss_book", "undo_dismissal"])
def test_dismissals_are_changed_by_post_with_the_token_of_books_that_are(client, readers, name):
    book = readers.books[20]
    client.force_login(readers.bob)
    for method in ("get", "put", "patch", "delete", "head"):
        assert getattr(client, method)(reverse(name, args=[book.pk])).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(readers.bob)
    assert strict.post(reverse(name, args=[book.pk])).status_code == 403
    for number in (0, 999_999_999, 10**30):
        assert client.post(reverse(name, args=[number])).status_code == 404
    book.is_hidden = True
    book.save()
    assert client.post(reverse(name, args=[book.pk])).status_code == 404
    assert not Dismissal.objects.exists()


def test_the_list_of_dismissed_books_is_ones_own(client, readers):
    for book in readers.books[20:23]:
        dismiss_book(user=readers.alice, book=book)
    readers.books[22].is_hidden = True
    readers.books[22].save()
    client.force_login(readers.alice)
    page = client.get(reverse("dismissed"))
    assert page.context["books"] == [readers.books[21], readers.books[20]]
    assert "no-store" in page["Cache-Control"]
    client.force_login(readers.charlie)
    page = client.get(reverse("dismissed"))
    assert page.context["books"] == []
    assert "Nothing is hidden" in page.content.decode()
    # Charlie's undo reaches nothing of Alice's.
    client.post(reverse("undo_dismissal", args=[readers.books[20].pk]))
    assert len(opinions_of(readers.alice).dismissed) == 3


def test_a_guest_has_no_list_of_dismissed_books(client, readers):
    assert client.get(reverse("dismissed"))["Location"] == "/account/login/?next=/dismissed/"


def test_the_list_of_dismissed_books_takes_odd_pages_and_few_queries(
    client, readers, bob, django_assert_max_num_queries
):
    for book in readers.books[:29]:
        dismiss_book(user=bob, book=book)
    for page in ("?page=99", "?page=abc", "?page=%00"):
        assert client.get(reverse("dismissed") + page).status_code == 200
    with django_assert_max_num_queries(9):
        client.get(reverse("dismissed"))


def test_stars_say_more_than_a_dismissal_beside_them(readers):
    book = readers.books[20]
    rate_book(user=readers.bob, book=book, stars=5)
    dismiss_book(user=readers.bob, book=book)
    [settled] = settled_books(opinions_of(readers.bob), {book.pk: 0})
    assert (settled.stars, settled.is_dismissed) == (5, False)
    assert settled_books(opinions_of(readers.bob), {}) == []
    assert settled_books(opinions_of(readers.charlie), {book.pk: 0}) == []


@pytest.mark.django_db(transaction=True)
def test_a_book_that_is_dismissed_rated_and_shelved_at_once_is_in_one_state() -> None:
    """Tabs at work at the same time: nothing fails, and what is left makes sense."""
    user = UserFactory()
    start = threading.Barrier(3)

    def tab(write, book, **fields) -> None:
        try:
            start.wait()
            write(user=user, book=book, **fields)
        finally:
            connections.close_all()

    for book in [BookFactory() for _n in range(8)]:
        with ThreadPoolExecutor(3) as tabs:
            for done in [
                tabs.submit(tab, rate_book, book, stars=5),
                tabs.submit(tab, dismiss_book, book),
                tabs.submit(tab, shelve_book, book),
            ]:
                done.result()
        assert Rating.objects.filter(user=user, book=book).exists()
        assert not (
            Dismissal.objects.filter(user=user, book=book).exists()
            and ShelfEntry.objects.filter(user=user, book=book).exists()
        )
        [settled] = settled_books(opinions_of(user), {book.pk: 0})
        assert settled.stars == 5
