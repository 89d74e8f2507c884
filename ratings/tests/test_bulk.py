"""Many opinions at once: all or nothing, by the rules of single ones."""

import threading
from datetime import date, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.tests.factories import UserFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings import bulk
from ratings.errors import (
    BooksUnknown,
    DayInFuture,
    InvalidShelf,
    InvalidStars,
    NothingChosen,
    ShelfReserved,
    TooManyBooks,
)
from ratings.models import Dismissal, Note, Rating, Reading, ShelfEntry
from ratings.services import (
    dismiss_book,
    mark_read,
    rate_book,
    shelve_book,
    write_note,
)
from ratings.signals import rating_changed

MODELS = (Rating, ShelfEntry, Reading, Note, Dismissal)


@pytest.fixture
def alice(db):
    return UserFactory(username="alice")


@pytest.fixture
def bob(db):
    return UserFactory(username="bob")


@pytest.fixture
def books(db) -> list[Book]:
    return [BookFactory() for _ in range(5)]


def ids(books) -> list[int]:
    return [book.pk for book in books]


def opinions(user) -> dict[str, set]:
    """Return everything a reader said, without times."""
    return {
        "stars": set(Rating.objects.filter(user=user).values_list("book", "stars")),
        "shelves": set(ShelfEntry.objects.filter(user=user).values_list("book", "shelf")),
        "read": set(Reading.objects.filter(user=user).values_list("book", "finished_on")),
        "notes": set(Note.objects.filter(user=user).values_list("book", "text")),
        "dismissed": set(Dismissal.objects.filter(user=user).values_list("book", flat=True)),
    }


@pytest.fixture
def mixed(alice, bob, books):
    """Both readers with an opinion of every kind, so that what is touched can be seen."""
    for user in (alice, bob):
        rate_book(user=user, book=books[0], stars=2)
        shelve_book(user=user, book=books[0], shelf="mine")
        shelve_book(user=user, book=books[1], shelf="to_read")
        shelve_book(user=user, book=books[2], shelf="reading")
        mark_read(user=user, book=books[3], finished_on=date(2020, 1, 2))
        write_note(user=user, book=books[3], text="a word")
        dismiss_book(user=user, book=books[4])
    return books


@pytest.mark.parametrize(
    ("many", "one", "said"),
    [
        (bulk.rate_books, rate_book, {"stars": 4}),
        (bulk.shelve_books, shelve_book, {"shelf": "reading"}),
        (bulk.shelve_books, shelve_book, {"shelf": " my  own "}),
        (bulk.mark_books_read, mark_read, {"finished_on": date(2024, 2, 29)}),
    ],
)
def test_many_at_once_end_as_one_by_one(alice, bob, mixed, many, one, said):
    """Bob does with single books, the oracle, what Alice does with all of them."""
    many(user=alice, book_ids=ids(mixed), **said)
    for book in mixed:
        one(user=bob, book=book, **said)
    assert opinions(alice) == opinions(bob)


@pytest.mark.parametrize(
    "edit",
    [
        lambda user, ids: bulk.rate_books(user=user, book_ids=ids, stars=5),
        lambda user, ids: bulk.shelve_books(user=user, book_ids=ids, shelf="to_read"),
        lambda user, ids: bulk.unshelve_books(user=user, book_ids=ids, shelf="to_read"),
        lambda user, ids: bulk.mark_books_read(user=user, book_ids=ids),
        lambda user, ids: bulk.remove_ratings(user=user, book_ids=ids),
        lambda user, ids: bulk.remove_books(user=user, book_ids=ids),
        lambda user, ids: bulk.undo_dismissals(user=user, book_ids=ids),
    ],
)
class TestEveryEdit:
    def test_touches_no_other_reader(self, alice, bob, mixed, edit):
        before = opinions(bob)
        edit(alice, ids(mixed))
        assert opinions(bob) == before

    def test_with_an_unknown_book_changes_nothing(self, alice, mixed, edit):
        before = opinions(alice)
        with pytest.raises(BooksUnknown, match="one of the books"):
            edit(alice, [*ids(mixed), 999_999_999])
        assert opinions(alice) == before

    def test_with_a_hidden_book_changes_nothing(self, alice, mixed, edit):
        Book.objects.filter(pk=mixed[2].pk).update(is_hidden=True)
        before = opinions(alice)
        with pytest.raises(BooksUnknown):
            edit(alice, ids(mixed))
        assert opinions(alice) == before

    def test_of_no_book_is_refused(self, alice, edit):
        with pytest.raises(NothingChosen):
            edit(alice, [])

    def test_of_too_many_is_refused(self, alice, edit):
        with pytest.raises(TooManyBooks, match="at most 500 books at once, not 501"):
            edit(alice, range(1, 502))

    def test_may_be_done_twice(self, alice, mixed, edit):
        edit(alice, ids(mixed))
        once = opinions(alice)
        edit(alice, ids(mixed) * 2)
        assert opinions(alice) == once

    def test_asks_few_queries(self, alice, mixed, edit, django_assert_max_num_queries):
        with django_assert_max_num_queries(14):
            edit(alice, ids(mixed))


@pytest.mark.parametrize("stars", [0, 6, True, "5", None])
def test_wrong_stars_are_refused(alice, books, stars):
    with pytest.raises(InvalidStars):
        bulk.rate_books(user=alice, book_ids=ids(books), stars=stars)
    assert not Rating.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "\0", "x" * 61])
def test_names_that_are_none_are_refused(alice, books, name):
    with pytest.raises(InvalidShelf):
        bulk.shelve_books(user=alice, book_ids=ids(books), shelf=name)
    with pytest.raises(InvalidShelf):
        bulk.rename_shelf(user=alice, shelf="mine", name=name)


def test_a_day_to_come_is_refused(alice, books, monkeypatch):
    now = timezone.now()
    # No other day begins meanwhile.
    monkeypatch.setattr(timezone, "now", lambda: now)
    tomorrow = now.date() + timedelta(days=1)
    bulk.mark_books_read(user=alice, book_ids=ids(books), finished_on=tomorrow)
    with pytest.raises(DayInFuture):
        bulk.mark_books_read(
            user=alice, book_ids=ids(books), finished_on=tomorrow + timedelta(days=1)
        )
    assert set(Reading.objects.values_list("finished_on", flat=True)) == {tomorrow}


def test_marking_as_read_without_a_day_keeps_known_days(alice, mixed):
    bulk.mark_books_read(user=alice, book_ids=ids(mixed))
    days = dict(Reading.objects.filter(user=alice).values_list("book", "finished_on"))
    assert days == {book.pk: None for book in mixed} | {mixed[3].pk: date(2020, 1, 2)}


def test_removing_says_beforehand_what_goes(alice, mixed):
    expected = bulk.Removal(books=4, ratings=1, shelf_entries=3, readings=1, notes=1)
    assert bulk.what_goes(user=alice, book_ids=ids(mixed)) == expected
    assert bulk.remove_books(user=alice, book_ids=ids(mixed)) == expected
    left = opinions(alice)
    assert left.pop("dismissed") == {mixed[4].pk}
    assert not any(left.values())


@pytest.mark.django_db(transaction=True)
def test_others_hear_of_each_rating_once_it_is_committed(alice, books):
    heard = []

    def listen(*, user_id, book_id, stars, **kwargs):
        heard.append((user_id, book_id, stars))

    rating_changed.connect(listen)
    try:
        with pytest.raises(BooksUnknown):
            bulk.rate_books(user=alice, book_ids=[*ids(books), 999_999_999], stars=3)
        assert heard == []
        bulk.rate_books(user=alice, book_ids=ids(books), stars=3)
        assert heard == [(alice.pk, book.pk, 3) for book in books]
        heard.clear()
        bulk.remove_ratings(user=alice, book_ids=ids(books)[1:])
        assert heard == [(alice.pk, book.pk, None) for book in books[1:]]
    finally:
        rating_changed.disconnect(listen)


def test_a_renamed_shelf_takes_its_books_along_and_joins_a_namesake(alice, bob, books):
    for book in books[:3]:
        shelve_book(user=alice, book=book, shelf="old")
        shelve_book(user=bob, book=book, shelf="old")
    shelve_book(user=alice, book=books[2], shelf="new")
    shelve_book(user=alice, book=books[3], shelf="new")
    assert bulk.rename_shelf(user=alice, shelf="old", name="new") == 4
    assert opinions(alice)["shelves"] == {(book.pk, "new") for book in books[:4]}
    assert opinions(bob)["shelves"] == {(book.pk, "old") for book in books[:3]}
    assert bulk.rename_shelf(user=alice, shelf="new", name=" new ") == 4


def test_shelves_that_everybody_has_are_neither_renamed_nor_deleted_nor_joined(alice, books):
    shelve_book(user=alice, book=books[0], shelf="to_read")
    shelve_book(user=alice, book=books[1], shelf="own")
    with pytest.raises(InvalidShelf):
        bulk.rename_shelf(user=alice, shelf="to_read", name="x")
    with pytest.raises(InvalidShelf):
        bulk.delete_shelf(user=alice, shelf="to_read")
    with pytest.raises(ShelfReserved):
        bulk.rename_shelf(user=alice, shelf="own", name="reading")
    assert opinions(alice)["shelves"] == {(books[0].pk, "to_read"), (books[1].pk, "own")}


def test_a_deleted_shelf_leaves_stars_and_other_shelves(alice, bob, books):
    rate_book(user=alice, book=books[0], stars=3)
    for shelf in ("one", "two"):
        shelve_book(user=alice, book=books[0], shelf=shelf)
        shelve_book(user=bob, book=books[0], shelf=shelf)
    assert bulk.delete_shelf(user=alice, shelf="one") == 1
    assert opinions(alice)["shelves"] == {(books[0].pk, "two")}
    assert opinions(alice)["stars"] == {(books[0].pk, 3)}
    assert len(opinions(bob)["shelves"]) == 2
    with pytest.raises(InvalidShelf):
        bulk.delete_shelf(user=alice, shelf="one")


@pytest.mark.django_db(transaction=True)
def test_edits_of_many_and_of_one_at_once_neither_block_nor_contradict_each_other(alice, books):
    """Eight tabs: whatever comes last, a book has one rating or stands on one state shelf."""
    start = threading.Barrier(8)
    failures: list[Exception] = []
    edits = [
        lambda: bulk.rate_books(user=alice, book_ids=ids(books), stars=5),
        lambda: bulk.rate_books(user=alice, book_ids=ids(books)[::-1], stars=1),
        lambda: bulk.shelve_books(user=alice, book_ids=ids(books), shelf="to_read"),
        lambda: bulk.shelve_books(user=alice, book_ids=ids(books)[::-1], shelf="reading"),
        lambda: [rate_book(user=alice, book=book, stars=3) for book in books],
        lambda: [rate_book(user=alice, book=book, stars=2) for book in books[::-1]],
        lambda: [shelve_book(user=alice, book=book, shelf="abandoned") for book in books[::-1]],
        lambda: bulk.remove_books(user=alice, book_ids=ids(books)),
    ]

    def run(edit) -> None:
        try:
            start.wait()
            for _ in range(4):
                edit()
        except Exception as error:  # noqa: BLE001 - reported by the assertion below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(edit,)) for edit in edits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    bulk.rate_books(user=alice, book_ids=ids(books), stars=4)
    assert opinions(alice)["stars"] == {(book.pk, 4) for book in books}
    assert opinions(alice)["shelves"] == set()
