"""A whole demo in a folder of its own, to break parts of while it serves."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import requests

from bookrec_site.demo.supervision import PROJECT_DIR
from bookrec_site.embedded import database_url, lifeline
from bookrec_site.tests.scheduling import reschedule
from bookrec_site.tests.waiting import (
    PATIENCE,
    kill_and_clear_away,
    processes_in,
    until,
    with_words,
)
from bookrec_site.tests.watching import Watch
from catalog.builtin.generate import write_builtin_dataset

N_READERS = 500
UNDER_WAY = ("queued", "fitting", "evaluating")
ARTIFACTS_MEGABYTES = 96
_OTHERS = (
    *("DATABASE_URL", "REDIS_URL", "ARTIFACTS_DIR", "ARTIFACTS_URL", "STATIC_ROOT", "SECRET_KEY"),
    *("HOST", "DEMO_PASSWORD", "DJANGO_SETTINGS_MODULE"),
)


class FailingSite:
    """The demo's processes, its database, and what is done to them."""

    def __init__(self, folder: Path) -> None:
        self.local_dir = folder / ".local"
        self.artifacts = self.local_dir / "artifacts"
        self._data = folder / "data"
        self._output = folder / "output.txt"
        self._demo: subprocess.Popen[bytes] | None = None
        self.is_small_disk = False
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {k: v for k, v in os.environ.items() if k not in _OTHERS} | {
            "BOOKREC_LOCAL_DIR": str(self.local_dir),
            "GOODBOOKS_DIR": str(self._data),
            "PORT": str(port),
            "OMP_NUM_THREADS": "1",
            # No run but those that a test asks for.
            "TRAINING_CHECK_MINUTES": "1440",
        }
        self._connection: Any = None
        self._clerks: list[subprocess.Popen[str]] = []
        self._token = ""

    def start(self) -> None:
        self.artifacts.mkdir(parents=True)
        self.is_small_disk = _mount_small_disk(self.artifacts)
        write_builtin_dataset(self._data, n_readers=N_READERS)
        with self._output.open("w") as file:
            demo = subprocess.Popen(
                lifeline.command([sys.executable, "-m", "bookrec_site.demo"]),
                cwd=PROJECT_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._demo = demo

        def is_ready() -> bool:
            assert demo.poll() is None, self._output.read_text()
            return "Ctrl-C stops everything." in self._output.read_text()

        until(is_ready, seconds=300)
        self._clerks = [self._clerk(), self._clerk()]
        login = {"username": "watcher", "password": "reads through any fault"}
        api = f"{self.url}/api/v1"
        requests.post(
            f"{api}/auth/signup/", json=login | {"email": "watcher@example.org"}, timeout=60
        ).raise_for_status()
        answer = requests.post(f"{api}/auth/token/", json=login, timeout=60)
        self._token = answer.json()["token"]
        # A minute is long for a test.
        self.schedule("tend training runs", every_seconds=2)

    def end(self) -> None:
        """Stop everything, or kill what does not stop."""
        for clerk in self._clerks:
            clerk.kill()
            clerk.wait()
        if self._connection is not None:
            self._connection.close()
        try:
            if self._demo is not None:
                self._demo.send_signal(signal.SIGINT)
                self._demo.wait(timeout=60)
        finally:
            kill_and_clear_away(self.local_dir)
            if self.is_small_disk:
                subprocess.run(["umount", "--lazy", str(self.artifacts)], check=True)

    # What is asked of the site

    @contextmanager
    def watched(self, *, away: bool = False) -> Iterator[Watch]:
        """Ask for lists and rate from beginning to end, and let nothing of it fail.

        With `away` answers may fail (500, 503, or none) while the test says so itself.
        """
        books = [book for (book,) in self.rows("SELECT id FROM catalog_book ORDER BY id LIMIT 12")]
        others = self._count_of_other_ratings()
        watch = Watch(f"{self.url}/api/v1", self._token, books)
        watch.start()
        try:
            yield watch
        finally:
            watch.stop()
        assert away or watch.failures == []
        assert len(watch.good_since(0)) >= 3
        self._assert_no_rating_is_lost(watch)
        assert self._count_of_other_ratings() == others
        self.assert_nothing_is_half_done()

    def _count_of_other_ratings(self) -> int:
        [[n]] = self.rows(
            "SELECT count(*) FROM ratings_rating WHERE user_id <>"
            " (SELECT id FROM accounts_user WHERE username = 'watcher')"
        )
        return n

    def _assert_no_rating_is_lost(self, watch: Watch) -> None:
        written = dict(
            self.rows(
                "SELECT book_id, stars FROM ratings_rating WHERE user_id ="
                " (SELECT id FROM accounts_user WHERE username = 'watcher')"
            )
        )
        for book, stars in watch.stars.items():
            assert written.get(book) in {stars, *watch.perhaps.get(book, ())}

    def assert_nothing_is_half_done(self) -> None:
        """One run is active, none is under way, and there are exactly the files of the runs."""
        assert self.rows("SELECT id FROM recommender_trainingrun WHERE status = 'active'")
        assert self.under_way() == []
        # What has gone live clears old files away after that: their rows first.
        until(lambda: self._published() == self._named() and self.drafts() == [])

    def _published(self) -> set[str]:
        return {path.name for path in self.artifacts.glob("run-*")}

    def _named(self) -> set[str]:
        """The artifacts that runs have, as their rows say."""
        rows = self.rows("SELECT artifact FROM recommender_trainingrun WHERE artifact <> ''")
        return {name for (name,) in rows}

    def ready(self) -> tuple[int, dict[str, Any]]:
        answer = requests.get(f"{self.url}/health/ready", timeout=30)
        return answer.status_code, answer.json()

    def list_of_run(self) -> int | None:
        """The number of the run that a list comes from now."""
        answer = requests.get(
            f"{self.url}/api/v1/recommendations/",
            headers={"Authorization": f"Token {self._token}"},
            timeout=30,
        )
        return answer.json()["run"]

    # Runs

    def request_run(self) -> int:
        answer = self.tell("request")
        return answer["run"]

    def train(self) -> int:
        """Have a run go live, as after any fault one must."""
        run = self.request_run()
        assert self.until_over(run) == ("active", "")
        return run

    def run(self, run: int) -> tuple[str, str, str, str]:
        """Status, stage, artifact and reason."""
        [row] = self.rows(
            "SELECT status, stage, artifact, reason FROM recommender_trainingrun WHERE id = %s", run
        )
        return row

    def until_over(self, run: int) -> tuple[str, str]:
        """Wait for the end of a run; return its status and its reason."""
        until(lambda: self.run(run)[0] not in UNDER_WAY, seconds=PATIENCE)
        status, _, _, reason = self.run(run)
        return status, reason

    def under_way(self) -> list[int]:
        return [
            run
            for (run,) in self.rows(
                "SELECT id FROM recommender_trainingrun WHERE status = ANY(%s)", list(UNDER_WAY)
            )
        ]

    def active(self) -> tuple[int, str]:
        """The active run's number and its artifact's name."""
        [row] = self.rows(
            "SELECT id, artifact FROM recommender_trainingrun WHERE status = 'active'"
        )
        return row

    def drafts(self, pattern: str = "*") -> list[str]:
        return sorted(path.name for path in (self.artifacts / ".drafts").glob(pattern))

    def frozen_run(self, is_there: Callable[[int], bool]) -> tuple[int, list[psutil.Process]]:
        """Request runs until one is stopped (SIGSTOP) at a place; return it and its process."""
        worker = self.program("--queues training")
        for _ in range(30):
            run = self.request_run()
            self._until_quickly(lambda run=run: is_there(run) or run not in self.under_way())
            processes = worker.children()
            for process in processes:
                process.suspend()
            if is_there(run) and run in self.under_way():
                return run, processes
            # It had gone on meanwhile.
            for process in processes:
                process.resume()
            self.until_over(run)
        raise AssertionError("Thirty runs were quicker than this test.")

    @staticmethod
    def _until_quickly(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        pause = threading.Event()
        while not condition():
            assert time.monotonic() < deadline
            pause.wait(0.001)

    # The database

    def rows(self, statement: str, *values: object) -> list[Any]:
        """Run a statement, in a connection that is made anew when the server was restarted."""
        try:
            return self._rows(statement, values)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            self._connection = None
            return self._rows(statement, values)

    def _rows(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        if self._connection is None:
            self._connection = self.connect()
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def connect(self) -> Any:
        return psycopg2.connect(database_url(self.local_dir))

    def schedule(self, name: str, *, every_seconds: int, **fields: object) -> None:
        reschedule(self.rows, name, every_seconds=every_seconds, **fields)

    # Processes

    def program(self, words: str) -> psutil.Process:
        """The oldest process with these words in its command line."""
        return until(lambda: next(iter(self.processes(words)), None))

    def processes(self, words: str) -> list[psutil.Process]:
        return with_words(words, processes_in(self.local_dir))

    def until_restarted(self, words: str, victim: psutil.Process) -> psutil.Process:
        """The process that the process manager puts into a dead one's place."""
        return until(lambda: next((p for p in self.processes(words) if p.pid != victim.pid), None))

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def second(self, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a second process of a program, beside the process manager's own."""
        with log.open("wb") as file:
            return subprocess.Popen(
                lifeline.command([sys.executable, "-m", *arguments]),
                cwd=PROJECT_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def _clerk(self) -> subprocess.Popen[str]:
        with self._output.open("a") as file:
            return subprocess.Popen(
                [sys.executable, "-m", "bookrec_site.tests.clerk"],
                cwd=PROJECT_DIR,
                env=self.environment | {"DJANGO_SETTINGS_MODULE": "bookrec_site.settings.base"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )

    def tell(self, line: str, clerk: int = 0) -> dict[str, Any]:
        self.order(line, clerk)
        return self.answer(clerk)

    def order(self, line: str, clerk: int) -> None:
        stdin = self._clerks[clerk].stdin
        assert stdin
        stdin.write(f"{line}\n")
        stdin.flush()

    def answer(self, clerk: int) -> dict[str, Any]:
        stdout = self._clerks[clerk].stdout
        assert stdout
        line = stdout.readline()
        assert line, self._output.read_text()[-3000:]
        return json.loads(line)

    # The disk of the artifacts

    @contextmanager
    def full_disk(self, left: int) -> Iterator[None]:
        """Leave so many bytes to what trains: of a real small disk, or else of each file."""
        if self.is_small_disk:
            ballast = self.artifacts / "ballast"
            try:
                with ballast.open("wb") as file:
                    os.posix_fallocate(
                        file.fileno(), 0, shutil.disk_usage(self.artifacts).free - left
                    )
                yield
            finally:
                ballast.unlink()
            return
        worker = self.program("--queues training")
        bound = [worker, *worker.children()]
        for process in bound:
            process.rlimit(resource.RLIMIT_FSIZE, (left, resource.RLIM_INFINITY))
        try:
            yield
        finally:
            for process in [worker, *worker.children()]:
                process.rlimit(
                    resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
                )


def _mount_small_disk(folder: Path) -> bool:
    """Mount a disk in memory; False where only root may, and this is not root."""
    if os.geteuid() != 0 or sys.platform != "linux":
        return False
    options = f"size={ARTIFACTS_MEGABYTES}m,mode=700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "bookrec-test", str(folder)], capture_output=True
    )
    return done.returncode == 0
