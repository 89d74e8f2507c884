"""The hand-written list of books: read, checked, and turned into arrays."""

import csv
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BOOKS_CSV = Path(__file__).with_name("books.csv")
# `fame` is our own estimate, from 1 (known to few) to 5 (known to nearly everyone).
COLUMNS = (
    "title",
    "authors",
    "year",
    "language",
    "genres",
    "series",
    "series_number",
    "fame",
)
# Named as goodreads readers name their shelves.
GENRES = (
    "adventure",
    "biography",
    "childrens",
    "classics",
    "contemporary",
    "drama",
    "dystopia",
    "fantasy",
    "historical-fiction",
    "history",
    "horror",
    "humor",
    "mystery",
    "non-fiction",
    "philosophy",
    "poetry",
    "romance",
    "science",
    "science-fiction",
    "short-stories",
    "thriller",
    "young-adult",
)
# How much of a book is its first, second and third genre; normalised over those it has.
_GENRE_WEIGHTS = (0.6, 0.25, 0.15)


@dataclass(frozen=True)
class LibraryBook:
    title: str
    authors: str
    # Of first publication; negative before the common era.
    year: int
    # ISO 639-2/B code of the language it was written in.
    language: str
    # One to three of GENRES, the main one first.
    genres: tuple[str, ...]
    series: str
    # As printed ("1", "0.5"); empty exactly when there is no series.
    series_number: str
    fame: int

    @property
    def goodreads_title(self) -> str:
        if not self.series:
            return self.title
        return f"{self.title} ({self.series}, #{self.series_number})"

    @property
    def first_author(self) -> str:
        return self.authors.split(", ")[0]


def load_library(path: Path = BOOKS_CSV) -> list[LibraryBook]:
    """Read the list in its order.

    Raises
    ------
    ValueError
        When a row breaks the form that the columns promise; names the line.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            raise ValueError(f"{path.name}: columns are {header}; wanted: {', '.join(COLUMNS)}.")
        books = []
        for row in reader:
            try:
                books.append(_parse(row))
            except ValueError as error:
                raise ValueError(f"{path.name}, line {reader.line_num}: {error}") from error
    return books


def _parse(row: list[str]) -> LibraryBook:
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} fields, wanted {len(COLUMNS)}")
    title, authors, year, language, genres, series, series_number, fame = row
    for name, value in (("title", title), ("authors", authors), ("language", language)):
        if not value:
            raise ValueError(f"no {name}")
    found = tuple(genres.split(";"))
    unknown = sorted(set(found) - set(GENRES))
    if unknown or len(set(found)) != len(found) or len(found) > len(_GENRE_WEIGHTS):
        raise ValueError(f"genres {genres!r}; wanted one to three different ones of {GENRES}")
    if bool(series) != bool(series_number):
        raise ValueError(f"series {series!r} with number {series_number!r}; wanted both or none")
    if series_number and not re.fullmatch(r"\d+(\.\d+)?", series_number):
        raise ValueError(f"series number {series_number!r}, wanted one like 2 or 0.5")
    if int(fame) not in range(1, 6):
        raise ValueError(f"fame {fame}, wanted 1 to 5")
    return LibraryBook(title, authors, int(year), language, found, series, series_number, int(fame))


def genre_shares(books: list[LibraryBook]) -> NDArray[np.float64]:
    """Return each book's shares of GENRES, shape (n_books, len(GENRES)); rows sum to 1."""
    shares = np.zeros((len(books), len(GENRES)))
    for book_index, book in enumerate(books):
        for genre, weight in zip(book.genres, _GENRE_WEIGHTS, strict=False):
            shares[book_index, GENRES.index(genre)] = weight
    normalised: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return normalised


def next_volumes(books: list[LibraryBook]) -> list[tuple[int, int]]:
    """Return pairs (volume, the one after it in the list) of book indices, early volumes first."""
    by_series: dict[str, list[tuple[Decimal, int]]] = {}
    for book_index, book in enumerate(books):
        if book.series:
            by_series.setdefault(book.series, []).append((Decimal(book.series_number), book_index))
    steps = []
    for volumes in by_series.values():
        indices = [book_index for _, book_index in sorted(volumes)]
        steps += list(enumerate(zip(indices, indices[1:], strict=False)))
    return [pair for _, pair in sorted(steps)]
