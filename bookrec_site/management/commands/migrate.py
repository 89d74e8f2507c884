"""`manage.py migrate`: Django's own, but it never makes readers wait for long.

A statement that waits for a table makes everybody who comes after it wait too. So it gives up
after MIGRATE_LOCK_SECONDS, and the migration with it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg2.errors import LockNotAvailable


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        try:
            with _giving_up_after(connection, settings.MIGRATE_LOCK_SECONDS):
                super().handle(*args, **options)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            raise CommandError(
                f"Somebody else held a table for more than {settings.MIGRATE_LOCK_SECONDS} s. The "
                "migration that waited was rolled back, those before it stay. Run migrate again; "
                "a longer wait, during which readers wait too: MIGRATE_LOCK_SECONDS."
            ) from error


@contextmanager
def _giving_up_after(connection: BaseDatabaseWrapper, seconds: int) -> Iterator[None]:
    """Bound how long a statement waits for a table; 0 is for ever."""

    def set_to(limit: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = %s", [f"{limit}s"])

    def patient_where_nobody_waits(
        execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        # CREATE INDEX CONCURRENTLY waits for the transactions of others, such as a backup, and
        # makes none of them wait.
        if " CONCURRENTLY " not in str(sql):
            return execute(sql, params, many, context)
        set_to(0)
        try:
            return execute(sql, params, many, context)
        finally:
            set_to(seconds)

    set_to(seconds)
    with connection.execute_wrapper(patient_where_nobody_waits):
        yield
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout")
