"""Who of several workers takes a connection, and what is said to who sends no request."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def strict(tmp_path_factory) -> Iterator[tuple[str, int]]:
    """A site with room for little, so that all that is sent is read before it is refused."""
    started = gunicorn(
        "bookrec_site.tests.meeting:application",
        tmp_path_factory.mktemp("strict") / "log",
        *("--worker-class", "bookrec_site.web_worker.Worker", "--threads", "2"),
        *("--limit-request-line", "100", "--limit-request-field_size", "200"),
    )
    with started as running:
        yield running.address


def sent(address: tuple[str, int], data: bytes) -> tuple[HTTPResponse, bytes]:
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        connection.sendall(data)
        response = HTTPResponse(connection)
        response.begin()
        return response, response.read()


@pytest.mark.parametrize(
    ("data", "status", "title"),
    [
        (b"GET /%b HTTP/1.1\r\n\r\n" % (b"a" * 200), 414, "URI"),
        (b"GET / HTTP/1.1\r\nX-Long: %b\r\n\r\n" % (b"a" * 300), 431, "Header Fields Too Large"),
        (b"hello\r\n\r\n", 400, "Bad Request"),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400, "Bad Request"),
        (b'GET / HTTP/1.1\r\n<script>: "\r\n\r\n', 400, "Bad Request"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: rot13\r\n\r\n", 501, "Not Implemented"),
    ],
)
def test_what_is_no_request_is_answered_with_a_problem(
    strict: tuple[str, int], data: bytes, status: int, title: str
) -> None:
    response, body = sent(strict, data)
    told = json.loads(body)
    assert (response.status, told["status"]) == (status, status)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert title in told["title"]
    assert set(told) == {"type", "title", "status", "detail"}
    assert told["detail"]
