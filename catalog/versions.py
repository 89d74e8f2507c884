"""Which state the catalogue is in, for whoever keeps something that was made of it."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import connection

Version = tuple[int, int]
Made = TypeVar("Made")


# One row. As a queryset it would take longer to put together than to answer.
CATALOG_VERSION = """
    SELECT coalesce(sum(coalesce(number, 1)), 0)::bigint,
        coalesce(sum(coalesce(total, id)), 0)::bigint
    FROM catalog_catalogchange"""

# In one statement: whoever reads the version sees the rows or what stands for them, never both.
# Rows of a transaction that has not ended are not seen, and stay.
_FOLD = """
    WITH folded AS (DELETE FROM catalog_catalogchange RETURNING id, number, total)
    INSERT INTO catalog_catalogchange (number, total)
    SELECT sum(coalesce(number, 1)), sum(coalesce(total, id)) FROM folded
    HAVING count(*) > 0
    RETURNING number"""


def catalog_version() -> Version:
    """Return what no two states of the catalogue have in common; see `CatalogChange`."""
    with connection.cursor() as cursor:
        cursor.execute(CATALOG_VERSION)
        [(number, total)] = cursor.fetchall()
    return number, total


def fold_changes() -> int:
    """Put one row in the place of all changes so far; return how many there were ever.

    The version stays what it is, so nothing is made again for it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FOLD)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


class PerVersion(Generic[Made]):
    """Something made of the catalogue, in this process; made again when that has changed.

    Each look asks the database for the version: one query. Requests that come while it is made
    wait, so that what a curator has changed is never shown as it was.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._held: tuple[Version, Made] | None = None

    def current(self, version: Version | None = None) -> Made:
        """Return it as of now; with the version that was just read, without asking again."""
        version = version or catalog_version()
        held = self._held
        if held and held[0] == version:
            return held[1]
        with self._lock:
            # Again: who waited may have been overtaken, and who read it first may come last. And
            # before the rows: what changes between the two is noticed next time.
            version = catalog_version()
            if not self._held or self._held[0] != version:
                self._held = version, self._make()
            return self._held[1]
