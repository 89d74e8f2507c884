"""What a web process holds in memory on the real data, by the kernel's own account."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from bookrec_site.tests.running_site import RunningSite, served
from bookrec_site.tests.waiting import each_alone

pytestmark = pytest.mark.realdata

MOST_BYTES = 200_000_000
PAGES = (
    "/",
    "/books/?q=tolkein",
    "/books/?q=harry+poter",
    "/search/suggest/?q=murak",
    "/map/",
    "/try/",
    "/books/1/",
    "/authors/",
    "/api/v1/books/?search=rowling",
    "/api/v1/books/1/similar/",
)
# Of each, from several clients at once; then once more from each process.
ROUNDS = 12
WORKERS = ("tensorflow", "lightgbm", "sklearn", "matplotlib")


def workers_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def held(pid: int) -> int:
    """Return the bytes of a process, those that it shares in proportion (PSS)."""
    account = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", account, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def ask_for_everything(url: str, rounds: int = ROUNDS) -> None:
    with requests.Session() as session:
        for number in range(rounds):
            for page in PAGES:
                session.get(url + page, timeout=60).raise_for_status()
            ratings = [{"book": 1 + number, "stars": 5}, {"book": 30 + 3 * number, "stars": 2}]
            session.post(
                f"{url}/api/v1/recommendations/session/", json={"ratings": ratings}, timeout=60
            ).raise_for_status()


def test_a_web_process_holds_less_than_it_may(goodbooks_site: RunningSite, tmp_path: Path) -> None:
    # A server of its own: what earlier walks have had it remember is not in it.
    with served(goodbooks_site.environment, tmp_path) as site:
        with ThreadPoolExecutor(4) as clients:
            list(clients.map(ask_for_everything, [site.url] * 4))
        workers = workers_of(site.pid)
        # Who has taken which connection is nobody's to choose.
        for _worker in each_alone([psutil.Process(pid) for pid in workers]):
            ask_for_everything(site.url, rounds=1)
        maps = {pid: Path(f"/proc/{pid}/maps").read_text() for pid in workers}
        sizes = {pid: held(pid) for pid in workers}
    assert len(sizes) == 2
    assert max(sizes.values()) < MOST_BYTES, sizes
    for mapped in maps.values():
        assert "memfd:artifact " in mapped, "it has not loaded the run, or does not share it"
        assert not [name for name in WORKERS if f"/site-packages/{name}/" in mapped]
    # The same memory in both.
    inodes = [
        set(re.findall(r"(\d+)\s+/memfd:artifact ", mapped, re.MULTILINE))
        for mapped in maps.values()
    ]
    assert inodes[0] == inodes[1]
