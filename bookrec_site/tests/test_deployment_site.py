"""The first `docker compose up`, as far as it goes without Docker: in order, from nothing.

What migrates, imports, trains, serves and stands in front are the commands of docker-compose.yml
with its environment, on a root file system that cannot be written to.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import requests
from django.conf import settings

from bookrec_site.tests.composed import Composition, LoopbackNetwork, can_be_read_only
from bookrec_site.tests.front import Front, front, needs_nginx, session_from
from bookrec_site.tests.running_site import scratch_database
from bookrec_site.tests.scraping import samples_of, value
from bookrec_site.tests.waiting import until

pytestmark = pytest.mark.slow

LOG_INS = 3


@dataclass(frozen=True)
class Site:
    front: Front
    network: LoopbackNetwork
    # What each of the one-shot services said.
    said: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    needs_nginx()
    if not can_be_read_only():
        pytest.skip("no read-only file system of our own: that takes Linux and root")
    folder = tmp_path_factory.mktemp("composed")
    with scratch_database(f"test_bookrec_{os.getpid()}_composed") as database_url:
        places = {
            "postgresql://bookrec@postgres:5432/bookrec": database_url,
            "redis://redis:6379/0": settings.REDIS_URL,
        }
        network = LoopbackNetwork(Composition.read(), folder, places, read_only=True)
        said = {}
        # No port answers there: the built-in data set is taken.
        nowhere = {"GOODBOOKS_URL": "http://127.0.0.1:9/goodbooks.zip"}
        collect_static(network)
        for name, more in (("migrate", {}), ("static", {}), ("import", nowhere)):
            done = network.program(name, **more).run()
            assert done.returncode == 0, (name, done.stdout[-2000:], done.stderr[-2000:])
            said[name] = done.stdout + done.stderr
        web = network.program("web", THROTTLE_LOGIN=f"{LOG_INS}/hour")
        with web.started() as process:
            until(lambda: web.check().returncode == 0 or process.poll() is not None, 90)
            assert process.poll() is None, web.log.read_text()
            with front(network, [network.address("web")]) as running:
                yield Site(running, network, said)
        assert process.returncode == 0


def collect_static(network: LoopbackNetwork) -> None:
    """Do what the Dockerfile does when it is built."""
    building = LoopbackNetwork(network.composition, network.folder, network.places)
    program = building.program("web")
    done = replace(program, command=["python", "manage.py", "collectstatic", "--noinput"]).run()
    assert done.returncode == 0, done.stderr


def test_the_site_serves_lists(site: Site) -> None:
    ready = requests.get(
        f"{site.front.url}/health/ready", headers={"Host": "localhost"}, timeout=60
    )
    assert ready.status_code == 200, ready.text
    assert ready.json()["checks"] == {"database": "ok", "redis": "ok", "model": "ok"}
    assert "Run 1 is live" in site.said["import"]


def test_a_page_and_all_that_it_asks_for_come_through_nginx(site: Site) -> None:
    headers = {"Host": "localhost:8080"}
    page = requests.get(f"{site.front.url}/", headers=headers, timeout=60)
    assert page.status_code == 200
    (policy,) = page.raw.headers.getlist("Content-Security-Policy")
    assert "default-src 'self'" in policy
    asked = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
    assert asked
    for address in asked:
        answer = requests.get(f"{site.front.url}{address}", headers=headers, timeout=60)
        assert answer.status_code == 200, address
        # nginx's own, not a web process's: those name the request.
        assert "X-Request-ID" not in answer.headers
        assert "immutable" in answer.headers["Cache-Control"], address


def test_who_asks_too_often_is_known_by_nginx_s_word_alone(site: Site) -> None:
    def log_in(address: str, claimed: str) -> int:
        with session_from(address) as session:
            return session.post(
                f"{site.front.url}/api/v1/auth/token/",
                json={"username": "nobody", "password": "wrong"},
                headers={"Host": "localhost", "X-Forwarded-For": claimed},
                timeout=60,
            ).status_code

    often, once = f"{site.network.prefix}.201", f"{site.network.prefix}.202"
    # Each time from elsewhere, as it says.
    said = [log_in(often, f"203.0.113.{number}") for number in range(LOG_INS + 1)]
    assert said == [*[400] * LOG_INS, 429]
    assert log_in(once, often) == 400


def test_another_name_is_not_the_site_s(site: Site) -> None:
    answer = requests.get(site.front.url, headers={"Host": "elsewhere.example"}, timeout=60)
    assert answer.status_code == 400


def test_prometheus_is_answered_with_the_token_of_the_secret(site: Site) -> None:
    address = f"{site.front.inner_url}/metrics"
    assert requests.get(address, timeout=60).status_code == 403
    token = site.network.secret("metrics_token").read_text()
    answer = requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert answer.status_code == 200
    samples = samples_of(answer.text)
    assert value(samples, "bookrec_source_up", source="database") == 1
    assert value(samples, "bookrec_active_run_id") == 1


def test_nothing_was_written_but_into_volumes(site: Site) -> None:
    volumes = {path.name for path in (site.network.folder / "volumes").iterdir()}
    assert {"artifacts", "metrics", "state", "static"} <= volumes
    assert (site.network.volume("state") / "builtin").is_dir()
    assert list(site.network.volume("artifacts").rglob("meta.json"))
    log = (site.network.folder / "log" / "web-1.log").read_text()
    assert "Read-only file system" not in log
