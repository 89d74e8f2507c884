"""A demo that is served by a page of one line: real process manager, servers and gunicorn.

    python -m bookrec_site.tests.small_demo [MANAGE.PY-ARGUMENT…]

Prepares by one manage.py command at most, so that a test can wait for it.
"""

import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace

from bookrec_site.demo.options import DemoOptions
from bookrec_site.demo.run import main
from bookrec_site.demo.supervision import Program, programs
from bookrec_site.embedded.places import ServiceName


def application(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
    """Answer every request alike; gunicorn imports this."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"small"]


def small_programs(options: DemoOptions, services: Iterable[ServiceName]) -> list[Program]:
    """The demo's own programs without Celery's, and with the small page for the site."""
    return [
        replace(
            program,
            arguments=[
                argument.replace("bookrec_site.wsgi", f"{__spec__.name}:application")
                for argument in program.arguments
            ],
        )
        for program in programs(options, services)
        if program.name not in ("worker", "training", "beat")
    ]


if __name__ == "__main__":
    # A suite that runs under nohup ignores it, and so would its children.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    sys.exit(main([sys.argv[1:]] if sys.argv[1:] else [], small_programs))
