"""Readers who ask, rate and take back all the time, and count every answer.

Bounded: so many requests each, of which each ends within a time.
"""

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, IncompleteRead
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

PAUSE_SECONDS = 0.02
MOST_REQUESTS = 4000
TIMEOUT_SECONDS = 60
# A POST that was not answered is sent so often, with its key.
MOST_ATTEMPTS = 20


@dataclass(frozen=True)
class Answer:
    """What came back at a time (monotonic seconds); status 0: nothing did."""

    asked_at: float
    method: str
    status: int
    detail: str
    # The status line came, the end of the body did not: what no proxy can send again.
    is_torn: bool = False

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300 and not self.is_torn


@dataclass
class LoadingReader:
    """One reader's requests, one after the other, and what must be in the database after them."""

    url: str
    headers: Mapping[str, str]
    # Their stars come and go.
    books: Sequence[int]
    # Where its requests come from.
    address: str
    # A POST that fails is sent again, as a program with a key does.
    resends: bool = False
    answers: list[Answer] = field(default_factory=list)
    stars: dict[int, int] = field(default_factory=dict)
    # Of each POST: how the row came out, as the answer said that was taken.
    outcomes: list[str] = field(default_factory=list)

    def ask_until(self, stop: threading.Event) -> None:
        for book, stars in zip(cycle(self.books), cycle((5, 4, 2)), strict=False):
            if stop.is_set() or len(self.answers) > MOST_REQUESTS:
                return
            address = f"/api/v1/books/{book}/rating/"
            self._ask(stop, "GET", "/api/v1/recommendations/?k=10")
            if self._ask(stop, "DELETE", address) is not None:
                self.stars.pop(book, None)
            self._post(stop, book)
            self._ask(stop, "GET", f"/api/v1/books/{book}/")
            if self._ask(stop, "PUT", address, {"stars": stars}) is not None:
                self.stars[book] = stars

    def _post(self, stop: threading.Event, book: int) -> None:
        body = {"ratings": [{"book": book, "stars": 3}]}
        key = {"Idempotency-Key": uuid.uuid4().hex}
        for _ in range(MOST_ATTEMPTS if self.resends else 1):
            answer = self._ask(stop, "POST", "/api/v1/ratings/bulk/", body, key)
            if answer is not None:
                [row] = answer["results"]
                self.outcomes.append(row["result"])
                self.stars[book] = 3
                return

    def _ask(
        self,
        stop: threading.Event,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any] | None:
        """Send a request in a connection of its own; return what a good answer says."""
        stop.wait(PAUSE_SECONDS)
        asked_at = time.monotonic()
        parts = urlsplit(self.url)
        connection = HTTPConnection(
            parts.hostname or "",
            parts.port,
            timeout=TIMEOUT_SECONDS,
            source_address=(self.address, 0),
        )
        status, told = 0, b""
        is_torn = False
        try:
            connection.request(
                method,
                path,
                None if body is None else json.dumps(body),
                {"Content-Type": "application/json", **self.headers, **(headers or {})},
            )
            response = connection.getresponse()
            status = response.status
            told = response.read()
        except IncompleteRead:
            is_torn = True
        except (HTTPException, OSError) as error:
            is_torn = status != 0
            told = repr(error).encode()
        finally:
            connection.close()
        answer = Answer(asked_at, method, status, told[:300].decode(errors="replace"), is_torn)
        self.answers.append(answer)
        if not answer.is_good:
            return None
        return json.loads(told) if told else {}


class Load:
    """All readers at once, each in a thread of its own, from `with` to its end."""

    def __init__(self, readers: Sequence[LoadingReader]) -> None:
        self.readers = readers
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=reader.ask_until, args=(self._stop,), daemon=True)
            for reader in readers
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=2 * TIMEOUT_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads), "a request has no answer"

    @property
    def answers(self) -> list[Answer]:
        return [answer for reader in self.readers for answer in list(reader.answers)]

    def failures(self) -> list[Answer]:
        return [answer for answer in self.answers if not answer.is_good]

    def n_good_since(self, moment: float) -> int:
        return sum(answer.is_good and answer.asked_at >= moment for answer in self.answers)

    def count(self) -> Counter[tuple[str, int]]:
        """How many answers there were of each method and status."""
        return Counter((answer.method, answer.status) for answer in self.answers)
