"""nginx as docker-compose.yml has it in front of the site, on this machine."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from bookrec_site.tests.composed import LoopbackNetwork, Program
from bookrec_site.tests.names import Names, name_server

_PORT, _INNER_PORT, _TLS_PORT, _NAME_PORT = 8080, 8081, 8443, 5353
# What /docker-entrypoint.d/20-envsubst-on-templates.sh of the image does with each template: only
# variables that are set and match the filter are put in, so nginx's own stay.
_RENDER = """
for template in $TEMPLATES; do
  defined=$(printf '${%s} ' $(awk "END { for (name in ENVIRON) { print ( name ~ /${NGINX_ENVSUBST_FILTER}/ ) ? name : \\"\\" } }" < /dev/null))
  envsubst "$defined" < "${template%%:*}" > "$NGINX_ENVSUBST_OUTPUT_DIR/${template##*:}"
done
"""  # noqa: E501


@dataclass(frozen=True)
class Front:
    """A running nginx."""

    url: str
    inner_url: str
    tls_url: str
    program: Program
    names: Names
    pid: int


def needs_nginx() -> None:
    """Skip a test on a machine without nginx; CI and `make cluster-test` have to have one."""
    if shutil.which("nginx") is None or shutil.which("envsubst") is None:
        if os.environ.get("CI") or os.environ.get("CLUSTER_TEST"):
            pytest.fail("no nginx: install it (apt-get install nginx-light gettext-base)")
        pytest.skip("no nginx on this machine (apt-get install nginx-light gettext-base)")


def prepared(network: LoopbackNetwork, *, port: int = 8000, **environment: str) -> Program:
    """Render the templates as the image's entrypoint does; return nginx's program.

    `environment` goes over what docker-compose.yml says.
    """
    own = network.address("nginx")
    written = network.program(
        "nginx",
        NGINX_LISTEN=f"{own}:{_PORT}",
        NGINX_LISTEN_INTERNAL=f"{own}:{_INNER_PORT}",
        NGINX_LISTEN_TLS=f"{own}:{_TLS_PORT}",
        # The entrypoint takes it from /etc/resolv.conf: Docker's name server.
        NGINX_LOCAL_RESOLVERS=f"{network.address('names')}:{_NAME_PORT}",
        NGINX_WEB=f"web:{port}",
        **environment,
    )
    # In its container nginx is nobody special from the start. Started by root it would give up what
    # the folders of a test ask for.
    as_root = [part.replace("daemon off;", "daemon off; user root;") for part in written.command]
    program = replace(written, command=as_root) if os.geteuid() == 0 else written
    volumes = program.service.definition["volumes"]
    pairs = (volume.split(":")[:2] for volume in volumes if ".template" in volume)
    templates = " ".join(f"{source}:{Path(target).stem}" for source, target in pairs)
    subprocess.run(
        ["sh", "-euc", _RENDER],
        env=dict(program.environment) | {"TEMPLATES": templates},
        cwd=program.directory,
        check=True,
    )
    return program


@contextmanager
def front(
    network: LoopbackNetwork, web: Sequence[str], *, port: int = 8000, **environment: str
) -> Iterator[Front]:
    """Run nginx before web processes at these addresses until the block ends; it answers then."""
    needs_nginx()
    program = prepared(network, port=port, **environment)
    own = network.address("nginx")
    inner = f"http://{own}:{_INNER_PORT}"
    with (
        name_server(network.address("names"), {"web": web}) as names,
        program.started() as process,
        requests.Session() as session,
    ):
        retry = Retry(total=12, connect=12, backoff_factor=0.02)
        session.mount("http://", HTTPAdapter(max_retries=retry))
        try:
            session.get(f"{inner}/healthy", timeout=30).raise_for_status()
        except requests.RequestException as error:
            raise AssertionError(f"nginx does not start:\n{program.log.read_text()}") from error
        url, tls = f"http://{own}:{_PORT}", f"https://{own}:{_TLS_PORT}"
        yield Front(url, inner, tls, program, names, process.pid)


class _From(HTTPAdapter):
    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **kwargs)


def session_from(address: str) -> requests.Session:
    """A session whose requests come from this loopback address, as from a reader elsewhere."""
    session = requests.Session()
    session.mount("http://", _From(address))
    return session
