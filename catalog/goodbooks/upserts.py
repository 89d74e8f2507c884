"""Set-based writes that leave a row alone when it already says the same."""

# ruff: noqa: S608 - callers name tables and columns as constants; no value comes in by text.
from collections.abc import Sequence

from catalog.goodbooks.bulk import execute


def update_changed(table: str, stage: str, *, match: str, columns: Sequence[str]) -> int:
    """Set `columns` of the rows of `table` (t) that `match` rows of `stage` (s) and differ."""
    sets = ", ".join(f"{column} = s.{column}" for column in columns)
    old = ", ".join(f"t.{column}" for column in columns)
    new = ", ".join(f"s.{column}" for column in columns)
    return execute(
        f"UPDATE {table} t SET {sets} FROM {stage} s "
        f"WHERE {match} AND ({old}) IS DISTINCT FROM ({new})"
    )


def insert_missing(
    table: str, stage: str, *, match: str, columns: Sequence[str], order: str
) -> int:
    """Insert the rows of `stage` (s) that `match` no row of `table` (t)."""
    names = ", ".join(columns)
    values = ", ".join(f"s.{column}" for column in columns)
    return execute(
        f"INSERT INTO {table} ({names}) SELECT {values} FROM {stage} s "
        f"WHERE NOT EXISTS (SELECT FROM {table} t WHERE {match}) ORDER BY {order}"
    )


def mirror_links(table: str, stage: str, *, columns: Sequence[str], owners: str) -> int:
    """Make the rows of `table` for the books in `owners` the same as those in `stage`.

    `owners` is a table with a column book_id; the first two columns are the link itself. Returns
    how many rows came or went; an equal row is not written.
    """
    # Equality of the key lets PostgreSQL join by hash; IS NOT DISTINCT FROM alone does not.
    key, rest = columns[:2], columns[2:]
    same = " AND ".join(
        [f"t.{column} = s.{column}" for column in key]
        + [f"t.{column} IS NOT DISTINCT FROM s.{column}" for column in rest]
    )
    deleted = execute(
        f"DELETE FROM {table} t USING {owners} o WHERE t.book_id = o.book_id "
        f"AND NOT EXISTS (SELECT FROM {stage} s WHERE {same})"
    )
    # A foreign key or a unique constraint may be checked only now, so go before come.
    inserted = insert_missing(
        table, stage, match=same, columns=columns, order=f"s.{columns[0]}, s.{columns[1]}"
    )
    return deleted + inserted
