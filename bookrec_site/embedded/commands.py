"""Which commands need the servers, and how they get them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bookrec_site.embedded.places import ServiceName
from bookrec_site.embedded.usage import Usage
from bookrec_site.settings.env import local_dir

_VARIABLES: dict[ServiceName, str] = {"postgres": "DATABASE_URL", "redis": "REDIS_URL"}

# Commands that read and write files only. One that is not named here finds the servers running.
_NEED_NOTHING = frozenset(
    {
        "check",
        "collectstatic",
        "compilemessages",
        "diffsettings",
        "evaluate_ranking",
        "evaluate_ratings",
        "findstatic",
        "help",
        "makemessages",
        "settings_page",
        "spectacular",
        "startapp",
        "startproject",
        "testserver",
        "version",
    }
)


def needs_services(argv: Sequence[str]) -> bool:
    """Whether this command line of manage.py talks to PostgreSQL or Redis."""
    if len(argv) < 2 or argv[1].startswith("-"):
        return False
    if {"-h", "--help", "--version"} & set(argv[2:]):
        return False
    return argv[1] not in _NEED_NOTHING


def missing_services() -> list[ServiceName]:
    """The services for which the environment names no server."""
    return [name for name, variable in _VARIABLES.items() if variable not in os.environ]


@contextmanager
def services(directory: Path | None = None) -> Iterator[None]:
    """Have the services running inside for which the environment names no server."""
    with ExitStack() as stack:
        for name in missing_services():
            stack.enter_context(Usage(name, directory or local_dir()))
        yield


@contextmanager
def services_for_command(argv: Sequence[str]) -> Iterator[None]:
    """Have what the command needs running inside."""
    if needs_services(argv):
        with services():
            yield
    else:
        yield
