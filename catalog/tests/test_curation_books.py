"""What curators do to books, and that it can be undone."""

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.test import Client

from catalog.curation.books import add_book, book_with_isbn, edit_book, set_hidden
from catalog.curation.errors import CannotUndo, CurationError
from catalog.curation.series import move_volumes
from catalog.curation.undo import undo
from catalog.models import Book, CurationChange, Genre, Series
from catalog.search import find
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db
ISBN13, ISBN10 = "9780261103344", "0261103342"


@pytest.fixture
def curator():
    return get_user_model().objects.create_user("curator")


@pytest.fixture
def hobbit() -> Book:
    return BookFactory(title="The Hobit", authors=["J.R.R. Tolkin"], series="Middle-Earth")


def test_an_edit_says_who_when_what_and_is_found_by_its_new_words(curator, hobbit) -> None:
    change = edit_book(
        hobbit.pk,
        {"title": "The Hobbit", "authors": ["J.R.R. Tolkien"], "publication_year": "1937"},
        by=curator,
        reason="typing errors",
    )
    assert change is not None
    assert (change.by, change.action, change.reason) == (curator, "edited", "typing errors")
    assert change.before == {
        "title": "The Hobit",
        "authors": ["J.R.R. Tolkin"],
        "publication_year": None,
        "curated": [],
    }
    assert change.after["title"] == "The Hobbit"
    hobbit.refresh_from_db()
    assert hobbit.curated == ["authors", "publication_year", "title"]
    assert hobbit.search_text == "the hobbit middle earth j r r tolkien"
    assert list(find("Tolkien Hobbit").books) == [hobbit]


def test_saying_what_is_so_already_is_no_change(curator, hobbit) -> None:
    assert edit_book(hobbit.pk, {"title": "  The   Hobit "}, by=curator) is None
    assert not CurationChange.objects.exists()


def test_what_is_wrong_is_named_and_nothing_is_written(curator, hobbit) -> None:
    wrong = {
        "title": " ",
        "authors": [],
        "publication_year": "next year",
        "language": "klingonish",
        "isbn13": "9780261103345",
        "cover_url": "http:/nowhere",
        "series": [["A", "1"], ["A", "2"]],
        "genres": ["nonsense"],
    }
    with pytest.raises(ValidationError) as raised:
        edit_book(hobbit.pk, wrong, by=curator)
    assert raised.value.message_dict.keys() == wrong.keys()
    hobbit.refresh_from_db()
    assert hobbit.title == "The Hobit"


def test_undo_brings_everything_back_and_can_be_undone(curator, hobbit) -> None:
    change = edit_book(
        hobbit.pk, {"title": "The Hobbit", "series": [["Middle-earth", "0"]]}, by=curator
    )
    assert change is not None
    back = undo(change.pk, by=curator)
    hobbit.refresh_from_db()
    assert (hobbit.title, hobbit.curated) == ("The Hobit", [])
    assert [str(v.series) for v in hobbit.volumes.all()] == ["Middle-Earth"]
    assert hobbit.search_text == "the hobit middle earth j r r tolkin"
    assert back.undoes == change
    undo(back.pk, by=curator)
    hobbit.refresh_from_db()
    assert (hobbit.title, hobbit.curated) == ("The Hobbit", ["series", "title"])
    with pytest.raises(CannotUndo, match="undone already"):
        undo(change.pk, by=curator)


def test_what_was_changed_again_is_not_undone_from_below(curator, hobbit) -> None:
    first = edit_book(hobbit.pk, {"title": "The Hobbit"}, by=curator)
    edit_book(hobbit.pk, {"title": "The Hobbit, or There and Back Again"}, by=curator)
    edit_book(hobbit.pk, {"language": "de"}, by=curator)
    assert first is not None
    with pytest.raises(CannotUndo, match=r"changed again since \(title\)"):
        undo(first.pk, by=curator)
    # A change of something else is none of its business.
    language = CurationChange.objects.latest("id")
    undo(language.pk, by=curator)
    hobbit.refresh_from_db()
    assert (hobbit.language, hobbit.curated) == ("", ["title"])


def test_an_undo_that_another_book_is_in_the_way_of_is_refused(curator, hobbit) -> None:
    edit_book(hobbit.pk, {"isbn13": ISBN13}, by=curator)
    change = edit_book(hobbit.pk, {"isbn13": ""}, by=curator)
    add_book({"title": "Another", "authors": ["A"], "isbn": ISBN13}, by=curator)
    assert change is not None
    with pytest.raises(CannotUndo, match="has this ISBN"):
        undo(change.pk, by=curator)


def test_hiding_many_costs_few_queries(curator, django_assert_num_queries) -> None:
    books = [BookFactory() for _ in range(30)]
    # A savepoint around them, the books, their update, the journal.
    with django_assert_num_queries(5):
        assert set_hidden([book.pk for book in books], True, by=curator, reason="pirated") == 30
    assert not Book.objects.filter(is_hidden=False).exists()
    assert set_hidden([book.pk for book in books], True, by=curator) == 0
    changes = CurationChange.objects.filter(action="hidden", reason="pirated")
    assert {change.book for change in changes} == set(books)
    undo(changes.earliest("id").pk, by=curator)
    assert Book.objects.filter(is_hidden=False).count() == 1
    assert set_hidden([book.pk for book in books], False, by=curator) == 29


def test_a_hidden_book_is_gone_from_the_next_search_and_its_page(curator, hobbit) -> None:
    client = Client()
    assert client.get(hobbit.get_absolute_url()).status_code == 200
    assert find("hobit").books.exists()
    set_hidden([hobbit.pk], True, by=curator)
    assert client.get(hobbit.get_absolute_url()).status_code == 404
    assert not find("hobit").books.exists()
    set_hidden([hobbit.pk], False, by=curator)
    assert find("hobit").books.exists()


def test_too_many_at_once_are_refused(curator) -> None:
    with pytest.raises(CurationError, match="at most 1,000"):
        set_hidden(range(1, 1002), True, by=curator)


def test_a_new_book_needs_little_and_is_checked(curator) -> None:
    Genre.objects.create(slug="fantasy", name="Fantasy")
    Genre.objects.create(slug="classics", name="Classics")
    book = add_book(
        {
            "title": "The Hobbit",
            "authors": ["J.R.R. Tolkien"],
            "isbn": "0-261-10334-2",
            "series": [["Middle-earth", "0.5"]],
            "genres": ["fantasy", "classics"],
            "tags": ["dragons"],
            "language": "en-GB",
            "description": "In a hole in the ground.",
        },
        by=curator,
    )
    assert (book.isbn13, book.isbn10, book.language) == (ISBN13, ISBN10, "eng")
    assert book.description_source == "curator"
    assert [(g.genre.slug, round(g.share, 2)) for g in book.book_genres.all()] == [
        ("fantasy", 0.67),
        ("classics", 0.33),
    ]
    assert list(find(ISBN10).books) == [book]
    assert book_with_isbn(ISBN10) == book
    with pytest.raises(ValidationError) as raised:
        add_book({"title": "", "isbn": ISBN13}, by=curator)
    assert set(raised.value.message_dict) == {"title", "authors", "isbn"}
    added = CurationChange.objects.get(action="added")
    undo(added.pk, by=curator)
    book.refresh_from_db()
    assert book.is_hidden


def test_a_series_is_split_and_put_together_again(curator) -> None:
    books = [BookFactory(series="Discworld", series__number=n) for n in (1, 2, 3)]
    discworld = Series.objects.get(name="Discworld")
    moved = move_volumes(
        {books[1].pk: "1", books[2].pk: "2"}, of=discworld, to="Witches", by=curator
    )
    assert moved == 2
    witches = Series.objects.get(name="Witches")
    assert [(v.book, v.label, v.number) for v in witches.volumes.order_by("number")] == [
        (books[1], "1", 1),
        (books[2], "2", 2),
    ]
    assert [v.book for v in discworld.volumes.all()] == books[:1]
    books[1].refresh_from_db()
    assert "witches" in books[1].search_text
    for change in CurationChange.objects.all():
        undo(change.pk, by=curator)
    assert [v.label for v in discworld.volumes.order_by("number")] == ["1", "2", "3"]
    # Out of the series altogether; a book that is not in it is passed over.
    other = BookFactory()
    assert move_volumes({books[0].pk: "", other.pk: ""}, of=discworld, to="", by=curator) == 1
    assert not books[0].volumes.exists()


def test_a_change_outlives_who_made_it(curator, hobbit) -> None:
    set_hidden([hobbit.pk], True, by=curator)
    curator.delete()
    assert CurationChange.objects.get().by is None
