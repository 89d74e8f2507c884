"""The use of an embedded server: the first user starts it, the last one stops it.

All of it is file locks, which the kernel drops when their holder dies, however it dies:
a user holds `users_lock` shared. The keeper waits to get it exclusively, and so stops its server
by itself when the last user was killed. A user that ends in good order tries for it exclusively,
and when it gets it stops the keeper and waits until the server is gone.
"""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from bookrec_site.embedded.errors import EmbeddedServiceError
from bookrec_site.embedded.places import Places, ServiceName

_PROJECT_DIR = Path(__file__).resolve().parents[2]

# Marks the processes of a demo. A keeper is nobody's: it serves whoever comes.
DEMO_MARK = "BOOKREC_DEMO_IN"


class Usage:
    """A context manager: inside it the service runs. May be entered by any number of processes."""

    def __init__(self, name: ServiceName, local_dir: Path) -> None:
        self._local_dir = local_dir
        self._places = Places.of(name, local_dir)
        self._users_fd = -1

    def __enter__(self) -> "Usage":
        self._places.lock_dir.mkdir(parents=True, exist_ok=True)
        with _held(self._places.gate_lock, fcntl.LOCK_EX):
            self._users_fd = _open(self._places.users_lock)
            try:
                # Waits here while a keeper that was left without users stops its server.
                fcntl.flock(self._users_fd, fcntl.LOCK_SH)
                if not keeper_lives(self._places):
                    _start_keeper(self._places.name, self._local_dir)
            except BaseException:
                os.close(self._users_fd)
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            with _held(self._places.gate_lock, fcntl.LOCK_EX):
                try:
                    fcntl.flock(self._users_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    # Others use it; or the keeper found itself alone in this moment and stops:
                    # then this waits for it.
                    fcntl.flock(self._users_fd, fcntl.LOCK_SH)
                else:
                    _stop_keeper(self._places)
        finally:
            os.close(self._users_fd)

    def wait_until_it_stops(self) -> None:
        """Return when the keeper ends while the service is in use: it was killed or gave up."""
        with _held(self._places.keeper_lock, fcntl.LOCK_SH):
            pass


def keeper_lives(places: Places) -> bool:
    """Whether a keeper is at work; exact only for a process that holds the gate."""
    fd = _open(places.keeper_lock)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _start_keeper(name: ServiceName, local_dir: Path) -> None:
    # Ends as soon as the server accepts connections; the keeper itself goes on as a daemon.
    result = subprocess.run(  # noqa: S603 - the command is ours
        [sys.executable, "-m", "bookrec_site.embedded.keeper", name, str(local_dir)],
        cwd=_PROJECT_DIR,
        env={key: value for key, value in os.environ.items() if key != DEMO_MARK},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        # A Ctrl-C is for the user, who then leaves; it must not break a start in the middle.
        start_new_session=True,
    )
    if result.returncode != 0:
        reason = result.stderr.strip() or f"exit status {result.returncode}"
        raise EmbeddedServiceError(f"The embedded {name} did not start: {reason}")


def _stop_keeper(places: Places) -> None:
    if not keeper_lives(places):
        return
    os.kill(int(places.keeper_lock.read_text()), signal.SIGTERM)
    with _held(places.keeper_lock, fcntl.LOCK_SH):
        pass


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


@contextmanager
def _held(path: Path, operation: int) -> Iterator[None]:
    fd = _open(path)
    try:
        fcntl.flock(fd, operation)
        yield
    finally:
        os.close(fd)
