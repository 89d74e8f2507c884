"""Periodic tasks changed as a curator does in the admin, in the database of a running site."""

from collections.abc import Callable
from typing import Any


def reschedule(
    rows: Callable[..., list[Any]], name: str, *, every_seconds: int, **fields: object
) -> None:
    """Change a periodic task by statements that `rows` runs; beat notices it within seconds."""
    rows(
        "INSERT INTO django_celery_beat_intervalschedule (every, period) SELECT %s, 'seconds'"
        " WHERE NOT EXISTS (SELECT FROM django_celery_beat_intervalschedule"
        " WHERE every = %s AND period = 'seconds')",
        every_seconds,
        every_seconds,
    )
    [[interval]] = rows(
        "SELECT min(id) FROM django_celery_beat_intervalschedule"
        " WHERE every = %s AND period = 'seconds'",
        every_seconds,
    )
    values = {"interval_id": interval, "crontab_id": None, "expire_seconds": None} | fields
    rows(
        f"UPDATE django_celery_beat_periodictask SET"
        f" {', '.join(f'{column} = %s' for column in values)} WHERE name = %s",
        *values.values(),
        name,
    )
    rows("UPDATE django_celery_beat_periodictasks SET last_update = now()")
