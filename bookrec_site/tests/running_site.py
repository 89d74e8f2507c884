"""The site as its users run it: real commands, a real gunicorn, a database of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg2
import psycopg2.errors
import requests
from django.conf import settings
from psycopg2 import sql
from urllib3.util import Retry

from bookrec_site.tests.waiting import PATIENCE

PID_FILE = "gunicorn.pid"
STARTUP_RETRIES = Retry(total=12, connect=12, backoff_factor=0.05, status_forcelist=[503])


@dataclass(frozen=True)
class RunningSite:
    """Address of a served site, and what its commands run with."""

    url: str
    environment: Mapping[str, str]
    # gunicorn's own process, whose children answer.
    pid: int = 0

    @property
    def mails(self) -> Path:
        """The folder of the mails that the site has sent, a file for each."""
        return Path(self.environment["EMAIL_URL"].removeprefix("file:///"))

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command against this site's database; fails when it fails."""
        return manage(self.environment, *arguments)


def manage(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(environment, "manage.py", *arguments)


def run_module(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of the tests with the environment of a site, as a process of its own."""
    return _run(environment, "-m", *arguments)


def _run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stderr[-3000:]}"
    return done


@contextmanager
def scratch_database(name: str) -> Iterator[str]:
    """Create an empty database beside the test database, yield its URL, drop it."""
    server = psycopg2.connect(dbname="postgres", **_login())
    server.autocommit = True
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    try:
        with server.cursor() as cursor:
            cursor.execute(drop)
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield url_of_database(name)
    finally:
        with server.cursor() as cursor:
            try:
                cursor.execute(drop)
            except psycopg2.errors.InsufficientPrivilege:
                # The server's own vacuum is at work in it, which only the server may end: without
                # force it does so, and waits.
                cursor.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        server.close()


def url_of_database(name: str) -> str:
    """Return the URL of a database beside the test database."""
    # Everything in the query string, where a socket's folder needs no special spelling.
    return f"postgresql:///{quote(name)}?{urlencode(_login())}"


def _login() -> dict[str, str]:
    database = settings.DATABASES["default"]
    options = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    return {key: database[option] for key, option in options.items() if database[option]}


@contextmanager
def served(environment: Mapping[str, str], folder: Path) -> Iterator[RunningSite]:
    """Serve the site with gunicorn on a free port until the block ends; it can make lists."""
    with listening(environment, folder) as url:
        with requests.Session() as session:
            session.mount("http://", requests.adapters.HTTPAdapter(max_retries=STARTUP_RETRIES))
            session.get(f"{url}/health/ready", timeout=60).raise_for_status()
        yield RunningSite(url, environment, int((folder / PID_FILE).read_text()))


@contextmanager
def listening(environment: Mapping[str, str], folder: Path, *options: str) -> Iterator[str]:
    """Run gunicorn on a free port until the block ends; yield the address that it listens at."""
    log = folder / "gunicorn.log"
    # Port 0: the kernel chooses, so two suites never meet; gunicorn writes the port to its log.
    command = [
        str(Path(sys.executable).with_name("gunicorn")),
        "bookrec_site.wsgi:application",
        "--bind=127.0.0.1:0",
        "--preload",
        "--workers=2",
        "--threads=2",
        f"--log-file={log}",
        f"--pid={folder / PID_FILE}",
        *options,
    ]
    with (folder / "gunicorn.out").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=dict(environment), stdout=output, stderr=output
        )
    try:
        yield _line_with("Listening at: ", process, log).split("Listening at: ")[1].split(" ")[0]
    finally:
        process.terminate()
        # Whoever is at work ends that first: gunicorn's workers have 30 s for it.
        process.wait(timeout=PATIENCE)


@contextmanager
def working(environment: Mapping[str, str], folder: Path, queue: str = "default") -> Iterator[None]:
    """Let a Celery worker take from a queue until the block ends."""
    log = folder / f"worker-{queue}.log"
    command = [
        str(Path(sys.executable).with_name("celery")),
        *("--app", "bookrec_site", "worker", "--queues", queue, "--pool", "solo"),
        *("--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        # Of two workers at one Redis that go by one name only one is heard.
        *("--hostname", f"{folder.name}-{queue}@%h"),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=settings.BASE_DIR, env=dict(environment), stdout=output, stderr=output
        )
    try:
        _line_with(" ready.", process, log)
        yield
    finally:
        process.terminate()
        # A training run, or what else it is at, is finished.
        process.wait(timeout=PATIENCE)


def _line_with(text: str, process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the process logs a line with the text, and return the line."""
    tail = shutil.which("tail")
    assert tail, "the POSIX tool tail is needed"
    # tail ends by itself when the process does, so a failed start is no endless wait.
    with subprocess.Popen(
        [tail, "-F", f"--pid={process.pid}", "-n", "+1", str(log)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as follower:
        try:
            assert follower.stdout
            for line in follower.stdout:
                if text in line:
                    return line
        finally:
            follower.terminate()
    raise AssertionError(f"{process.args} did not start:\n{log.read_text()[-3000:]}")


def site_environment(database_url: str, folder: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a site that shares nothing with the checkout's own."""
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "bookrec_site.settings.base",
        "DATABASE_URL": database_url,
        "REDIS_URL": settings.REDIS_URL,
        "ARTIFACTS_DIR": str(folder / "artifacts"),
        "STATIC_ROOT": str(folder / "static"),
        "METRICS_DIR": str(folder / "metrics"),
        # All walks come from one address.
        **dict.fromkeys(
            ("THROTTLE_ANONYMOUS", "THROTTLE_LOGIN", "THROTTLE_SIGNUP", "THROTTLE_EVENTS"),
            "9999/min",
        ),
        "EMAIL_URL": f"file:///{folder / 'mail'}",
        "SECRET_KEY": "only for the tests of this one run",
        **changes,
    }
