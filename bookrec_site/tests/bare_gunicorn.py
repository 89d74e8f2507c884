"""A gunicorn with an application of a test, and nothing of the site but how it works."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from bookrec_site.tests.waiting import until


class Gunicorn(NamedTuple):
    process: subprocess.Popen[bytes]
    address: tuple[str, int]
    log: Path


@contextmanager
def gunicorn(application: str, log: Path, *arguments: str) -> Iterator[Gunicorn]:
    """Start gunicorn at a port of its choice, and kill it at the end if it still runs."""
    command = [
        *(sys.executable, "-m", "gunicorn", application, "--bind", "127.0.0.1:0"),
        *("--log-file", str(log), "--no-control-socket", *arguments),
    ]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR)
    try:
        listening = until(
            lambda: log.exists() and "Listening at: " in log.read_text() and log.read_text()
        )
        url = listening.split("Listening at: http://")[1].split(" ")[0]
        host, _, port = url.partition(":")
        yield Gunicorn(process, (host, int(port)), log)
    finally:
        process.kill()
        process.wait()
