"""Ask the site's own gunicorn for lists, and for nothing beside that, until both are measured.

    .venv/bin/python benchmarks/http.py [--site FOLDER] [--seconds 3] [--rounds 3] [--readers 10000]

`/api/v1/recommendations/` beside a view that is empty (benchmarks/http_site.py): in the same
gunicorn, with the same authentication and throttles, in turns of some seconds, so that a busy
machine slows both. Ratios are the figures to compare: times of the empty view. Processor time is
the kernel's count of the processes that served, the load left out, and hardly knows what else
the machine does; what two cores could serve is worked out from it.

FOLDER is that of a site (`.local` of a checkout): its database, Redis and artifacts; without it
the environment says. The readers are made for the run, each with the opinions of one who came with
the data set, and each request brings its reader's own token; all of it is deleted afterwards. Do
not train meanwhile. The limits are set out of reach. Needs wrk (Debian: wrk).
"""

import argparse
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
# In place of this folder: what is called http here is not the standard library's.
sys.path[0] = str(ROOT)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")

PREFIX = "http-benchmark-"
SEED = 20_261_121
CONNECTIONS = (1, 16, 64)
EMPTY, LISTS = "/api/v1/empty/", "/api/v1/recommendations/"
N_CORES = 2
# On a machine so busy that nothing is answered in time, a turn is made longer, up to this.
MOST_SECONDS = 30
# From the start of the workers, of which the first requests wait for the run to be read.
COLD_SECONDS, COLD_CONNECTIONS = 8, 16
# By the second: the throttles then count, as always, and remember little.
LIMITS = dict.fromkeys(("THROTTLE_READER", "THROTTLE_ANONYMOUS"), "1000000/second")


class Case(NamedTuple):
    name: str
    path: str
    # The file of tokens.
    readers: str


CASES = (
    Case("empty", EMPTY, "many"),
    Case("list, 1 reader", LISTS, "one"),
    Case("list, all readers", LISTS, "many"),
)


@dataclass(frozen=True)
class Measured:
    """What some seconds of one kind of requests gave."""

    per_second: float
    p50: float
    p99: float
    failed: int
    requests: int
    # Process name -> milliseconds of processor time for each request.
    cpu: dict[str, float]


@dataclass
class Cell:
    """The same again and again, beside the empty view of the same round."""

    measured: list[Measured] = field(default_factory=list)
    beside: list[Measured] = field(default_factory=list)

    def row(self) -> list[str]:
        def of(name: str) -> float:
            return float(median(getattr(one, name) for one in self.measured))

        def times(name: str) -> str:
            pairs = zip(self.measured, self.beside, strict=True)
            return f"{median(getattr(a, name) / getattr(b, name) for a, b in pairs):.2f}"

        def cpu(one: Measured) -> float:
            return sum(one.cpu.values())

        pairs = zip(self.measured, self.beside, strict=True)
        return [
            f"{of('per_second'):.0f}",
            f"{of('p50'):.1f}",
            f"{of('p99'):.1f}",
            times("p50"),
            times("p99"),
            " + ".join(
                f"{median(one.cpu[name] for one in self.measured):.2f}"
                for name in self.measured[0].cpu
            ),
            f"{median(cpu(a) / cpu(b) for a, b in pairs):.2f}",
            f"{N_CORES * 1000 / median(map(cpu, self.measured)):.0f}",
            str(sum(one.failed for one in self.measured)),
        ]


@contextmanager
def readers(n_readers: int, folder: Path) -> Iterator[None]:
    """Make readers with opinions and tokens, write the tokens to files, delete all afterwards."""
    from django.db import transaction

    from accounts.models import ApiToken, User

    forget_readers()
    origins = list(
        User.objects.filter(external_id__isnull=False).order_by("pk").values_list("pk", flat=True)
    )
    if not origins:
        raise SystemExit("There is no reader of a data set to take after; import one first.")
    random.Random(SEED).shuffle(origins)
    origins = origins[:n_readers]
    made = User.objects.bulk_create(
        User(username=f"{PREFIX}{number}", password="!") for number in range(len(origins))
    )
    try:
        with transaction.atomic():
            copy_opinions(origins, [user.pk for user in made])
            tokens = [ApiToken.objects.create(user)[1] for user in made]
        (folder / "many").write_text("\n".join(tokens) + "\n")
        (folder / "one").write_text(tokens[0] + "\n")
        yield
    finally:
        forget_readers()


def copy_opinions(origins: list[int], copies: list[int]) -> None:
    from django.db import connection

    from ratings.models import Rating, ShelfEntry

    with connection.cursor() as cursor:
        for model, columns in ((Rating, "book_id, stars"), (ShelfEntry, "book_id, shelf")):
            table = model._meta.db_table
            cursor.execute(
                f"INSERT INTO {table} (user_id, {columns})"
                f" SELECT copy, {columns} FROM {table}"
                " JOIN unnest(%s::bigint[], %s::bigint[]) AS pair (origin, copy)"
                " ON user_id = origin",
                [origins, copies],
            )
            cursor.execute(f"ANALYZE {table}")


def forget_readers() -> None:
    from accounts.models import User

    User.objects.filter(username__startswith=PREFIX).delete()


class Server:
    """The site's gunicorn, as `make demo` runs it, with the empty view."""

    def __init__(self, folder: Path, port: int) -> None:
        self._log = folder / "gunicorn.log"
        self._url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._port = port

    @contextmanager
    def running(self) -> Iterator[int]:
        """Yield the process that the workers belong to."""
        from bookrec_site.demo.options import DemoOptions
        from bookrec_site.demo.supervision import programs

        options = DemoOptions.from_environment(os.environ | {"PORT": str(self._port)})
        (web,) = (found for found in programs(options, []) if found.name == "web")
        arguments = [
            "benchmarks.http_site" if word == "bookrec_site.wsgi" else word
            for word in web.arguments
        ]
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=os.environ | LIMITS,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
            yield process.pid
        finally:
            process.terminate()
            process.wait(timeout=60)

    def _wait(self) -> None:
        import requests
        from urllib3.util import Retry

        logging.getLogger("urllib3").setLevel(logging.ERROR)
        retries = Retry(total=120, connect=120, backoff_factor=0.2, backoff_max=1)
        with requests.Session() as session:
            session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
            try:
                session.get(f"{self._url}/health/live", timeout=60).raise_for_status()
            except requests.RequestException as error:
                log = self._log.read_text()[-3000:]
                raise SystemExit(f"gunicorn does not answer ({error}):\n{log}") from error

    def measure(
        self, case: Case, *, connections: int, seconds: int, used: int, servers: dict[str, int]
    ) -> Measured:
        """Load the site for some seconds; `used`: how many of the tokens had their turn."""
        before = {name: cpu_seconds(pid) for name, pid in servers.items()}
        done = subprocess.run(
            [
                *("wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s"),
                *("--timeout", "30s", "-s", str(ROOT / "benchmarks/http.lua")),
                self._url + case.path,
                *("--", str(self._folder / case.readers), str(used)),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + 90,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        n = found["requests"]
        if not n:
            if seconds >= MOST_SECONDS:
                raise SystemExit(f"Nothing was answered within {seconds} s.")
            return self.measure(
                case, connections=connections, seconds=2 * seconds, used=used, servers=servers
            )
        cpu = {name: (cpu_seconds(pid) - before[name]) * 1000 / n for name, pid in servers.items()}
        return Measured(n / found["seconds"], found["p50"], found["p99"], found["failed"], n, cpu)


def cpu_seconds(root: int) -> float:
    """Return the processor time of a process and of all that it started, ended ones included."""
    children: dict[int, list[int]] = {}
    times: dict[int, tuple[int, int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the name, which may hold blanks and brackets.
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(path.parent.name)
        children.setdefault(int(fields[1]), []).append(pid)
        own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        times[pid] = own, ended
    total, left = 0, [root]
    while left:
        pid = left.pop()
        total += sum(times.get(pid, (0, 0)))
        left += children.get(pid, [])
    return total / os.sysconf("SC_CLK_TCK")


def data_servers() -> dict[str, int]:
    """Return the processes of PostgreSQL and Redis, where they run on this machine."""
    from django.conf import settings
    from django.db import connection
    from redis import Redis

    found: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if backend.exists() and "postgres" in (text := backend.read_text()):
        found["PostgreSQL"] = int(text.rpartition(")")[2].split()[1])
    redis: Any = Redis.from_url(settings.REDIS_URL)
    pid = int(redis.info("server")["process_id"])
    if Path(f"/proc/{pid}").exists():
        found["Redis"] = pid
    return found


def run(server: Server, options: argparse.Namespace) -> dict[tuple[str, str, int], Cell]:
    cells: dict[tuple[str, str, int], Cell] = {}
    used, data = 0, data_servers()

    def turn(state: str, connections: int, pid: int) -> None:
        nonlocal used
        empty = None
        for case in CASES:
            found = server.measure(
                case,
                connections=connections,
                seconds=options.seconds,
                used=used,
                servers={"web": pid, **data},
            )
            used += found.requests
            empty = empty or found
            cell = cells.setdefault((state, case.name, connections), Cell())
            cell.measured.append(found)
            cell.beside.append(empty)

    # A worker's first requests: nothing of the run is in its memory.
    for case in CASES:
        with server.running() as pid:
            found = server.measure(
                case,
                connections=COLD_CONNECTIONS,
                seconds=COLD_SECONDS,
                used=used,
                servers={"web": pid, **data},
            )
            used += found.requests
            cell = cells.setdefault(("cold", case.name, COLD_CONNECTIONS), Cell())
            cell.measured.append(found)
            cell.beside.append(cells["cold", CASES[0].name, COLD_CONNECTIONS].measured[0])
    with server.running() as pid:
        for number in range(options.rounds + 1):
            for connections in CONNECTIONS:
                # The first round warms up.
                turn("warm" if number else "first", connections, pid)
        ask_everybody(server, options.readers, pid)
        for _round in range(options.rounds):
            for connections in CONNECTIONS:
                turn("again", connections, pid)
    return {key: cell for key, cell in cells.items() if key[0] != "first"}


def ask_everybody(server: Server, n_readers: int, pid: int) -> None:
    """Have each worker, of two, make the list of nearly each reader."""
    used = 0
    while used < 4 * n_readers:
        found = server.measure(
            CASES[2], connections=16, seconds=10, used=used, servers={"web": pid}
        )
        used += found.requests


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, help="the folder of a site, .local of a checkout")
    parser.add_argument("--seconds", type=int, default=3, help="of each turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readers", type=int, default=10_000)
    parser.add_argument("--port", type=int, default=8190)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed; on Debian and Ubuntu: apt-get install wrk")
    if options.site:
        os.environ["BOOKREC_LOCAL_DIR"] = str(options.site.resolve(strict=True))
    # What was made is deleted whoever ends this.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    import django

    django.setup()
    from django.conf import settings
    from rich.console import Console
    from rich.table import Table

    from bookrec_site.embedded.commands import services

    table = Table(
        *("", "case", "connections", "per second", "p50 ms", "p99 ms", "× p50", "× p99"),
        *("CPU ms: web + PostgreSQL + Redis", "× CPU", "per second by CPU", "failed"),
    )
    with services(settings.LOCAL_DIR), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with readers(options.readers, folder):
            found = run(Server(folder, options.port), options)
    for (state, case, connections), cell in found.items():
        table.add_row(state, case, str(connections), *cell.row())
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
