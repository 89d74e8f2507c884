"""The first line of a file: which columns it has and where its rows begin."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog.goodbooks.errors import DatasetError

# No goodbooks header is near this long; a file without a line end this far is not a table.
_HEADER_LIMIT = 1 << 16


@dataclass(frozen=True)
class Header:
    columns: tuple[str, ...]
    # Bytes before the first row.
    size: int

    def position(self, column: str) -> int:
        return self.columns.index(column)


def read_header(path: Path, *alternatives: Sequence[str]) -> Header:
    """Read the header of `path` and check that it has every column of one of `alternatives`.

    Columns may stand in any order, further ones are ignored; a byte order mark is tolerated.

    Raises
    ------
    DatasetError
        When the file is empty, is not UTF-8 text, or lacks columns.
    """
    with path.open("rb") as file:
        start = file.read(_HEADER_LIMIT)
    name = path.name
    if not start:
        raise DatasetError(f"{name} is empty; its first line must name the columns.")
    line, newline, _ = start.partition(b"\n")
    if b"\0" in line:
        raise DatasetError(f"{name} is a binary file; wanted is CSV text in UTF-8.")
    if not newline and len(start) == _HEADER_LIMIT:
        raise DatasetError(f"{name} has no line end in its first 64 KB; wanted is a CSV table.")
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DatasetError(
            f"{name} is not text in UTF-8; wanted is a CSV table in UTF-8."
        ) from None
    cells = next(csv.reader([text.rstrip("\r")]), [])
    columns = tuple(cell.strip().lower() for cell in cells)
    _check_columns(name, columns, alternatives)
    return Header(columns=columns, size=len(line) + len(newline))


def _check_columns(
    name: str, columns: tuple[str, ...], alternatives: Sequence[Sequence[str]]
) -> None:
    missing_of_each = [[c for c in wanted if c not in columns] for wanted in alternatives]
    missing = min(missing_of_each, key=len)
    if missing:
        found = ", ".join(filter(None, columns))[:200] or "nothing"
        hint = (
            " (columns must be separated by commas)"
            if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|")
            else ""
        )
        plural = "s" if len(missing) > 1 else ""
        raise DatasetError(
            f"{name} lacks the column{plural} {', '.join(missing)}; found: {found}{hint}."
        )
    wanted = alternatives[missing_of_each.index(missing)]
    twice = [column for column in wanted if columns.count(column) > 1]
    if twice:
        raise DatasetError(f"{name} has more than one column {twice[0]}; keep one of them.")
