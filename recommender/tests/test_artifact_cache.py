"""The cache of a host, used by several real processes at once."""

import multiprocessing
from collections import Counter
from pathlib import Path

import pytest
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage

from recommender.artifact_bucket import BucketStore
from recommender.tests.stored_artifacts import NAME, WEIGHTS, is_what_was_published, write

spawning = multiprocessing.get_context("spawn")
PATIENCE = 60


class Elsewhere(Storage):
    """Files of another host: what opens them is written down, and no path leads to them."""

    def __init__(self, folder: Path, *, waits_at: str = "", reached: object = None) -> None:
        self._files = FileSystemStorage(location=folder)
        self._opened = folder.parent / "opened"
        self._waits_at = waits_at
        self._reached = reached

    def exists(self, name: str) -> bool:
        return self._files.exists(name)

    def _open(self, name: str, mode: str = "rb") -> File:
        with self._opened.open("a") as file:
            file.write(f"{name}\n")
        if name.endswith(self._waits_at or "\0"):
            self._reached.set()
            spawning.Event().wait()
        return self._files.open(name, mode)

    def _save(self, name: str, content: File) -> str:
        return self._files.save(name, content)

    def downloads(self) -> list[str]:
        return self._opened.read_text().splitlines()


def fetch(folder: Path, cache: Path, together: object, found: object) -> None:
    together.wait(timeout=PATIENCE)
    found.put(str(BucketStore(Elsewhere(folder), cache).fetch(NAME)))


def fetch_until_killed(folder: Path, cache: Path, reached: object) -> None:
    BucketStore(Elsewhere(folder, waits_at=WEIGHTS, reached=reached), cache).fetch(NAME)


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    write(tmp_path / "draft")
    BucketStore(Elsewhere(tmp_path / "elsewhere"), tmp_path / "cache").publish(
        tmp_path / "draft", NAME
    )
    return tmp_path / "elsewhere"


def test_processes_that_fetch_at_once_share_one_download(elsewhere, tmp_path) -> None:
    together, found = spawning.Barrier(2), spawning.Queue()
    arguments = (elsewhere, tmp_path / "cache", together, found)
    processes = [spawning.Process(target=fetch, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    folders = {found.get(timeout=PATIENCE) for _ in processes}
    for process in processes:
        process.join(PATIENCE)
    assert [process.exitcode for process in processes] == [0, 0]
    [folder] = folders
    assert is_what_was_published(Path(folder))
    downloads = Elsewhere(elsewhere).downloads()
    assert len(downloads) == len(set(downloads)) == 4


def test_a_process_killed_while_it_downloads_holds_nobody_up(elsewhere, tmp_path) -> None:
    reached = spawning.Event()
    arguments = (elsewhere, tmp_path / "cache", reached)
    process = spawning.Process(target=fetch_until_killed, args=arguments)
    process.start()
    assert reached.wait(PATIENCE)
    process.kill()
    process.join(PATIENCE)
    folder = BucketStore(Elsewhere(elsewhere), tmp_path / "cache").fetch(NAME)
    assert is_what_was_published(folder)
    # The manifest again, the files that were whole not.
    counts = Counter(key.removeprefix(f"{NAME}/") for key in Elsewhere(elsewhere).downloads())
    assert counts == {
        "meta.json": 2,
        "items.item_ids.npy": 1,
        "linear.indices.npy": 1,
        WEIGHTS: 2,
    }
