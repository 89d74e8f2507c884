"""A database that a benchmark makes for itself, and drops."""

from collections.abc import Iterator
from contextlib import contextmanager

DATABASE = "bookrec_benchmark"


@contextmanager
def scratch_database() -> Iterator[None]:
    """Point Django at a new, migrated database; drop it afterwards."""
    from django.core.management import call_command
    from django.db import connection

    settings = connection.settings_dict
    original = settings["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    connection.close()
    settings["NAME"] = DATABASE
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        connection.close()
        settings["NAME"] = original
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {DATABASE}")
