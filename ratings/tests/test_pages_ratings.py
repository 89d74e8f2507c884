"""The two forms that change opinions, and the pages of a reader's own."""

import pytest
from django.test import Client
from django.urls import reverse

from ratings.models import Rating, ShelfEntry
from ratings.tests.readers import Readers, make_readers

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(db) -> Readers:
    return make_readers()


def stars_of(user, book) -> int | None:
    return Rating.objects.filter(user=user, book=book).values_list("stars", flat=True).first()


def rate(client, book, **fields):
    return client.post(reverse("rate_book", args=[book.pk]), fields)


def shelve(client, book, **fields):
    return client.post(reverse("shelve_book", args=[book.pk]), fields)


@pytest.mark.parametrize("stars", range(1, 6))
def test_one_click_gives_the_stars_and_returns_to_the_card(client, readers, stars):
    book = readers.books[20]
    client.force_login(readers.charlie)
    response = rate(client, book, stars=stars, next="/books/?q=volume&page=2")
    assert response.status_code == 302
    assert response["Location"] == f"/books/?q=volume&page=2#book-{book.pk}"
    assert stars_of(readers.charlie, book) == stars


def test_the_answer_says_what_was_saved(client, readers):
    client.force_login(readers.charlie)
    rate(client, readers.books[0], stars=1)
    page = client.get(reverse("browse"))
    assert "You gave “Volume 1” 1 star." in page.content.decode()


def test_stars_can_be_changed_and_removed(client, readers):
    book = readers.books[0]
    client.force_login(readers.bob)
    rate(client, book, stars=5)
    assert stars_of(readers.bob, book) == 5
    rate(client, book, stars="remove")
    assert stars_of(readers.bob, book) is None


def test_rating_touches_nobody_elses_stars(client, readers):
    book = readers.books[0]
    client.force_login(readers.charlie)
    before = sorted(Rating.objects.values_list("user", "book", "stars"))
    rate(client, book, stars="remove")
    assert sorted(Rating.objects.values_list("user", "book", "stars")) == before
    rate(client, book, stars=4, user=readers.alice.pk, user_id=readers.alice.pk)
    assert stars_of(readers.alice, book) == 1
    assert stars_of(readers.charlie, book) == 4


@pytest.mark.parametrize(
    "stars", ["9", "0", "-1", "abc", "", "4.5", "٣", "1\0", "True", "9" * 5000]
)
def test_stars_that_are_none_change_nothing_and_say_so(client, readers, stars):
    book = readers.books[0]
    client.force_login(readers.bob)
    response = client.post(reverse("rate_book", args=[book.pk]), {"stars": stars}, follow=True)
    assert response.status_code == 200
    assert "stars are whole numbers from 1 to 5" in response.content.decode()
    assert stars_of(readers.bob, book) == 3


def test_a_missing_field_changes_nothing(client, readers):
    client.force_login(readers.bob)
    rate(client, readers.books[0])
    shelve(client, readers.books[0])
    assert stars_of(readers.bob, readers.books[0]) == 3
    assert not ShelfEntry.objects.filter(user=readers.bob).exists()


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "http:///evil.example",
        "javascript:alert(1)",
        " https://evil.example/",
        "https:evil.example",
        "\0//evil.example",
        "/" + "x" * 5000,
        "",
    ],
)
def test_an_address_elsewhere_gives_way_to_the_books_page(client, readers, target):
    book = readers.books[0]
    client.force_login(readers.bob)
    response = rate(client, book, stars=2, next=target)
    assert response["Location"] == f"/books/{book.pk}/#book-{book.pk}"


def test_a_line_break_in_the_address_writes_no_header(client, readers):
    client.force_login(readers.bob)
    response = rate(client, readers.books[0], stars=2, next="/books/?q=a\r\nSet-Cookie: a=b")
    assert "\n" not in response["Location"]
    assert "a" not in response.cookies


def test_a_guest_is_sent_to_log_in_to_shelve_and_comes_back_to_the_card(client, readers):
    book = readers.books[20]
    response = client.post(
        reverse("shelve_book", args=[book.pk]), {"action": "add", "next": "/books/?page=2"}
    )
    assert response.status_code == 302
    assert response["Location"].startswith("/account/login/?next=/books/%3Fpage%3D2%23book-")
    assert not ShelfEntry.objects.filter(book=book).exists()
    login = client.get(response["Location"])
    assert "Log in to" in login.content.decode()
    back = client.post(
        reverse("account_login"),
        {
            "login": "charlie",
            "password": "a long enough passphrase",
            "next": login.context["redirect_field_value"],
        },
    )
    assert back["Location"] == f"/books/?page=2#book-{book.pk}"


@pytest.mark.parametrize("name", ["rate_book", "shelve_book"])
def test_only_post_changes_anything(client, readers, name):
    client.force_login(readers.bob)
    address = reverse(name, args=[readers.books[0].pk])
    for method in ("get", "put", "patch", "delete", "head"):
        assert getattr(client, method)(address).status_code == 405


@pytest.mark.parametrize("name", ["rate_book", "shelve_book"])
def test_a_form_without_the_token_is_refused(readers, name):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(readers.bob)
    response = strict.post(
        reverse(name, args=[readers.books[5].pk]), {"stars": "5", "action": "add"}
    )
    assert response.status_code == 403
    assert "Nothing was changed" in response.content.decode()
    assert stars_of(readers.bob, readers.books[5]) is None
    assert not ShelfEntry.objects.filter(user=readers.bob).exists()


@pytest.mark.parametrize("name", ["rate_book", "shelve_book", "book"])
@pytest.mark.parametrize("number", [0, 999_999_999, 10**30])
def test_an_unknown_book_is_not_found(client, readers, name, number):
    client.force_login(readers.bob)
    call = client.get if name == "book" else client.post
    assert call(reverse(name, args=[number])).status_code == 404


def test_a_hidden_book_cannot_be_rated_or_shelved(client, readers):
    book = readers.books[20]
    book.is_hidden = True
    book.save(update_fields=["is_hidden"])
    client.force_login(readers.bob)
    assert rate(client, book, stars=5).status_code == 404
    assert shelve(client, book, action="add").status_code == 404
    assert stars_of(readers.bob, book) is None


def test_the_shelf_button_adds_and_removes_and_may_be_pressed_twice(client, readers):
    book = readers.books[20]
    client.force_login(readers.bob)
    for action, there in (("add", True), ("add", True), ("remove", False), ("remove", False)):
        response = shelve(client, book, action=action, next="/to-read/")
        assert response["Location"] == f"/to-read/#book-{book.pk}"
        assert ShelfEntry.objects.filter(user=readers.bob, book=book).exists() is there


@pytest.mark.parametrize("name", ["my_books", "reading_history", "taste", "recommendations"])
def test_pages_of_ones_own_ask_a_guest_to_log_in(client, readers, name):
    address = reverse(name)
    response = client.get(address)
    assert response.status_code == 302
    assert response["Location"] == f"/account/login/?next={address}"
    assert client.post(address).status_code == 405
