"""A library comes in as it stands, once, and whatever happens to the worker."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tests.factories import UserFactory
from ratings.library_import import requests, working
from ratings.library_import.choosing import choose_book
from ratings.library_import.requests import request_import
from ratings.library_import.working import work_at
from ratings.models import Dismissal, ImportFile, ImportRow, LibraryImport, Note, Rating, Reading
from ratings.opinions import opinions_of
from ratings.services import dismiss_book, mark_read, rate_book, shelve_book, write_note
from ratings.signals import rating_changed
from ratings.states import load_states
from ratings.tests.libraries import (
    goodreads_csv,
    library_file,
    make_catalogue,
    outcomes,
    row_titled,
    run_import,
)

pytestmark = pytest.mark.django_db


def shelves_of(user, book) -> set[str]:
    return set(user.shelf_entries.filter(book=book).values_list("shelf", flat=True))


def test_a_goodreads_library_of_today() -> None:
    books, alice = make_catalogue(), UserFactory()

    done = run_import(alice, library_file("goodreads_2023.csv"))

    assert (done.status, done.format, done.n_rows, done.n_done) == ("done", "goodreads", 9, 9)
    assert outcomes(done) == {
        "The Hunger Games (The Hunger Games, #1)": "added",
        "The Hobbit, or There and Back Again": "added",
        "Nineteen Eighty-Four": "added",
        "Where the Sidewalk Ends": "added",
        "The Great Gatsby": "added",
        "To Kill a Mockingbird": "added",
        "Emma": "needs_review",
        "A Pamphlet Nobody Catalogued": "needs_review",
        "The Catcher in the Rye": "failed",
    }
    assert done.counts == {"added": 6, "needs_review": 2, "failed": 1}
    stars = dict(Rating.objects.filter(user=alice).values_list("book_id", "stars"))
    # By Goodreads id, by ISBN, and by title and author.
    assert stars == {books["hunger games"].pk: 5, books["hobbit"].pk: 4, books["1984"].pk: 3}
    assert shelves_of(alice, books["hunger games"]) == {"favourites", "dystopia"}
    assert shelves_of(alice, books["sidewalk"]) == {"reading"}
    assert shelves_of(alice, books["gatsby"]) == {"abandoned"}
    assert shelves_of(alice, books["mockingbird"]) == {"owned-unread"}
    read = dict(Reading.objects.filter(user=alice).values_list("book_id", "finished_on"))
    assert read == {
        books["hunger games"].pk: date(2021, 3, 14),
        books["hobbit"].pk: None,
        books["1984"].pk: date(2019, 7, 1),
    }
    note = Note.objects.get(user=alice, book=books["hunger games"])
    assert note.text == 'First line.\nSecond line, with "quotes".'
    emma = row_titled(done, "Emma")
    assert emma.candidates == [books["emma"].pk, books["another emma"].pk]
    assert "stars go from 0 to 5" in row_titled(done, "The Catcher").message
    assert not ImportFile.objects.exists()


def test_the_columns_of_2012_and_of_2026() -> None:
    books, alice, bob = make_catalogue(), UserFactory(), UserFactory()

    old = run_import(alice, library_file("goodreads_2012.csv"))
    new = run_import(bob, library_file("goodreads_2026.csv"))

    assert set(outcomes(old).values()) == set(outcomes(new).values()) == {"added"}
    assert Note.objects.get(user=alice).text == (
        "Read in two nights.\n\nThe arena chapters are relentless & short.\n\nlent to Jo"
    )
    assert shelves_of(alice, books["gatsby"]) == {"to_read"}
    stars = dict(Rating.objects.filter(user=bob).values_list("book_id", "stars"))
    assert stars == {books["hunger games"].pk: 5, books["gatsby"].pk: 4}
    message = row_titled(new, "The Great Gatsby").message
    assert "3.5 stars became 4" in message
    assert "“2026” was left out: it names no day" in message


def test_a_storygraph_library() -> None:
    books, alice = make_catalogue(), UserFactory()

    done = run_import(alice, library_file("storygraph.csv"))

    assert done.format == "storygraph"
    assert outcomes(done).pop("A Zine Without a Number") == "needs_review"
    assert done.counts == {"added": 6, "needs_review": 1}
    stars = dict(Rating.objects.filter(user=alice).values_list("book_id", "stars"))
    assert stars == {books["hunger games"].pk: 4, books["sidewalk"].pk: 1}
    assert Reading.objects.get(user=alice, book=books["hunger games"]).finished_on == date(
        2023, 2, 10
    )
    assert Note.objects.get(user=alice).text == "Still holds up.\nTwice."
    assert shelves_of(alice, books["hunger games"]) == {"re-read", "dystopia"}
    assert shelves_of(alice, books["gatsby"]) == {"abandoned"}
    assert shelves_of(alice, books["hobbit"]) == {"reading"}
    assert shelves_of(alice, books["mockingbird"]) == {"to_read"}
    assert shelves_of(alice, books["1984"]) == {"paused"}
    assert "3.75 stars became 4" in row_titled(done, "The Hunger Games").message


@pytest.mark.parametrize("name", ["goodreads_2012.csv", "goodreads_2023.csv", "storygraph.csv"])
def test_the_same_file_twice_changes_nothing(name: str) -> None:
    books, alice = make_catalogue(), UserFactory()
    first = run_import(alice, library_file(name))
    ids = [book.pk for book in books.values()]
    state = load_states(alice, ids)

    second = run_import(alice, library_file(name), replace_stars=True)

    assert load_states(alice, ids) == state
    expected = {"unchanged" if o == "added" else o for o in outcomes(first).values()}
    assert set(outcomes(second).values()) == expected


def test_the_sites_own_word_stands() -> None:
    books, alice = make_catalogue(), UserFactory()
    rate_book(user=alice, book=books["hunger games"], stars=2)
    write_note(user=alice, book=books["hunger games"], text="mine")
    mark_read(user=alice, book=books["1984"], finished_on=date(2020, 1, 1))
    dismiss_book(user=alice, book=books["mockingbird"])
    rate_book(user=alice, book=books["gatsby"], stars=1)

    done = run_import(alice, library_file("goodreads_2023.csv"))

    assert Rating.objects.get(user=alice, book=books["hunger games"]).stars == 2
    message = row_titled(done, "The Hunger Games").message
    assert "Your stars here were kept: 2, not the file’s 5." in message
    assert "Your note here was kept" in message
    assert row_titled(done, "The Hunger Games").outcome == "updated"
    assert Reading.objects.get(user=alice, book=books["1984"]).finished_on == date(2020, 1, 1)
    assert Dismissal.objects.filter(user=alice, book=books["mockingbird"]).exists()
    assert shelves_of(alice, books["mockingbird"]) == set()
    assert "you are further with it here" in row_titled(done, "The Great Gatsby").message
    assert shelves_of(alice, books["gatsby"]) == set()


def test_stars_are_replaced_where_the_reader_asks_for_it() -> None:
    books, alice = make_catalogue(), UserFactory()
    rate_book(user=alice, book=books["hunger games"], stars=2)

    done = run_import(alice, library_file("goodreads_2023.csv"), replace_stars=True)

    assert Rating.objects.get(user=alice, book=books["hunger games"]).stars == 5
    assert row_titled(done, "The Hunger Games").outcome == "updated"


def test_of_two_editions_of_a_book_the_first_row_decides() -> None:
    books, alice = make_catalogue(), UserFactory()
    row = {"Title": "The Hobbit", "Author": "J. R. R. Tolkien", "Exclusive Shelf": "read"}
    content = goodreads_csv(
        row | {"Book Id": "5907", "My Rating": "5"}, row | {"Book Id": "99", "My Rating": "3"}
    )

    for replace_stars in (False, True, True):
        done = run_import(alice, content, replace_stars=replace_stars)

    assert Rating.objects.get(user=alice, book=books["hobbit"]).stars == 5
    assert [row.outcome for row in done.rows.order_by("line")] == ["unchanged", "unchanged"]


def test_a_book_moves_forward_only() -> None:
    books, alice = make_catalogue(), UserFactory()
    shelve_book(user=alice, book=books["gatsby"])

    def upload(shelf: str) -> set[str]:
        run_import(alice, goodreads_csv({"Book Id": "4671", "Exclusive Shelf": shelf}))
        return shelves_of(alice, books["gatsby"])

    assert upload("currently-reading") == {"reading"}
    assert upload("to-read") == {"reading"}
    assert upload("DNF") == {"abandoned"}
    assert upload("currently-reading") == {"abandoned"}
    assert upload("read") == set()
    assert upload("to-read") == set()
    assert Reading.objects.filter(user=alice, book=books["gatsby"]).exists()


def test_a_worker_that_is_killed_leaves_an_import_that_another_one_ends(monkeypatch) -> None:
    books, alice, bob = make_catalogue(), UserFactory(), UserFactory()
    monkeypatch.setattr(working, "BATCH", 2)
    whole = run_import(bob, library_file("goodreads_2023.csv"))
    real = working._import_batch

    def killed(*args):
        if args[-1] == 4:
            raise SystemExit
        return real(*args)

    waiting = request_import(
        user=alice, file_name="a.csv", content=library_file("goodreads_2023.csv")
    )
    monkeypatch.setattr(working, "_import_batch", killed)
    with pytest.raises(SystemExit):
        work_at(waiting.pk)
    monkeypatch.setattr(working, "_import_batch", real)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.n_done) == ("running", 4)

    work_at(waiting.pk)  # Another worker seems to be at it.
    waiting.refresh_from_db()
    assert waiting.n_done == 4
    LibraryImport.objects.update(beat_at=waiting.beat_at - 2 * requests.STALE_AFTER)
    sent = []
    monkeypatch.setattr(requests, "_send", sent.append)
    assert requests.tend() == 1
    assert sent == [waiting.pk]
    work_at(waiting.pk)
    work_at(waiting.pk)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.n_attempts) == ("done", 2)
    assert (waiting.counts, outcomes(waiting)) == (whole.counts, outcomes(whole))
    ids = [book.pk for book in books.values()]
    assert {k: set(v) for k, v in load_states(alice, ids).items()} == {
        k: set(v) for k, v in load_states(bob, ids).items()
    }
    assert opinions_of(alice) == opinions_of(bob)


def test_an_import_that_kills_every_worker_is_given_up(monkeypatch) -> None:
    make_catalogue()
    waiting = request_import(
        user=UserFactory(), file_name="a.csv", content=library_file("storygraph.csv")
    )
    monkeypatch.setattr(requests, "_send", lambda import_id: None)
    long_ago = waiting.requested_at - 2 * requests.STALE_AFTER
    LibraryImport.objects.update(status="running", beat_at=long_ago, n_attempts=5)

    assert requests.tend() == 0

    waiting.refresh_from_db()
    assert waiting.status == "failed"
    assert "did not come through" in waiting.problem
    assert not ImportFile.objects.exists()


def test_a_book_chosen_by_hand_is_remembered() -> None:
    books, alice = make_catalogue(), UserFactory()
    first = run_import(alice, library_file("goodreads_2023.csv"))
    choose_book(rows=first.rows.filter(title="Emma"), book=books["another emma"])
    assert Rating.objects.get(user=alice, book=books["another emma"]).stars == 4

    again = run_import(alice, library_file("goodreads_2023.csv"))

    assert row_titled(again, "Emma").outcome == "unchanged"
    assert row_titled(again, "Emma").book == books["another emma"]


def test_ratings_are_announced_once_they_are_there(django_capture_on_commit_callbacks) -> None:
    books, alice, heard = make_catalogue(), UserFactory(), []

    def listen(sender, **kwargs) -> None:
        heard.append((kwargs["user_id"], kwargs["book_id"], kwargs["stars"]))

    rating_changed.connect(listen)
    try:
        waiting = request_import(
            user=alice, file_name="a.csv", content=library_file("goodreads_2026.csv")
        )
        with django_capture_on_commit_callbacks(execute=True):
            work_at(waiting.pk)
    finally:
        rating_changed.disconnect(listen)

    assert sorted(heard) == sorted(
        [(alice.pk, books["hunger games"].pk, 5), (alice.pk, books["gatsby"].pk, 4)]
    )


def test_the_number_of_queries_does_not_grow_with_the_rows() -> None:
    make_catalogue()
    row = {"Title": "The Hobbit", "Author": "J.R.R. Tolkien", "My Rating": "4"}
    few = goodreads_csv(*[row] * 2)
    many = goodreads_csv(*[row] * 200)

    def queries(content: bytes) -> int:
        waiting = request_import(user=UserFactory(), file_name="a.csv", content=content)
        with CaptureQueriesContext(connection) as captured:
            work_at(waiting.pk)
        return len(captured)

    assert queries(many) == queries(few)
    assert ImportRow.objects.count() == 202
