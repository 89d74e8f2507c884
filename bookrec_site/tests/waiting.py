"""Waiting for something that another process does, with a deadline."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from bookrec_site.embedded.places import runtime_dir

_T = TypeVar("_T")

# Long enough for a machine that does other things; nothing waits so long where all is well.
PATIENCE = 90


def until(answer: Callable[[], _T | None], seconds: float = PATIENCE) -> _T:
    """The first answer that is not None and not False; an AssertionError when there is none."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        found = answer()
        if found is not None and found is not False:
            return found
        pause.wait(0.05)
    raise AssertionError(f"Nothing happened within {seconds} s.")


def each_alone(processes: Sequence[psutil.Process]) -> Iterator[psutil.Process]:
    """One process after the other, while the others are stopped: what is answered, it answers."""
    for one in processes:
        with _stopped([other for other in processes if other != one]):
            yield one


@contextmanager
def _stopped(processes: Sequence[psutil.Process]) -> Iterator[None]:
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def processes_in(local_dir: Path) -> list[psutil.Process]:
    """Every living process that works for this local folder, the servers included."""
    return [process for process in psutil.process_iter() if _works_in(process, local_dir)]


def kill_and_clear_away(local_dir: Path) -> list[str]:
    """Kill what still works for a local folder, and say what that was."""
    left = processes_in(local_dir)
    names = [process.name() for process in left]
    for process in left:
        process.kill()
    for service in ("postgres", "redis", "supervisor"):
        # In /tmp, when the path of the test's own folder is long.
        shutil.rmtree(runtime_dir(local_dir, service), ignore_errors=True)
    return names


def with_words(words: str, processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that live and have these words in their command line, the oldest first."""
    found = [(_born(process), process) for process in processes if words in _command_line(process)]
    # One that has ended meanwhile has no age.
    alive = [(born, process) for born, process in found if born is not None]
    return [process for _born, process in sorted(alive, key=lambda pair: pair[0])]


def assert_all_end(processes: Sequence[psutil.Process], seconds: float = PATIENCE) -> None:
    until(lambda: not any(_lives(process) for process in processes), seconds)


def _works_in(process: psutil.Process, local_dir: Path) -> bool:
    try:
        return process.environ().get("BOOKREC_LOCAL_DIR") == str(local_dir) and _lives(process)
    except (psutil.Error, OSError):
        return False


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""  # It has just ended.


def _born(process: psutil.Process) -> float | None:
    try:
        return process.create_time()
    except psutil.Error:
        return None


def _lives(process: psutil.Process) -> bool:
    # A zombie has ended; whether its parent took notice is not ours to wait for.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
