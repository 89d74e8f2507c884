"""A merge while readers write: nothing of them is lost, and nothing stays behind."""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest
from django.db import connection, connections, transaction

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.merged import hold_books
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.book_merges import merge_books, undo_merge
from ratings.bulk import rate_books
from ratings.data_lock import held_by_import
from ratings.errors import BooksUnknown
from ratings.models import BookMerge, Dismissal, Note, Rating, Reading, ShelfEntry
from ratings.rating_many import Row, rate_many
from ratings.services import (
    dismiss_book,
    mark_read,
    rate_book,
    rate_new_books,
    remove_rating,
    shelve_book,
    write_note,
)

pytestmark = pytest.mark.django_db(transaction=True)

# Seconds; only a test that fails waits so long.
PATIENCE = 90


@pytest.fixture
def twins() -> tuple[Book, Book]:
    return BookFactory(), BookFactory()


def in_thread(work: Callable[[], Any]) -> tuple[Thread, list[Any]]:
    """Start work on a connection of its own; the list has what came of it."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:  # noqa: BLE001 - handed to the test
            outcome.append(error)
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    return thread, outcome


def wait_until_somebody_waits() -> None:
    """Return when another session waits for this one: asked of the server, not guessed by time."""
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted "
                "AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


WRITES: dict[str, Callable[[User, Book], Any]] = {
    "rate": lambda user, book: rate_book(user=user, book=book, stars=5),
    "shelve": lambda user, book: shelve_book(user=user, book=book),
    "read": lambda user, book: mark_read(user=user, book=book),
    "note": lambda user, book: write_note(user=user, book=book, text="mine"),
    "dismiss": lambda user, book: dismiss_book(user=user, book=book),
}


@pytest.mark.parametrize("write", WRITES)
def test_what_waited_for_the_merge_is_said_of_the_survivor(twins, write):
    reader, curator = UserFactory.create_batch(2)
    with transaction.atomic():
        merge_books(merged=twins[0].pk, survivor=twins[1].pk, by=curator)
        thread, outcome = in_thread(lambda: WRITES[write](reader, twins[0]))
        wait_until_somebody_waits()
    thread.join(PATIENCE)
    assert outcome[0].book_id == twins[1].pk
    for model in (Rating, ShelfEntry, Reading, Note, Dismissal):
        assert not model._default_manager.filter(book=twins[0]).exists()


@pytest.mark.parametrize("write", WRITES)
def test_the_merge_waits_for_what_is_being_said(twins, write):
    reader, curator = UserFactory.create_batch(2)
    with transaction.atomic():
        WRITES[write](reader, twins[0])
        thread, outcome = in_thread(
            lambda: merge_books(merged=twins[0].pk, survivor=twins[1].pk, by=curator)
        )
        wait_until_somebody_waits()
    thread.join(PATIENCE)
    assert isinstance(outcome[0], BookMerge), outcome
    assert outcome[0].counts["readers"] == 1
    for model in (Rating, ShelfEntry, Reading, Note, Dismissal):
        assert not model._default_manager.filter(book=twins[0]).exists()


def test_stars_taken_back_during_a_merge_are_taken_back(twins):
    reader, curator = UserFactory.create_batch(2)
    rate_book(user=reader, book=twins[0], stars=1)
    with transaction.atomic():
        merge_books(merged=twins[0].pk, survivor=twins[1].pk, by=curator)
        thread, outcome = in_thread(lambda: remove_rating(user=reader, book=twins[0]))
        wait_until_somebody_waits()
    thread.join(PATIENCE)
    assert outcome == [True]
    assert not Rating.objects.exists()


def test_many_books_at_once_are_told_or_left_out(twins):
    """Edits of many books name what is not there any more; a guest's stars pass it over."""
    reader, curator = UserFactory.create_batch(2)
    other = BookFactory()
    ids = [twins[0].pk, other.pk]
    with transaction.atomic():
        merge_books(merged=twins[0].pk, survivor=twins[1].pk, by=curator)
        edits = [
            in_thread(lambda: rate_books(user=reader, book_ids=ids, stars=3)),
        ]
        wait_until_somebody_waits()
    for thread, _ in edits:
        thread.join(PATIENCE)
    assert isinstance(edits[0][1][0], BooksUnknown)
    with transaction.atomic():
        results = rate_many(user=reader, rows=[Row(id, 4) for id in ids])
    assert [row.result for row in results] == ["error", "created"]
    assert rate_new_books(user=curator, stars=dict.fromkeys(ids, 2)) == 1
    assert not Rating.objects.filter(book=twins[0]).exists()


def test_readers_do_not_wait_for_each_other(twins):
    first, second = UserFactory.create_batch(2)
    done = Event()

    def rate() -> None:
        rate_book(user=second, book=twins[0], stars=2)
        done.set()

    with transaction.atomic():
        rate_book(user=first, book=twins[0], stars=1)
        thread, _ = in_thread(rate)
        assert done.wait(PATIENCE)
    thread.join(PATIENCE)
    assert Rating.objects.count() == 2


def test_two_curators_merge_once_and_undo_once(twins):
    first, second = UserFactory.create_batch(2)
    with transaction.atomic():
        made = merge_books(merged=twins[0].pk, survivor=twins[1].pk, by=first)
        thread, outcome = in_thread(
            lambda: merge_books(merged=twins[1].pk, survivor=twins[0].pk, by=second)
        )
        wait_until_somebody_waits()
    thread.join(PATIENCE)
    assert type(outcome[0]).__name__ == "MergeNotPossible"
    with transaction.atomic():
        undo_merge(merge_id=made.pk, by=first)
        thread, outcome = in_thread(lambda: undo_merge(merge_id=made.pk, by=second))
        wait_until_somebody_waits()
    thread.join(PATIENCE)
    assert type(outcome[0]).__name__ == "MergeNotPossible"
    assert hold_books([twins[0].pk]) == {twins[0].pk: twins[0].pk}


def test_no_books_are_merged_or_parted_while_a_data_set_is_imported(twins):
    first, second = UserFactory.create_batch(2)
    rate_book(user=first, book=twins[0], stars=4)
    with transaction.atomic():
        assert held_by_import()
        thread, outcome = in_thread(
            lambda: merge_books(merged=twins[0].pk, survivor=twins[1].pk, by=second)
        )
        thread.join(PATIENCE)
    assert "is being imported" in str(outcome[0])
    assert Rating.objects.get().book == twins[0]
    with transaction.atomic():
        made = merge_books(merged=twins[0].pk, survivor=twins[1].pk, by=second)
        # Nor the other way round.
        thread, outcome = in_thread(transaction.atomic(held_by_import))
        thread.join(PATIENCE)
        assert outcome == [False]
    thread, outcome = in_thread(transaction.atomic(held_by_import))
    thread.join(PATIENCE)
    assert outcome == [True]
    with transaction.atomic():
        assert held_by_import()
        thread, outcome = in_thread(lambda: undo_merge(merge_id=made.pk, by=second))
        thread.join(PATIENCE)
    assert "is being imported" in str(outcome[0])
    assert undo_merge(merge_id=made.pk, by=second).undone_at
