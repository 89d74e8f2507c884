"""What a running site takes: memory of its processes, disk of its data, a backup.

    .venv/bin/python -m bookrec_site.demo &                      # or any site on this machine
    .venv/bin/python benchmarks/sizing.py --site .local --url http://127.0.0.1:8000 [--backup]

Memory is Pss (`/proc/PID/smaps_rollup`): a process's own pages and its part of those it shares.
Web workers are asked for pages of every kind and for lists first. Nothing is changed.
"""

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
# In place of this folder, whose http.py is not the library's.
sys.path[0] = str(PROJECT)

import psutil  # noqa: E402
import psycopg2  # noqa: E402
import redis  # noqa: E402
import requests  # noqa: E402

from bookrec_site.embedded import database_url, redis_url  # noqa: E402

# Words of a command line -> what the process is.
KINDS: Final = {
    "bookrec_site.wsgi": "web (gunicorn)",
    "--queues default": "worker of default",
    "--queues training": "worker of training",
    "celery --app bookrec_site beat": "beat",
    "redis-server": "Redis",
}
PAGES: Final = ("/", "/books/", "/search/suggest/?q=tolkein", "/map/", "/authors/", "/series/")
TABLES: Final = """
    SELECT relname, n_live_tup, pg_table_size(relid), pg_indexes_size(relid)
    FROM pg_stat_user_tables ORDER BY pg_total_relation_size(relid) DESC LIMIT 10
"""


def say(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |")


def megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"


def kind_of(process: psutil.Process, site: Path) -> str | None:
    with contextlib.suppress(psutil.Error):
        if process.name() == "postgres":  # its processes write their titles over all else
            return "PostgreSQL" if process.cwd() == str(site / "postgres") else None
        command = " ".join(process.cmdline())
        here = process.environ().get("BOOKREC_LOCAL_DIR") == str(site) or str(site) in command
        if here:
            return next((name for words, name in KINDS.items() if words in command), None)
    return None


def warm(url: str) -> None:
    """Ask for pages and lists until each worker has served all of them, most likely."""
    # Each on a connection of its own, or one worker would answer all.
    books = requests.get(f"{url}/api/v1/books/", timeout=60).json()["results"][:3]
    asked = {"ratings": [{"book": book["id"], "stars": 5} for book in books]}
    pages = [*PAGES, *(f"/books/{book['id']}/" for book in books)]
    for _ in range(8):
        for page in pages:
            requests.get(url + page, timeout=60).raise_for_status()
        lists = f"{url}/api/v1/recommendations/session/"
        requests.post(lists, json=asked, timeout=60).raise_for_status()


def print_memory(site: Path) -> None:
    found: dict[str, list[int]] = defaultdict(list)
    for process in psutil.process_iter():
        name = kind_of(process, site)
        if name:
            with contextlib.suppress(psutil.Error):
                found[name].append(process.memory_full_info().pss)
    say("processes", "number", "Pss of all", "largest")
    for name in (*KINDS.values(), "PostgreSQL"):
        if pss := found[name]:
            say(name, len(pss), megabytes(sum(pss)), megabytes(max(pss)))


def print_database(site: Path) -> None:
    with contextlib.closing(psycopg2.connect(database_url(site))) as connection:
        cursor = connection.cursor()
        cursor.execute("ANALYZE")
        cursor.execute("SELECT pg_database_size(current_database())")
        ((n_bytes,),) = cursor.fetchall()
        say("database", "", megabytes(n_bytes), "")
        cursor.execute(TABLES)
        say("table", "rows", "table", "indexes")
        for name, n_rows, table, indexes in cursor.fetchall():
            say(name, f"{n_rows:,}", megabytes(table), megabytes(indexes))
    with redis.from_url(redis_url(site)) as client:
        memory = client.info("memory")
    say("Redis", "", megabytes(memory["used_memory"]), f"peak {memory['used_memory_peak_human']}")


def print_folders(site: Path) -> None:
    for folder in ("artifacts", "media", "static", "postgres"):
        files = [path for path in (site / folder).rglob("*") if path.is_file()]
        say(
            folder, f"{len(files)} files", megabytes(sum(path.stat().st_size for path in files)), ""
        )
    for path in sorted((site / "artifacts").glob("run-*")):
        n_bytes = sum(file.stat().st_size for file in path.iterdir())
        say(path.name, "", megabytes(n_bytes), "")


def print_backup(site: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="bookrec-sizing-") as folder:
        manage = [sys.executable, "manage.py"]
        environment = os.environ | {"BOOKREC_LOCAL_DIR": str(site)}
        for arguments in (["backup", folder], ["restore", "--check"]):
            files = [str(path) for path in Path(folder).iterdir()]
            before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            subprocess.run(
                [*manage, *arguments, *files],
                cwd=PROJECT,
                env=environment,
                stdout=subprocess.DEVNULL,
                check=True,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            seconds = time.monotonic() - begun
            say(" ".join(arguments[:1]), f"{seconds:.0f} s", f"{busy:.1f} s of processor", "")
        (path,) = Path(folder).iterdir()
        say("backup", "", megabytes(path.stat().st_size), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, default=PROJECT / ".local")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--backup", action="store_true", help="also make one, and check it")
    options = parser.parse_args()
    site = options.site.resolve()
    warm(options.url)
    print_memory(site)
    print_database(site)
    print_folders(site)
    if options.backup:
        print_backup(site)
    say("load", "", ", ".join(f"{value:.1f}" for value in os.getloadavg()), "")


if __name__ == "__main__":
    main()
