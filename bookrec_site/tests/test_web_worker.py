"""Who of several workers takes a connection."""

from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

from bookrec_site.tests.bare_gunicorn import gunicorn
from bookrec_site.tests.waiting import PATIENCE

N_AT_ONCE = 8


def answer(address: tuple[str, int]) -> str:
    connection = HTTPConnection(*address, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def answers(log: Path, *arguments: str, n: int) -> list[str]:
    """Return the processes that answered so many requests at once, each when two had come."""
    application = "bookrec_site.tests.meeting:application"
    started = gunicorn(application, log, "--preload", *arguments)
    with started as running, ThreadPoolExecutor(n) as readers:
        return list(readers.map(answer, [running.address] * n))


def test_a_busy_worker_leaves_who_knocks_to_an_idle_one(tmp_path: Path) -> None:
    worker = ("--worker-class", "bookrec_site.tests.meeting.PatientWorker")
    found = answers(tmp_path / "log", *worker, "--workers", "2", "--threads", "2", n=2)
    assert len(set(found)) == 2


def test_nobody_waits_at_the_door_of_a_busy_worker_with_a_thread_to_spare(tmp_path: Path) -> None:
    worker = ("--worker-class", "bookrec_site.web_worker.Worker")
    found = answers(tmp_path / "log", *worker, "--workers", "1", "--threads", "2", n=N_AT_ONCE)
    assert len(found) == N_AT_ONCE
    assert len(set(found)) == 1
