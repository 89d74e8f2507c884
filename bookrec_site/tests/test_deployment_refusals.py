"""What nginx refuses by itself: with problem documents for programs, pages for browsers."""

import http.client
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from io import BytesIO

import pytest
import requests

from bookrec_site.problem_documents import MEDIA_TYPE
from bookrec_site.tests.composed import Composition, LoopbackNetwork
from bookrec_site.tests.front import Front, front, needs_nginx
from bookrec_site.tests.stand_ins import StandIn, stand_in

BOOKS = "GET /api/v1/books/"
HOST = "Host: localhost"
LONG = "a" * 20_000


@dataclass(frozen=True)
class World:
    front: Front
    network: LoopbackNetwork
    web: StandIn


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    needs_nginx()
    network = LoopbackNetwork(Composition.read(), tmp_path_factory.mktemp("front"))
    address = network.address("web")
    with stand_in(address) as web, front(network, [address]) as running:
        yield World(running, network, web)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


class _Read:
    """An answer that was read to its end, for http.client to take apart."""

    def __init__(self, whole: bytes) -> None:
        self._whole = whole

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self._whole)


def answer_to(front: Front, *lines: str) -> Answer:
    """Send what no library would; nginx closes the connection after its answer."""
    host, _, port = front.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        whole = b""
        # Who closes with something unread resets the connection, after the answer.
        with suppress(ConnectionResetError):
            while part := connection.recv(65_536):
                whole += part
    response = http.client.HTTPResponse(_Read(whole))  # type: ignore[arg-type]
    response.begin()
    return Answer(response.status, response.headers, response.read())


REFUSED = {
    "no name of the site": (400, (f"{BOOKS} HTTP/1.1",)),
    "two lengths": (400, (f"{BOOKS} HTTP/1.1", HOST, "Content-Length: 1", "Content-Length: 2")),
    # An address that could not be read: what was sent tells whose it is.
    "an address that is none": (400, ("GET /api/%zz HTTP/1.1", HOST)),
    "a method of debuggers": (405, ("TRACE /api/v1/books/ HTTP/1.1", HOST)),
    "a long address": (414, (f"{BOOKS}?q={LONG} HTTP/1.1", HOST)),
    "a long header": (431, (f"{BOOKS} HTTP/1.1", HOST, f"X-Long: {LONG}")),
    "an unknown encoding": (501, (f"{BOOKS} HTTP/1.1", HOST, "Transfer-Encoding: gzip")),
    "an unknown version": (505, (f"{BOOKS} HTTP/9.1", HOST)),
}


@pytest.mark.parametrize(("status", "lines"), REFUSED.values(), ids=REFUSED)
def test_a_program_is_refused_with_a_problem_document(
    world: World, status: int, lines: tuple[str, ...]
) -> None:
    answer = answer_to(world.front, *lines, "Connection: close")
    assert answer.status == status
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    assert answer.headers["Cache-Control"] == "no-store"
    problem = json.loads(answer.body)
    assert problem["status"] == status
    assert problem["title"] and problem["detail"]
    assert not world.web.requests


@pytest.mark.parametrize(("status", "lines"), REFUSED.values(), ids=REFUSED)
def test_a_browser_is_refused_with_a_page(
    world: World, status: int, lines: tuple[str, ...]
) -> None:
    elsewhere = (lines[0].replace("/api/", "/pages/"), "Accept-Language: de", *lines[1:])
    answer = answer_to(world.front, *elsewhere, "Connection: close")
    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"</html>" in answer.body
    assert not world.web.requests


def test_what_is_no_request_is_refused_with_a_page(world: World) -> None:
    answer = answer_to(world.front, "HELLO")
    assert answer.status == 400
    assert b"This cannot be understood." in answer.body


def test_what_nginx_cannot_keep_is_refused_likewise(world: World) -> None:
    # As on a full disk: there is nowhere to put a body until it is whole.
    (folder,) = world.network.folder.rglob("client_body")
    shutil.rmtree(folder)
    answers = [
        requests.post(f"{world.front.url}{path}", data=bytes(2**20), timeout=30)
        for path in ("/api/v1/imports/", "/imports/")
    ]
    folder.mkdir()
    assert [answer.status_code for answer in answers] == [500, 500]
    program, browser = answers
    assert program.headers["Content-Type"] == MEDIA_TYPE
    assert program.json()["status"] == 500
    assert browser.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Back in a moment" in browser.text
