"""One import of a data set at a time, and no merging of books meanwhile.

An import reads once which books there are: what a merge moved afterwards would come back to the
merged book, and the merge could not be undone.
"""

from typing import Final

from django.db import connection

# Any number that no other lock of this database has.
LOCK: Final = 4_710_000_001


def held_by_import() -> bool:
    """Keep other imports and merges out until the transaction's end; False while there is one."""
    return _try("pg_try_advisory_xact_lock")


def held_by_merge() -> bool:
    """Keep imports out until the transaction's end, other merges not; False while there is one."""
    return _try("pg_try_advisory_xact_lock_shared")


def _try(function: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [LOCK])
        [is_held] = cursor.fetchone()
    return bool(is_held)
