"""A real gunicorn that is told to end while programs knock: who gets in is answered."""

import socket
import sys
import threading
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path

import pytest

from bookrec_site.leaving import n_waiting, shut, take_in_the_rest
from bookrec_site.tests.bare_gunicorn import gunicorn
from bookrec_site.tests.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's kernel")

N_AT_ONCE = 12
PATIENCE = 60


def knock(address: tuple[str, int], told: Counter[str], stop: threading.Event) -> None:
    """Send one POST after the other, each in a connection of its own."""
    while not stop.is_set():
        connection = HTTPConnection(*address, timeout=PATIENCE)
        try:
            connection.connect()
        except ConnectionRefusedError:
            told["refused"] += 1
            stop.wait(0.01)
            continue
        try:
            connection.request("POST", "/")
            told[connection.getresponse().read().decode()] += 1
        except OSError as error:
            told[type(error).__name__] += 1
        finally:
            connection.close()


def test_whoever_gets_in_while_gunicorn_ends_is_answered(tmp_path: Path) -> None:
    told: Counter[str] = Counter()
    stop = threading.Event()
    with gunicorn(
        "bookrec_site.tests.small_demo:application",
        tmp_path / "gunicorn.log",
        *("--config", "python:bookrec_site.leaving"),
        *("--worker-class", "bookrec_site.web_worker.Worker", "--workers", "2", "--threads", "2"),
    ) as running:
        threads = [
            threading.Thread(target=knock, args=(running.address, told, stop), daemon=True)
            for _ in range(N_AT_ONCE)
        ]
        for thread in threads:
            thread.start()
        try:
            until(lambda: told["small"] > 5 * N_AT_ONCE)
            running.process.terminate()
            assert running.process.wait(timeout=PATIENCE) == 0
            until(lambda: told["refused"] >= N_AT_ONCE)
        finally:
            stop.set()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    assert told.keys() == {"small", "refused"}
    assert "Traceback" not in running.log.read_text()


def test_a_door_is_shut_when_the_last_who_came_in_is_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        early = [socket.create_connection(address) for _ in range(3)]
        until(lambda: n_waiting(listener) == 3)
        accepted: list[socket.socket] = []
        shut(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(address, timeout=0.5)
        for _worker in range(2):
            take_in_the_rest(listener, lambda door: accepted.append(door.accept()[0]))
        for one, other in zip(early, accepted, strict=True):
            other.sendall(b"welcome")
            assert one.recv(7) == b"welcome"
            one.close()
            other.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
