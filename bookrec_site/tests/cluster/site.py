"""Two web hosts behind nginx, two workers, one for training runs, beat, and what they share.

All but the bucket run the commands of docker-compose.yml as written there.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import requests
from django.conf import settings

from bookrec_site.tests.cluster.processes import Host, Running
from bookrec_site.tests.composed import Composition, LoopbackNetwork
from bookrec_site.tests.front import front
from bookrec_site.tests.isolation import own_redis_database
from bookrec_site.tests.running_site import manage, scratch_database
from bookrec_site.tests.waiting import until
from catalog.builtin.generate import write_builtin_dataset

N_READERS = 300
PASSWORD = "rates on one host, reads on the other"
# From one address; few, because a test uses them up.
STRANGERS_PER_HOUR = 30
_BUCKET, _BUCKET_PORT, _KEY = "models", 9000, "only for the tests of this one run"


@dataclass
class Cluster:
    network: LoopbackNetwork
    environment: dict[str, str]
    hosts: Sequence[Host]
    # Of the queue "default".
    workers: Sequence[Running]
    # nginx, which chooses one of the hosts for each request.
    url: str
    connection: Any

    def rows(self, statement: str, *values: object) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def held(self, statement: str, *values: object) -> Iterator[None]:
        """Hold the locks of a statement until the block ends."""
        holder = psycopg2.connect(self.environment["DATABASE_URL"])
        try:
            with holder.cursor() as cursor:
                cursor.execute(statement, values)
                yield
        finally:
            holder.close()

    def n_waiting_for_a_lock(self) -> int:
        [[n]] = self.rows(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return n

    def books(self) -> list[int]:
        return [book for (book,) in self.rows("SELECT id FROM catalog_book ORDER BY id")]

    def address(self, client: int) -> str:
        """An address of this network, of a client."""
        return f"{self.network.prefix}.{100 + client}"

    def signed_up(self, name: str) -> dict[str, str]:
        """Sign a reader up; return the headers of their requests."""
        answer = requests.post(
            f"{self.url}/api/v1/auth/signup/",
            json={"username": name, "email": f"{name}@example.org", "password": PASSWORD},
            timeout=60,
        )
        assert answer.status_code == 201, answer.text
        return self.headers_of(name)

    def headers_of(self, name: str) -> dict[str, str]:
        answer = requests.post(
            f"{self.url}/api/v1/auth/token/",
            json={"username": name, "password": PASSWORD},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Token {answer.json()['token']}"}

    def manage(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a management command where runs are trained; fails when it fails."""
        own = self.environment | _own(self.network, "training", 1) | environment
        return manage(self.network.program("training", 1, **own).environment, *arguments)

    def operator(self) -> dict[str, str]:
        """Sign one up who may start runs, and whatever else there is a role for."""
        headers = self.signed_up("operator")
        self.rows("UPDATE accounts_user SET is_staff = true WHERE username = 'operator'")
        self.rows(
            "INSERT INTO accounts_user_groups (user_id, group_id) SELECT accounts_user.id,"
            " auth_group.id FROM accounts_user, auth_group WHERE username = 'operator'"
        )
        return headers


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    """Start everything, and end it again."""
    with ExitStack() as stack:
        database_url = stack.enter_context(scratch_database(f"test_bookrec_{os.getpid()}_cluster"))
        network = LoopbackNetwork(Composition.read(), folder)
        bucket = _start_bucket(stack, network)
        environment = _environment(database_url, folder, bucket)
        _prepare(network, environment)
        hosts = [_host(network, number, environment) for number in (1, 2)]
        workers = [_running(network, "worker", number, environment) for number in (1, 2)]
        training = _running(network, "training", 1, environment)
        beat = _running(network, "beat", 1, environment)
        for running in (*hosts, *workers, training, beat):
            _start(stack, running)
        for worker in (*workers, training):
            worker.until_told(" ready.")
        for host in hosts:
            host.until_ready()
        addresses = [network.address("web", number) for number in (1, 2)]
        nginx = stack.enter_context(front(network, addresses))
        connection = psycopg2.connect(database_url)
        stack.callback(connection.close)
        connection.autocommit = True
        yield Cluster(network, environment, hosts, workers, nginx.url, connection)


def _environment(database_url: str, folder: Path, bucket: str) -> dict[str, str]:
    """What differs from docker-compose.yml: the servers of the tests, and limits for a load."""
    write_builtin_dataset(folder / "data", n_readers=N_READERS)
    many = ("THROTTLE_READER", "THROTTLE_COSTLY", "THROTTLE_LOGIN", "THROTTLE_SIGNUP")
    return {
        "DATABASE_URL": database_url,
        "DATABASE_PASSWORD_FILE": "",
        "REDIS_URL": own_redis_database(settings.LOCAL_DIR),
        # As several hosts have it: a bucket, and each host's own copies.
        "ARTIFACTS_URL": f"s3://{_BUCKET}/bookrec?endpoint={bucket}&region=us-east-1",
        "AWS_ACCESS_KEY_ID": _KEY,
        "AWS_SECRET_ACCESS_KEY": _KEY,
        "GOODBOOKS_DIR": str(folder / "data"),
        "EMAIL_URL": f"file:///{folder / 'mail'}",
        # The hosts are asked by their addresses too.
        "ALLOWED_HOSTS": "*",
        "TRAINING_CHECK_MINUTES": "1440",
        "OMP_NUM_THREADS": "1",
        "THROTTLE_ANONYMOUS": f"{STRANGERS_PER_HOUR}/hour",
        **dict.fromkeys(many, "99999/min"),
    }


def _own(network: LoopbackNetwork, name: str, number: int) -> dict[str, str]:
    """What each host has for itself: its containers share it, those of other hosts do not."""
    folder = network.folder / "hosts" / f"{name}-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "BOOKREC_LOCAL_DIR": str(folder),
        "ARTIFACTS_CACHE_DIR": str(folder / "artifact-cache"),
        "METRICS_DIR": str(folder / "metrics"),
    }


def _prepare(network: LoopbackNetwork, environment: dict[str, str]) -> None:
    own = environment | _own(network, "first", 1)
    migrate = network.program("migrate", **own)
    done = migrate.run()
    assert done.returncode == 0, done.stderr[-3000:]
    # What the image has from its building.
    manage(migrate.environment, "collectstatic", "--noinput", "--verbosity=0")
    for name in ("static", "import"):
        done = network.program(name, **own).run()
        assert done.returncode == 0, done.stderr[-3000:]


def _running(
    network: LoopbackNetwork, name: str, number: int, environment: dict[str, str]
) -> Running:
    program = network.program(name, number, **environment, **_own(network, name, number))
    # A container's own name, which is the host's in it.
    command = [part.replace("@%h", f"@{name}-{number}") for part in program.command]
    return Running(
        f"{name}-{number}", command, program.environment, program.log, program.service.stop_signal
    )


def _host(network: LoopbackNetwork, number: int, environment: dict[str, str]) -> Host:
    web = _running(network, "web", number, environment)
    return Host(
        web.name,
        web.command,
        web.environment,
        web.log,
        web.stop_signal,
        url=f"http://{network.address('web', number)}:8000",
        folder=Path(web.environment["BOOKREC_LOCAL_DIR"]),
    )


def _start(stack: ExitStack, running: Running) -> None:
    stack.callback(running.clear_away)
    running.start()


def _start_bucket(stack: ExitStack, network: LoopbackNetwork) -> str:
    """Run a server of buckets with an empty one; return its address."""
    address = network.address("bucket")
    command = [sys.executable, "-m", "moto.server", "--host", address, "--port", str(_BUCKET_PORT)]
    server = Running("bucket", command, os.environ, network.folder / "bucket.log")
    _start(stack, server)

    def listens() -> bool:
        server.assert_runs()
        with socket.socket() as probe:
            return probe.connect_ex((address, _BUCKET_PORT)) == 0

    until(listens)
    url = f"http://{address}:{_BUCKET_PORT}"
    boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=_KEY,
        aws_secret_access_key=_KEY,
    ).create_bucket(Bucket=_BUCKET)
    return url
