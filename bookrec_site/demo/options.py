"""What the environment may say about a demo."""

import errno
import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bookrec_site.demo.errors import DemoError
from bookrec_site.settings.env import local_dir

_PORTS = range(1, 65536)


@dataclass(frozen=True)
class DemoOptions:
    host: str
    port: int
    local_dir: Path
    password: str | None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "DemoOptions":
        password = environ.get("DEMO_PASSWORD")
        if password == "":
            raise DemoError("DEMO_PASSWORD is empty. Give it a value, or unset it.")
        return cls(
            host=environ.get("HOST") or "127.0.0.1",
            port=_port(environ.get("PORT") or "8000"),
            local_dir=local_dir(),
            password=password,
        )

    @property
    def bind(self) -> str:
        """The address to listen on, as gunicorn wants it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The site's address for a browser on this machine."""
        every = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound
        host = every.get(self.host) or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"http://{host}:{self.port}"

    @property
    def is_for_this_machine_only(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def check_address(self) -> None:
        """Find out whether the site can listen there, before anything heavy is done.

        Raises
        ------
        DemoError
            When the port is taken, not ours to take, or the host no address of this machine.
        """
        try:
            found = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except socket.gaierror as error:
            raise DemoError(f'HOST is "{self.host}", and that is no address: {error}.') from error
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            # As gunicorn does: a port that was just given up is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                raise DemoError(self._why_not(error)) from error

    def _why_not(self, error: OSError) -> str:
        if error.errno == errno.EADDRINUSE:
            return (
                f"Port {self.port} on {self.host} is taken by another program. "
                f"Choose another one: make demo PORT={8001 if self.port == 8000 else 8000}"
            )
        if error.errno == errno.EACCES:
            return (
                f"Port {self.port} is not open to ordinary users. Choose one from 1024 on: "
                "make demo PORT=8000"
            )
        return f"The site cannot listen on {self.bind}: {error.strerror}. Look at HOST and PORT."


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) in _PORTS):
        raise DemoError(f'PORT is "{text}"; it must be a whole number from 1 to {_PORTS[-1]}.')
    return int(text)
