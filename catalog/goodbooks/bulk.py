"""COPY into PostgreSQL, and loading a table without its indexes in the way.

Everything here runs on Django's own connection, inside the caller's transaction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from django.db import connection
from django.db.models import Model
from numpy.typing import NDArray

from catalog.goodbooks.integers import Integers

# Rows per piece of COPY data: a few MB each.
_ROWS_PER_PIECE = 200_000
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_WIDTHS = {"bigint": ">i8", "integer": ">i4", "smallint": ">i2"}
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class _Pieces:
    """Bytes from an iterator, with the `read` that psycopg2 asks of a COPY source."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)


class Column(Protocol):
    """Values that can be taken a slice at a time: an array, or something that makes one."""

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


def copy_columns(table: str, columns: Mapping[str, tuple[str, Column | str]], n_rows: int) -> None:
    """COPY columns `{name: (type, values)}` in PostgreSQL's binary format.

    Type is "bigint", "integer" or "smallint", as the table's column is, or "text" with one
    string for all rows. Numbers need no conversion to text here nor back to numbers there.
    """
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, (kind, values) in columns.items():
        width = f"S{len(values.encode())}" if isinstance(values, str) else _WIDTHS[kind]
        fields += [(f"length of {name}", ">i4"), (name, width)]
    layout = np.dtype(fields)

    def pieces() -> Iterator[bytes]:
        yield _SIGNATURE
        for start in range(0, n_rows, _ROWS_PER_PIECE):
            stop = min(start + _ROWS_PER_PIECE, n_rows)
            rows = np.empty(stop - start, layout)
            rows["fields"] = len(columns)
            for name, (_, values) in columns.items():
                rows[f"length of {name}"] = layout[name].itemsize
                rows[name] = values.encode() if isinstance(values, str) else values[start:stop]
            yield rows.tobytes()
        yield _TRAILER

    _copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)", pieces())


def copy_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """COPY rows of strings, numbers and None in PostgreSQL's text format."""

    def pieces() -> Iterator[bytes]:
        lines: list[str] = []
        for row in rows:
            lines.append("\t".join(map(_as_text, row)))
            if len(lines) == 10_000:
                yield ("\n".join(lines) + "\n").encode()
                lines.clear()
        if lines:
            yield ("\n".join(lines) + "\n").encode()

    _copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN", pieces())


def _as_text(value: object) -> str:
    return "\\N" if value is None else str(value).translate(_ESCAPES)


def _copy(statement: str, pieces: Iterator[bytes]) -> None:
    with connection.cursor() as cursor:
        cursor.copy_expert(statement, _Pieces(pieces), size=1 << 20)


def execute(statement: str, parameters: Sequence[Any] = ()) -> int:
    """Run one statement and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def fetch(statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def fetch_integers(statement: str, parameters: Sequence[Any] = ()) -> Integers:
    """The rows of a query over whole numbers, shape (n_rows, n_columns)."""
    rows = fetch(statement, parameters)
    return np.array(rows, np.int64) if rows else np.empty((0, 2), np.int64)


def create_stage(name: str, columns: str) -> None:
    """Make a temporary table that goes with the transaction."""
    execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
    execute(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP")


def model_defaults(model: type[Model], *, given: Iterable[str]) -> dict[str, Any]:
    """Column values that `model` has by default, for the columns that are not `given`.

    Django keeps defaults in Python, so an INSERT of ours has to name them.
    """
    return {
        field.column: field.get_db_prep_save(field.get_default(), connection)
        for field in model._meta.concrete_fields
        if field.column and not field.primary_key and field.column not in given
    }


@contextmanager
def without_indexes(table: str) -> Iterator[None]:
    """Load into `table` with its foreign keys, unique constraints and indexes put aside.

    They are read from the catalogue, dropped, and made again under their names from PostgreSQL's
    own definitions: one sort per index and one join per foreign key in place of a search and a
    trigger per row. The primary key stays, rows come in its order. The table is locked against
    every other session until the transaction ends.
    """
    constraints = fetch(
        """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
           WHERE conrelid = %s::regclass AND contype IN ('u', 'f', 'x')
           ORDER BY contype = 'f', oid""",
        [table],
    )
    indexes = fetch(
        """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
           WHERE indrelid = %s::regclass AND NOT indisprimary
             AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid
                             AND conrelid = indrelid)
           ORDER BY indexrelid""",
        [table],
    )
    # A deferred check still waiting would forbid to alter the table.
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    for name, _ in reversed(constraints):
        execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for name, _ in indexes:
        execute(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        execute(definition)
    for name, definition in constraints:
        execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
    execute("SET CONSTRAINTS ALL DEFERRED")
