"""A small application whose requests are answered two at a time, each with its process.

With `--preload`: the workers of one gunicorn wait for each other.
"""

import multiprocessing
import os
from collections.abc import Iterable
from typing import Any

from bookrec_site.web_worker import Worker

PATIENCE = 60
_two = multiprocessing.get_context("fork").Barrier(2, timeout=PATIENCE)


class PatientWorker(Worker):
    """A worker that does not accept at all while it has a request at hand."""

    leave_seconds = 10.0 * PATIENCE


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    _two.wait()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
