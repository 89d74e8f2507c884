from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.models import Dismissal, Note, Reading, ShelfEntry
from ratings.services import dismiss_book, mark_read, shelve_book, write_note
from ratings.tests.api_doors import (
    assert_for_readers_only,
    assert_only,
    assert_private,
    assert_problem,
    at_most_queries,
    signed_in,
)

pytestmark = pytest.mark.django_db

READINGS, DISMISSALS, NOTES = (f"/api/v1/{name}/" for name in ("readings", "dismissals", "notes"))


def test_a_book_is_marked_read_with_and_without_a_day() -> None:
    reader, book = UserFactory(), BookFactory()
    client, address = signed_in(reader), f"{READINGS}{book.pk}/"
    shelve_book(user=reader, book=book)
    response = client.put(address, {"finished_on": "2024-02-29"}, format="json")
    assert response.json() == {"book": book.pk, "finished_on": "2024-02-29"}
    assert_private(response)
    assert not ShelfEntry.objects.exists()
    assert client.get(READINGS).json()["results"] == [
        {
            "book": book.pk,
            "title": book.title,
            "authors": [a.author.name for a in book.authorships.all()],
            "finished_on": "2024-02-29",
        }
    ]
    assert client.put(address, {}, format="json").json()["finished_on"] is None
    assert client.get(address).json()["finished_on"] is None
    for _ in range(2):
        assert client.delete(address).status_code == 204
    assert_problem(client.get(address), 404)


@pytest.mark.parametrize(
    "day", ["2023-02-29", "yesterday", "\0", 20240101, 10**30, [["2024-01-01"]], {}, True, ""]
)
def test_a_day_that_is_none_is_answered_by_name(day: object) -> None:
    address = f"{READINGS}{BookFactory().pk}/"
    response = signed_in(UserFactory()).put(address, {"finished_on": day}, format="json")
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["finished_on"]
    assert not Reading.objects.exists()


def test_a_day_to_come_is_refused() -> None:
    address = f"{READINGS}{BookFactory().pk}/"
    day = (timezone.now() + timedelta(days=3)).date().isoformat()
    response = signed_in(UserFactory()).put(address, {"finished_on": day}, format="json")
    assert_problem(response, 400)


def test_a_book_is_dismissed_and_the_dismissal_undone() -> None:
    reader, book = UserFactory(), BookFactory()
    client, address = signed_in(reader), f"{DISMISSALS}{book.pk}/"
    for _ in range(2):
        response = client.post(DISMISSALS, {"book": book.pk}, format="json")
        assert response.status_code == 201
        assert response.json()["book"] == book.pk
    assert [row["book"] for row in client.get(DISMISSALS).json()["results"]] == [book.pk]
    assert client.get(address).json()["book"] == book.pk
    for _ in range(2):
        assert client.delete(address).status_code == 204
    assert_problem(client.get(address), 404)
    assert not Dismissal.objects.exists()


@pytest.mark.parametrize(
    "body",
    [{"book": value} for value in ("1", 0, -1, 10**30, 1.5, True, None, [[1]], "\0")] + [{}],
)
def test_a_book_that_is_none_is_answered_by_name(body: object) -> None:
    response = signed_in(UserFactory()).post(DISMISSALS, body, format="json")
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["book"]


@pytest.mark.parametrize("body", [[], "x", None, 7])
def test_a_body_that_is_no_object_is_a_problem(body: object) -> None:
    client, book = signed_in(UserFactory()), BookFactory()
    assert_problem(client.post(DISMISSALS, body, format="json"), 400)
    assert_problem(client.put(f"{NOTES}{book.pk}/", body, format="json"), 400)


def test_a_note_is_written_read_and_removed() -> None:
    client, book = signed_in(UserFactory()), BookFactory()
    address = f"{NOTES}{book.pk}/"
    for text in ("Lent to Eve.", "Back.\nRead again."):
        response = client.put(address, {"text": text}, format="json")
        assert response.json()["text"] == text
        assert client.get(address).json() == response.json()
    assert_private(response)
    assert Note.objects.count() == 1
    for _ in range(2):
        assert client.delete(address).status_code == 204
    assert_problem(client.get(address), 404)


@pytest.mark.parametrize("text", ["", "  \n", "\0", "x" * 50_001, 5, 10**30, True, None, ["x"], {}])
def test_a_text_that_is_none_is_answered_by_name(text: object) -> None:
    address = f"{NOTES}{BookFactory().pk}/"
    response = signed_in(UserFactory()).put(address, {"text": text}, format="json")
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["text"]
    assert not Note.objects.exists()


def test_half_a_character_is_no_text() -> None:
    address = f"{NOTES}{BookFactory().pk}/"
    response = signed_in(UserFactory()).put(
        address, '{"text": "\\ud800"}', content_type="application/json"
    )
    assert_problem(response, 400)


@pytest.mark.parametrize("book_id", [999_999, 10**30, 0])
def test_an_unknown_book_is_not_found(book_id: int) -> None:
    client = signed_in(UserFactory())
    for folder in (READINGS, DISMISSALS, NOTES):
        address = f"{folder}{book_id}/"
        assert_problem(client.get(address), 404)
        assert_problem(client.delete(address), 404)
    if book_id == 999_999:
        assert_problem(client.post(DISMISSALS, {"book": book_id}, format="json"), 404)
    for folder in (READINGS, NOTES):
        assert_problem(client.put(f"{folder}{book_id}/", {"text": "x"}, format="json"), 404)


def test_notes_are_listed_page_by_page_in_either_order() -> None:
    reader, books = UserFactory(), BookFactory.create_batch(5)
    for book in books:
        write_note(user=reader, book=book, text=f"Of {book.title}")
    write_note(user=UserFactory(), book=books[0], text="Somebody else's")
    client = signed_in(reader)
    first = client.get(NOTES, {"page_size": 2})
    assert_private(first)
    newest = Note.objects.get(user=reader, book=books[4])
    assert first.json()["results"][0] == {
        "book": books[4].pk,
        "title": books[4].title,
        "authors": ["Some Author"],
        "text": f"Of {books[4].title}",
        "updated_at": newest.updated_at.isoformat().replace("+00:00", "Z"),
    }
    for ordering, expected in (("newest", books[::-1]), ("oldest", books)):
        found, address, params = [], NOTES, {"page_size": 2, "ordering": ordering}
        while address:
            body = client.get(address, params).json()
            found += [row["book"] for row in body["results"]]
            address, params = body["next"], None
        assert found == [book.pk for book in expected]


@pytest.mark.parametrize(
    "folder", ["notes", "readings", "dismissals", "ratings", "shelves/to_read"]
)
def test_an_order_that_is_none_is_named(folder: str) -> None:
    for ordering in ("", "title", "-id", "\0"):
        response = signed_in(UserFactory()).get(f"/api/v1/{folder}/", {"ordering": ordering})
        assert_problem(response, 400)
        assert list(response.json()["errors"]) == ["ordering"]


def test_a_second_reader_sees_and_changes_nothing_of_the_first() -> None:
    alice, book = UserFactory(username="alice"), BookFactory()
    dismiss_book(user=alice, book=book)
    mark_read(user=alice, book=book)
    write_note(user=alice, book=book, text="Mine")
    charlie = signed_in(UserFactory(username="charlie"))
    for folder in (READINGS, DISMISSALS, NOTES):
        assert_problem(charlie.get(f"{folder}{book.pk}/"), 404)
        assert charlie.delete(f"{folder}{book.pk}/").status_code == 204
    for folder in (READINGS, DISMISSALS, NOTES):
        assert charlie.get(folder).json()["results"] == []
    charlie.put(f"{NOTES}{book.pk}/", {"text": "Theirs"}, format="json")
    assert Note.objects.get(user=alice).text == "Mine"
    assert (Dismissal.objects.count(), Reading.objects.count()) == (1, 1)


def test_hidden_books_are_in_no_list() -> None:
    reader, book = UserFactory(), BookFactory()
    dismiss_book(user=reader, book=book)
    mark_read(user=reader, book=book)
    write_note(user=reader, book=book, text="Mine")
    book.is_hidden = True
    book.save()
    for folder in (READINGS, DISMISSALS, NOTES):
        assert signed_in(reader).get(folder).json()["results"] == []


def test_every_door_costs_few_queries() -> None:
    reader, books = UserFactory(), BookFactory.create_batch(5)
    client = signed_in(reader)
    for book in books:
        mark_read(user=reader, book=book)
        dismiss_book(user=reader, book=book)
        write_note(user=reader, book=book, text="Mine")
    new = BookFactory()
    for ask in (
        lambda: client.get(READINGS),
        lambda: client.get(DISMISSALS),
        lambda: client.get(NOTES),
        lambda: client.put(f"{NOTES}{new.pk}/", {"text": "x"}, format="json"),
        lambda: client.delete(f"{NOTES}{new.pk}/"),
        lambda: client.put(f"{READINGS}{books[0].pk}/", {}, format="json"),
    ):
        with at_most_queries(8):
            assert ask().status_code < 300


def test_each_door_has_its_methods_and_is_for_readers() -> None:
    client, book = signed_in(UserFactory()), BookFactory()
    for address, methods in (
        (READINGS, {"GET"}),
        (f"{READINGS}{book.pk}/", {"GET", "PUT", "DELETE"}),
        (DISMISSALS, {"GET", "POST"}),
        (f"{DISMISSALS}{book.pk}/", {"GET", "DELETE"}),
        (NOTES, {"GET"}),
        (f"{NOTES}{book.pk}/", {"GET", "PUT", "DELETE"}),
    ):
        assert_only(client, address, methods)
        assert_for_readers_only(address, methods)
