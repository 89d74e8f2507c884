"""An import that is undone leaves what was there before, and what the reader has said since."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from accounts.tests.factories import UserFactory
from ratings.errors import ImportNotPossible
from ratings.library_import import requests, working
from ratings.library_import.requests import request_undo
from ratings.library_import.working import work_at
from ratings.merging import merge_opinions
from ratings.models import Dismissal, ImportRow, LibraryImport, Rating
from ratings.services import (
    dismiss_book,
    mark_read,
    rate_book,
    remove_rating,
    shelve_book,
    unshelve_book,
    write_note,
)
from ratings.states import load_states
from ratings.tests.libraries import (
    goodreads_csv,
    library_file,
    make_catalogue,
    row_titled,
    run_import,
)

pytestmark = pytest.mark.django_db


def undo(library_import: LibraryImport) -> LibraryImport:
    request_undo(library_import)
    work_at(library_import.pk)
    library_import.refresh_from_db()
    return library_import


@pytest.mark.parametrize("batch", [1, 2, 250])
@pytest.mark.parametrize("name", ["goodreads_2023.csv", "storygraph.csv"])
def test_everything_is_as_it_was(monkeypatch, name: str, batch: int) -> None:
    monkeypatch.setattr(working, "BATCH", batch)
    books, alice = make_catalogue(), UserFactory()
    rate_book(user=alice, book=books["hunger games"], stars=2)
    shelve_book(user=alice, book=books["hunger games"], shelf="mine")
    shelve_book(user=alice, book=books["gatsby"])
    mark_read(user=alice, book=books["1984"])
    dismiss_book(user=alice, book=books["hobbit"])
    write_note(user=alice, book=books["sidewalk"], text="mine")
    ids = [book.pk for book in books.values()]
    before = load_states(alice, ids)

    done = run_import(alice, library_file(name), replace_stars=True)
    assert load_states(alice, ids) != before
    undone = undo(done)

    assert undone.status == "undone"
    assert load_states(alice, ids) == before
    assert "kept" not in undone.counts


def test_two_rows_for_a_book_are_taken_back_from_the_last_on() -> None:
    books, alice = make_catalogue(), UserFactory()
    shelve_book(user=alice, book=books["gatsby"])
    before = load_states(alice, [books["gatsby"].pk])
    row = {"Book Id": "4671"}
    done = run_import(
        alice,
        goodreads_csv(
            row | {"Exclusive Shelf": "currently-reading"},
            row | {"Exclusive Shelf": "read", "My Rating": "3", "Bookshelves": "a"},
            row | {"Date Read": "2020/01/02", "Exclusive Shelf": "read"},
        ),
    )
    assert set(done.rows.values_list("outcome", flat=True)) == {"updated"}

    undo(done)

    assert load_states(alice, [books["gatsby"].pk]) == before


def test_what_the_reader_has_said_since_stays() -> None:
    books, alice = make_catalogue(), UserFactory()
    shelve_book(user=alice, book=books["1984"])
    done = run_import(alice, library_file("goodreads_2023.csv"))
    rate_book(user=alice, book=books["hunger games"], stars=5)  # The same again, but by hand.
    remove_rating(user=alice, book=books["hobbit"])
    unshelve_book(user=alice, book=books["mockingbird"], shelf="owned-unread")
    rate_book(user=alice, book=books["1984"], stars=1)
    write_note(user=alice, book=books["gatsby"], text="new")

    undo(done)

    hunger, hobbit, orwell = (books[n].pk for n in ("hunger games", "hobbit", "1984"))
    states = load_states(alice, [book.pk for book in books.values()])
    assert set(states[hunger]) == {"stars"}
    assert states[hobbit] == {}
    # It was to be read; now it has stars of the reader's own, which to-read would contradict.
    assert set(states[orwell]) == {"stars"}
    assert states[orwell]["stars"][0] == 1
    assert set(states[books["gatsby"].pk]) == {"note"}
    kept = set(done.rows.filter(outcome="kept").values_list("title", flat=True))
    assert kept == {
        "The Hunger Games (The Hunger Games, #1)",
        "The Hobbit, or There and Back Again",
        "To Kill a Mockingbird",
        "Nineteen Eighty-Four",
    }


def test_a_dismissal_comes_back() -> None:
    books, alice = make_catalogue(), UserFactory()
    dismiss_book(user=alice, book=books["1984"])
    done = run_import(alice, library_file("goodreads_2023.csv"))
    assert not Dismissal.objects.exists()

    undo(done)

    assert Dismissal.objects.filter(user=alice, book=books["1984"]).exists()
    assert not Rating.objects.exists()


def test_a_worker_killed_while_undoing_is_followed_by_another(monkeypatch) -> None:
    books, alice = make_catalogue(), UserFactory()
    monkeypatch.setattr(working, "BATCH", 2)
    done = run_import(alice, library_file("goodreads_2023.csv"))
    request_undo(done)
    real, calls = working.take_back, []

    def killed(user, rows):
        calls.append(rows)
        if len(calls) == 2:
            raise SystemExit
        real(user, rows)

    monkeypatch.setattr(working, "take_back", killed)
    with pytest.raises(SystemExit):
        work_at(done.pk)
    assert ImportRow.objects.filter(outcome="undone").count() == 2
    LibraryImport.objects.update(beat_at=timezone.now() - timedelta(hours=1))

    work_at(done.pk)

    done.refresh_from_db()
    assert done.status == "undone"
    assert load_states(alice, [books["hobbit"].pk])[books["hobbit"].pk] == {}


def test_a_book_that_is_gone_is_told() -> None:
    books, alice = make_catalogue(), UserFactory()
    done = run_import(alice, library_file("goodreads_2023.csv"))
    books["hobbit"].delete()

    undo(done)

    assert "no longer in the catalogue" in row_titled(done, "The Hobbit").message


def test_what_is_long_ago_is_forgotten_and_cannot_be_undone(monkeypatch) -> None:
    make_catalogue()
    alice = UserFactory()
    old = run_import(alice, library_file("goodreads_2023.csv"))
    LibraryImport.objects.update(finished_at=timezone.now() - timedelta(days=91))

    requests.tend()

    old.refresh_from_db()
    assert (old.has_rows, old.rows.count()) == (False, 0)
    assert old.counts["added"] == 6
    with pytest.raises(ImportNotPossible):
        request_undo(old)


def test_of_many_imports_the_last_ten_can_be_undone() -> None:
    make_catalogue()
    alice = UserFactory()
    for n in range(12):
        run_import(alice, library_file("goodreads_2026.csv"), name=f"{n}.csv")

    kept = alice.library_imports.filter(has_rows=True).values_list("file_name", flat=True)
    assert sorted(kept) == sorted(f"{n}.csv" for n in range(2, 12))


def test_the_day_of_a_reading_is_taken_back_alone() -> None:
    books, alice = make_catalogue(), UserFactory()
    mark_read(user=alice, book=books["hunger games"])
    content = goodreads_csv({"Book Id": "2767052", "Date Read": "2020/05/06"})
    done = run_import(alice, content)
    reading = alice.readings.get()
    assert reading.finished_on == date(2020, 5, 6)

    undo(done)

    reading.refresh_from_db()
    assert reading.finished_on is None


def test_an_import_is_undone_where_its_book_was_merged_into_another() -> None:
    books, alice = make_catalogue(), UserFactory()
    done = run_import(alice, goodreads_csv({"Book Id": "5907", "My Rating": "4"}))
    merge_opinions(of=books["hobbit"].pk, into=books["catcher"].pk)
    assert Rating.objects.get().book == books["catcher"]

    undo(done)

    assert not Rating.objects.exists()
