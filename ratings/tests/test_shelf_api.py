from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.models import ShelfEntry
from ratings.services import shelve_book
from ratings.tests.api_doors import (
    assert_for_readers_only,
    assert_only,
    assert_private,
    assert_problem,
    at_most_queries,
    signed_in,
)
from ratings.tests.readers import make_readers

pytestmark = pytest.mark.django_db

SHELVES = "/api/v1/shelves/"


def entry(shelf: str, book_id: object) -> str:
    return f"{SHELVES}{quote(shelf, safe='')}/{book_id}/"


def test_shelves_have_names_and_counts() -> None:
    readers = make_readers()
    shelve_book(user=readers.alice, book=readers.books[0], shelf="sea")
    response = signed_in(readers.alice).get(SHELVES)
    assert_private(response)
    assert response.json()["results"] == [
        {"name": "to_read", "is_own": False, "books": 2},
        {"name": "reading", "is_own": False, "books": 0},
        {"name": "abandoned", "is_own": False, "books": 0},
        {"name": "sea", "is_own": True, "books": 1},
    ]


def test_a_shelf_lists_its_books_the_latest_first(django_assert_max_num_queries) -> None:
    readers = make_readers()
    client = signed_in(readers.alice)
    with django_assert_max_num_queries(8):
        body = client.get(f"{SHELVES}to_read/").json()
    assert [row["title"] for row in body["results"]] == ["Volume 14", "Volume 13"]
    assert client.get(f"{SHELVES}reading/").json()["results"] == []


def test_a_book_is_put_on_a_shelf_and_taken_off() -> None:
    reader, book = UserFactory(), BookFactory()
    client = signed_in(reader)
    for _ in range(2):
        with at_most_queries(8):
            assert client.put(entry("to_read", book.pk)).status_code == 200
    assert client.put(entry("reading", book.pk)).json()["shelf"] == "reading"
    assert_problem(client.get(entry("to_read", book.pk)), 404)
    assert client.get(entry("reading", book.pk)).json()["book"] == book.pk
    for _ in range(2):
        assert client.delete(entry("reading", book.pk)).status_code == 204
    assert not ShelfEntry.objects.exists()


@pytest.mark.parametrize("name", ["sea", "sci/fi", "Größe & Co.", "1984", "?", "..x"])
def test_a_shelf_of_ones_own_may_have_any_name(name: str) -> None:
    reader, book = UserFactory(), BookFactory()
    client = signed_in(reader)
    assert client.put(entry(name, book.pk)).json()["shelf"] == name
    assert len(client.get(f"{SHELVES}{quote(name, safe='')}/").json()["results"]) == 1
    assert client.delete(entry(name, book.pk)).status_code == 204
    assert_problem(client.get(f"{SHELVES}{quote(name, safe='')}/"), 404)


@pytest.mark.parametrize("name", ["\0", " ", "x" * 61, "\x7f"])
def test_what_is_no_name_is_a_problem(name: str) -> None:
    client, book = signed_in(UserFactory()), BookFactory()
    response = client.put(entry(name, book.pk))
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["shelf"]
    assert_problem(client.get(entry(name, book.pk)), 404)
    assert_problem(client.delete(entry(name, book.pk)), 404)
    assert_problem(client.get(f"{SHELVES}{quote(name, safe='')}/"), 404)


@pytest.mark.parametrize("book_id", [999_999, 10**30, 0])
def test_an_unknown_book_is_not_found(book_id: int) -> None:
    client = signed_in(UserFactory())
    for method in (client.get, client.put, client.delete):
        assert_problem(method(entry("to_read", book_id)), 404)


def test_a_hidden_book_is_not_shelved_but_taken_off() -> None:
    reader, hidden = UserFactory(), BookFactory(is_hidden=True)
    client = signed_in(reader)
    assert_problem(client.put(entry("to_read", hidden.pk)), 404)
    ShelfEntry.objects.create(user=reader, book=hidden)
    assert client.get(f"{SHELVES}to_read/").json()["results"] == []
    assert client.delete(entry("to_read", hidden.pk)).status_code == 204
    assert not ShelfEntry.objects.exists()


def shelf_address(name: str) -> str:
    return f"{SHELVES}{quote(name, safe='')}/"


def renamed(client: APIClient, old: str, new: object):
    return client.patch(shelf_address(old), {"name": new}, format="json")


def test_a_shelf_of_ones_own_is_renamed() -> None:
    reader, (first, second) = UserFactory(), BookFactory.create_batch(2)
    client = signed_in(reader)
    for book in (first, second):
        shelve_book(user=reader, book=book, shelf="sci/fi")
    shelve_book(user=reader, book=second, shelf="Kept")
    with at_most_queries(8):
        response = renamed(client, "sci/fi", "  Space   opera ")
    assert response.json() == {"name": "Space opera", "is_own": True, "books": 2}
    assert_private(response)
    assert_problem(client.get(shelf_address("sci/fi")), 404)
    # Onto a shelf that is there: both are one, and no book stands there twice.
    assert renamed(client, "Space opera", "Kept").json()["books"] == 2
    assert ShelfEntry.objects.filter(user=reader, shelf="Kept").count() == 2
    assert renamed(client, "Kept", "Kept").json()["books"] == 2
    kept = {"name": "Kept", "is_own": True, "books": 2}
    assert client.patch(shelf_address("Kept"), {}, format="json").json() == kept


def test_a_shelf_of_ones_own_is_deleted_and_no_book_with_it() -> None:
    readers = make_readers()
    shelve_book(user=readers.alice, book=readers.books[0], shelf="sea")
    shelve_book(user=readers.alice, book=readers.books[0], shelf="kept")
    client = signed_in(readers.alice)
    with at_most_queries(8):
        response = client.delete(shelf_address("sea"))
    assert (response.status_code, response.content) == (204, b"")
    assert_problem(client.get(shelf_address("sea")), 404)
    assert_problem(client.delete(shelf_address("sea")), 404)
    shelves = ShelfEntry.objects.filter(user=readers.alice, book=readers.books[0])
    assert [one.shelf for one in shelves] == ["kept"]
    assert readers.alice.ratings.count() == 12


@pytest.mark.parametrize("name", ["to_read", "reading", "abandoned"])
def test_a_shelf_of_everybody_is_neither_renamed_nor_deleted(name: str) -> None:
    readers = make_readers()
    shelve_book(user=readers.alice, book=readers.books[0], shelf="sea")
    client, before = signed_in(readers.alice), ShelfEntry.objects.count()
    assert_problem(client.delete(shelf_address(name)), 409)
    assert_problem(renamed(client, name, "mine"), 409)
    assert_problem(renamed(client, "sea", name), 409)
    assert ShelfEntry.objects.count() == before
    assert not ShelfEntry.objects.filter(shelf="mine").exists()


@pytest.mark.parametrize(
    "name", ["", " ", "\0", "\x7f", "x" * 61, None, 5, True, ["x"], {}, "\u200b"]
)
def test_a_new_name_that_is_none_is_named(name: object) -> None:
    reader = UserFactory()
    shelve_book(user=reader, book=BookFactory(), shelf="sea")
    response = renamed(signed_in(reader), "sea", name)
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["name"]
    assert ShelfEntry.objects.get().shelf == "sea"


@pytest.mark.parametrize("name", ["\0", " ", "x" * 61, "nobody's"])
def test_a_shelf_that_there_is_not_is_not_renamed(name: str) -> None:
    assert_problem(renamed(signed_in(UserFactory()), name, "mine"), 404)


def test_a_second_reader_sees_and_changes_nothing_of_the_first() -> None:
    readers = make_readers()
    shelve_book(user=readers.alice, book=readers.books[0], shelf="sea")
    charlie, n_entries = signed_in(readers.charlie), ShelfEntry.objects.count()
    assert_problem(charlie.get(f"{SHELVES}sea/"), 404)
    assert_problem(charlie.get(entry("sea", readers.books[0].pk)), 404)
    assert charlie.delete(entry("sea", readers.books[0].pk)).status_code == 204
    assert_problem(charlie.delete(shelf_address("sea")), 404)
    assert_problem(renamed(charlie, "sea", "mine"), 404)
    assert ShelfEntry.objects.count() == n_entries
    assert {shelf["books"] for shelf in charlie.get(SHELVES).json()["results"]} == {0}


def test_each_door_has_its_methods_and_is_for_readers() -> None:
    client, one = signed_in(UserFactory()), entry("to_read", BookFactory().pk)
    for address, methods in (
        (SHELVES, {"GET"}),
        (f"{SHELVES}sea/", {"GET", "PATCH", "DELETE"}),
        (one, {"GET", "PUT", "DELETE"}),
    ):
        assert_only(client, address, methods)
        assert_for_readers_only(address, methods)
