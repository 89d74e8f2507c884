import re
import unicodedata
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from catalog.builtin import library
from catalog.builtin.library import GENRES, LibraryBook, load_library


@pytest.fixture(scope="module")
def books() -> list[LibraryBook]:
    return load_library()


def normalized(title: str) -> str:
    plain = unicodedata.normalize("NFKD", title).casefold()
    return re.sub(r"^(the|a|an) |\W", "", plain)


def library_file(folder: Path, row: str) -> Path:
    path = folder / "books.csv"
    path.write_text(",".join(library.COLUMNS) + "\n" + row + "\n", encoding="utf-8")
    return path


def test_list_has_at_least_five_hundred_books_and_every_genre(books: list[LibraryBook]) -> None:
    of_genre = Counter(genre for book in books for genre in book.genres)
    assert len(books) >= 500
    assert set(of_genre) == set(GENRES)
    assert min(of_genre.values()) >= 15
    assert of_genre["fantasy"] >= 60
    assert of_genre["science-fiction"] >= 60


def test_no_book_is_listed_twice(books: list[LibraryBook]) -> None:
    keys = Counter((normalized(book.title), book.first_author) for book in books)
    assert [key for key, count in keys.items() if count > 1] == []


def test_facts_of_every_book_are_complete(books: list[LibraryBook]) -> None:
    for book in books:
        assert book.title == book.title.strip() != ""
        assert all(re.fullmatch(r"\S.*\S", author) for author in book.authors.split(", ")), book
        assert -2500 <= book.year <= 2024, book
        assert book.year != 0, book
        assert re.fullmatch("[a-z]{3}", book.language), book
        # A "(" at the end of a title would read as a series.
        assert not re.search(r"[()]", book.title + book.series), book


def test_list_spans_centuries_and_languages(books: list[LibraryBook]) -> None:
    assert sum(book.year < 0 for book in books) >= 10
    assert {1500, 1600, 1700, 1800, 1900, 2000} <= {book.year // 100 * 100 for book in books}
    assert len({book.language for book in books}) >= 15


def test_volumes_of_a_series_have_different_numbers_and_one_author(
    books: list[LibraryBook],
) -> None:
    numbers, authors = defaultdict(list), defaultdict(set)
    for book in books:
        if book.series:
            numbers[book.series].append(Decimal(book.series_number))
            authors[book.series].add(book.first_author)
    assert len(numbers) >= 50
    assert {name for name, found in numbers.items() if len(set(found)) != len(found)} == set()
    assert {name for name, found in authors.items() if len(found) != 1} == set()


def test_next_volumes_follow_the_numbers_and_not_the_rows() -> None:
    def volume(number: str, series: str = "S") -> LibraryBook:
        return LibraryBook(number, "A", 2000, "eng", ("fantasy",), series, number, 3)

    found = library.next_volumes([volume("10"), volume("2"), volume("", ""), volume("0.5")])
    assert found == [(3, 1), (1, 0)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Emma,Jane Austen,1815,eng,classics,,,4,5", "9 fields"),
        (",Jane Austen,1815,eng,classics,,,4", "no title"),
        ("Emma,,1815,eng,classics,,,4", "no authors"),
        ("Emma,Jane Austen,MDCCCXV,eng,classics,,,4", "MDCCCXV"),
        ("Emma,Jane Austen,1815,,classics,,,4", "no language"),
        ("Emma,Jane Austen,1815,eng,novel,,,4", "genres 'novel'"),
        ("Emma,Jane Austen,1815,eng,classics;classics,,,4", "different"),
        ("Emma,Jane Austen,1815,eng,classics,Emma,,4", "wanted both or none"),
        ("Emma,Jane Austen,1815,eng,classics,Emma,first,4", "series number 'first'"),
        ("Emma,Jane Austen,1815,eng,classics,,,6", "fame 6"),
    ],
)
def test_a_row_with_a_wrong_field_is_refused(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"line 2: .*{message}"):
        load_library(library_file(tmp_path, row))


def test_a_list_with_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    path.write_text("title,author\nEmma,Jane Austen\n", encoding="utf-8")
    with pytest.raises(ValueError, match="wanted: title, authors"):
        load_library(path)
