"""What readers of this site said of built-in books when real data takes their place."""

from datetime import date
from pathlib import Path

import pytest

from accounts.tests.factories import UserFactory
from catalog.models import Book, Source
from catalog.tests.goodbooks_folders import BOOKS, book, write_books, write_dataset
from ratings.goodbooks.replacing import Removed
from ratings.models import Dismissal, Note, Reading, ShelfEntry
from ratings.services import dismiss_book, mark_read, shelve_book, write_note
from ratings.tests.goodbooks_data import import_folder

pytestmark = pytest.mark.django_db


def import_builtin(tmp_path: Path, *more: list[object]) -> dict[int, Book]:
    builtin = write_dataset(tmp_path / "builtin")
    write_books(builtin, [*BOOKS, *more])
    import_folder(builtin, source=Source.BUILTIN)
    return {row.external_id: row for row in Book.objects.all()}


def real_books() -> dict[int, Book]:
    return {row.external_id: row for row in Book.objects.filter(source=Source.GOODBOOKS)}


def test_what_was_said_without_stars_is_carried_over_or_keeps_its_book(tmp_path: Path) -> None:
    books = import_builtin(
        tmp_path,
        book(5, "Known Here Only"),
        book(6, "Noted Here Only"),
        book(7, "Of No Interest Here"),
    )
    reader = UserFactory()
    mark_read(user=reader, book=books[1], finished_on=date(2024, 1, 31))
    write_note(user=reader, book=books[2], text="lent by Ann")
    dismiss_book(user=reader, book=books[3])
    mark_read(user=reader, book=books[5])
    write_note(user=reader, book=books[6], text="only here")
    dismiss_book(user=reader, book=books[7])

    result = import_folder(write_dataset(tmp_path / "goodbooks"))

    assert result.removed == Removed(readers=4, books=4, kept_books=3, carried_over=3)
    real = real_books()
    assert {(row.book, row.finished_on) for row in Reading.objects.all()} == {
        (books[5], None),
        (real[1], date(2024, 1, 31)),
    }
    assert {(row.book, row.text) for row in Note.objects.all()} == {
        (real[2], "lent by Ann"),
        (books[6], "only here"),
    }
    assert {row.book for row in Dismissal.objects.all()} == {real[3], books[7]}


def test_two_built_in_books_that_are_one_real_book_leave_one_state(tmp_path: Path) -> None:
    """One has the title of the real book, the other its original title; both were shelved."""
    books = import_builtin(tmp_path, book(5, "Skalbarnet"), book(6, "The Shell Child"))
    reader = UserFactory()
    shelve_book(user=reader, book=books[5], shelf="reading")
    shelve_book(user=reader, book=books[5], shelf="Swedish")
    shelve_book(user=reader, book=books[6], shelf="to_read")
    folder = write_dataset(tmp_path / "goodbooks")
    write_books(folder, [*BOOKS, book(9, "The Shell Child", original_title="Skalbarnet")])

    import_folder(folder)

    entries = ShelfEntry.objects.filter(user=reader)
    assert {entry.book for entry in entries} == {real_books()[9]}
    names = {entry.shelf for entry in entries}
    assert len(names) == 2
    assert "Swedish" in names
    assert not Book.objects.filter(source=Source.BUILTIN).exists()
