"""The keeper of one embedded server: starts it, restarts it, stops it when nobody uses it.

    python -m bookrec_site.embedded.keeper postgres|redis LOCAL_DIR

Goes into the background when the server accepts connections, and ends with status 0; or says why
it does not, and ends with status 1. `usage.py` tells how it knows that nobody uses the server.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import NoReturn, cast

from bookrec_site.embedded.errors import EmbeddedServiceError
from bookrec_site.embedded.folders import remove_when_empty
from bookrec_site.embedded.places import SERVICE_NAMES, Places
from bookrec_site.embedded.servers import Server, server_for

# Both servers say so when a client can connect.
_READY = b"ready to accept connections"
_START_SECONDS = 120
_STOP_SECONDS = 30
# A server that dies this often within a minute is broken, not unlucky.
_MAX_DEATHS = 5

logger = logging.getLogger("keeper")


class Keeper:
    """Runs one server for as long as somebody uses it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._stop = asyncio.Event()
        self._output_tail = b""
        self._deaths: list[float] = []

    async def keep(self, report_ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        process = await self._start()
        await asyncio.to_thread(self._server.after_start)
        report_ready()
        self._watch_users(loop)
        while not await self._ended(process):
            process = await self._restart()
        await self._end(process)
        remove_when_empty(self._server.places.runtime_dir)

    def _watch_users(self, loop: asyncio.AbstractEventLoop) -> None:
        def wait() -> None:
            # Never closed: while this process lives, nobody can become a user of what it stops.
            fd = os.open(self._server.places.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            loop.call_soon_threadsafe(self._stop.set)

        # A daemon, because a thread that waits for a lock cannot be told to end.
        threading.Thread(target=wait, daemon=True).start()

    async def _start(self) -> asyncio.subprocess.Process:
        self._server.remove_leftovers()
        self._server.prepare()
        process = await asyncio.create_subprocess_exec(
            *self._server.command(),
            cwd=self._server.places.data_dir,
            env=self._server.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        ready = asyncio.Event()
        reading = asyncio.create_task(self._read_output(process, ready))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait(
            {reading, waiting}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        waiting.cancel()
        if not ready.is_set():
            if process.returncode is None:
                await self._end(process)
            said = self._output_tail.decode(errors="replace").strip()
            raise EmbeddedServiceError(said or "it ended without a word")
        return process

    async def _read_output(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        output = cast(asyncio.StreamReader, process.stdout)
        while chunk := await output.read(65536):
            logger.info("%s", chunk.decode(errors="replace"))
            self._output_tail = (self._output_tail + chunk)[-2000:]
            if _READY in self._output_tail:
                ready.set()

    async def _ended(self, process: asyncio.subprocess.Process) -> bool:
        """Wait: True when the server is to be stopped, False when it died."""
        stop = asyncio.create_task(self._stop.wait())
        death = asyncio.create_task(process.wait())
        await asyncio.wait({stop, death}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        death.cancel()
        return self._stop.is_set()

    async def _restart(self) -> asyncio.subprocess.Process:
        now = asyncio.get_running_loop().time()
        self._deaths = [*(death for death in self._deaths if death > now - 60), now]
        if len(self._deaths) >= _MAX_DEATHS:
            raise EmbeddedServiceError(f"it died {_MAX_DEATHS} times within a minute")
        logger.info("\nThe server died; the keeper starts it again.\n")
        return await self._start()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        for number in (self._server.stop_signal, signal.SIGQUIT, signal.SIGKILL):
            if process.returncode is not None:
                return
            process.send_signal(number)
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                logger.info("\nNot ended %d s after %s.\n", _STOP_SECONDS, number.name)


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=5_000_000, backupCount=2)
    handler.terminator = ""
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _hold_keeper_lock(places: Places) -> None:
    """Take the keeper's lock for the rest of this process and write our id into it."""
    fd = os.open(places.keeper_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EmbeddedServiceError("another keeper is at work in the same folder") from None
    os.ftruncate(fd, 0)
    os.write(fd, str(os.getpid()).encode())


def _run(places: Places, report_fd: int) -> None:
    def report_ready() -> None:
        os.write(report_fd, b"ready")
        os.close(report_fd)

    try:
        _log_to(places.log)
        _hold_keeper_lock(places)
        asyncio.run(Keeper(server_for(places)).keep(report_ready))
    except BaseException as error:
        logger.info("\nThe keeper ends: %s\n", error)
        # It may have reported already; then the log alone has the reason.
        with contextlib.suppress(OSError):
            os.write(report_fd, str(error).encode())
        raise


def _await_report(report_fd: int) -> NoReturn:
    with os.fdopen(report_fd, "rb") as pipe:
        report = pipe.read()
    sys.exit(0 if report == b"ready" else report.decode(errors="replace") or "the keeper died")


def main(argv: list[str]) -> None:
    name, local_dir = argv
    if name not in SERVICE_NAMES:
        sys.exit(f'"{name}" is no service; there are {", ".join(SERVICE_NAMES)}.')
    places = Places.of(name, Path(local_dir))
    places.lock_dir.mkdir(parents=True, exist_ok=True)
    read_fd, write_fd = os.pipe()
    if os.fork():
        os.close(write_fd)
        _await_report(read_fd)
    os.close(read_fd)
    os.setsid()
    # Nothing of the starter's is kept open: not its terminal, not the pipe it reads to the end.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    os.chdir("/")
    _run(places, write_fd)


if __name__ == "__main__":
    main(sys.argv[1:])
