"""The demo's process manager: supervisor, its configuration and its state."""

import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import cast
from xmlrpc.client import Error, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from bookrec_site.demo.options import DemoOptions
from bookrec_site.embedded import lifeline
from bookrec_site.embedded.folders import private_folder, remove_when_empty
from bookrec_site.embedded.places import ServiceName, runtime_dir

PROJECT_DIR = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Program:
    """One process that supervisor starts, restarts and stops."""

    name: str
    arguments: Sequence[str]
    stop_signal: str = "TERM"
    stop_seconds: int = 15
    group: str = "site"
    # How much less of a busy machine it gets, as `nice` counts.
    niceness: int = 0


def programs(options: DemoOptions, services: Iterable[ServiceName]) -> list[Program]:
    """What a demo consists of; `services` are the servers that the project runs itself."""
    holders = [
        Program(name, ["bookrec_site.embedded", name], stop_seconds=60, group="servers")
        for name in services
    ]
    web = Program("web", _gunicorn(options))
    worker = Program("worker", _worker("default"))
    # QUIT, because TERM would wait for the end of a training run: that run ends without a model,
    # and a later one does its work. A process for each run gives its memory back. Readers come
    # first: on a small machine a fit takes what they leave over.
    training = Program(
        "training",
        [*_worker("training"), "--max-tasks-per-child", "1"],
        "QUIT",
        niceness=10,
    )
    beat = Program("beat", [*_CELERY, "beat", "--loglevel", "INFO"])
    return [*holders, worker, training, beat, web]


_GROUP_PRIORITIES = {"servers": 10, "site": 20}
_CELERY = ("celery", "--app", "bookrec_site")
_WEB_WORKER = "bookrec_site.web_worker.Worker"


def _worker(queue: str) -> list[str]:
    return [
        *_CELERY,
        "worker",
        *("--queues", queue, "--hostname", f"{queue}@%h", "--concurrency", "1"),
        *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
    ]


def _gunicorn(options: DemoOptions) -> list[str]:
    return [
        *("gunicorn", "bookrec_site.wsgi", "--bind", options.bind),
        *("--config", "python:bookrec_site.leaving"),
        # Imports and search index are shared by the workers, and a new worker has them at once.
        "--preload",
        # They hold the run together; see docs/adr/0006-artifact-storage.md.
        *("--workers", "2", "--worker-class", _WEB_WORKER, "--threads", "4"),
        *("--max-requests", "200000", "--max-requests-jitter", "20000"),
        *("--timeout", "60", "--graceful-timeout", "10", "--no-control-socket"),
    ]


class Supervisor:
    """Supervisor for one demo: where its files are, how to start it, what it says."""

    def __init__(self, options: DemoOptions, run: Sequence[Program]) -> None:
        self._local_dir = options.local_dir
        self._programs = run
        self._socket = runtime_dir(options.local_dir, "supervisor") / "supervisor.sock"
        self._config = options.local_dir / "run" / "supervisord.conf"

    def prepare(self) -> list[str]:
        """Write the configuration; return the command line that runs it in the foreground.

        To be run in the local folder: the configuration's paths of logs are relative to it.
        """
        private_folder(self._socket.parent)
        self._socket.unlink(missing_ok=True)
        (self._local_dir / "log").mkdir(exist_ok=True)
        with self._config.open("w") as file:
            self._configuration().write(file)
        program = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self._config)]
        return lifeline.command(program)

    def clear_away(self) -> None:
        """Remove what is of no use once supervisor has ended."""
        self._socket.unlink(missing_ok=True)
        remove_when_empty(self._socket.parent)

    def states(self) -> dict[str, str]:
        """Each program's state in supervisor's words; empty while supervisor does not answer."""
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            with ServerProxy("http://127.0.0.1", transport=transport) as server:
                answer = cast(list[dict[str, str]], server.supervisor.getAllProcessInfo())
        except (OSError, HTTPException, Error):
            return {}
        return {process["name"]: process["statename"] for process in answer}

    def _configuration(self) -> ConfigParser:
        config = ConfigParser(interpolation=None)
        config["supervisord"] = {
            "nodaemon": "true",
            "silent": "true",
            "logfile": "log/supervisord.log",
            "logfile_maxbytes": "5MB",
            "logfile_backups": "2",
            "pidfile": "run/supervisord.pid",
        }
        if os.geteuid() == 0:
            config["supervisord"]["user"] = "root"
        # A Unix socket in a private folder and no port: whoever may write there controls us.
        config["unix_http_server"] = {"file": _plain(self._socket), "chmod": "0700"}
        config["supervisorctl"] = {"serverurl": _plain(f"unix://{self._socket}")}
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for program in self._programs:
            nice = ["nice", "-n", str(program.niceness)] if program.niceness else []
            command = lifeline.command(
                [*nice, sys.executable, "-m", *program.arguments], "--signal", program.stop_signal
            )
            config[f"program:{program.name}"] = {
                "command": _plain(shlex.join(command)),
                "directory": _plain(PROJECT_DIR),
                "autorestart": "true",
                "startretries": "5",
                "stopsignal": program.stop_signal,
                "stopwaitsecs": str(program.stop_seconds),
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": f"log/{program.name}.log",
                "stdout_logfile_maxbytes": "5MB",
                "stdout_logfile_backups": "2",
            }
        # A group is stopped all at once, and one group after the other: the servers last.
        for group in {program.group: None for program in self._programs}:
            members = [program.name for program in self._programs if program.group == group]
            config[f"group:{group}"] = {
                "programs": ",".join(members),
                "priority": str(_GROUP_PRIORITIES[group]),
            }
        return config


def _plain(value: object) -> str:
    """A value that supervisor takes as it stands: it expands what follows a percent sign."""
    return str(value).replace("%", "%%")
