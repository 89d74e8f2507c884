"""A standalone Spark cluster on loopback: a master and workers as processes of their own.

`bookrec_site/tests/cluster` may use it as it is:

    from bookrec_site.tests.spark.standalone import require_spark, standalone_cluster

    require_spark()
    with standalone_cluster(tmp_path_factory.mktemp("spark"), n_workers=2) as cluster:
        call_command("train", engine="spark", master=cluster.master, interactions=folder)

Every process ends with this one, whatever becomes of it; ports are those that are free. Spark's
classes are those of pyspark's wheel, so the cluster is of the driver's version.
"""

import os
import re
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from bookrec_site.embedded import lifeline
from bookrec_site.tests.waiting import until
from recommender.spark.errors import SparkError
from recommender.spark.session import check_java, check_pyspark

HOST = "127.0.0.1"
# Starts sooner, and compiles less of what runs once.
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_PATIENCE = 120


@cache
def missing() -> str | None:
    """Return why there can be no cluster here; None when there can."""
    try:
        check_pyspark()
        check_java()
    except SparkError as error:
        return str(error)
    jar = settings.SPARK["jdbc_jar"]
    return None if Path(jar).is_file() else f"{jar} is missing"


def require_spark() -> None:
    """Skip the test where there can be no cluster; `make cluster-test` has to have it all."""
    why = missing()
    if why is not None:
        if os.environ.get("CLUSTER_TEST"):
            pytest.fail(why)
        pytest.skip(why)


@dataclass
class Daemon:
    """A master or a worker."""

    name: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def told(self, pattern: str) -> str:
        """Wait for a line of the log, and return the pattern's first group."""

        def found() -> str | None:
            text = self.log.read_text(errors="replace")
            assert self.process.poll() is None, f"{self.name} ended:\n{text[-3000:]}"
            match = re.search(pattern, text)
            return match and match[1]

        return until(found, _PATIENCE)

    def family(self) -> list[psutil.Process]:
        """The process, and the executors that it started."""
        with suppress(psutil.NoSuchProcess):
            oldest = psutil.Process(self.process.pid)
            return [oldest, *oldest.children(recursive=True)]
        return []

    def kill(self) -> None:
        """End it and its executors as a power failure does (SIGKILL)."""
        family = self.family()
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(timeout=_PATIENCE)
        psutil.wait_procs(family, timeout=_PATIENCE)


@dataclass
class StandaloneCluster:
    """One master, and workers of one core each."""

    folder: Path
    worker_memory: str
    daemons: list[Daemon] = field(default_factory=list)
    master: str = ""
    n_started: int = 0

    @property
    def workers(self) -> list[Daemon]:
        return self.daemons[1:]

    def family(self) -> list[psutil.Process]:
        """Every process of the cluster, executors included."""
        return [process for daemon in self.daemons for process in daemon.family()]

    def start_master(self) -> None:
        daemon = self._start("master", "master.Master", "--port", "0", "--webui-port", "0")
        self.master = daemon.told(r"Starting Spark master at (spark://\S+)")

    def start_worker(self) -> Daemon:
        """Start one, and wait until the master knows it."""
        self.n_started += 1
        name = f"worker-{self.n_started}"
        daemon = self._start(
            name,
            "worker.Worker",
            *("--port", "0", "--webui-port", "0", "--cores", "1"),
            *("--memory", self.worker_memory, "--work-dir", str(self.folder / name)),
            self.master,
        )
        daemon.told(r"(Successfully registered with master)")
        return daemon

    def texts(self) -> str:
        """All that the cluster has written: logs of daemons, of executors, and events."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return "".join(path.read_bytes().decode(errors="replace") for path in files)

    def _start(self, name: str, java_class: str, *arguments: str) -> Daemon:
        spec = find_spec("pyspark")
        assert spec and spec.origin
        home = Path(spec.origin).parent
        local = self.folder / f"{name}-local"
        local.mkdir()
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("SPARK_", "PYSPARK_")) and not key.endswith("_URL")
        } | {
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_LOCAL_DIRS": str(local),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": QUICK_JAVA,
        }
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{java_class}"]
        with (self.folder / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                lifeline.command([*command, "--host", HOST, *arguments]),
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        daemon = Daemon(name, self.folder, process)
        self.daemons.append(daemon)
        return daemon


@contextmanager
def standalone_cluster(
    folder: Path, *, n_workers: int = 2, worker_memory: str = "1g"
) -> Iterator[StandaloneCluster]:
    """Give a running cluster; its processes are ended by their ids, whatever happens."""
    cluster = StandaloneCluster(folder, worker_memory)
    try:
        cluster.start_master()
        for _number in range(n_workers):
            cluster.start_worker()
        yield cluster
    finally:
        for daemon in reversed(cluster.daemons):
            daemon.kill()


class _Piping(socketserver.BaseRequestHandler):
    """Carries bytes between a TCP connection and a Unix socket."""

    server: "_Forwarder"

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(self.server.path)
            back = threading.Thread(target=_carry, args=(other, self.request), daemon=True)
            back.start()
            _carry(self.request, other)
            back.join()


class _Forwarder(socketserver.ThreadingTCPServer):
    daemon_threads = True
    path: str


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(1 << 16):
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def reached_by_tcp(unix_socket: Path) -> Iterator[int]:
    """Give a port on loopback that leads to a server behind a Unix socket."""
    assert sys.platform != "win32"
    with _Forwarder((HOST, 0), _Piping) as server:
        server.path = str(unix_socket)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
