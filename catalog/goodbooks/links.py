"""Tables of pairs with perhaps a number each: who gave which book how many stars.

The millions of rows of a data set are pairs: (user, book, stars), (user, book) to read and
(book, tag, count). They are held as compact arrays, sorted, freed of repeats, and loaded.
"""

# ruff: noqa: S608 - the tables and columns in these statements are this package's own names.
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.goodbooks.bulk import copy_columns, create_stage, execute, fetch, without_indexes
from catalog.goodbooks.headers import Header
from catalog.goodbooks.integers import IntegerChunk, Integers, read_integers
from catalog.goodbooks.progress import Progress
from catalog.goodbooks.report import FileReport
from catalog.goodbooks.upserts import insert_missing, update_changed

# From so many new rows on it pays to put a table's indexes aside and build them afterwards.
BULK_ROWS = 50_000
# Numbers below this are looked up in a table of that size, larger ones by bisection.
_DENSE_LIMIT = 1 << 24
_BIGINT = (1 << 63) - 1


@dataclass(frozen=True)
class Key:
    """A column that names something by its number in the data set."""

    column: str
    # Numbers that are known, ascending, and the reason to leave out a row with another one.
    # None: every positive number is.
    known: Integers | None = None
    unknown: str = ""


@dataclass(frozen=True)
class Value:
    """The column that says something about the pair; whole numbers in minimum..maximum."""

    column: str
    minimum: int
    maximum: int
    problem: str
    dtype: type[np.signedinteger[Any]]
    # What to call a repeated pair that says something else.
    conflict: str


@dataclass(frozen=True)
class Links:
    """Pairs without repeats, sorted by both. Rows refer to `first` and `second` by index."""

    first: Integers
    second: Integers
    first_index: NDArray[np.int32]
    second_index: NDArray[np.int32]
    values: NDArray[Any] | None

    def __len__(self) -> int:
        return len(self.first_index)


def read_links(
    path: Path,
    header: Header,
    keys: tuple[Key, Key],
    value: Value | None,
    report: FileReport,
    progress: Progress,
) -> Links:
    """Read the pairs of a file; of rows that repeat a pair the last one counts.

    Rows that are not usable are reported with the reason.
    """
    wanted = [keys[0].column, keys[1].column, *([value.column] if value else [])]
    reader = _Reader(keys, value, [header.position(column) for column in wanted], report)
    for chunk in read_integers(path, header, wanted, report, progress):
        reader.take(chunk)
    return reader.finish()


class _Reader:
    def __init__(
        self,
        keys: tuple[Key, Key],
        value: Value | None,
        positions: list[int],
        report: FileReport,
    ) -> None:
        self.keys = keys
        self.value = value
        self.positions = positions
        self.report = report
        self.lines: list[NDArray[np.int32]] = []
        self.columns: list[list[NDArray[Any]]] = [[] for _ in positions]

    def take(self, chunk: IntegerChunk) -> None:
        """Keep the usable rows of a chunk, compactly."""
        problems: list[tuple[str, NDArray[np.bool_]]] = []
        compact: list[NDArray[Any]] = []
        for key, numbers in zip(self.keys, chunk.columns, strict=False):
            if key.known is None:
                problems.append((f"{key.column} is not positive", numbers < 1))
                compact.append(numbers)
            else:
                index, found = _look_up(key.known, numbers)
                problems.append((key.unknown, ~found))
                compact.append(index)
        if self.value:
            numbers = chunk.columns[2]
            outside = (numbers < self.value.minimum) | (numbers > self.value.maximum)
            problems.append((self.value.problem, outside))
            compact.append(np.where(outside, 0, numbers).astype(self.value.dtype))
        usable = np.ones(len(chunk.lines), bool)
        for reason, bad in problems:
            self._skip(reason, np.flatnonzero(bad & usable), chunk)
            usable &= ~bad
        self.lines.append(chunk.lines[usable].astype(np.int32))
        for kept, column in zip(self.columns, compact, strict=True):
            kept.append(column[usable])

    def _skip(self, reason: str, rows: Integers, chunk: IntegerChunk) -> None:
        if len(rows):
            texts = self._texts([column[rows] for column in chunk.columns])
            lines = chunk.lines[rows].tolist()
            self.report.skip_many((line, reason, t) for line, t in zip(lines, texts, strict=True))

    def _texts(self, columns: Sequence[NDArray[Any]]) -> list[str]:
        """The rows as the file has them: in the order of its columns."""
        order = np.argsort(self.positions).tolist()
        rows = zip(*(columns[i].tolist() for i in order), strict=True)
        return [",".join(map(str, row)) for row in rows]

    def finish(self) -> Links:
        lines = _join(self.lines, np.int32)
        keys = []
        for key, parts in zip(self.keys, self.columns, strict=False):
            if key.known is None:
                numbers, index = _compact(_join(parts, np.int64))
            else:
                numbers, index = key.known, _join(parts, np.int32)
            keys.append((numbers, index))
        values = _join(self.columns[2], self.value.dtype) if self.value else None
        self.columns.clear()
        (first, first_index), (second, second_index) = keys
        pairs = first_index * np.int64(len(second)) + second_index
        if len(pairs) > 1 and not (pairs[1:] > pairs[:-1]).all():
            order = np.argsort(pairs, kind="stable")
            pairs = pairs[order]
            is_last = np.append(pairs[1:] != pairs[:-1], True)
            if not is_last.all():
                self._skip_repeats(is_last, order, lines, keys, values)
                order = order[is_last]
            first_index, second_index = first_index[order], second_index[order]
            values = values[order] if values is not None else None
        return Links(first, second, first_index, second_index, values)

    def _skip_repeats(
        self,
        is_last: NDArray[np.bool_],
        order: Integers,
        lines: NDArray[np.int32],
        keys: list[tuple[Integers, NDArray[np.int32]]],
        values: NDArray[Any] | None,
    ) -> None:
        last = np.flatnonzero(is_last)
        repeated = np.flatnonzero(~is_last)
        rows = order[repeated]
        winners = order[last[np.searchsorted(last, repeated)]]
        columns = [numbers[index[rows]] for numbers, index in keys]
        same = np.ones(len(rows), bool)
        if values is not None:
            columns.append(values[rows])
            same = values[rows] == values[winners]
        conflict = self.value.conflict if self.value else ""
        reasons = np.where(same, "repeated in a later row", conflict).tolist()
        in_file = np.argsort(rows).tolist()
        texts = self._texts(columns)
        numbers_of_lines = lines[rows].tolist()
        self.report.skip_many((numbers_of_lines[i], reasons[i], texts[i]) for i in in_file)


def _join(parts: list[NDArray[Any]], dtype: type[np.signedinteger[Any]]) -> NDArray[Any]:
    """Concatenate and let go of the parts."""
    joined = np.concatenate(parts) if parts else np.empty(0, dtype)
    parts.clear()
    return joined


def _look_up(known: Integers, numbers: Integers) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Index of each number in `known` (ascending), and whether it is there."""
    if not len(known):
        return np.zeros(len(numbers), np.int32), np.zeros(len(numbers), bool)
    index = np.minimum(np.searchsorted(known, numbers), len(known) - 1).astype(np.int32)
    return index, known[index] == numbers


def _compact(numbers: Integers) -> tuple[Integers, NDArray[np.int32]]:
    """The distinct numbers (positive), ascending, and the index of each in them."""
    if numbers.max(initial=0) >= _DENSE_LIMIT:
        distinct, index = np.unique(numbers, return_inverse=True)
        return distinct, index.astype(np.int32)
    occurs = np.zeros(int(numbers.max(initial=0)) + 1, bool)
    occurs[numbers] = True
    rank = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(occurs).astype(np.int64), rank[numbers]


@dataclass(frozen=True)
class LinkTable:
    """A table that holds pairs."""

    name: str
    first: str
    second: str
    # Column and type of what is said about the pair.
    value: tuple[str, str] | None = None
    # A column with the same text in every row that is loaded.
    constant: tuple[str, str] | None = None

    @property
    def columns(self) -> list[str]:
        return [self.first, self.second, *([self.value[0]] if self.value else [])]


@dataclass(frozen=True)
class Outcome:
    added: int
    updated: int


def load_links(
    table: LinkTable, links: Links, ids: tuple[Integers, Integers], *, owners: str
) -> Outcome:
    """Insert the pairs that are new and correct those that say something else.

    `ids` are the database ids of `links.first` and `links.second`; `owners` is a query for the
    ids of `table.first` that the data set owns, to tell whether it has rows there already.
    """
    columns: dict[str, tuple[str, Any]] = {
        table.first: ("bigint", _Indexed(ids[0], links.first_index)),
        table.second: ("bigint", _Indexed(ids[1], links.second_index)),
    }
    if table.value:
        columns[table.value[0]] = (table.value[1], links.values)
    if len(links) >= BULK_ROWS and _is_first_load(table, owners, len(links)):
        if table.constant:
            columns[table.constant[0]] = ("text", table.constant[1])
        with without_indexes(table.name):
            copy_columns(table.name, columns, len(links))
        return Outcome(added=len(links), updated=0)
    return _upsert(table, columns, len(links))


def _is_first_load(table: LinkTable, owners: str, n_rows: int) -> bool:
    """Whether no row can meet one that is there, and most rows of the table will be new."""
    [(has_own,)] = fetch(
        f"SELECT EXISTS (SELECT FROM {table.name} WHERE {table.first} IN ({owners}))"
    )
    if has_own:
        return False
    [(others,)] = fetch(f"SELECT count(*) FROM {table.name}")
    return int(others) < n_rows


def _upsert(table: LinkTable, columns: dict[str, tuple[str, Any]], n_rows: int) -> Outcome:
    stage = f"stage_of_{table.name}"
    create_stage(stage, ", ".join(f"{name} {kind}" for name, (kind, _) in columns.items()))
    copy_columns(stage, columns, n_rows)
    match = f"t.{table.first} = s.{table.first} AND t.{table.second} = s.{table.second}"
    inserted_columns = table.columns
    if table.constant:
        name, text = table.constant
        execute(f"ALTER TABLE {stage} ADD COLUMN {name} text NOT NULL DEFAULT '{text}'")
        match += f" AND t.{name} = s.{name}"
        inserted_columns = [*inserted_columns, name]
    execute(f"ANALYZE {stage}")
    updated = 0
    if table.value:
        updated = update_changed(table.name, stage, match=match, columns=[table.value[0]])
    added = insert_missing(
        table.name,
        stage,
        match=match,
        columns=inserted_columns,
        order=f"s.{table.first}, s.{table.second}",
    )
    execute(f"DROP TABLE {stage}")
    return Outcome(added=added, updated=updated)


@dataclass(frozen=True)
class _Indexed:
    """`values[index]`, made only for the slice that is asked for."""

    values: Integers
    index: NDArray[np.int32]

    def __getitem__(self, rows: slice) -> Integers:
        return self.values[self.index[rows]]
