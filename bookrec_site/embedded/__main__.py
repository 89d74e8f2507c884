"""Use an embedded server until told to stop: how the demo's process manager holds on to one.

    python -m bookrec_site.embedded postgres|redis

Ends with status 0 after SIGTERM or SIGINT, and with 1 when the server is gone: started again, it
starts the server again.
"""

import signal
import sys
from typing import NoReturn

from bookrec_site.embedded.errors import EmbeddedServiceError
from bookrec_site.embedded.places import SERVICE_NAMES
from bookrec_site.embedded.usage import Usage
from bookrec_site.settings.env import local_dir


class _Told(Exception):
    """A signal told this process to end."""


def _on_signal(number: int, frame: object) -> NoReturn:
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, signal.SIG_IGN)
    raise _Told


def main(argv: list[str]) -> int:
    if len(argv) != 1 or argv[0] not in SERVICE_NAMES:
        sys.stderr.write(f"usage: python -m bookrec_site.embedded {'|'.join(SERVICE_NAMES)}\n")
        return 2
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, _on_signal)
    try:
        with Usage(argv[0], local_dir()) as usage:
            usage.wait_until_it_stops()
    except _Told:
        return 0
    except EmbeddedServiceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"The keeper of {argv[0]} is gone.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
