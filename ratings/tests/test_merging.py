"""What becomes of opinions when two rows of the catalogue are one book."""

from datetime import UTC, date, datetime

import pytest

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.merging import merge_opinions
from ratings.models import Dismissal, Note, Rating, Reading, ShelfEntry
from ratings.services import (
    dismiss_book,
    mark_read,
    rate_book,
    shelve_book,
    write_note,
)
from ratings.tests.factories import RatingFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> User:
    return UserFactory()


@pytest.fixture
def twins() -> tuple[Book, Book]:
    return BookFactory(), BookFactory()


def merge(twins: tuple[Book, Book]) -> None:
    merge_opinions(of=twins[0].pk, into=twins[1].pk)


def shelves(reader: User, book: Book) -> set[str]:
    return set(ShelfEntry.objects.filter(user=reader, book=book).values_list("shelf", flat=True))


def test_every_kind_of_opinion_moves(reader, twins):
    others = UserFactory.create_batch(2)
    rate_book(user=reader, book=twins[0], stars=2)
    mark_read(user=reader, book=twins[0], finished_on=date(2024, 5, 1))
    write_note(user=reader, book=twins[0], text="dull")
    shelve_book(user=reader, book=twins[0], shelf="lent out")
    shelve_book(user=others[0], book=twins[0], shelf="reading")
    dismiss_book(user=others[1], book=twins[0])
    merge(twins)
    for model in (Rating, ShelfEntry, Reading, Note, Dismissal):
        assert model.objects.exists()
        assert not model.objects.filter(book=twins[0]).exists()
    assert Reading.objects.get().finished_on == date(2024, 5, 1)
    assert shelves(others[0], twins[1]) == {"reading"}


@pytest.mark.parametrize("first", ["to_read", "reading", "abandoned", "holiday"])
@pytest.mark.parametrize("second", ["to_read", "reading", "abandoned", "holiday"])
def test_a_book_shelved_twice_stands_on_one_state_shelf(reader, twins, first, second):
    shelve_book(user=reader, book=twins[0], shelf=first)
    shelve_book(user=reader, book=twins[0], shelf="mine")
    shelve_book(user=reader, book=twins[1], shelf=second)
    merge(twins)
    assert not ShelfEntry.objects.filter(book=twins[0]).exists()
    wanted = {"mine", second} | ({first} if "holiday" in (first, second) else set())
    assert shelves(reader, twins[1]) == wanted


@pytest.mark.parametrize("later", [0, 1])
def test_the_stars_given_later_hold(reader, twins, later):
    rate_book(user=reader, book=twins[1 - later], stars=1)
    rate_book(user=reader, book=twins[later], stars=5)
    merge(twins)
    assert [(row.book, row.stars) for row in Rating.objects.all()] == [(twins[1], 5)]


def test_imported_stars_without_a_time_give_way(reader, twins):
    RatingFactory(user=reader, book=twins[1], stars=1, created_at=None, updated_at=None)
    RatingFactory(user=reader, book=twins[0], stars=4, updated_at=datetime(2001, 1, 1, tzinfo=UTC))
    merge(twins)
    assert Rating.objects.get().stars == 4


def test_a_day_is_taken_where_there_was_none(reader, twins):
    mark_read(user=reader, book=twins[0], finished_on=date(2020, 2, 2))
    mark_read(user=reader, book=twins[1])
    merge(twins)
    assert Reading.objects.get().finished_on == date(2020, 2, 2)


def test_a_day_that_is_there_stays(reader, twins):
    mark_read(user=reader, book=twins[0], finished_on=date(2020, 2, 2))
    mark_read(user=reader, book=twins[1], finished_on=date(2021, 2, 2))
    merge(twins)
    assert Reading.objects.get().finished_on == date(2021, 2, 2)


def test_no_word_of_a_note_is_lost(reader, twins):
    write_note(user=reader, book=twins[0], text="first")
    write_note(user=reader, book=twins[1], text="second")
    merge(twins)
    note = Note.objects.get()
    assert note.book == twins[1]
    assert "first" in note.text
    assert "second" in note.text


def test_not_even_of_notes_that_are_longer_together_than_one_may_be(reader, twins):
    write_note(user=reader, book=twins[0], text="a" * Note.MAX_LENGTH)
    write_note(user=reader, book=twins[1], text="b")
    merge(twins)
    note = Note.objects.get()
    assert note.book == twins[1]
    assert note.text == f"b\n\n{'a' * Note.MAX_LENGTH}"


def test_what_is_left_agrees_with_itself(reader, twins):
    """Rated the one, to read and dismissed the other: the book is read."""
    rate_book(user=reader, book=twins[0], stars=3)
    shelve_book(user=reader, book=twins[1])
    dismiss_book(user=reader, book=twins[1])
    shelve_book(user=reader, book=twins[1], shelf="reading")
    merge(twins)
    assert Rating.objects.get().book == twins[1]
    assert not ShelfEntry.objects.exists()
    assert not Dismissal.objects.exists()


def test_other_readers_and_other_books_are_left_alone(reader, twins):
    bystander, elsewhere = UserFactory(), BookFactory()
    shelve_book(user=bystander, book=twins[1], shelf="reading")
    shelve_book(user=reader, book=elsewhere)
    rate_book(user=reader, book=twins[0], stars=3)
    merge(twins)
    assert shelves(bystander, twins[1]) == {"reading"}
    assert shelves(reader, elsewhere) == {"to_read"}


@pytest.mark.parametrize("place", [0, 1])
def test_a_book_that_is_read_again_stays_on_its_shelf(reader, twins, place):
    rate_book(user=reader, book=twins[place], stars=5)
    shelve_book(user=reader, book=twins[place], shelf="reading")
    merge(twins)
    assert shelves(reader, twins[1]) == {"reading"}
    assert Rating.objects.get().book == twins[1]
