"""Where the embedded servers keep their files and sockets, and their addresses as URLs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, quote, urlencode, urlsplit

ServiceName = Literal["postgres", "redis"]
SERVICE_NAMES: tuple[ServiceName, ...] = ("postgres", "redis")

# The role and the database of the site; the role is no superuser, but may create test databases.
ROLE = "bookrec"
DATABASE = "bookrec"

# A Unix socket's whole path must fit into 107 bytes on Linux and 103 on macOS. The longest name
# that is put into a runtime folder is supervisor's temporary one, "supervisor.sock.<pid>".
_LONGEST_RUNTIME_DIR = 103 - len("/supervisor.sock.4194304")


@dataclass(frozen=True)
class Places:
    """The files and folders of one service."""

    name: ServiceName
    data_dir: Path
    runtime_dir: Path
    log: Path
    lock_dir: Path

    @classmethod
    def of(cls, name: ServiceName, local_dir: Path) -> "Places":
        return cls(
            name=name,
            data_dir=local_dir / name,
            runtime_dir=runtime_dir(local_dir, name),
            log=local_dir / "log" / f"{name}.log",
            lock_dir=local_dir / "run",
        )

    @property
    def socket(self) -> Path:
        return self.runtime_dir / ("redis.sock" if self.name == "redis" else ".s.PGSQL.5432")

    @property
    def gate_lock(self) -> Path:
        """Held while one process begins or ends its use: starts and stops never overlap."""
        return self.lock_dir / f"{self.name}.gate.lock"

    @property
    def users_lock(self) -> Path:
        """Shared by every user; whoever gets it exclusively knows that there is none."""
        return self.lock_dir / f"{self.name}.users.lock"

    @property
    def keeper_lock(self) -> Path:
        """Held by the keeper as long as it lives; holds its process id."""
        return self.lock_dir / f"{self.name}.keeper.lock"


def runtime_dir(local_dir: Path, name: str) -> Path:
    """The folder of `name`'s socket: under `local_dir`, or a short one when that is too deep.

    The short one is in /tmp and not in $TMPDIR, because every process has to come to the same
    answer, whatever its environment says. Its owner and mode are checked before it is used.
    """
    near = local_dir / "run" / name
    if len(bytes(near)) <= _LONGEST_RUNTIME_DIR:
        return near
    digest = hashlib.sha256(bytes(local_dir)).hexdigest()[:16]
    return Path("/tmp") / f"bookrec-{digest}-{name}"  # noqa: S108


def database_url(local_dir: Path) -> str:
    """The address of the embedded PostgreSQL, whether it runs or not."""
    host = quote(str(Places.of("postgres", local_dir).runtime_dir), safe="")
    return f"postgresql://{ROLE}@{host}/{DATABASE}"


def redis_url(local_dir: Path, database: int = 0) -> str:
    """The address of the embedded Redis, whether it runs or not, as redis-py wants it."""
    return f"unix://{quote(str(Places.of('redis', local_dir).socket))}?db={database}"


def broker_url(url: str) -> str:
    """The same Redis as Celery wants it: it spells the address of a Unix socket its own way."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    options["virtual_host"] = options.pop("db", "0")
    return f"redis+socket://{parts.netloc}{parts.path}?{urlencode(options)}"
