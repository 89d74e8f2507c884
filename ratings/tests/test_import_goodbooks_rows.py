"""Rows of the goodbooks files that cannot be used."""

import csv
from pathlib import Path

import pytest

from accounts.models import User
from catalog.models import Book
from catalog.tests.goodbooks_folders import (
    BOOKS,
    book,
    write_books,
    write_dataset,
    write_ratings,
    write_table,
)
from ratings.models import Rating
from ratings.tests.goodbooks_data import import_folder

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "goodbooks")


def _skipped(folder: Path) -> list[tuple[str, str, str, str]]:
    with (folder.parent / f"{folder.name}-skipped.csv").open(newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def test_rows_that_cannot_be_used_are_listed_with_line_and_reason(folder: Path) -> None:
    rows = [
        (1, 1, 5),
        (1, 2, 7),
        (1, 2, 0),
        (1, 2, 4.5),
        (1, 2, "good"),
        (1, 99, 3),
        (-1, 2, 3),
        (0, 2, 3),
        (2**64, 2, 3),
        (5, 1, 1),
        (5, 1, 2),
        (6, 1, 3),
        (6, 1, 3),
    ]
    write_ratings(folder, rows)

    result = import_folder(folder)

    bad_stars = "rating is not 1, 2, 3, 4 or 5"
    assert [row[:3] for row in sorted(_skipped(folder), key=lambda row: int(row[1]))] == [
        ("ratings.csv", "3", bad_stars),
        ("ratings.csv", "4", bad_stars),
        ("ratings.csv", "5", "rating is not a whole number"),
        ("ratings.csv", "6", "rating is not a whole number"),
        ("ratings.csv", "7", "unknown book"),
        ("ratings.csv", "8", "user_id is not positive"),
        ("ratings.csv", "9", "user_id is not positive"),
        ("ratings.csv", "10", "user_id is too large"),
        ("ratings.csv", "11", "repeated in a later row with other stars"),
        ("ratings.csv", "13", "repeated in a later row"),
    ]
    assert ("ratings.csv", "8", "user_id is not positive", "'-1,2,3") in _skipped(folder)
    counts = result.files["ratings.csv"].counts
    assert (counts.read, counts.added, counts.skipped) == (13, 3, 10)
    # Of a repeated pair the last row counts, and a reader without a usable row is nobody.
    assert Rating.objects.get(user__external_id=5).stars == 2
    assert not User.objects.filter(external_id__lt=1).exists()


def test_the_reported_row_has_the_columns_in_the_file_order(folder: Path) -> None:
    write_table(folder / "ratings.csv", ("rating", "book_id", "user_id"), [(5, 1, 3), (4, 77, 3)])

    import_folder(folder)

    assert _skipped(folder) == [("ratings.csv", "3", "unknown book", "4,77,3")]


def test_unusable_books_and_tags_are_listed(folder: Path) -> None:
    write_books(
        folder,
        [
            *BOOKS,
            book(0, "Zero"),
            book(5, "Text", book_id="x"),
            book(6, " "),
            book(7, "Long" * 101),
            book(4, "The Odyssey", authors="Homer"),
            book(
                8, "Kept", isbn="439023484", language_code="tlh-", image_url="ftp://x", authors=""
            ),
        ],
    )
    write_table(
        folder / "tags.csv",
        ("tag_id", "tag_name"),
        [
            (1, "fantasy"),
            (1, "fantasy-fiction"),
            (2, " "),
            (3, "x" * 121),
            ("y", "z"),
            (4, "classics"),
        ],
    )
    tags = [(1001, 1, -1), (1001, 1, 5), (1001, 9, 5), (77, 1, 5), (1002, 4, 1), (1002, 4, 2)]
    write_table(folder / "book_tags.csv", ("goodreads_book_id", "tag_id", "count"), tags)

    result = import_folder(folder)

    reasons = {name: dict(report.counts.reasons) for name, report in result.files.items()}
    assert reasons["books.csv"] == {
        "book id is not a positive whole number": 2,
        "title is empty": 1,
        "title is longer than 400 characters": 1,
        "book repeated in a later row": 1,
    }
    assert reasons["tags.csv"] == {
        "tag_id repeated later": 1,
        "tag_name is empty": 1,
        "tag_name is longer than 120 characters": 1,
        "tag_id is not a whole number": 1,
    }
    assert reasons["book_tags.csv"] == {
        "count is not positive": 1,
        "unknown tag": 1,
        "unknown book": 1,
        "repeated in a later row with another count": 1,
    }
    assert [a.name for a in Book.objects.get(external_id=4).authors.all()] == ["Homer"]
    kept = Book.objects.get(external_id=8)
    assert (kept.isbn10, kept.isbn13, kept.cover_url) == ("", "", "")
    assert set(result.files["books.csv"].warnings) == {
        "isbn has a wrong check digit; left empty",
        "image_url is not an https address; left empty",
        "authors is empty",
    }
