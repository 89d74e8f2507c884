"""A row finds its book by what is certain; everything else is asked."""

import pytest

from catalog.tests.factories import BookFactory
from ratings.library_import.entries import Entry
from ratings.library_import.matching import CatalogueIndex

pytestmark = pytest.mark.django_db


def match(**fields: object):
    return CatalogueIndex.load().match(Entry(**fields))


@pytest.fixture
def dune():
    return BookFactory(
        title="Dune",
        original_title="Dune World",
        authors=["Frank Herbert", "Brian Herbert"],
        goodreads_book_id=234225,
        best_book_id=44767458,
        isbn10="0340960191",
    )


@pytest.fixture
def emma():
    return BookFactory(title="Emma", authors=["Jane Austen"], goodreads_book_id=6969)


@pytest.mark.parametrize(
    "fields",
    [
        {"goodreads_id": 234225},
        {"goodreads_id": 44767458},
        {"isbns": ["9780340960196"]},
        {"title": "Dune", "authors": ["Frank Herbert"]},
        {"title": "DUNE!", "authors": ["frank  herbert"]},
        {"title": "Dune (Dune Chronicles, #1)", "authors": ["Frank Herbert"]},
        {"title": "Dune (Gollancz)", "authors": ["Somebody Else", "Brian Herbert"]},
        {"title": "Dune World", "authors": ["Frank Herbert"]},
    ],
)
def test_a_book_is_found(dune, emma, fields) -> None:
    assert match(**fields).book_id == dune.pk


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"goodreads_id": 1, "isbns": ["9780439023481"]},
        {"title": "Dune"},
        {"title": "Dune: The Novel", "authors": ["Frank Herbert"]},
        {"title": "Dune Messiah", "authors": ["Frank Herbert"]},
        {"title": "", "authors": ["Frank Herbert"]},
        {"title": "?!", "authors": ["?"]},
        {"title": "Dune", "authors": ["F. Herbert"]},
    ],
)
def test_what_is_not_certain_is_asked(dune, emma, fields) -> None:
    found = match(**fields)
    assert found.book_id is None
    assert found.question


def test_a_title_by_another_author_is_proposed_and_not_taken(dune) -> None:
    found = match(title="Dune", authors=["Another Author"])
    assert found.candidates == (dune.pk,)


def test_the_goodreads_id_comes_before_the_isbn_and_that_before_the_title(dune, emma) -> None:
    same = BookFactory(title="Other", authors=["Frank Herbert"], isbn13="9780439023481")
    row = {"title": "Dune", "authors": ["Frank Herbert"]}
    assert match(**row, goodreads_id=234225, isbns=["9780439023481"]).book_id == dune.pk
    assert match(**row, isbns=["9780439023481"]).book_id == same.pk


def test_a_number_against_which_all_else_speaks_is_asked(dune, emma) -> None:
    found = match(goodreads_id=6969, title="Dune", authors=["Frank Herbert"])
    assert found.book_id is None
    assert found.candidates == (emma.pk, dune.pk)
    # Nothing speaks for another book: an edition in another language, say.
    assert match(goodreads_id=6969, title="Эмма", authors=["Джейн Остин"]).book_id == emma.pk


def test_two_books_that_fit_are_asked_with_both(dune) -> None:
    twin = BookFactory(title="Dune", authors=["Frank Herbert"])
    found = match(title="Dune", authors=["Frank Herbert"])
    assert (found.book_id, found.candidates) == (None, (dune.pk, twin.pk))


def test_a_number_that_stands_twice_in_the_catalogue_is_decided_by_title_and_author(dune) -> None:
    BookFactory(title="Dune, the guide", authors=["X"], goodreads_book_id=234225)
    row = {"title": "Dune", "authors": ["Frank Herbert"]}
    assert match(**row, goodreads_id=234225).book_id == dune.pk
    assert match(goodreads_id=234225).book_id is None


@pytest.mark.parametrize("name", ["J.R.R. Tolkien", "J. R. R. Tolkien", "JRR Tolkien"])
def test_initials_are_written_in_many_ways(name: str) -> None:
    hobbit = BookFactory(title="The Hobbit", authors=["J.R.R. Tolkien"])
    assert match(title="The Hobbit", authors=[name]).book_id == hobbit.pk


def test_hidden_books_are_no_books(dune) -> None:
    dune.is_hidden = True
    dune.save()
    assert match(goodreads_id=234225, title="Dune", authors=["Frank Herbert"]).book_id is None


def test_a_book_without_authors_or_letters_breaks_nothing() -> None:
    book = BookFactory(title="1984?!", goodreads_book_id=5)
    book.authorships.all().delete()
    BookFactory(title="…", authors=["…"])
    assert match(goodreads_id=5).book_id == book.pk
    assert match(title="…", authors=["…"]).book_id is not None
