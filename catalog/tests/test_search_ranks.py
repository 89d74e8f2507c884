"""Which of the books that a query finds comes first."""

import pytest

from catalog.models import Series, Volume
from catalog.search import Kind, find, find_title
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db


def titles(query) -> list[str]:
    found = find(query)
    return [book.title for book in found.best_first(found.books)]


def volume(title, series, number, **fields):
    return BookFactory(title=title, series=series, series__number=number, **fields)


@pytest.fixture
def library(db):
    volume("Dune", "Dune Chronicles", 1, ratings_count=50, authors=["Frank Herbert"])
    volume("Dune Messiah", "Dune Chronicles", 2, ratings_count=90, authors=["Frank Herbert"])
    volume("House Corrino", "Prelude to Dune", 3, ratings_count=10, authors=["Brian Herbert"])
    for number, title in enumerate(
        ["Sorcerer's Stone", "Chamber of Secrets", "Prisoner of Azkaban"], start=1
    ):
        volume(
            f"Harry Potter and the {title}",
            "Harry Potter",
            number,
            original_title="Harry Potter and the Philosopher's Stone" if number == 1 else "",
            ratings_count=100 - number,
            authors=["J.K. Rowling"],
        )
    BookFactory(title="Harry Potter: Film Wizardry", authors=["Brian Sibley"], ratings_count=9)
    BookFactory(title="The Hobbit", authors=["J.R.R. Tolkien"], ratings_count=80)
    BookFactory(title="The Tolkien Reader", authors=["J.R.R. Tolkien"], ratings_count=3)
    BookFactory(title="The Stranger", original_title="L'Étranger", authors=["Albert Camus"])
    BookFactory(title="Angels & Demons", authors=["Dan Brown"])
    BookFactory(title="Sapiens: A Brief History of Humankind", authors=["Yuval Noah Harari"])
    BookFactory(title="Sapiens Reborn", authors=["Somebody Else"], ratings_count=1)
    BookFactory(title="$$$", authors=["No Letters"])
    BookFactory(title="Война и мир", authors=["Лев Толстой"])


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("dune", "Dune"),
        ("Harry Potter and the Philosopher’s Stone", "Harry Potter and the Sorcerer's Stone"),
        ("harry potter & the chamber of secrets", "Harry Potter and the Chamber of Secrets"),
        ("hobbit", "The Hobbit"),
        ("the hobbit", "The Hobbit"),
        ("a hobbit", "The Hobbit"),
        ("hobbit tolkien", "The Hobbit"),
        ("jrr tolkien", "The Hobbit"),
        ("j r r tolkien", "The Hobbit"),
        ("J.R.R. Tolkien", "The Hobbit"),
        ("tolkien j.r.r.", "The Hobbit"),
        ("tolkien, jrr", "The Hobbit"),
        ("jk rowling", "Harry Potter and the Sorcerer's Stone"),
        ("Rowling J K", "Harry Potter and the Sorcerer's Stone"),
        ("dune 2", "Dune Messiah"),
        ("dune #2", "Dune Messiah"),
        ("harry potter 3", "Harry Potter and the Prisoner of Azkaban"),
        ("harry potter book 3", "Harry Potter and the Prisoner of Azkaban"),
        ("Harry Potter, Vol. 2", "Harry Potter and the Chamber of Secrets"),
        ("harry potter", "Harry Potter and the Sorcerer's Stone"),
        ("angels and demons", "Angels & Demons"),
        ("angels demons", "Angels & Demons"),
        ("camus l'etranger", "The Stranger"),
        ("etranger", "The Stranger"),
        ("Sapiens", "Sapiens: A Brief History of Humankind"),
        ("война", "Война и мир"),
        ("толстой война", "Война и мир"),
        ("$$$", "$$$"),
    ],
)
def test_the_book_that_is_meant_comes_first(library, query, first):
    assert not find(query).is_near_miss
    assert titles(query)[0] == first


def test_a_third_volume_is_not_the_thirtieth(library):
    BookFactory(title="Harry Potter Almanac", series="Harry Potter", series__number=30)
    assert titles("harry potter 3") == ["Harry Potter and the Prisoner of Azkaban"]


def test_an_author_and_a_series_are_found_beside_the_books(library):
    assert len(find("rowling").matches.authors) == 1
    assert len(find("harry").matches.series) == 1
    assert find("harry rowling").matches.authors == ()


def test_the_books_of_an_author_come_before_those_that_only_name_them(library):
    series = Series.objects.create(name="Studies of J.R.R. Tolkien")
    study = BookFactory(title="A Life", authors=["Humphrey Carpenter"], ratings_count=1000)
    Volume.objects.create(book=study, series=series)
    assert titles("JRR Tolkien")[-1] == "A Life"
    assert titles("tolkien")[0] == "The Tolkien Reader"


def test_two_books_of_one_title_come_by_popularity(library):
    BookFactory(title="Dune", ratings_count=3, authors=["Another Author"])
    BookFactory(title="Dune", ratings_count=300, authors=["A Third Author"])
    found = find("dune")
    books = list(found.best_first(found.books))
    assert [(book.title, book.ratings_count) for book in books[:4]] == [
        ("Dune", 300),
        ("Dune", 50),
        ("Dune", 3),
        ("Dune Messiah", 90),
    ]


@pytest.mark.parametrize("title", ["The Hobbit", "hobbit", " the HOBBIT! "])
def test_a_title_finds_its_book(library, title):
    found = find_title(title)
    assert [book.title for book in found.books] == ["The Hobbit"]
    assert found.suggestions == ()


def test_a_title_without_its_subtitle_finds_the_only_book_of_it(library):
    assert [book.title for book in find_title("sapiens").books][:1] == [
        "Sapiens: A Brief History of Humankind"
    ]
    assert find_title("sapiens reborn").books.get().title == "Sapiens Reborn"


@pytest.mark.parametrize("title", ["harry poter", "Harry Potter", "harry", "rowling"])
def test_what_is_no_title_suggests_books_alone(library, title):
    found = find_title(title)
    assert not found.matches.books
    assert 1 <= len(found.suggestions) <= 7
    assert {item.kind for item in found.suggestions} == {Kind.BOOK}
    assert found.suggestions[0].text.startswith("Harry Potter and the")
    assert len({item.text for item in found.suggestions}) == len(found.suggestions)
