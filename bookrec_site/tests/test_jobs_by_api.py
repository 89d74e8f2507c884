"""What takes long, by the API of a served site, with real workers at both queues."""

import csv
import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from django.conf import settings

from bookrec_site.embedded.commands import missing_services
from bookrec_site.tests.isolation import own_redis_database
from bookrec_site.tests.running_site import (
    RunningSite,
    manage,
    scratch_database,
    served,
    site_environment,
    working,
)
from bookrec_site.tests.waiting import until
from catalog.builtin.generate import write_builtin_dataset
from ratings.tests.libraries import goodreads_csv

pytestmark = pytest.mark.slow

PASSWORD = "worked at elsewhere"
PATIENCE = 600
LIBRARY = goodreads_csv(
    {"Title": "The Hobbit", "Author": "J.R.R. Tolkien", "My Rating": "5"},
    {"Title": "Dune", "Author": "Frank Herbert", "Exclusive Shelf": "to-read"},
    {"Title": "A Book That Nobody Wrote", "Author": "Nobody", "My Rating": "3"},
    {"Title": "Emma", "Author": "Jane Austen", "My Rating": "11"},
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[RunningSite]:
    """The built-in books with few readers; workers that no other site's messages reach."""
    folder = tmp_path_factory.mktemp("jobs")
    write_builtin_dataset(folder / "data", n_readers=500)
    is_embedded = "redis" in missing_services()
    redis_url = own_redis_database(settings.LOCAL_DIR) if is_embedded else settings.REDIS_URL
    with scratch_database(f"test_bookrec_{os.getpid()}_jobs") as database_url:
        environment = site_environment(
            database_url, folder, REDIS_URL=redis_url, DEMO_PASSWORD=PASSWORD, OMP_NUM_THREADS="1"
        )
        manage(environment, "migrate", "--verbosity=0")
        manage(environment, "collectstatic", "--noinput", "--verbosity=0")
        manage(environment, "import_goodbooks", str(folder / "data"))
        manage(environment, "create_demo_users")
        # The first run, without which no site is ready.
        manage(environment, "train", "--kind", "quick")
        with (
            served(environment, folder) as site,
            working(environment, folder),
            working(environment, folder, "training"),
        ):
            yield site


class Program:
    """Somebody's program with a token of its own."""

    def __init__(self, site: RunningSite, username: str) -> None:
        self._api = f"{site.url}/api/v1"
        login = {"username": username, "password": PASSWORD}
        answer = requests.post(f"{self._api}/auth/token/", json=login, timeout=60)
        answer.raise_for_status()
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Token {answer.json()['token']}"

    def get(self, address: str, **headers: str) -> requests.Response:
        return self._session.get(self._full(address), headers=headers, timeout=60)

    def post(self, address: str, **more: Any) -> requests.Response:
        return self._session.post(self._full(address), timeout=60, **more)

    def watch(self, address: str, is_there: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Ask until it is there, each time for what is new only."""
        known: dict[str, str] = {}

        def look() -> dict[str, Any] | None:
            answer = self.get(address, **known)
            if answer.status_code == 304:
                assert (answer.content, answer.headers["Retry-After"] > "0") == (b"", True)
                return None
            assert answer.status_code == 200, answer.text
            known["If-None-Match"] = answer.headers["ETag"]
            told: dict[str, Any] = answer.json()
            return told if is_there(told) else None

        return until(look, seconds=PATIENCE)

    def _full(self, address: str) -> str:
        return address if address.startswith("http") else f"{self._api}/{address}"


def test_a_library_is_uploaded_watched_put_right_and_undone(site: RunningSite) -> None:
    reader, other = Program(site, "reader"), Program(site, "curator")

    def upload() -> requests.Response:
        return reader.post(
            "imports/",
            files={"file": ("library.csv", LIBRARY, "text/csv")},
            headers={"Idempotency-Key": "this-library"},
        )

    begun = upload()
    assert begun.status_code == 202, begun.text
    address = begun.headers["Location"]
    done = reader.watch(address, lambda told: told["status"] not in ("queued", "running"))
    assert (done["status"], done["progress"]) == ("done", 1.0)
    assert {outcome: n for outcome, n in done["counts"].items() if n} == {
        "added": 2,
        "needs_review": 1,
        "failed": 1,
    }
    # The connection broke before the answer came, as far as the program knows.
    again = upload()
    assert (again.status_code, again.headers["Location"]) == (202, address)
    assert len(reader.get("imports/").json()["results"]) == 1

    failures = reader.get(f"{address}to-put-right.csv")
    assert failures.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(failures.content.decode("utf-8-sig"))))
    assert [row["Title"] for row in rows] == ["A Book That Nobody Wrote", "Emma"]
    assert {row["title"] for row in reader.get("ratings/").json()["results"]} == {"The Hobbit"}

    for part in ("", "rows/", "rows/4/", "to-put-right.csv"):
        assert other.get(f"{address}{part}").status_code == 404
    for part in ("undo/", "rows/4/skip/", "rows/4/reopen/"):
        assert other.post(f"{address}{part}").status_code == 404

    undoing = reader.post(f"{address}undo/")
    assert (undoing.status_code, undoing.headers["Location"]) == (202, address)
    undone = reader.watch(address, lambda told: told["status"] != "undoing")
    assert (undone["status"], undone["counts"]["undone"]) == ("undone", 2)
    assert reader.get("ratings/").json()["results"] == []


def test_a_run_is_started_watched_and_cancelled(site: RunningSite) -> None:
    reader, operator = Program(site, "reader"), Program(site, "curator")
    assert reader.post("runs/", json={}).status_code == 403
    started = operator.post("runs/", json={"kind": "full"})
    assert started.status_code == 202, started.text
    address = started.headers["Location"]
    assert started.headers["Retry-After"] == "3"
    second = operator.post("runs/", json={})
    assert (second.status_code, second.json()["under_way"]["address"]) == (409, address)

    at_work = operator.watch(address, lambda told: told["status"] != "queued")
    assert at_work["status"] == "fitting"
    assert reader.get(address).status_code == 403
    assert reader.post(f"{address}cancel/").status_code == 403
    cancelled = operator.post(f"{address}cancel/")
    assert (cancelled.status_code, cancelled.json()["cancel_requested"]) == (202, True)
    ended = operator.watch(address, lambda told: told["finished_at"] is not None)
    assert (ended["status"], ended["reason"]) == ("cancelled", "Cancelled by curator.")
    assert operator.post(f"{address}activate/").status_code == 409

    # The next one may come at once, and goes live; and the one before it again.
    [before] = operator.get("runs/?status=active").json()["results"]
    started = operator.post("runs/", json={"kind": "quick"})
    assert started.status_code == 202, started.text
    live = operator.watch(started.headers["Location"], lambda told: told["finished_at"] is not None)
    assert (live["status"], live["verdict"]["passed"]) == ("active", True), live["reason"]
    assert {"popularity", "active"} < {figures["name"] for figures in live["metrics"]}
    back = operator.post("runs/rollback/")
    assert (back.status_code, back.json()["id"]) == (200, before["id"])
    [now] = operator.get("runs/?status=active").json()["results"]
    assert now["id"] == before["id"]
