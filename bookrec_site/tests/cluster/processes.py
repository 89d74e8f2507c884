"""The processes of a cluster: started, ended in good order, killed, and started again."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests
from django.conf import settings

from bookrec_site.embedded import lifeline
from bookrec_site.tests.waiting import PATIENCE, assert_all_end, until


@dataclass
class Running:
    """A program that is started, ended, killed and started again with the same command line."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                lifeline.command(list(self.command)),
                cwd=settings.BASE_DIR,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def told(self) -> str:
        return self.log.read_text(errors="replace")

    def assert_runs(self) -> None:
        assert self.process
        assert self.process.poll() is None, f"{self.name} ended:\n{self.told()[-3000:]}"

    def until_told(self, text: str, *, after: int = 0) -> None:
        """Wait for a text in the log behind its first characters."""

        def is_told() -> bool:
            self.assert_runs()
            return text in self.told()[after:]

        until(is_told)

    def stop(self) -> None:
        """Have it end in good order, and wait for that."""
        assert self.process
        self.process.send_signal(self.stop_signal)
        assert self.process.wait(timeout=PATIENCE) in (0, -self.stop_signal), self.told()[-3000:]

    def kill(self) -> None:
        """End it as a power failure does: everything at once, nothing in order."""
        assert self.process
        oldest = psutil.Process(self.process.pid)
        family = [oldest, *oldest.children(recursive=True)]
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=PATIENCE)
        assert_all_end(family)

    def clear_away(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


@dataclass
class Host(Running):
    """A web host: its gunicorn, where that listens, and the folder of what is its own."""

    url: str = ""
    folder: Path = Path()

    def until_ready(self) -> None:
        def is_ready() -> bool:
            self.assert_runs()
            try:
                return requests.get(f"{self.url}/health/ready", timeout=30).status_code == 200
            except requests.ConnectionError:
                return False

        until(is_ready)

    def workers(self) -> list[psutil.Process]:
        assert self.process
        return psutil.Process(self.process.pid).children()
