"""A migration that waits for a table gives up before readers notice."""

from contextlib import closing
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.commands import migrate
from django.db import connection

pytestmark = pytest.mark.django_db(transaction=True)


def applying(monkeypatch: pytest.MonkeyPatch, *statements: str) -> list[str]:
    """Let Django's own command apply these instead of migrations; return what it comes to."""
    executed: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        executed.append(sql % tuple(params or ()))
        return execute(sql, params, many, context)

    def handle(self: Any, *args: Any, **options: Any) -> None:
        with connection.execute_wrapper(note), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    monkeypatch.setattr(migrate.Command, "handle", handle)
    return executed


def test_a_table_that_is_held_ends_the_migration(monkeypatch, settings):
    settings.MIGRATE_LOCK_SECONDS = 1
    applying(monkeypatch, "ALTER TABLE catalog_book ADD COLUMN mood text NULL")
    other = connection.copy()
    with closing(other), other.cursor() as cursor:
        # As a long query of a reader does.
        cursor.execute("BEGIN; LOCK TABLE catalog_book IN ACCESS SHARE MODE")
        with pytest.raises(CommandError, match=r"more than 1 s.*Run migrate again"):
            call_command("migrate")
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM information_schema.columns"
            " WHERE table_name = 'catalog_book' AND column_name = 'mood'"
        )
        assert cursor.fetchone() == (0,)


def test_an_index_that_is_built_beside_readers_may_wait(monkeypatch):
    build = "CREATE INDEX CONCURRENTLY by_mood ON catalog_book (title)"
    drop = "DROP INDEX CONCURRENTLY by_mood"
    executed = applying(monkeypatch, "SHOW lock_timeout", build, drop)
    call_command("migrate")
    assert executed == [
        "SHOW lock_timeout",
        *("SET lock_timeout = 0s", build, "SET lock_timeout = 5s"),
        *("SET lock_timeout = 0s", drop, "SET lock_timeout = 5s"),
    ]
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
