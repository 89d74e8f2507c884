"""Alice's books of every kind, and how her page lists them."""

from datetime import date

from django.urls import reverse

from ratings.services import dismiss_book, mark_read, shelve_book, write_note
from ratings.tests.readers import Readers


def listed(client, **params) -> list[str]:
    page = client.get(reverse("my_books"), params)
    assert page.status_code == 200
    return [row.mark.book.title for row in page.context["rows"]]


def fill_library(client, readers: Readers) -> Readers:
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
