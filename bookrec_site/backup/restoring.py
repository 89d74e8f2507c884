"""Restore a backup: all of it, or nothing."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from psycopg2 import sql

from bookrec_site.backup import postgres
from bookrec_site.backup.archive import read_manifest, unpack
from bookrec_site.backup.errors import BackupError
from bookrec_site.backup.manifest import DUMP, Manifest
from bookrec_site.backup.stores import Restored
from recommender.engine.artifact import SCHEMA_VERSION

# One that was revoked since would be valid again.
TOKENS: Final = "accounts_api_token"
_RELATIONS: Final = """
    SELECT relname, pg_class.oid FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      AND nspname <> 'information_schema' AND nspname !~ '^pg_'
    ORDER BY relname
"""
# What was killed here may still be at work there: waits until it has committed or given up.
_END_SESSIONS: Final = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'pg_restore'
      AND usename = current_user
"""
_COUNT_SESSIONS: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'pg_restore'
"""
_FILES_STAY: Final = "Artifacts and covers were left in place."


@dataclass(frozen=True)
class Outcome:
    manifest: Manifest
    n_tokens_dropped: int
    # Whether this version has migrations that the backup has not.
    is_to_be_migrated: bool


def check_backup(path: Path) -> Manifest:
    """Read a backup from beginning to end and compare everything with its checksum.

    Raises BackupError when it is not whole, or of a version that this one cannot restore.
    """
    manifest = unpack(path, None)
    _check_versions(manifest)
    return manifest


def restore_backup(
    connection: BaseDatabaseWrapper,
    path: Path,
    *,
    keep_tokens: bool = False,
    replace: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Restore a backup into an empty database, with its artifacts and covers.

    Nobody stays logged in. API tokens are dropped too, unless `keep_tokens`. With `replace` the
    tables of this site may be there, and are dropped in the transaction that restores them.

    Raises
    ------
    BackupError
        When the backup is not whole or of another version, the database is not empty, a file of
        another content is in the way, or PostgreSQL refuses. Nothing was changed then, unless
        the message says so.
    OSError
        When the disk or the storage refuses. Nothing was changed then either.
    """
    announced = read_manifest(path)
    _check_versions(announced)
    _check_server(connection, announced)
    before = postgres.rows(connection, _RELATIONS)
    _check_target(connection, before, announced, replace=replace)
    with tempfile.TemporaryDirectory(prefix="bookrec-restore-") as name:
        folder = Path(name)
        free = shutil.disk_usage(folder).free
        if free < announced.n_bytes:
            raise BackupError(
                f"Unpacking takes {announced.n_bytes / 1e6:,.0f} MB, {folder.parent} has "
                f"{free / 1e6:,.0f} MB. Set TMPDIR to a folder with more."
            )
        say(f"Checking and unpacking {announced.n_bytes / 1e6:,.1f} MB.")
        manifest = unpack(path, folder)
        restored = Restored()
        is_begun = False
        try:
            say("Putting artifacts and covers in place.")
            restored.put(folder)
            say("Restoring the database.")
            without = [] if keep_tokens else [TOKENS]
            is_begun = True
            postgres.restore(connection, folder / DUMP, without=without, replace=replace)
        except BaseException as error:
            reason = _why_files_stay(connection, before) if is_begun else ""
            if not reason:
                restored.remove()
                raise
            if not isinstance(error, Exception):
                say(reason)
                raise
            raise BackupError(f"{error} {reason}") from error
    _compare(connection, manifest, without)
    return Outcome(
        manifest=manifest,
        n_tokens_dropped=0 if keep_tokens else manifest.tables.get(TOKENS, 0),
        is_to_be_migrated=_is_to_be_migrated(connection),
    )


def _why_files_stay(connection: BaseDatabaseWrapper, before: postgres.Rows) -> str:
    """Say why files are not to be taken away: the database names them, or may do so.

    pg_restore may have committed before it failed, or we were interrupted. Returns nothing when
    the database is as it was before.
    """
    try:
        # The other session may be in the middle of something, or gone.
        with closing(connection.copy()) as own:
            postgres.rows(own, _END_SESSIONS)
            ((n_sessions,),) = postgres.rows(own, _COUNT_SESSIONS)
            # Tables that were replaced have other oids.
            is_changed = postgres.rows(own, _RELATIONS) != before
    except Error as error:
        return f"{_FILES_STAY} It cannot be told whether the database was restored: {error}"
    if n_sessions:
        return f"{_FILES_STAY} The database is still being restored."
    return f"{_FILES_STAY} The database was restored." if is_changed else ""


def _check_versions(manifest: Manifest) -> None:
    if manifest.artifact_schema > SCHEMA_VERSION:
        raise BackupError(
            f"The backup's artifacts are of version {manifest.artifact_schema}, this site reads "
            f"{SCHEMA_VERSION}: restore it with the version that made it, or a later one."
        )
    known = _known_migrations()
    unknown = [
        f"{app}.{name}"
        for app, names in manifest.migrations.items()
        for name in names
        if (app, name) not in known
    ]
    if unknown:
        raise BackupError(
            f"The backup has migrations that this version does not know ({', '.join(unknown[:3])}"
            f"{', …' if len(unknown) > 3 else ''}): restore it with the version that made it, or a "
            "later one."
        )


def _known_migrations() -> set[tuple[str, str]]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    # A squashed one stands for those that it replaces.
    replaced = {key for squashed in loader.replacements.values() for key in squashed.replaces}
    return {*loader.disk_migrations, *replaced}


def _is_to_be_migrated(connection: BaseDatabaseWrapper) -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _check_server(connection: BaseDatabaseWrapper, manifest: Manifest) -> None:
    version = postgres.server_version(connection)
    if version < manifest.postgres:
        raise BackupError(
            f"The backup is of PostgreSQL {manifest.postgres}, the server is {version}: an older "
            "server cannot read it."
        )


def _check_target(
    connection: BaseDatabaseWrapper, relations: postgres.Rows, manifest: Manifest, *, replace: bool
) -> None:
    there = {name for name, _ in relations}
    if not there:
        return
    if not replace:
        raise BackupError(
            f"The database is not empty: it has {', '.join(sorted(there)[:3])} and more. Make an "
            "empty one and name it in DATABASE_URL, or pass --replace, which drops these tables."
        )
    tables = {
        name
        for (name,) in postgres.rows(
            connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        )
    }
    if others := sorted(tables - manifest.tables.keys()):
        raise BackupError(
            f"The database has tables that the backup has not ({', '.join(others[:3])}): restore "
            "into an empty one."
        )
    ((n_sessions,),) = postgres.rows(
        connection,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    if n_sessions:
        raise BackupError(
            f"{n_sessions} other sessions use the database: stop web, workers and beat first."
        )


def _compare(connection: BaseDatabaseWrapper, manifest: Manifest, without: list[str]) -> None:
    """Count again what was restored: pg_restore has committed, so this only tells."""
    left_out = {*manifest.left_out, *without}
    for table, wanted in manifest.tables.items():
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        ((found,),) = postgres.rows(connection, query)
        if table not in left_out and found != wanted:
            raise BackupError(
                f"The database was restored, but {table} has {found} rows, and had {wanted} when "
                "the backup was made: somebody else writes to it. Restore into one that is not "
                "in use."
            )
