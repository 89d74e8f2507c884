"""Shelves, readings, notes and dismissals: what a reader says of a book beside its stars."""

import threading
from datetime import date

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.errors import BookGone, InvalidShelf, NoteTooLong
from ratings.models import Dismissal, Note, Reading, ShelfEntry
from ratings.opinions import Opinions, opinions_of
from ratings.services import (
    dismiss_book,
    mark_read,
    rate_book,
    shelve_book,
    undo_dismissal,
    unmark_read,
    unshelve_book,
    write_note,
)
from ratings.tests.factories import ShelfEntryFactory

READING, ABANDONED = ShelfEntry.Shelf.READING, ShelfEntry.Shelf.ABANDONED


def shelves(user, book) -> set[str]:
    return set(ShelfEntry.objects.filter(user=user, book=book).values_list("shelf", flat=True))


@pytest.mark.django_db
def test_a_book_is_in_one_state_and_on_any_number_of_own_shelves() -> None:
    alice, book = UserFactory(), BookFactory()
    shelve_book(user=alice, book=book)
    shelve_book(user=alice, book=book, shelf="holiday")
    shelve_book(user=alice, book=book, shelf="  sci-fi \n classics ")
    assert shelves(alice, book) == {"to_read", "holiday", "sci-fi classics"}
    shelve_book(user=alice, book=book, shelf=READING)
    assert shelves(alice, book) == {"reading", "holiday", "sci-fi classics"}
    assert unshelve_book(user=alice, book=book, shelf="holiday")
    assert shelves(alice, book) == {"reading", "sci-fi classics"}


@pytest.mark.django_db
def test_the_database_refuses_two_states_of_a_book() -> None:
    entry = ShelfEntryFactory()
    for shelf in (ShelfEntry.Shelf.TO_READ, READING, ABANDONED):
        with pytest.raises(IntegrityError), transaction.atomic():
            ShelfEntryFactory(user=entry.user, book=entry.book, shelf=shelf)
    ShelfEntryFactory(user=entry.user, book=entry.book, shelf="own")
    with pytest.raises(IntegrityError), transaction.atomic():
        ShelfEntryFactory(user=entry.user, book=entry.book, shelf="own")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["", " \t", "\0", "x" * 61])
def test_a_shelf_has_a_name(name: str) -> None:
    with pytest.raises(InvalidShelf, match="1 to 60 characters"):
        shelve_book(user=UserFactory(), book=BookFactory(), shelf=name)
    assert not ShelfEntry.objects.exists()


@pytest.mark.django_db
def test_stars_and_readings_end_the_states_and_leave_own_shelves() -> None:
    alice, rated, read = UserFactory(), BookFactory(), BookFactory()
    for book in (rated, read):
        shelve_book(user=alice, book=book, shelf=READING)
        shelve_book(user=alice, book=book, shelf="own")
    rate_book(user=alice, book=rated, stars=4)
    mark_read(user=alice, book=read, finished_on=date(2024, 2, 29))
    assert shelves(alice, rated) == shelves(alice, read) == {"own"}


@pytest.mark.django_db
def test_a_dismissed_book_leaves_the_to_read_shelf_until_it_is_wanted_again() -> None:
    alice, bob, book = UserFactory(), UserFactory(), BookFactory()
    shelve_book(user=alice, book=book)
    dismiss_book(user=alice, book=book)
    dismiss_book(user=alice, book=book)
    dismiss_book(user=bob, book=book)
    assert not ShelfEntry.objects.exists()
    assert Dismissal.objects.filter(user=alice).count() == 1
    assert undo_dismissal(user=alice, book=book)
    assert not undo_dismissal(user=alice, book=book)
    for interest in (
        lambda: shelve_book(user=bob, book=book),
        lambda: rate_book(user=bob, book=book, stars=2),
    ):
        dismiss_book(user=bob, book=book)
        interest()
        assert not Dismissal.objects.filter(user=bob).exists()


@pytest.mark.django_db
def test_the_last_day_given_for_a_reading_holds() -> None:
    alice, book = UserFactory(), BookFactory()
    mark_read(user=alice, book=book)
    mark_read(user=alice, book=book, finished_on=date(2020, 1, 2))
    assert Reading.objects.get().finished_on == date(2020, 1, 2)
    assert unmark_read(user=alice, book=book)
    assert not unmark_read(user=alice, book=book)


@pytest.mark.django_db
def test_a_note_is_kept_changed_and_removed() -> None:
    alice, book = UserFactory(), BookFactory()
    write_note(user=alice, book=book, text=" slow\0 start \n")
    assert Note.objects.get().text == "slow start"
    write_note(user=alice, book=book, text="worth it")
    assert Note.objects.get().text == "worth it"
    with pytest.raises(NoteTooLong, match="50000"):
        write_note(user=alice, book=book, text="x" * (Note.MAX_LENGTH + 1))
    assert write_note(user=alice, book=book, text=" ") is None
    assert not Note.objects.exists()


@pytest.mark.django_db
def test_all_opinions_of_one_reader_come_in_one_query(django_assert_num_queries) -> None:
    alice, bob = UserFactory(), UserFactory()
    books = BookFactory.create_batch(8)
    for reader in (alice, bob):
        rate_book(user=reader, book=books[1], stars=5)
    rate_book(user=alice, book=books[0], stars=1)
    shelve_book(user=alice, book=books[2])
    shelve_book(user=alice, book=books[3], shelf=READING)
    shelve_book(user=alice, book=books[4], shelf="own")
    dismiss_book(user=alice, book=books[5])
    mark_read(user=alice, book=books[6])
    mark_read(user=alice, book=books[0])
    with django_assert_num_queries(1):
        found = opinions_of(alice)
    ids = [book.pk for book in books]
    assert found == Opinions(
        stars={ids[0]: 1, ids[1]: 5},
        to_read=frozenset({ids[2]}),
        dismissed=frozenset({ids[5]}),
        read=frozenset({ids[0], ids[1], ids[6]}),
        shelved_otherwise=frozenset({ids[3], ids[4]}),
    )
    assert found.taken == set(ids[:7])
    assert list(found.stars) == sorted(found.stars)
    assert opinions_of(UserFactory()) == Opinions()


@pytest.mark.django_db(transaction=True)
def test_a_book_put_on_two_shelves_at_once_stands_on_one() -> None:
    alice, book = UserFactory(), BookFactory()
    start = threading.Barrier(4)
    failed: list[Exception] = []

    def put(shelf: str) -> None:
        try:
            start.wait()
            for _ in range(10):
                shelve_book(user=alice, book=book, shelf=shelf)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failed.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=put, args=[shelf])
        for shelf in (ShelfEntry.Shelf.TO_READ, READING, ABANDONED, "own")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(shelves(alice, book) - {"own"}) == 1


@pytest.mark.django_db(transaction=True)
def test_a_book_that_is_deleted_meanwhile_is_named() -> None:
    alice, book = UserFactory(), BookFactory()
    gone = type(book).objects.get(pk=book.pk)
    book.delete()
    for write in (
        lambda: shelve_book(user=alice, book=gone),
        lambda: dismiss_book(user=alice, book=gone),
        lambda: mark_read(user=alice, book=gone),
        lambda: write_note(user=alice, book=gone, text="x"),
    ):
        with pytest.raises(BookGone):
            write()
