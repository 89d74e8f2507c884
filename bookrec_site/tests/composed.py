"""The services of docker-compose.yml as processes of this machine, for tests that run them.

    site = Composition.read()                  # variables={"SITE_HOST": …} is what .env says
    network = LoopbackNetwork(site, tmp_path)  # addresses in 127/8, folders for the volumes
    program = network.program("web", replica=2)
    with program.started() as process: …       # or program.run() for one that ends

What differs from a container: a host's name becomes its loopback address, with the port as
written; volumes, /run/secrets/…, /tmp and what images have below /srv become folders of the
network's folder; PATH begins with this Python's folder; the address that nginx has for the site is
127.0.0.1, which the kernel gives whoever connects to another loopback address. The environment is
what compose gives, and none of the test's own.
"""

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Self

import yaml
from django.conf import settings

PROJECT: Path = settings.BASE_DIR
COMPOSE_FILE = PROJECT / "docker-compose.yml"
TLS_FILE = PROJECT / "deploy" / "compose.tls.yml"
# Lists that a second file's take the place of; others are joined.
_REPLACED = frozenset({"command", "entrypoint", "test"})


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Put variables in as the Compose specification says; what it does not know is an error."""
    found = re.compile(
        r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)"
        r"|\{(?P<name>[A-Za-z_]\w*)(?:(?P<kind>:?[-?+])(?P<rest>[^{}]*))?\})"
    )

    def put(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        name, kind, rest = match["plain"] or match["name"], match["kind"] or "", match["rest"] or ""
        value = variables.get(name)
        is_missing = value is None or (kind.startswith(":") and not value)
        if kind.endswith("?") and is_missing:
            raise ValueError(f"{name} is missing: {rest}")
        if kind.endswith("-") and is_missing:
            return rest
        if kind.endswith("+"):
            return "" if is_missing else rest
        return value or ""

    rest = found.sub("", text)
    if "$" in rest:
        raise ValueError(f"no interpolation that compose knows: {text}")
    return found.sub(put, text)


def _interpolate(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return interpolated(node, variables)
    if isinstance(node, dict):
        return {key: _interpolate(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolate(value, variables) for value in node]
    return node


def merged(base: Any, over: Any, key: str = "") -> Any:
    """Lay a second compose file over a first: mappings by key, volumes by target, lists joined."""
    if isinstance(base, dict) and isinstance(over, dict):
        both = base | {k: merged(base[k], over[k], k) if k in base else over[k] for k in over}
        return both
    if isinstance(base, list) and isinstance(over, list) and key not in _REPLACED:
        if key == "volumes":
            taken = {volume.split(":")[1] for volume in over}
            base = [volume for volume in base if volume.split(":")[1] not in taken]
        return base + [item for item in over if item not in base]
    return over


@dataclass(frozen=True)
class Service:
    """One service as compose understands it."""

    name: str
    # Empty where the image's own command is run.
    command: Sequence[str]
    environment: Mapping[str, str]
    # Of the health check, ready to run; empty where there is none.
    healthcheck: Sequence[str]
    stop_signal: signal.Signals
    definition: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, definition: Mapping[str, Any]) -> Self:
        test = definition.get("healthcheck", {}).get("test", [])
        if test:
            kind, *rest = test
            test = ["/bin/sh", "-c", *rest] if kind == "CMD-SHELL" else rest
        environment = {
            key: value if isinstance(value, str) else yaml.safe_dump(value).split("\n")[0]
            for key, value in definition.get("environment", {}).items()
        }
        stop = signal.Signals[definition.get("stop_signal", "SIGTERM")]
        return cls(name, definition.get("command", []), environment, test, stop, definition)


@dataclass(frozen=True)
class Composition:
    """What docker-compose.yml, and what is laid over it, says."""

    services: Mapping[str, Service]
    definition: Mapping[str, Any]

    @classmethod
    def read(cls, *over: Path, variables: Mapping[str, str] | None = None) -> Self:
        whole: Any = {}
        for path in (COMPOSE_FILE, *over):
            whole = merged(whole, yaml.safe_load(path.read_text()))
        whole = _interpolate(whole, variables or {})
        services = {name: Service.of(name, given) for name, given in whole["services"].items()}
        return cls(services, whole)

    @property
    def fixed_addresses(self) -> frozenset[str]:
        """Addresses that services have by name of the file, in networks of their own."""
        networks = (service.definition.get("networks", []) for service in self.services.values())
        given = (network for network in networks if isinstance(network, dict))
        return frozenset(
            options["ipv4_address"]
            for network in given
            for options in network.values()
            if "ipv4_address" in options
        )


@dataclass(frozen=True)
class Program:
    """A service's command as this machine runs it."""

    service: Service
    command: Sequence[str]
    environment: Mapping[str, str]
    healthcheck: Sequence[str]
    log: Path
    directory: Path = PROJECT

    @contextmanager
    def started(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run it in a group of its own until the block ends; then the signal that compose sends."""
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(self.service.stop_signal)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return self._run(self.command)

    def check(self) -> subprocess.CompletedProcess[str]:
        """Run its health check once."""
        return self._run(self.healthcheck)

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.directory,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )


# Becomes its last arguments in the end: the process id stays.
_CONFINED = (
    *("unshare", "--mount", "sh", "-euc"),
    'mount --bind "$0" "$0"; mount -o remount,ro,bind "$0"; '
    'mount --bind "$1" "$1"; mount -o remount,rw,bind "$1"; mount -o remount,ro,bind /; '
    'shift; exec "$@"',
)


def can_be_read_only() -> bool:
    """Whether this machine lets us have a root file system of our own, read-only."""
    try:
        done = subprocess.run(["unshare", "--mount", "mount", "-o", "remount,ro,bind", "/"])
    except OSError:
        return False
    return done.returncode == 0


@dataclass
class LoopbackNetwork:
    """Addresses in 127/8 that no other run has, and folders in the place of volumes."""

    composition: Composition
    folder: Path
    # Beside what follows from the compose file: container's text -> this machine's, such as
    # "bookrec@postgres:5432/bookrec" -> a database of the tests.
    places: Mapping[str, str] = field(default_factory=dict)
    # As in the containers: programs may write to the network's folder and /dev, nowhere else.
    # Takes Linux and root; see `can_be_read_only`.
    read_only: bool = False

    def __post_init__(self) -> None:
        # Held as long as this object lives.
        self.prefix, self._mark = _held_prefix()
        self._addresses: dict[str, str] = {}
        self._numbers = itertools.count(11)

    def address(self, service: str, replica: int = 1) -> str:
        """The loopback address of a service's container: always the same one in this network."""
        key = f"{service}-{replica}"
        if key not in self._addresses:
            self._addresses[key] = f"{self.prefix}.{next(self._numbers)}"
        return self._addresses[key]

    def secret(self, name: str) -> Path:
        """The file of a secret, with a value of this run."""
        path = self._made("secrets") / name
        if not path.exists():
            path.write_text(token_hex(32))
        return path

    def volume(self, name: str) -> Path:
        """The folder in the place of a named volume."""
        return self._made("volumes", name)

    def image_folder(self, name: str) -> Path:
        """The folder in the place of one below /srv in the site's images."""
        return self._made("image", name)

    def program(self, name: str, replica: int = 1, **environment: str) -> Program:
        """Return the service's program here; `environment` goes over what the compose file says."""
        service = self.composition.services[name]
        here = _Here(self, service, replica)
        own_folder = str(here.own_folder)
        base = {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            **dict.fromkeys(("HOME", "TMPDIR"), own_folder),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
        }
        return Program(
            service,
            self._confined([here(part) for part in service.command]),
            base | {key: here(text) for key, text in service.environment.items()} | environment,
            self._confined([here(part) for part in service.healthcheck]),
            self._made("log") / f"{service.name}-{replica}.log",
        )

    def _confined(self, command: list[str]) -> list[str]:
        if not (self.read_only and command):
            return command
        return [*_CONFINED, str(PROJECT), str(self.folder), *command]

    def _made(self, *names: str) -> Path:
        folder = self.folder.joinpath(*names)
        folder.mkdir(parents=True, exist_ok=True)
        return folder


class _Here:
    """What a text of a container is on this machine. Each part is looked at once."""

    _KNOWN = re.compile(
        r"/run/secrets/(?P<secret>\w+)"
        r"|(?<![\w./:-])(?!/dev/)(?P<path>/[\w./-]+)"
        r"|\b(?P<any>0\.0\.0\.0|127\.0\.0\.1)\b"
        r"|(?<![\w.-])(?P<host>[a-z][a-z-]*)(?=:\d{2,5}\b)"
    )

    def __init__(self, network: LoopbackNetwork, service: Service, replica: int) -> None:
        self._network = network
        self._address = network.address(service.name, replica)
        self.own_folder = network._made("tmp", f"{service.name}-{replica}")
        self._mounts = {"/tmp": self.own_folder, "/app": PROJECT}
        for volume in service.definition.get("volumes", []):
            source, target, *_ = volume.split(":")
            is_path = source.startswith(".")
            self._mounts[target] = PROJECT / source if is_path else network.volume(source)

    def __call__(self, text: str) -> str:
        for there, here in self._network.places.items():
            if there in text:
                return text.replace(there, here)
        composition = self._network.composition
        if text in composition.fixed_addresses:
            return "127.0.0.1"
        # A host alone. Others' names are words too, and programs: "worker", "nginx".
        if "-" in text and text in composition.services:
            return self._network.address(text)
        return self._KNOWN.sub(self._place, text)

    def _place(self, match: re.Match[str]) -> str:
        if match["secret"]:
            return str(self._network.secret(match["secret"]))
        if match["any"]:
            return self._address
        if match["host"]:
            return self._network.address(match["host"])
        path = match["path"]
        for mount, here in self._mounts.items():
            if path == mount or path.startswith(f"{mount}/"):
                return f"{here}{path.removeprefix(mount)}"
        if path.startswith("/srv/"):
            name, *rest = path.removeprefix("/srv/").split("/", 1)
            return "/".join((str(self._network.image_folder(name)), *rest))
        return path


def _held_prefix() -> tuple[str, socket.socket]:
    """Three numbers of an address, and a socket at it that says they are taken while it is open."""
    for number in itertools.count(os.getpid() * 7):
        prefix = f"127.{2 + number // 250 % 250}.{2 + number % 250}"
        mark = socket.socket()
        try:
            mark.bind((f"{prefix}.1", 1024))
            mark.listen()
        except OSError:
            mark.close()
            continue
        return prefix, mark
    raise AssertionError("numbers do not end")
