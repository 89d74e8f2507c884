"""Events are written once, of the lists that readers were shown."""

import csv
import io
import json
import zipfile

import pytest
from django.db import IntegrityError, transaction

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.export import export_archive
from ratings.models import Rating
from ratings.services import rate_book, remove_rating
from ratings.tests.api_doors import at_most_queries
from recommender.feedback.recording import Row, record_events
from recommender.models import FeedbackEvent, ListBasis, Surface
from recommender.tests.feedback.lists import list_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def books():
    return BookFactory.create_batch(5)


def results(reader, *rows: Row) -> list[str]:
    return [told.result for told in record_events(reader=reader, rows=rows)]


def test_an_event_is_stored_with_what_the_list_was(books) -> None:
    alice = UserFactory()
    list_id = list_of(books, alice, surface=Surface.HOME, basis=ListBasis.POPULAR, run_id=3)
    assert results(
        alice, Row(list_id, "shown", books[2].pk), Row(list_id, "rated", books[2].pk, stars=4)
    ) == ["recorded", "recorded"]
    shown, rated = FeedbackEvent.objects.order_by("pk")
    for event in (shown, rated):
        assert (event.surface, event.basis, event.run_id) == ("home", "popular", 3)
        assert (event.book, event.position, event.reader) == (books[2], 3, alice)
        assert event.listed_on == event.happened_at.date()
    assert (shown.kind, shown.stars) == ("shown", None)
    assert (rated.kind, rated.stars) == ("rated", 4)
    assert shown.list_key == rated.list_key


def test_an_event_counts_once_however_often_it_is_sent(books) -> None:
    list_id = list_of(books)
    row = Row(list_id, "shown", books[0].pk)
    assert results(None, row, row) == ["recorded", "known"]
    assert results(None, row, Row(list_id, "clicked", books[0].pk)) == ["known", "recorded"]
    assert FeedbackEvent.objects.count() == 2
    other = list_of(books)
    assert results(None, Row(other, "shown", books[0].pk)) == ["recorded"]
    assert FeedbackEvent.objects.count() == 3


def test_stars_that_change_are_one_rating_with_the_last_ones(books) -> None:
    list_id = list_of(books)
    rated = [Row(list_id, "rated", books[0].pk, stars=stars) for stars in (5, 2, 3)]
    assert results(None, *rated[:2]) == ["recorded", "known"]
    assert FeedbackEvent.objects.get().stars == 2
    assert results(None, rated[2]) == ["known"]
    assert FeedbackEvent.objects.get().stars == 3


def test_the_database_itself_counts_once_and_knows_what_a_rating_is(books) -> None:
    record_events(reader=None, rows=[Row(list_of(books), "shown", books[0].pk)])
    event = FeedbackEvent.objects.get()
    for kind, stars in (("shown", None), ("clicked", 4), ("rated", None), ("rated", 6)):
        event.pk, event.kind, event.stars = None, kind, stars
        with pytest.raises(IntegrityError), transaction.atomic():
            event.save()


def test_of_a_guests_list_no_reader_is_kept(books) -> None:
    assert results(UserFactory(), Row(list_of(books), "shown", books[0].pk)) == ["recorded"]
    assert FeedbackEvent.objects.get().reader is None


def test_another_readers_list_is_refused(books) -> None:
    alice, bob = UserFactory(), UserFactory()
    row = Row(list_of(books, alice), "shown", books[0].pk)
    assert results(bob, row) == results(None, row) == ["error"]
    assert not FeedbackEvent.objects.exists()


def test_a_bad_row_is_named_and_spoils_no_other(books) -> None:
    list_id, stranger = list_of(books), BookFactory()
    rows = [
        Row(reason="A row is an object."),
        Row("made-up", "shown", books[0].pk),
        Row(list_id, "seen", books[0].pk),
        Row(list_id, "shown", stranger.pk),
        Row(list_id, "shown", None),
        Row(list_id, "shown", books[1].pk, position=1),
        Row(list_id, "rated", books[1].pk),
        Row(list_id, "shown", books[1].pk, stars=5),
        Row(list_id, "shown", books[1].pk, position=2),
    ]
    told = record_events(reader=None, rows=rows)
    assert [one.result for one in told] == ["error"] * 8 + ["recorded"]
    assert all(one.reason for one in told[:8])
    assert told[5].reason == "The book stands at place 2 of this list."
    assert FeedbackEvent.objects.count() == 1


def test_a_book_that_is_gone_is_named_and_one_that_is_hidden_counts(books) -> None:
    list_id = list_of(books)
    rows = [Row(list_id, "shown", book.pk) for book in books[:3]]
    books[0].delete()
    books[1].is_hidden = True
    books[1].save()
    assert results(None, *rows) == ["error", "recorded", "recorded"]


def test_who_wants_no_recommendations_leaves_no_event(books) -> None:
    alice = UserFactory(wants_recommendations=False)
    rows = [Row(list_of(books, alice), "shown", books[0].pk), Row(reason="Nothing.")]
    assert results(alice, *rows) == ["ignored", "error"]
    assert not FeedbackEvent.objects.exists()


def test_two_hundred_events_cost_as_many_queries_as_one(books) -> None:
    alice = UserFactory()
    ids = [list_of(books, alice) for _ in range(20)]
    rows = [Row(i, kind, b.pk) for i in ids for b in books for kind in ("shown", "clicked")]
    with at_most_queries(3):
        assert results(alice, *rows) == ["recorded"] * 200
    with at_most_queries(2):
        assert results(alice, *rows) == ["known"] * 200
    with at_most_queries(3):
        assert results(alice, Row(ids[0], "rated", books[0].pk, stars=5)) == ["recorded"]


def test_a_rating_from_a_list_counts_for_it(books, django_capture_on_commit_callbacks) -> None:
    alice = UserFactory()
    with django_capture_on_commit_callbacks(execute=True):
        rate_book(user=alice, book=books[1], stars=5, list_id=list_of(books, alice))
        rate_book(user=alice, book=books[2], stars=5)
    event = FeedbackEvent.objects.get()
    assert (event.kind, event.book, event.stars, event.reader) == ("rated", books[1], 5, alice)


@pytest.mark.parametrize("list_id", ["made-up", "\0", "x" * 5000])
def test_a_rating_stands_whatever_its_list_is(
    books, django_capture_on_commit_callbacks, caplog, list_id: str
) -> None:
    alice = UserFactory()
    with django_capture_on_commit_callbacks(execute=True), caplog.at_level("ERROR"):
        rate_book(user=alice, book=books[0], stars=5, list_id=list_id)
    assert Rating.objects.get().stars == 5
    assert not FeedbackEvent.objects.exists()
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_stars_that_are_taken_back_count_no_more(books, django_capture_on_commit_callbacks) -> None:
    alice, bob = UserFactory(), UserFactory()
    with django_capture_on_commit_callbacks(execute=True):
        for reader in (alice, bob):
            rate_book(user=reader, book=books[0], stars=5, list_id=list_of(books, reader))
    record_events(reader=alice, rows=[Row(list_of(books, alice), "shown", books[0].pk)])
    with django_capture_on_commit_callbacks(execute=True):
        remove_rating(user=alice, book=books[0])
    left = FeedbackEvent.objects.values_list("reader__username", "kind")
    assert set(left) == {(alice.username, "shown"), (bob.username, "rated")}


def test_a_reader_takes_along_what_was_kept_of_them_and_nobody_elses(books) -> None:
    alice, bob = UserFactory(), UserFactory()
    for reader, book in ((alice, books[0]), (bob, books[1])):
        list_id = list_of(books, reader)
        rows = [Row(list_id, "shown", book.pk), Row(list_id, "rated", book.pk, stars=4)]
        record_events(reader=reader, rows=rows)
    with export_archive(alice) as file, zipfile.ZipFile(file) as archive:
        assert "seen_in_lists.csv" in archive.read("read_me.txt").decode()
        header, *table = csv.reader(io.StringIO(archive.read("seen_in_lists.csv").decode()))
        document = json.loads(archive.read("bookrec.json"))
    assert [row[:5] for row in table] == [
        [books[0].title, "shown", "", "1", "list"],
        [books[0].title, "rated", "4", "1", "list"],
    ]
    assert [list(row.values()) for row in document["seen in lists"]] == table
    assert list(document["seen in lists"][0]) == header
