"""The course of a demo: prepare the data, run the site, stop everything."""

import asyncio
import contextlib
import fcntl
import os
import select
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from bookrec_site.demo.errors import DemoError, DemoStopped
from bookrec_site.demo.leftovers import stop_leftovers
from bookrec_site.demo.logins import CURATOR, demo_logins
from bookrec_site.demo.options import DemoOptions
from bookrec_site.demo.supervision import PROJECT_DIR, Program, Supervisor, programs
from bookrec_site.embedded import lifeline
from bookrec_site.embedded.commands import missing_services, services
from bookrec_site.embedded.errors import EmbeddedServiceError
from bookrec_site.embedded.places import ServiceName
from bookrec_site.embedded.usage import DEMO_MARK

# Each is a manage.py command line, run to its end before the next. What is quick shares a process:
# starting one takes a second.
PREPARATION: tuple[tuple[str, ...], ...] = (
    ("prepare_demo",),
    ("import_goodbooks", "--auto"),
    # Lists at once; the scheduled check then has the worker fit the rest.
    ("train", "--if-needed", "--kind", "quick"),
)
# A demo shows within minutes what a site does within hours.
_SCHEDULE = {"TRAINING_CHECK_MINUTES": "1", "TRAINING_NEW_RATINGS": "10"}
_READY_SECONDS = 90
_POLL_SECONDS = 0.25
# How long a preparing command may take to end after a Ctrl-C, and supervisor with all it runs.
_STEP_STOP_SECONDS = 10
_STOP_SECONDS = 90

_T = TypeVar("_T")
ProgramList = Callable[[DemoOptions, Iterable[ServiceName]], Sequence[Program]]


class Demo:
    """One demo in the foreground, from its first command to its last process."""

    def __init__(
        self,
        options: DemoOptions,
        preparation: Sequence[Sequence[str]] = PREPARATION,
        programs: ProgramList = programs,
    ) -> None:
        self._options = options
        self._preparation = preparation
        self._programs = programs
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    async def run(self) -> None:
        """Run until a signal says to stop.

        Raises
        ------
        DemoStopped
            When a signal ended it. Everything that it started is gone then.
        DemoError
            When it cannot run, or what it runs ended.
        """
        self._listen_to_signals()
        with _sole_demo(self._options):
            if stop_leftovers(self._options.local_dir):
                _say("Stopped what an earlier demo had left running.")
            self._options.check_address()
            own_services = missing_services()
            if own_services:
                _say(f"Starting {' and '.join(own_services)}.")
            with services(self._options.local_dir):
                for command in self._preparation:
                    await self._manage(command)
                supervisor = Supervisor(self._options, self._programs(self._options, own_services))
                await self._serve(supervisor)

    def _listen_to_signals(self) -> None:
        def on_interrupt() -> None:
            # A second Ctrl-C: whatever still ends in its own time is killed.
            if self._stop.is_set():
                self._hurry.set()
            self._stop.set()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, on_interrupt)
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        # Under nohup the terminal may close.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, self._stop.set)
            _watch_terminal(lambda: loop.call_soon_threadsafe(self._stop.set))

    async def _manage(self, command: Sequence[str]) -> None:
        """Run one manage.py command to its end, with its output in this terminal."""
        program = [sys.executable, str(PROJECT_DIR / "manage.py"), *command]
        process = await self._spawn(lifeline.command(program))
        try:
            status = await self._unless_stopped(process.wait())
        finally:
            await self._end_group(process)
        if status != 0:
            raise DemoError(f"`manage.py {' '.join(command)}` failed; see above.")

    async def _serve(self, supervisor: Supervisor) -> None:
        process = await self._spawn(supervisor.prepare(), cwd=self._options.local_dir)
        ended = asyncio.create_task(process.wait())
        try:
            await self._until_ready(supervisor, ended)
            self._welcome()
            await self._unless_stopped(ended)
            raise DemoError(f"The process manager ended by itself. {self._where_logs_are()}")
        finally:
            await self._end_supervisor(process)
            supervisor.clear_away()

    async def _until_ready(self, supervisor: Supervisor, ended: "asyncio.Task[int]") -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _READY_SECONDS
        answer = "nothing"
        while loop.time() < deadline:
            if ended.done():
                raise DemoError(f"The process manager ended at once. {self._where_logs_are()}")
            answer = await self._unless_stopped(asyncio.to_thread(self._ask_health))
            if answer == "ready":
                return
            states = await asyncio.to_thread(supervisor.states)
            dead = [name for name, state in states.items() if state == "FATAL"]
            if dead:
                raise DemoError(f"Did not start: {', '.join(dead)}. {self._where_logs_are()}")
            await self._unless_stopped(asyncio.sleep(_POLL_SECONDS))
        raise DemoError(
            f"The site was not ready within {_READY_SECONDS} s; it last answered: {answer}. "
            f"{self._where_logs_are()}"
        )

    def _ask_health(self) -> str:
        request = urllib.request.Request(f"{self._options.url}/health/ready")  # noqa: S310 - http
        hosts = [host for host in os.environ.get("ALLOWED_HOSTS", "").split(",") if host != "*"]
        request.add_header("Host", hosts[0] if hosts and hosts[0] else "localhost")
        try:
            # Not through a proxy that the environment may name: it is this machine.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=5):
                return "ready"
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read(500).decode(errors='replace')}"
        except OSError as error:
            return str(error)

    def _welcome(self) -> None:
        options = self._options
        lines = ["", f"Bookrec runs at {options.url}/", ""]
        for login in demo_logins(options.local_dir, options.password):
            note = f"   (staff: {options.url}/admin/)" if login.username == CURATOR else ""
            lines.append(f"  {login.username:<8}  password  {login.password}{note}")
        if not options.is_for_this_machine_only:
            lines += ["", f"It listens on {options.bind}, so other machines can reach it."]
        lines += ["", f"{self._where_logs_are()} Ctrl-C stops everything.", ""]
        _say("\n".join(lines))

    def _where_logs_are(self) -> str:
        return f"The logs are in {self._options.local_dir / 'log'}."

    async def _spawn(
        self, command: Sequence[str], cwd: Path | None = None
    ) -> asyncio.subprocess.Process:
        # In a group of its own: a Ctrl-C is for us, and we stop things in their order.
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=self._environment(os.environ),
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )

    def _environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        local_dir = str(self._options.local_dir)
        python_path = os.pathsep.join(filter(None, (str(PROJECT_DIR), inherited.get("PYTHONPATH"))))
        return {
            **_SCHEDULE,
            **inherited,
            "BOOKREC_LOCAL_DIR": local_dir,
            "DJANGO_SETTINGS_MODULE": "bookrec_site.settings.base",
            "PYTHONPATH": python_path,
            DEMO_MARK: local_dir,
        }

    async def _unless_stopped(self, awaitable: Awaitable[_T]) -> _T:
        """The awaited result, unless a signal comes first."""
        work = asyncio.ensure_future(awaitable)
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if self._stop.is_set():
            _say("\nStopping.")
            raise DemoStopped
        return await work

    async def _end_group(self, process: asyncio.subprocess.Process) -> None:
        """End a command and whatever it started: politely, then not."""
        if process.returncode is None:
            _signal_group(process, signal.SIGINT)
            await self._ends_within(process, _STEP_STOP_SECONDS)
        _signal_group(process, signal.SIGKILL)
        await process.wait()

    async def _end_supervisor(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            process.terminate()
            if not await self._ends_within(process, _STOP_SECONDS):
                # Its programs end with it: each has a lifeline to it.
                process.kill()
        await process.wait()
        await asyncio.to_thread(stop_leftovers, self._options.local_dir)

    async def _ends_within(self, process: asyncio.subprocess.Process, seconds: float) -> bool:
        """Wait for the end, at most so long, or until a second Ctrl-C."""
        ended = asyncio.create_task(process.wait())
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({ended, hurry}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        return ended.done()


@contextlib.contextmanager
def _sole_demo(options: DemoOptions) -> Iterator[None]:
    """Be the only demo of this folder, as long as this process lives."""
    path = options.local_dir / "run" / "demo.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise DemoError(
                f"A demo of this folder runs already: {file.read().strip() or 'it just started'}"
            ) from None
        file.truncate(0)
        file.write(f"{options.url}/ (process {os.getpid()})\n")
        file.flush()
        yield


def _watch_terminal(on_close: Callable[[], object]) -> None:
    """Call `on_close`, in another thread, when this process loses its terminal.

    A closed terminal sends SIGHUP to the leader of its session only. A shell passes that on, but
    when there is none (`ssh -t host make demo`) the leader is make, which waits for us instead.
    """
    terminals = [fd for fd in (0, 1, 2) if os.isatty(fd)]
    if not terminals:
        return
    poll = select.poll()
    # No events asked for: what remains is the hang-up. Nothing that is typed is taken away.
    poll.register(terminals[0], 0)

    def wait() -> None:
        poll.poll()
        # The loop may be closed already: then the demo has ended by itself.
        with contextlib.suppress(RuntimeError):
            on_close()

    threading.Thread(target=wait, daemon=True).start()


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # The group may be empty by now.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _say(text: str) -> None:
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        # The terminal was closed. What is to be stopped is stopped all the same, in silence.
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the end


def main(
    preparation: Sequence[Sequence[str]] = PREPARATION, programs: ProgramList = programs
) -> int:
    """Run a demo; return the exit status: 0 after Ctrl-C, 1 when it could not run."""
    try:
        asyncio.run(Demo(DemoOptions.from_environment(), preparation, programs).run())
    except DemoStopped:
        _say("Stopped.")
        return 0
    except (DemoError, EmbeddedServiceError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
