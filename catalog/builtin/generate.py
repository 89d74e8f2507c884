"""Write the built-in data set as a folder in the form of the goodbooks-10k release."""

import csv
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from catalog.builtin.library import GENRES, LibraryBook, load_library
from catalog.builtin.readers import Readings, simulate_readers

MOST_READERS = 50_000

BOOKS_HEADER = (
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
TAGS_HEADER = ("tag_id", "tag_name")
BOOK_TAGS_HEADER = ("goodreads_book_id", "tag_id", "count")
RATINGS_HEADER = ("user_id", "book_id", "rating")
TO_READ_HEADER = ("user_id", "book_id")
FILES = ("books.csv", "tags.csv", "book_tags.csv", "ratings.csv", "to_read.csv")

# Shelvings under a book's first, second and third genre, per rating of the book.
_SHELVED_PER_RATING = (0.5, 0.25, 0.12)
_SHELVED_SPREAD = 0.15


@dataclass(frozen=True)
class BuiltinSummary:
    """What was written: numbers of rows, and the stars that the simulated readers gave."""

    folder: Path
    n_books: int
    n_readers: int
    n_ratings: int
    n_to_read: int
    n_tags: int
    n_book_tags: int
    # Numbers of ratings with 1, 2, 3, 4 and 5 stars.
    star_counts: tuple[int, int, int, int, int]
    mean_stars: float
    seed: int


def write_builtin_dataset(
    folder: Path, *, n_readers: int = 4000, seed: int = 20240501
) -> BuiltinSummary:
    """Write books, tags, ratings and to-read entries to `folder`; same seed, same bytes.

    The files are written to a new folder beside it, which is then renamed: `folder` holds a
    whole set or none. An earlier set there is replaced; other files are never touched.

    Raises
    ------
    ValueError
        When `n_readers` is no whole number of 1 to 50,000 or `seed` is negative.
    FileExistsError
        When `folder` is a file, or holds anything but an earlier set.
    """
    _check_numbers(n_readers, seed)
    folder = Path(folder).absolute()
    _check_target(folder)
    rng = np.random.default_rng(seed)
    books, readings = _by_popularity(load_library(), n_readers, rng)
    stars = _star_counts(readings, len(books))
    book_tags = _book_tags(books, stars.sum(axis=1), rng)

    staging = folder.with_name(f".{folder.name}.{uuid4().hex}.staging")
    staging.mkdir(parents=True)
    try:
        _write_table(staging / "books.csv", BOOKS_HEADER, _book_rows(books, stars))
        _write_table(staging / "tags.csv", TAGS_HEADER, list(enumerate(GENRES)))
        _write_table(staging / "book_tags.csv", BOOK_TAGS_HEADER, book_tags)
        _write_pairs(
            staging / "ratings.csv",
            RATINGS_HEADER,
            (readings.reader + 1, readings.book + 1, readings.stars),
        )
        _write_pairs(
            staging / "to_read.csv",
            TO_READ_HEADER,
            (readings.to_read_reader + 1, readings.to_read_book + 1),
        )
        _put_in_place(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)

    one, two, three, four, five = (int(count) for count in stars.sum(axis=0))
    return BuiltinSummary(
        folder=folder,
        n_books=len(books),
        n_readers=n_readers,
        n_ratings=len(readings.stars),
        n_to_read=len(readings.to_read_book),
        n_tags=len(GENRES),
        n_book_tags=len(book_tags),
        star_counts=(one, two, three, four, five),
        mean_stars=float(readings.stars.mean()),
        seed=seed,
    )


def _check_numbers(n_readers: object, seed: object) -> None:
    if isinstance(n_readers, bool) or not isinstance(n_readers, int):
        raise ValueError(f"n_readers is {n_readers!r}; give a whole number of 1 to {MOST_READERS}.")
    if not 1 <= n_readers <= MOST_READERS:
        raise ValueError(f"n_readers is {n_readers}; give a number of 1 to {MOST_READERS}.")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed is {seed!r}; give a whole number of 0 or more.")


def _check_target(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; name a folder for the built-in set.")
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in FILES)
    if foreign:
        raise FileExistsError(
            f"{folder} holds {foreign[0]!r}, which is no part of a built-in set;"
            " name a new or empty folder."
        )


def _by_popularity(
    library: list[LibraryBook], n_readers: int, rng: np.random.Generator
) -> tuple[list[LibraryBook], Readings]:
    """Simulate, then number the books anew: most rated first, as goodbooks does."""
    readings = simulate_readers(library, n_readers, rng)
    counts = np.bincount(readings.book, minlength=len(library))
    order = np.argsort(-counts, kind="stable")
    new_index = np.empty_like(order)
    new_index[order] = np.arange(len(order))
    book = new_index[readings.book]
    by_reader = np.lexsort((book, readings.reader))
    to_read_book = new_index[readings.to_read_book]
    to_read_by_reader = np.lexsort((to_read_book, readings.to_read_reader))
    return [library[index] for index in order], Readings(
        reader=readings.reader[by_reader],
        book=book[by_reader],
        stars=readings.stars[by_reader],
        to_read_reader=readings.to_read_reader[to_read_by_reader],
        to_read_book=to_read_book[to_read_by_reader],
    )


def _star_counts(readings: Readings, n_books: int) -> NDArray[np.int64]:
    """Return how often each book got 1..5 stars, shape (n_books, 5)."""
    cells = np.bincount(readings.book * 5 + readings.stars - 1, minlength=n_books * 5)
    return cells.reshape(n_books, 5).astype(np.int64)


def _book_tags(
    books: list[LibraryBook], n_ratings: NDArray[np.int64], rng: np.random.Generator
) -> list[tuple[int, int, int]]:
    """Return (goodreads_book_id, tag_id, count); a book's main genre has the highest count."""
    jitter = np.exp(rng.normal(0, _SHELVED_SPREAD, size=(len(books), 3)))
    shelved = n_ratings[:, None] * np.array(_SHELVED_PER_RATING) * jitter
    rows = []
    for number, (book, amounts) in enumerate(zip(books, shelved, strict=True), start=1):
        counts = sorted((1 + int(amount) for amount in amounts[: len(book.genres)]), reverse=True)
        rows += [
            (number, GENRES.index(genre), count)
            for genre, count in zip(book.genres, counts, strict=True)
        ]
    return rows


def _book_rows(books: list[LibraryBook], stars: NDArray[np.int64]) -> Iterable[tuple[object, ...]]:
    n_ratings = stars.sum(axis=1)
    # A book without ratings has an average of 0, as in Goodreads' own exports.
    averages = stars @ np.arange(1, 6) / np.maximum(n_ratings, 1)
    for number, (book, count, average, histogram) in enumerate(
        zip(books, n_ratings.tolist(), averages.tolist(), stars.tolist(), strict=True), start=1
    ):
        ids = (number, number, number, number)
        facts = (book.authors, f"{book.year}.0", book.title, book.goodreads_title, book.language)
        yield (*ids, 1, "", "", *facts, f"{average:.2f}", count, count, 0, *histogram, "", "")


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_pairs(path: Path, header: Sequence[str], columns: Sequence[NDArray[np.int64]]) -> None:
    _write_table(path, header, zip(*(column.tolist() for column in columns), strict=True))


def _put_in_place(staging: Path, folder: Path) -> None:
    if not folder.exists():
        staging.rename(folder)
        return
    # A folder can be renamed onto an empty one only: the earlier set steps aside first.
    earlier = folder.with_name(f".{folder.name}.{uuid4().hex}.earlier")
    folder.rename(earlier)
    try:
        staging.rename(folder)
    except OSError:
        earlier.rename(folder)
        raise
    shutil.rmtree(earlier)
