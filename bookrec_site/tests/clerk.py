"""A process of the site that does what it is told, line by line, and answers in JSON.

    python -m bookrec_site.tests.clerk

`request` asks for a quick training run. `reap SECONDS` closes dead runs while this process's
clocks are wrong by so many seconds. Ends when its standard input is closed.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

import django
from django.utils import timezone


def request() -> dict[str, object]:
    from recommender.errors import TrainingUnderWay
    from recommender.runs import request_run

    try:
        return {"run": request_run(trigger="clerk", kind="quick").pk}
    except TrainingUnderWay as refused:
        return {"refused": str(refused)}


def reap(seconds: float) -> dict[str, object]:
    from recommender.runs import reap_stale_runs

    with _wrong_clock(seconds):
        return {"closed": reap_stale_runs()}


@contextmanager
def _wrong_clock(seconds: float) -> Iterator[None]:
    right, now = time.time, timezone.now
    with (
        mock.patch.object(time, "time", lambda: right() + seconds),
        mock.patch.object(timezone, "now", lambda: now() + timedelta(seconds=seconds)),
    ):
        yield


def main() -> None:
    django.setup()
    from django.db import close_old_connections

    for line in sys.stdin:
        word, *arguments = line.split()
        answer = request() if word == "request" else reap(float(arguments[0]))
        # As a web process does between two requests.
        close_old_connections()
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
