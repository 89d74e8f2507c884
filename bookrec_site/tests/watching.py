"""A reader who asks for lists and rates all the time, and remembers every answer."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle

import requests

PAUSE_SECONDS = 0.2
# One rating after so many lists.
LISTS_PER_RATING = 3


@dataclass(frozen=True)
class Answer:
    """What came back (times are monotonic seconds); status 0: nothing did."""

    asked_at: float
    answered_at: float
    what: str
    status: int
    detail: str

    @property
    def is_good(self) -> bool:
        return self.status == 200 and not self.detail


class Watch:
    """Asks in a thread from `start` to `stop`; every request has a connection of its own."""

    def __init__(self, api: str, token: str, rated: Sequence[int]) -> None:
        self._api = api
        self._headers = {"Authorization": f"Token {token}"}
        self._rated = rated
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask_on_and_on, daemon=True)
        self.answers: list[Answer] = []
        # What was acknowledged last, and what may have been written since without a word.
        self.stars: dict[int, int] = {}
        self.perhaps: dict[int, set[int]] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "a request has no answer for a minute"

    @property
    def failures(self) -> list[Answer]:
        return [answer for answer in list(self.answers) if not answer.is_good]

    def good_since(self, moment: float) -> list[str]:
        """What was asked for since a moment, and given."""
        return [a.what for a in list(self.answers) if a.is_good and a.asked_at >= moment]

    def _ask_on_and_on(self) -> None:
        books = cycle(self._rated)
        stars = cycle((5, 4, 3))
        while not self._stop.is_set():
            for _ in range(LISTS_PER_RATING):
                self._note("list", self._ask_for_ten)
                self._stop.wait(PAUSE_SECONDS)
            book, given = next(books), next(stars)
            self.perhaps.setdefault(book, set()).add(given)
            if self._note("rating", lambda b=book, s=given: self._rate(b, s)):
                self.stars[book] = given
                del self.perhaps[book]

    def _note(self, what: str, ask: Callable[[], tuple[int, str]]) -> bool:
        asked_at = time.monotonic()
        try:
            status, detail = ask()
        except requests.RequestException as error:
            status, detail = 0, repr(error)
        answer = Answer(asked_at, time.monotonic(), what, status, detail)
        self.answers.append(answer)
        return answer.is_good

    def _ask_for_ten(self) -> tuple[int, str]:
        answer = requests.get(f"{self._api}/recommendations/", headers=self._headers, timeout=30)
        if answer.status_code != 200:
            return answer.status_code, answer.text[:200]
        books = {item["book"]["id"] for item in answer.json()["results"]}
        rated = books & self.stars.keys()
        complaint = f"{len(books)} books, {len(rated)} of them rated"
        return 200, "" if len(books) == 10 and not rated else complaint

    def _rate(self, book: int, stars: int) -> tuple[int, str]:
        answer = requests.put(
            f"{self._api}/books/{book}/rating/",
            json={"stars": stars},
            headers=self._headers,
            timeout=30,
        )
        return answer.status_code, "" if answer.status_code == 200 else answer.text[:200]
