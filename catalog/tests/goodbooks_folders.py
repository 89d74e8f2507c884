"""Small made-up folders in the form of goodbooks-10k."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

BOOK_COLUMNS = (
    "book_id",
    "goodreads_book_id",
    "best_book_id",
    "work_id",
    "books_count",
    "isbn",
    "isbn13",
    "authors",
    "original_publication_year",
    "original_title",
    "title",
    "language_code",
    "average_rating",
    "ratings_count",
    "work_ratings_count",
    "work_text_reviews_count",
    "ratings_1",
    "ratings_2",
    "ratings_3",
    "ratings_4",
    "ratings_5",
    "image_url",
    "small_image_url",
)
KAGGLE_BOOK_COLUMNS = ("id", "book_id", *BOOK_COLUMNS[2:])

_BOOK = {
    "books_count": "12",
    "authors": "Terry Pratchett",
    "original_publication_year": "1987.0",
    "language_code": "eng",
    "average_rating": "4.21",
    "ratings_count": "150",
    "work_ratings_count": "160",
    "work_text_reviews_count": "7",
    "ratings_1": "1",
    "ratings_2": "2",
    "ratings_3": "30",
    "ratings_4": "60",
    "ratings_5": "67",
}

Row = Mapping[str, object]


def book(number: int, title: str, **cells: object) -> dict[str, object]:
    """A row of books.csv; its Goodreads number is 1000 more than its own."""
    return {
        **_BOOK,
        "book_id": number,
        "goodreads_book_id": 1000 + number,
        "best_book_id": 1000 + number,
        "work_id": 2000 + number,
        "title": title,
        "original_title": title,
        **cells,
    }


BOOKS = (
    book(1, "Mort (Death, #1; Discworld, #4)", isbn="552131067", isbn13="9.78055213106e+12"),
    book(2, "Reaper Man (Discworld, #11; Death, #2)", original_publication_year="1991.0"),
    book(3, "Dune (Dune Chronicles #1)", authors="Frank Herbert", language_code="en-US"),
    book(4, "The Odyssey", authors="Homer, Robert Fagles", original_publication_year="-720.0"),
)
TAGS = ((1, "fantasy"), (2, "sci-fi"), (3, "to-read"), (4, "classics"))
BOOK_TAGS = (
    (1001, 1, 90),
    (1001, 3, 500),
    (1002, 1, 80),
    (1003, 2, 95),
    (1003, 1, 5),
    (1004, 4, 40),
)
RATINGS = ((1, 1, 5), (1, 3, 3), (2, 1, 4), (2, 2, 5), (3, 4, 1))
TO_READ = ((1, 4), (9, 3))


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_books(folder: Path, rows: Iterable[Row], columns: Sequence[str] = BOOK_COLUMNS) -> None:
    write_table(
        folder / "books.csv", columns, ([row.get(column, "") for column in columns] for row in rows)
    )


def write_kaggle_books(folder: Path, rows: Iterable[Row]) -> None:
    renamed = [row | {"id": row["book_id"], "book_id": row["goodreads_book_id"]} for row in rows]
    write_books(folder, renamed, KAGGLE_BOOK_COLUMNS)


def write_ratings(folder: Path, rows: Iterable[Sequence[object]]) -> None:
    write_table(folder / "ratings.csv", ("user_id", "book_id", "rating"), rows)


def write_dataset(folder: Path) -> Path:
    """A whole little data set: four books, tags, five ratings of three readers, two to read."""
    write_books(folder, BOOKS)
    write_table(folder / "tags.csv", ("tag_id", "tag_name"), TAGS)
    write_table(folder / "book_tags.csv", ("goodreads_book_id", "tag_id", "count"), BOOK_TAGS)
    write_ratings(folder, RATINGS)
    write_table(folder / "to_read.csv", ("user_id", "book_id"), TO_READ)
    return folder
