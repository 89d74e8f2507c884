"""Tables of ids and stars, read strictly: the first row that is not usable ends the evaluation.

The importer leaves such rows out and goes on, which is right for a site and wrong for a
measurement: figures over other rows than the caller's would be compared with his.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.goodbooks.errors import DatasetError
from catalog.goodbooks.headers import read_header
from catalog.goodbooks.integers import Integers, read_integers
from catalog.goodbooks.progress import SilentProgress
from catalog.goodbooks.report import FileReport, SkippedRows
from recommender.engine.interactions import MAX_STARS, MIN_STARS
from recommender.evaluation.errors import EvaluationError


@dataclass(frozen=True, eq=False)
class Table:
    """Pairs of users and books in the order of the file, each pair once: its last row.

    Parameters
    ----------
    name : str. What to call the file in messages.
    user_ids, book_ids : int64 arrays, shape (n,).
    stars : float32 array, shape (n,), whole numbers 1..5, or None for a table without ratings.
    n_duplicates : int. Rows left out because a later one names the same pair.
    """

    name: str
    user_ids: Integers
    book_ids: Integers
    stars: NDArray[np.float32] | None
    n_duplicates: int

    def __len__(self) -> int:
        return len(self.user_ids)

    @property
    def rated(self) -> NDArray[np.float32]:
        """The stars of a table that was read with them."""
        if self.stars is None:
            raise TypeError(f"{self.name} was read without ratings.")
        return self.stars

    def select(self, kept: NDArray[np.bool_]) -> Table:
        """Return some of the rows, in the same order."""
        stars = None if self.stars is None else self.stars[kept]
        return Table(self.name, self.user_ids[kept], self.book_ids[kept], stars, self.n_duplicates)


class StrictReport(FileReport):
    """Refuses what the importer would leave out."""

    def __init__(self, name: str) -> None:
        super().__init__(name, SkippedRows(Path()))

    def skip_many(self, rows: Iterable[tuple[int, str, str]]) -> None:
        for line, reason, text in rows:
            raise EvaluationError(f"{self.name}, line {line}: {reason}: {_shown(text)}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")


def located(path: Path, error: DatasetError) -> EvaluationError:
    """Return a reader's error with the whole path: two files may have one name."""
    text = str(error)
    return EvaluationError(
        text if text.startswith(str(path)) else text.replace(path.name, str(path), 1)
    )


def read_columns(path: Path, wanted: Sequence[str]) -> tuple[Integers, ...]:
    """Return the line numbers and some whole-number columns of a CSV file.

    Raises
    ------
    EvaluationError
        When the file cannot be read, is empty or binary, lacks a column, or has a row that is
        not usable.
    """
    name = str(path)
    try:
        header = read_header(path, wanted)
        chunks = [
            (chunk.lines, *chunk.columns)
            for chunk in read_integers(path, header, wanted, StrictReport(name), SilentProgress())
        ]
    except OSError as error:
        raise EvaluationError(f"{name} cannot be read: {error.strerror}.") from error
    except DatasetError as error:
        raise located(path, error) from error
    return tuple(np.concatenate(column) for column in zip(*chunks, strict=True))


def read_ratings(path: Path) -> Table:
    """Read user_id, book_id and rating (whole stars 1..5), columns in any order.

    Raises
    ------
    EvaluationError
        As ``read_columns``, and on stars outside 1..5.
    """
    lines, users, books, stars = read_columns(path, ("user_id", "book_id", "rating"))
    wrong = (stars < MIN_STARS) | (stars > MAX_STARS)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise EvaluationError(
            f"{path}, line {lines[place]}: rating is {stars[place]}; "
            f"wanted {MIN_STARS} to {MAX_STARS} stars."
        )
    return _last_of_pairs(str(path), users, books, stars.astype(np.float32))


def read_pairs(path: Path) -> Table:
    """Read user_id and book_id (a to-read shelf), columns in any order."""
    _, users, books = read_columns(path, ("user_id", "book_id"))
    return _last_of_pairs(str(path), users, books, None)


def _last_of_pairs(
    name: str, users: Integers, books: Integers, stars: NDArray[np.float32] | None
) -> Table:
    """Leave out every row whose pair comes again."""
    order = np.lexsort((books, users))  # stable: repeats stay in file order
    by_user, by_book = users[order], books[order]
    repeated = (by_user[1:] == by_user[:-1]) & (by_book[1:] == by_book[:-1])
    kept = np.ones(len(users), dtype=np.bool_)
    kept[order[:-1][repeated]] = False
    table = Table(name, users, books, stars, int(np.count_nonzero(repeated)))
    return table.select(kept) if table.n_duplicates else table
