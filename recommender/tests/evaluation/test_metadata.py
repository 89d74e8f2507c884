from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recommender.engine import Catalog, Vocabulary
from recommender.evaluation.errors import EvaluationError
from recommender.evaluation.metadata import read_metadata

HEADER = (
    "book_id,goodreads_book_id,authors,original_publication_year,title,ratings_count,"
    "work_text_reviews_count,ratings_1,ratings_2,ratings_3,ratings_4,ratings_5"
)
BOOKS = [
    (1, 501, "Ann Leckie", "2013.0", "Justice (Radch, #1)", 1000, 70, 0, 0, 0, 5, 5),
    (2, 502, "Ann Leckie, Bob Ross", "2014.0", "Sword (Radch, #2)", 800, 60, 10, 0, 0, 0, 10),
    (3, 503, "Homer", "-720.0", "The Odyssey", 0, "", 0, 0, 0, 0, 0),
    (4, 504, "", "", "Omnibus (RADCH #1-2)", 5, 1, 1, 0, 0, 0, 0),
]


@pytest.fixture
def folder(write: Callable[..., Path], tmp_path: Path) -> Path:
    write("books.csv", HEADER, BOOKS)
    write("tags.csv", "tag_id,tag_name", [(7, "sci-fi"), (8, "classics"), (9, "owned")])
    write(
        "book_tags.csv",
        "goodreads_book_id,tag_id,count",
        [
            (501, 7, 90),
            (501, 8, 10),
            (501, 9, 500),
            (503, 8, 3),
            (503, 8, 4),
            (503, 7, -1),
            (6, 7, 1),
        ],
    )
    return tmp_path


@pytest.fixture
def catalog(folder: Path) -> Catalog:
    """Of the four books and of item 99, which books.csv does not have."""
    metadata = read_metadata(folder)
    return metadata.catalog(Vocabulary.of([*metadata.book_ids, 99]))


def test_series_are_parsed_as_in_the_import(catalog: Catalog) -> None:
    series = catalog.series
    assert series.index[0] == series.index[1] == series.index[3] != -1
    assert series.index[2] == series.index[4] == -1
    np.testing.assert_array_equal(series.number, [1, 2, np.nan, np.nan, np.nan])


def test_the_first_author_and_all_authors_have_the_same_numbers(catalog: Catalog) -> None:
    assert catalog.author_index[0] == catalog.author_index[1]
    assert catalog.author_index[3] == catalog.author_index[4] == -1
    assert catalog.authors is not None
    matrix = catalog.authors.toarray()
    assert matrix.sum(axis=1).tolist() == [1, 2, 1, 0, 0]
    for item in range(3):
        assert matrix[item, catalog.author_index[item]] == 1


def test_numbers_are_those_of_the_file_and_unknown_ones_nan(catalog: Catalog) -> None:
    nan = np.nan
    np.testing.assert_array_equal(catalog.years, [2013, 2014, -720, nan, nan])
    np.testing.assert_array_equal(catalog.n_ratings, [1000, 800, nan, 5, nan])
    np.testing.assert_array_equal(catalog.n_reviews, [70, 60, nan, 1, nan])
    np.testing.assert_array_equal(catalog.mean_stars, [4.5, 3, nan, 1, nan])
    np.testing.assert_array_equal(catalog.std_stars, [0.5, 2, nan, 0, nan])


def test_tags_count_the_last_of_a_repeated_pair_and_nothing_below_1(catalog: Catalog) -> None:
    assert catalog.tags is not None
    wanted = [[90, 10, 500], [0, 0, 0], [0, 4, 0], [0, 0, 0], [0, 0, 0]]
    assert catalog.tags.toarray().tolist() == wanted


def test_the_main_genre_is_the_one_with_most_of_the_genre_shelvings(catalog: Catalog) -> None:
    assert catalog.genre_index[0] not in (-1, catalog.genre_index[2])
    assert catalog.genre_index[2] != -1
    assert catalog.genre_index[1] == catalog.genre_index[4] == -1


def test_only_books_csv_is_needed(write: Callable[..., Path], tmp_path: Path) -> None:
    write("books.csv", HEADER, BOOKS)
    catalog = read_metadata(tmp_path).catalog(Vocabulary.of([1, 2]))
    assert catalog.tags is None
    assert set(catalog.genre_index.tolist()) == {-1}


def test_the_older_kaggle_variant_is_read(write: Callable[..., Path], tmp_path: Path) -> None:
    write("books.csv", "id,book_id,authors,title", [(1, 501, "A", "T"), (2, 502, "B", "U")])
    write("book_tags.csv", "goodreads_book_id,tag_id,count", [(502, 1, 3)])
    catalog = read_metadata(tmp_path).catalog(Vocabulary.of([1, 2]))
    assert catalog.tags is not None
    assert catalog.tags.toarray().tolist() == [[0], [3]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("books.csv", "book_id,title\n1,x\n", "books.csv lacks the columns"),
        ("books.csv", HEADER + "\nx" + "," * 11 + "\n", "book_id is not a whole number"),
        ("books.csv", "", "books.csv is empty"),
        ("tags.csv", "tag_id,tag_name\nx,y\n", "tag_id is not a whole number"),
        ("tags.csv", "tag_id\n1\n", "tags.csv lacks the column tag_name"),
        ("book_tags.csv", "tag_id,count\n1,2\n", "book_tags.csv lacks the column"),
        ("book_tags.csv", "goodreads_book_id,tag_id,count\n1,2,x\n", "count is not a whole"),
    ],
)
def test_a_damaged_file_is_named(folder: Path, name: str, content: str, message: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(EvaluationError, match=message):
        read_metadata(folder)


def test_a_folder_without_books_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="books.csv cannot be read"):
        read_metadata(tmp_path)
    with pytest.raises(EvaluationError, match="is no folder"):
        read_metadata(tmp_path / "nowhere")
