"""What the health checks of containers run: `python -m bookrec_site.probe web|worker|beat|port`.

Exits with 0 when the process that this container is for does its work, else with 1 and a sentence.
It loads no Django: it runs every half minute in each container, where starting that would take
longer than all it has to ask.
"""

import argparse
import os
import socket
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from typing import Final

# As bookrec_site.operations.beat writes it; a test holds them together.
BEAT_KEY: Final = "bookrec:beat"
# Beat signs every five seconds.
_BEAT_SECONDS: Final = 60.0
_TIMEOUT: Final = 5.0


class Unhealthy(Exception):
    pass


def _address(text: str) -> str:
    host, _, number = text.rpartition(":")
    if not host or not number.isdecimal() or not 0 < int(number) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no HOST:PORT")
    return text


def web(address: str) -> None:
    """Ask the web process whether it lives, by a name that it answers to."""
    name = os.environ.get("ALLOWED_HOSTS", "localhost").partition(",")[0].strip()
    try:
        connection = HTTPConnection(address, timeout=_TIMEOUT)
        connection.request("GET", "/health/live", headers={"Host": name.lstrip(".")})
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        raise Unhealthy(f"{address} does not answer: {error}") from error
    if status != 200:
        raise Unhealthy(f"{address} answers with status {status}")


def worker(queue: str) -> None:
    """Ask the Celery worker of this queue on this host, through the broker, for a sign of life."""
    from celery import Celery
    from kombu.exceptions import OperationalError

    from bookrec_site.embedded.places import broker_url

    app = Celery(broker=broker_url(os.environ["REDIS_URL"]))
    # One try: the next check comes soon enough.
    app.conf.broker_transport_options = {"max_retries": 0, "socket_connect_timeout": _TIMEOUT}
    name = f"{queue}@{socket.gethostname()}"
    try:
        answers = app.control.inspect(destination=[name], timeout=_TIMEOUT).ping()
    except (OperationalError, OSError) as error:
        raise Unhealthy(f"the broker does not answer: {error}") from error
    if not answers or name not in answers:
        raise Unhealthy(f"{name} does not answer")


def beat() -> None:
    """Look whether beat has signed lately."""
    from redis import Redis, RedisError

    try:
        with Redis.from_url(
            os.environ["REDIS_URL"], socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT
        ) as server:
            signed = server.get(BEAT_KEY)
    except RedisError as error:
        raise Unhealthy(f"Redis does not answer: {error}") from error
    if signed is None:
        raise Unhealthy("beat has never signed")
    age = time.time() - float(signed)
    if age > _BEAT_SECONDS:
        raise Unhealthy(f"beat last signed {age:.0f} s ago")


def port(address: str) -> None:
    """See whether anybody listens."""
    host, _, number = address.rpartition(":")
    try:
        socket.create_connection((host, int(number)), timeout=_TIMEOUT).close()
    except OSError as error:
        raise Unhealthy(f"nobody listens at {address}: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one check; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bookrec_site.probe", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind in ("web", "port"):
        kinds.add_parser(kind).add_argument(
            "--address", required=True, type=_address, metavar="HOST:PORT"
        )
    kinds.add_parser("worker").add_argument("--queue", required=True)
    kinds.add_parser("beat")
    options = parser.parse_args(arguments)
    try:
        if options.kind == "web":
            web(options.address)
        elif options.kind == "port":
            port(options.address)
        elif options.kind == "worker":
            worker(options.queue)
        else:
            beat()
    except Unhealthy as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
