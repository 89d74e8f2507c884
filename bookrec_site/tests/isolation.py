"""What keeps two test sessions, and a demo beside them, out of each other's data."""

import fcntl
import os
from pathlib import Path
from typing import Any, cast

import psutil
import psycopg2
import redis
from django.core.cache import caches
from django.db import connection

from accounts.counting import FailOpen
from bookrec_site.embedded import broker_url, redis_url
from bookrec_site.embedded.places import DATABASE, ROLE, Places
from bookrec_site.tests.waiting import PATIENCE

_TEST_DATABASE = f"test_{DATABASE}"
# Redis number 0 is the site's own.
_REDIS_DATABASES = range(1, 64)
# Above all ids that tests bring along or count up to.
_FIRST_ID = 10_000_000


def use_own_postgres_database(settings: Any) -> None:
    """Give the session a test database of its own, named by its process id."""
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = f"{_TEST_DATABASE}_{os.getpid()}"


def drop_abandoned_databases(local_dir: Path) -> None:
    """Drop the test databases of sessions that were killed before they could."""
    places = Places.of("postgres", local_dir)
    connection = psycopg2.connect(host=str(places.runtime_dir), user=ROLE, dbname=DATABASE)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT datname FROM pg_database WHERE datname ~ %s", (rf"^{_TEST_DATABASE}_\d+",)
            )
            for (name,) in cursor.fetchall():
                process_id = int(name.removeprefix(f"{_TEST_DATABASE}_").split("_")[0])
                if not psutil.pid_exists(process_id):
                    cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        connection.close()


def use_own_redis_database(settings: Any, local_dir: Path) -> None:
    """Give the session a Redis database of its own."""
    url = own_redis_database(local_dir)
    settings.REDIS_URL = url
    settings.CACHES["default"]["LOCATION"] = url
    settings.CELERY_BROKER_URL = broker_url(url)


def wait_for_redis(settings: Any) -> None:
    """Let the session wait for Redis as long as a busy machine needs.

    A site does without it after a second or half of one, and for five more: limits are off then,
    and served lists are not counted.
    """
    from bookrec_site.operations import queues
    from recommender.feedback import served

    settings.CACHES["default"]["OPTIONS"]["socket_timeout"] = PATIENCE
    vars(served)["_TIMEOUT_SECONDS"] = PATIENCE
    vars(queues)["_REDIS_SECONDS"] = PATIENCE


def own_redis_database(local_dir: Path) -> str:
    """Return the address of the first Redis database that nobody else has, emptied.

    The claim is a file lock that this process keeps until it ends.
    """
    places = Places.of("redis", local_dir)
    for number in _REDIS_DATABASES:
        path = places.lock_dir / f"redis.database.{number}.lock"
        claim = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(claim)
            continue
        break
    else:
        raise RuntimeError(f"{len(_REDIS_DATABASES)} test sessions run already in this checkout.")
    url = redis_url(local_dir, number)
    with redis.from_url(url) as client:
        client.flushdb()
    return url


def begin_at_the_same_ids() -> None:
    """Give the next reader and the next book the ids that the first of every run's have.

    Runs withhold readers and ratings by a hash of ids, and PostgreSQL's sequences go on where the
    last test left them: what a run measures would depend on how tests are shared out.
    """
    with connection.cursor() as cursor:
        for table in ("accounts_user", "catalog_book"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'),"
                f" greatest(%s, (SELECT max(id) + 1 FROM {table})), false)",
                [_FIRST_ID],
            )
    # Requests are counted by the ids of readers: these were other readers' in the test before.
    cast(FailOpen, caches["default"]).ask_redis(_forget_requests, None)


def _forget_requests(server: redis.Redis) -> None:
    if counters := list(server.scan_iter("requests:*")):
        server.delete(*counters)
