"""Statements that every request for a list makes: planned once for each connection.

PostgreSQL takes several times as long to plan them as to answer them.
"""

import hashlib
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connection

# This connection does not know the statement: a pooler may hand each transaction another. Or a
# migration has changed the type of a column since it was planned.
_PLAN_LOST = frozenset({"26000", "0A000"})
# It knows it already: another client of the same pooler has said it.
_KNOWN = "42P05"

# psycopg2's connection -> the names of what it has prepared; closed ones go by themselves.
_prepared: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


class Prepared:
    """A statement with named values.

    Parameters
    ----------
    name : how the statement begins to be called; a digest of its words follows.
    sql : with `%(name)s` for each value.
    types : type of each value in PostgreSQL's words, by its name.
    """

    def __init__(self, name: str, sql: str, types: Mapping[str, str]) -> None:
        self._sql = sql
        # Behind a pooler the version before this one may have given the name to other words.
        name = f"{name}_{hashlib.sha256(sql.encode()).hexdigest()[:8]}"
        self._name = name
        places = {value: f"${place}" for place, value in enumerate(types, start=1)}
        # A plan for these values would be a little better, and is made anew for each of them.
        self._prepare = (
            "SET plan_cache_mode = force_generic_plan;"
            f"PREPARE {name} ({', '.join(types.values())}) AS {sql % places}"
        )
        self._execute = f"EXECUTE {name} ({', '.join(f'%({value})s' for value in types)})"

    def rows(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the answer's rows: one query."""
        try:
            return self._rows(self._known_as(), values)
        except DatabaseError as error:
            # Within a transaction PostgreSQL answers nothing more.
            if connection.in_atomic_block or _code(error) not in _PLAN_LOST:
                raise
        return self._rows(self._sql, values)

    def _rows(self, sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _known_as(self) -> str:
        """Return the statement by its name, which this connection knows from now on."""
        # As Django does before a cursor: a connection that has died meanwhile is made anew.
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        raw = connection.connection
        known = _prepared.setdefault(raw, set())
        if self._name not in known:
            try:
                with connection.wrap_database_errors, raw.cursor() as cursor:
                    cursor.execute(self._prepare)
            except DatabaseError as error:
                if connection.in_atomic_block or _code(error) != _KNOWN:
                    raise
            known.add(self._name)
        return self._execute


def _code(error: DatabaseError) -> str | None:
    code: str | None = getattr(error.__cause__, "pgcode", None)
    return code
