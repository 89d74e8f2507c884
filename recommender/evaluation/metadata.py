"""books.csv, tags.csv and book_tags.csv as the engine's catalog, parsed as in the import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from catalog.genres import GENRES, MIN_SHARE, genre_of_tag
from catalog.goodbooks import fields
from catalog.goodbooks.errors import DatasetError
from catalog.goodbooks.headers import Header, read_header
from catalog.goodbooks.progress import SilentProgress
from catalog.goodbooks.records import read_table
from catalog.goodbooks.titles import ParsedTitle, parse_title, resolve_series
from recommender.engine import UNKNOWN, Catalog, Series, Vocabulary
from recommender.evaluation.csv_input import StrictReport, located, read_columns
from recommender.evaluation.errors import EvaluationError

# Today's variant, and the older one on Kaggle: there `id` is the book's number.
_TODAY = ("book_id", "goodreads_book_id", "authors", "title")
_KAGGLE = ("id", "book_id", "authors", "title")
_BIGINT = 1 << 63


@dataclass(frozen=True)
class _Book:
    """What is usable of one row of books.csv; NaN for an unknown number."""

    book_id: int
    goodreads_id: int
    title: ParsedTitle
    authors: list[str]
    year: float
    n_ratings: float
    n_reviews: float
    mean_stars: float
    std_stars: float


@dataclass(frozen=True, eq=False)
class BookTags:
    """How often readers put books under tags.

    Parameters
    ----------
    book_ids, tag_ids, counts : int64 arrays, shape (n,). Each pair once; counts above 0.
    genre_of : dict of tag_id to genre number, for the tags that name a genre.
    """

    book_ids: NDArray[np.int64]
    tag_ids: NDArray[np.int64]
    counts: NDArray[np.int64]
    genre_of: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class BookMetadata:
    """Everything that a folder of goodbooks files says of books.

    Parameters
    ----------
    books : list of rows of books.csv, of a repeated book the last.
    tags : BookTags or None when the folder has no book_tags.csv.
    """

    books: list[_Book]
    tags: BookTags | None

    @property
    def book_ids(self) -> NDArray[np.int64]:
        """The ids of the books, in the order of the file."""
        return np.array([book.book_id for book in self.books], dtype=np.int64)

    def catalog(self, items: Vocabulary) -> Catalog:
        """Return the catalog of some items; of those not in books.csv nothing is known."""
        places = items.indices(self.book_ids).tolist()
        known = [(i, b) for i, b in zip(places, self.books, strict=True) if i != UNKNOWN]
        series, authors = _Numbers(), _Numbers()
        series_index = np.full(len(items), UNKNOWN, dtype=np.int32)
        series_number = np.full(len(items), np.nan, dtype=np.float32)
        author_index = np.full(len(items), UNKNOWN, dtype=np.int32)
        author_pairs: list[tuple[int, int]] = []
        for item, book in known:
            if book.title.places:
                place = book.title.places[0]
                series_index[item] = series.of(place.series)
                if place.number is not None:
                    series_number[item] = float(place.number)
            numbers = [authors.of(name) for name in book.authors]
            if numbers:
                author_index[item] = numbers[0]
            author_pairs += [(item, number) for number in numbers]

        def floats(name: str) -> NDArray[np.float32]:
            values = np.full(len(items), np.nan, dtype=np.float32)
            for item, book in known:
                values[item] = getattr(book, name)
            return values

        rows, columns = np.array(author_pairs, dtype=np.int64).reshape(-1, 2).T
        ones = np.ones(len(rows), dtype=np.float32)
        return Catalog(
            items,
            Series(series_index, series_number),
            author_index,
            _main_genres(self.tags, items),
            n_ratings=floats("n_ratings"),
            mean_stars=floats("mean_stars"),
            std_stars=floats("std_stars"),
            n_reviews=floats("n_reviews"),
            years=floats("year"),
            authors=csr_array((ones, (rows, columns)), shape=(len(items), len(authors))),
            tags=_tag_matrix(self.tags, items),
        )


class _Numbers:
    """Gives every name the next number, the first time it is seen."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def __len__(self) -> int:
        return len(self._numbers)


def _tag_matrix(tags: BookTags | None, items: Vocabulary) -> csr_array | None:
    if tags is None:
        return None
    used = Vocabulary.of(tags.tag_ids)
    rows, columns = items.indices(tags.book_ids), used.indices(tags.tag_ids)
    known = rows != UNKNOWN
    return csr_array(
        (tags.counts[known].astype(np.float32), (rows[known], columns[known])),
        shape=(len(items), len(used)),
    )


def _main_genres(tags: BookTags | None, items: Vocabulary) -> NDArray[np.int32]:
    """Return the genre with the largest share of a book's genre shelvings, -1 for none."""
    none = np.full(len(items), UNKNOWN, dtype=np.int32)
    if tags is None or not tags.genre_of:
        return none
    genre_tags = Vocabulary.of(list(tags.genre_of))
    genres = np.array([tags.genre_of[tag] for tag in genre_tags.ids.tolist()])
    rows, columns = items.indices(tags.book_ids), genre_tags.indices(tags.tag_ids)
    known = (rows != UNKNOWN) & (columns != UNKNOWN)
    counts = np.zeros((len(items), len(GENRES)))
    np.add.at(counts, (rows[known], genres[columns[known]]), tags.counts[known])
    total = counts.sum(axis=1)
    has_one = (total > 0) & (counts.max(axis=1) >= MIN_SHARE * total)
    return np.where(has_one, counts.argmax(axis=1), none).astype(np.int32)


def read_metadata(folder: Path) -> BookMetadata:
    """Read what a folder says of books: books.csv, and book_tags.csv with tags.csv if there.

    Raises
    ------
    EvaluationError
        When books.csv is missing, a file is not a table with its columns, or an id is no whole
        number. Other cells that are not usable count as unknown, as in the import.
    """
    if not folder.is_dir():
        raise EvaluationError(f"{folder} is no folder; wanted one with books.csv.")
    path = folder / "books.csv"
    try:
        header = read_header(path, _TODAY, _KAGGLE)
        books = list(_with_series(_books(path, header)))
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}.") from error
    except DatasetError as error:
        raise located(path, error) from error
    return BookMetadata(books, _read_tags(folder, books))


def _books(path: Path, header: Header) -> Iterable[_Book]:
    is_kaggle = "goodreads_book_id" not in header.columns
    places = {name: i for i, name in reversed(list(enumerate(header.columns)))}
    report = StrictReport(str(path))
    last: dict[int, _Book] = {}
    for record in read_table(path, header, report, SilentProgress()):

        def cell(column: str, row: list[str] = record.fields) -> str:
            return row[places[column]] if column in places else ""

        column = "id" if is_kaggle else "book_id"
        book_id = fields.parse_whole(cell(column))
        if book_id is None or not -_BIGINT <= book_id < _BIGINT:
            report.skip(record.line, f"{column} is not a whole number", record.text)
            continue
        goodreads_id = fields.parse_whole(cell("book_id" if is_kaggle else "goodreads_book_id"))
        stars = np.array([fields.parse_count(cell(f"ratings_{n}")) or 0 for n in range(1, 6)])
        year = fields.parse_year(cell("original_publication_year"))
        n_reviews = fields.parse_count(cell("work_text_reviews_count"))
        mean, spread = _mean_and_spread(stars)
        last.pop(book_id, None)
        last[book_id] = _Book(
            book_id=book_id,
            goodreads_id=goodreads_id or 0,
            title=parse_title(cell("title")),
            authors=fields.parse_authors(cell("authors")),
            year=np.nan if year is None else year,
            n_ratings=fields.parse_count(cell("ratings_count")) or np.nan,
            n_reviews=np.nan if n_reviews is None else n_reviews,
            mean_stars=mean,
            std_stars=spread,
        )
    return last.values()


def _mean_and_spread(stars: NDArray[np.int64]) -> tuple[float, float]:
    """Return mean and standard deviation of the counts of 1 to 5 stars, NaN without any."""
    if not stars.any():
        return np.nan, np.nan
    value = np.arange(1.0, 6.0)
    mean = float(stars @ value / stars.sum())
    return mean, float(np.sqrt(stars @ (value - mean) ** 2 / stars.sum()))


def _with_series(books: Iterable[_Book]) -> Iterable[_Book]:
    """Give every series one spelling, and the unnumbered volumes their series."""
    books = list(books)
    titles = resolve_series(book.title for book in books)
    for book, title in zip(books, titles, strict=True):
        yield _Book(**{**vars(book), "title": title})


def _read_tags(folder: Path, books: list[_Book]) -> BookTags | None:
    path = folder / "book_tags.csv"
    if not path.exists():
        return None
    _, goodreads_ids, tag_ids, counts = read_columns(path, ("goodreads_book_id", "tag_id", "count"))
    by_goodreads = {book.goodreads_id: book.book_id for book in books if book.goodreads_id}
    known_ids = Vocabulary.of(list(by_goodreads))
    book_of = np.array([by_goodreads[key] for key in known_ids.ids.tolist()], dtype=np.int64)
    places = known_ids.indices(goodreads_ids)
    usable = (places != UNKNOWN) & (counts > 0)
    book_ids, tag_ids, counts = book_of[places[usable]], tag_ids[usable], counts[usable]
    order = np.lexsort((tag_ids, book_ids))
    book_ids, tag_ids, counts = book_ids[order], tag_ids[order], counts[order]
    is_last = np.ones(len(order), dtype=np.bool_)
    is_last[:-1] = (book_ids[1:] != book_ids[:-1]) | (tag_ids[1:] != tag_ids[:-1])
    return BookTags(
        book_ids[is_last], tag_ids[is_last], counts[is_last], _read_genres(folder / "tags.csv")
    )


def _read_genres(path: Path) -> dict[int, int]:
    """Return the genre number of each tag that names one; empty without tags.csv."""
    if not path.exists():
        return {}
    numbers = {genre.slug: number for number, genre in enumerate(GENRES)}
    report = StrictReport(str(path))
    found: dict[int, int] = {}
    try:
        header = read_header(path, ("tag_id", "tag_name"))
        at_id, at_name = header.position("tag_id"), header.position("tag_name")
        for record in read_table(path, header, report, SilentProgress()):
            tag_id = fields.parse_whole(record.fields[at_id])
            if tag_id is None:
                report.skip(record.line, "tag_id is not a whole number", record.text)
            elif slug := genre_of_tag(record.fields[at_name].strip()):
                found[tag_id] = numbers[slug]
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}.") from error
    except DatasetError as error:
        raise located(path, error) from error
    return found
