"""Two books become one, and two again: every opinion goes where it belongs, exactly."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.curation.books import edit_book, set_hidden
from catalog.models import Book, BookGenre, BookTag, EditorialEntry, EditorialList, Genre, Tag
from catalog.tests.factories import BookFactory
from ratings.book_merges import UNDO_DAYS, forget_merges, merge_books, undo_merge
from ratings.errors import MergeNotPossible
from ratings.models import (
    BookMerge,
    Dismissal,
    ImportRow,
    LibraryImport,
    MergedOpinion,
    Note,
    Rating,
    Reading,
    ShelfEntry,
)
from ratings.services import (
    dismiss_book,
    mark_read,
    rate_book,
    remove_rating,
    shelve_book,
    write_note,
)

pytestmark = pytest.mark.django_db

KINDS = (
    Rating,
    ShelfEntry,
    Reading,
    Note,
    Dismissal,
    BookTag,
    BookGenre,
    EditorialEntry,
    ImportRow,
)


@pytest.fixture
def curator() -> User:
    return UserFactory(username="curator")


@pytest.fixture
def twins() -> tuple[Book, Book]:
    """The one that goes and the one that stays, each with tags of its own and one of both."""
    goes, stays = BookFactory(title="Dune"), BookFactory(title="Dune (Movie Tie-In)")
    genre = Genre.objects.create(slug="sf", name="Science fiction")
    tags = [
        Tag.objects.create(name=name, genre=genre if name == "desert" else None)
        for name in ("desert", "sf", "worms")
    ]
    for book, counted in ((goes, (5, 7)), (stays, (11, 13))):
        shift = book is stays
        for tag, count in zip(tags[shift:], counted, strict=False):
            BookTag.objects.create(book=book, tag=tag, count=count)
    BookGenre.objects.create(book=goes, genre=genre, share=1.0)
    # The one that goes is in two lists, the one that stays in the second as well.
    for title, books in (("Sand", [goes]), ("Films", [goes, stays])):
        shown = EditorialList.objects.create(title=title)
        for position, book in enumerate(books):
            EditorialEntry.objects.create(editorial_list=shown, book=book, position=position)
    return goes, stays


@pytest.fixture
def said(twins) -> list[User]:
    """Readers who said everything that can be said, of the one, of the other and of both."""
    goes, stays = twins
    only_old, only_new, both, third = UserFactory.create_batch(4)
    rate_book(user=only_old, book=goes, stars=2)
    mark_read(user=only_old, book=goes, finished_on=date(2024, 5, 1))
    write_note(user=only_old, book=goes, text="dull")
    shelve_book(user=only_old, book=goes, shelf="lent out")
    rate_book(user=only_new, book=stays, stars=5)
    shelve_book(user=only_new, book=stays, shelf="reading")
    rate_book(user=both, book=stays, stars=1)
    rate_book(user=both, book=goes, stars=4)
    write_note(user=both, book=goes, text="of the one")
    write_note(user=both, book=stays, text="of the other")
    mark_read(user=both, book=goes, finished_on=date(2020, 2, 2))
    mark_read(user=both, book=stays)
    for book in twins:
        shelve_book(user=both, book=book, shelf="mine")
    shelve_book(user=third, book=stays)
    rate_book(user=third, book=goes, stars=3)
    dismiss_book(user=UserFactory(), book=goes)
    brought = LibraryImport.objects.create(user=both, file_name="a.csv", n_rows=1, language="en")
    ImportRow.objects.create(library_import=brought, line=2, outcome="added", book=goes)
    return [only_old, only_new, both, third]


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return all rows that speak of books, as they are."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values()) for model in KINDS
    } | {"books": list(Book.objects.order_by("pk").values("pk", "is_hidden", "merged_into"))}


def test_a_merged_book_is_shown_again_by_undoing_alone(twins, curator):
    merge(twins, curator)
    assert set_hidden([twins[0].pk], False, by=curator) == 0
    with pytest.raises(ValidationError, match="undo the merge"):
        edit_book(twins[0].pk, {"is_hidden": False}, by=curator)


def without_tag_ids(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{key: value for key, value in row.items() if key != "id"} for row in found]
        if name in ("BookTag", "BookGenre")
        else found
        for name, found in rows.items()
    }


def merge(twins: tuple[Book, Book], curator: User) -> BookMerge:
    return merge_books(merged=twins[0].pk, survivor=twins[1].pk, by=curator)


def stars_of(user: User) -> dict[int, int]:
    return dict(Rating.objects.filter(user=user).values_list("book_id", "stars"))


def test_all_that_was_said_is_said_of_the_survivor(twins, said, curator):
    goes, stays = twins
    made = merge(twins, curator)
    only_old, only_new, both, third = said
    assert [stars_of(user) for user in said] == [
        {stays.pk: 2},
        {stays.pk: 5},
        {stays.pk: 4},  # given later
        {stays.pk: 3},
    ]
    note = Note.objects.get(user=both).text
    assert "of the one" in note
    assert "of the other" in note
    assert Reading.objects.get(user=both).finished_on == date(2020, 2, 2)
    # Rated, so no more to be read.
    assert not ShelfEntry.objects.filter(user=third).exists()
    assert dict(BookTag.objects.filter(book=stays).values_list("tag__name", "count")) == {
        "desert": 5,
        "sf": 18,
        "worms": 13,
    }
    assert ImportRow.objects.get().book_id == stays.pk
    assert [*BookGenre.objects.filter(book=stays).values_list("share", flat=True)] == [1.0]
    assert [
        [entry.book for entry in shown.entries.all()] for shown in EditorialList.objects.all()
    ] == [[stays], [stays]]
    for model in (Rating, ShelfEntry, Reading, Note, Dismissal):
        assert not model.objects.filter(book=goes).exists()
    goes.refresh_from_db()
    assert (goes.is_hidden, goes.merged_into_id) == (True, stays.pk)
    assert made.counts == {
        "readers": 4,
        "of_both": 2,
        "ratings": 3,
        "shelf_entries": 2,
        "readings": 2,
        "notes": 2,
        "dismissals": 1,
    }


def test_undone_at_once_every_row_is_as_it_was(twins, said, curator):
    before = everything()
    made = merge(twins, curator)
    assert everything() != before
    undo_merge(merge_id=made.pk, by=curator)
    assert without_tag_ids(everything()) == without_tag_ids(before)
    assert not MergedOpinion.objects.exists()
    with pytest.raises(MergeNotPossible):
        undo_merge(merge_id=made.pk, by=curator)


def test_what_was_said_since_stays_with_the_survivor(twins, said, curator):
    goes, stays = twins
    only_old, only_new, both, third = said
    newcomer = UserFactory()
    made = merge(twins, curator)
    rate_book(user=newcomer, book=stays, stars=5)
    rate_book(user=only_old, book=stays, stars=1)
    rate_book(user=only_new, book=stays, stars=4)
    rate_book(user=both, book=stays, stars=3)
    write_note(user=both, book=stays, text="a new one")
    undo_merge(merge_id=made.pk, by=curator)
    assert stars_of(newcomer) == {stays.pk: 5}
    # Of the merged book each has what they had said of it.
    assert stars_of(only_old) == {goes.pk: 2, stays.pk: 1}
    assert stars_of(only_new) == {stays.pk: 4}
    assert stars_of(both) == {goes.pk: 4, stays.pk: 3}
    assert {note.book_id: note.text for note in Note.objects.filter(user=both)} == {
        goes.pk: "of the one",
        stays.pk: "a new one",
    }


def test_what_was_taken_back_since_comes_back_to_neither(twins, said, curator):
    made = merge(twins, curator)
    for user in said:
        remove_rating(user=user, book=twins[1])
    undo_merge(merge_id=made.pk, by=curator)
    assert not Rating.objects.exists()
    assert Reading.objects.count() == 3


def test_a_book_read_since_does_not_stand_on_the_shelf_of_unread_ones_again(twins, curator):
    reader = UserFactory()
    goes, stays = twins
    shelve_book(user=reader, book=stays)
    mark_read(user=reader, book=goes)
    made = merge(twins, curator)
    assert not ShelfEntry.objects.exists()
    rate_book(user=reader, book=stays, stars=5)
    undo_merge(merge_id=made.pk, by=curator)
    assert not ShelfEntry.objects.exists()
    assert Reading.objects.get().book == goes


def test_tags_that_changed_since_stay_as_they_are(twins, curator):
    goes, stays = twins
    made = merge(twins, curator)
    BookTag.objects.filter(book=stays, tag__name="sf").update(count=1)
    undo_merge(merge_id=made.pk, by=curator)
    assert dict(BookTag.objects.filter(book=stays).values_list("tag__name", "count")) == {
        "sf": 1,
        "worms": 13,
    }


def test_merges_of_merges_are_undone_the_last_first(twins, said, curator):
    third = BookFactory()
    before = everything()
    first = merge(twins, curator)
    second = merge_books(merged=twins[1].pk, survivor=third.pk, by=curator)
    assert set(Rating.objects.values_list("book_id", flat=True)) == {third.pk}
    with pytest.raises(MergeNotPossible):
        undo_merge(merge_id=first.pk, by=curator)
    undo_merge(merge_id=second.pk, by=curator)
    undo_merge(merge_id=first.pk, by=curator)
    assert without_tag_ids(everything()) == without_tag_ids(before)


def test_only_two_books_that_are_there_can_be_merged(twins, curator):
    goes, stays = twins
    hidden = BookFactory(is_hidden=True)
    for merged, survivor in (
        (goes.pk, goes.pk),
        (goes.pk, 0),
        (0, stays.pk),
        (goes.pk, hidden.pk),
    ):
        with pytest.raises(MergeNotPossible):
            merge_books(merged=merged, survivor=survivor, by=curator)
    merge(twins, curator)
    for merged, survivor in ((goes.pk, hidden.pk), (stays.pk, goes.pk)):
        with pytest.raises(MergeNotPossible):
            merge_books(merged=merged, survivor=survivor, by=curator)
    assert BookMerge.objects.count() == 1


def test_after_30_days_what_undoing_needs_is_forgotten(twins, said, curator):
    made = merge(twins, curator)
    assert forget_merges() == 0
    BookMerge.objects.update(merged_at=timezone.now() - timedelta(days=UNDO_DAYS, seconds=1))
    with pytest.raises(MergeNotPossible):
        undo_merge(merge_id=made.pk, by=curator)
    assert forget_merges() == 1
    assert not MergedOpinion.objects.exists()
    with pytest.raises(MergeNotPossible):
        undo_merge(merge_id=made.pk, by=curator)


def test_a_reader_who_leaves_leaves_the_record_too(twins, said, curator):
    made = merge(twins, curator)
    said[2].delete()
    assert not MergedOpinion.objects.filter(user=said[2].pk).exists()
    undo_merge(merge_id=made.pk, by=curator)
    assert stars_of(said[0]) == {twins[0].pk: 2}


def test_a_popular_book_takes_no_more_statements_than_any(twins, said, curator):
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            made = merge(twins, curator)
            undo_merge(merge_id=made.pk, by=curator)
        return len(queries)

    few = statements()
    given = datetime(2020, 1, 1, tzinfo=UTC)
    for book in twins:
        Rating.objects.bulk_create(
            Rating(user=user, book=book, stars=3, created_at=given, updated_at=given)
            for user in UserFactory.create_batch(40)
        )
    assert statements() == few


@pytest.mark.parametrize("write", ["rate", "shelve", "read", "note", "dismiss", "remove"])
def test_what_is_said_of_a_merged_book_is_said_of_the_survivor(twins, curator, write):
    """As by a page that was opened before the merge."""
    reader, (goes, stays) = UserFactory(), twins
    rate_book(user=reader, book=stays, stars=2)
    merge(twins, curator)
    match write:
        case "rate":
            assert rate_book(user=reader, book=goes, stars=5).book_id == stays.pk
            assert stars_of(reader) == {stays.pk: 5}
        case "shelve":
            assert shelve_book(user=reader, book=goes, shelf="mine").book_id == stays.pk
        case "read":
            assert mark_read(user=reader, book=goes).book_id == stays.pk
        case "note":
            assert write_note(user=reader, book=goes, text="x").book_id == stays.pk
        case "dismiss":
            assert dismiss_book(user=reader, book=goes).book_id == stays.pk
        case _:
            assert remove_rating(user=reader, book=goes)
            assert stars_of(reader) == {}
