"""Make a backup of the whole site."""

import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg2 import sql

from bookrec_site.backup import postgres
from bookrec_site.backup.archive import Source, part_of, write
from bookrec_site.backup.errors import BackupError
from bookrec_site.backup.manifest import DUMP, FORMAT, Manifest
from bookrec_site.backup.stores import artifact_sources, media_sources
from recommender.engine.artifact import SCHEMA_VERSION

# A session is a key to an account: no backup is worth stealing for them.
LEFT_OUT: Final = ("django_session", "usersessions_usersession")
_SUFFIX: Final = ".tar"


def make_backup(
    connection: BaseDatabaseWrapper,
    target: Path,
    *,
    only_active: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Write a backup; return its path. The site goes on meanwhile.

    Everything in the dump is of one moment, and the artifacts are those that its runs name: all
    that are kept, or with `only_active` that of the active run.

    Parameters
    ----------
    target : a folder, in which the file is named by the time, or a file that does not exist.

    Raises
    ------
    BackupError
        When it exists, an artifact is missing or damaged, or a program of PostgreSQL fails. There
        is no file then.
    OSError
        When the disk refuses, as when it is full. There is no file then either.
    """
    made_at = datetime.now(UTC)
    if target.is_dir():
        target = target / f"bookrec-{made_at:%Y%m%dT%H%M%SZ}{_SUFFIX}"
    if target.exists():
        raise BackupError(f"{target} exists; a backup is never overwritten.")
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent}.")
    # Without a name from the beginning: however this ends, nothing is left of it.
    with part_of(target) as file, tempfile.TemporaryFile(dir=target.parent) as dumped:
        with postgres.snapshot(connection) as seen:
            say("Dumping the database.")
            postgres.dump(connection, seen.id, dumped, without=LEFT_OUT)
            runs = _runs(seen, only_active=only_active)
            migrations, tables = _migrations(seen), _counts(seen)
        say(f"Reading {len(runs)} artifacts and the uploaded covers.")
        sources = [
            Source(DUMP, lambda: _reopened(dumped)),
            *(source for name in runs for source in artifact_sources(name)),
            *media_sources(),
        ]
        manifest = Manifest(
            format=FORMAT,
            made_at=made_at.isoformat(timespec="seconds"),
            postgres=postgres.server_version(connection),
            artifact_schema=SCHEMA_VERSION,
            migrations=migrations,
            tables=tables,
            left_out=list(LEFT_OUT),
            runs=runs,
            files=[source.entry() for source in sources],
        )
        say(f"Writing {manifest.n_bytes / 1e6:,.1f} MB.")
        write(file, manifest, sources)
    return target


def _reopened(file: IO[bytes]) -> IO[bytes]:
    copy = os.fdopen(os.dup(file.fileno()), "rb")
    copy.seek(0)
    return copy


def _runs(seen: postgres.Snapshot, *, only_active: bool) -> dict[str, str]:
    """Return artifact -> status of the runs that readers are served from, or may be again."""
    statuses = ["active"] if only_active else ["active", "retired"]
    found = seen.rows(
        "SELECT artifact, status FROM recommender_trainingrun"
        " WHERE artifact <> '' AND status = ANY(%s) ORDER BY id DESC",
        [statuses],
    )
    return dict(found)


def _migrations(seen: postgres.Snapshot) -> dict[str, list[str]]:
    applied: dict[str, list[str]] = {}
    for app, name in seen.rows("SELECT app, name FROM django_migrations ORDER BY app, name"):
        applied.setdefault(app, []).append(name)
    return applied


def _counts(seen: postgres.Snapshot) -> dict[str, int]:
    return {
        name: seen.rows(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name)))[0][0]
        for name in table_names(seen)
    }


def table_names(seen: postgres.Snapshot) -> list[str]:
    found = seen.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [name for (name,) in found]
