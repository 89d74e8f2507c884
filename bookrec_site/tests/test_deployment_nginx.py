"""nginx with the shipped templates: what it passes on, to whom, and what not."""

import gzip
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from bookrec_site.tests.composed import TLS_FILE, Composition, LoopbackNetwork
from bookrec_site.tests.front import Front, front, needs_nginx, prepared, session_from
from bookrec_site.tests.stand_ins import StandIn, stand_in

N = 40
HASHED = "base.0123456789ab.css"
ONCE_ONLY, REPEATABLE = ("POST", "PATCH"), ("GET", "HEAD", "PUT", "DELETE")


@pytest.fixture(autouse=True, scope="module")
def nginx() -> None:
    needs_nginx()


@dataclass(frozen=True)
class World:
    """nginx before two stand-ins; nobody listens at the third address."""

    front: Front
    network: LoopbackNetwork
    web: list[StandIn]
    absent: str

    def answered_by(self, *addresses: str) -> None:
        """Let the name of the web processes have these addresses, and wait until nginx knows."""
        self.front.names.hosts["web"] = addresses
        before = len(self.front.names.asked)
        deadline = time.monotonic() + 30
        while len(self.front.names.asked) == before:
            assert time.monotonic() < deadline, "nginx asks for no names"
            requests.get(f"{self.front.url}/health/live", timeout=30)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    network = LoopbackNetwork(Composition.read(), tmp_path_factory.mktemp("front"))
    static = network.volume("static")
    (static / HASHED).write_text("body {}" * 100)
    (static / f"{HASHED}.gz").write_bytes(gzip.compress(b"body {}" * 100))
    (static / "plain.txt").write_text("plain")
    (static.parent / "beside.txt").write_text("not for readers")
    addresses = [network.address("web", replica) for replica in (1, 2)]
    with ExitStack() as stack:
        web = [stack.enter_context(stand_in(address)) for address in addresses]
        changes = {
            # What all tests of this file send comes from one address.
            **{"NGINX_RATE": "10000r/s", "NGINX_RATE_BURST": "5000"},
            # Each process keeps what it was told of names; 0: as long as told, the second.
            **{"NGINX_WORKERS": "1", "NGINX_NAMES_VALID": "0s"},
        }
        running = stack.enter_context(front(network, addresses, **changes))
        yield World(running, network, web, network.address("web", 3))


@pytest.fixture
def world(started: World) -> World:
    for web in started.web:
        web.manner = "answers"
        web.headers = {}
    addresses = tuple(web.address for web in started.web)
    if tuple(started.front.names.hosts["web"]) != addresses:
        started.answered_by(*addresses)
    for web in started.web:
        web.requests.clear()
    return started


def judged(network: LoopbackNetwork, **changes: str) -> subprocess.CompletedProcess[str]:
    """Let nginx itself judge its configuration."""
    program = prepared(network, **changes)
    return subprocess.run(
        [program.command[0], "-t", *program.command[1:]],
        env=dict(program.environment),
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    done = judged(LoopbackNetwork(Composition.read(), tmp_path))
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_nginx_refuses_what_is_wrong(tmp_path: Path) -> None:
    done = judged(LoopbackNetwork(Composition.read(), tmp_path), NGINX_RATE="often")
    assert done.returncode == 1
    assert "invalid rate" in done.stderr


def test_both_web_processes_are_asked(world: World) -> None:
    for _ in range(N):
        assert requests.get(f"{world.front.url}/books/", timeout=30).status_code == 200
    assert [len(web.requests) > 0 for web in world.web] == [True, True]
    assert sum(len(web.requests) for web in world.web) == N


def test_the_site_is_told_who_asks_and_how(world: World) -> None:
    reader = f"{world.network.prefix}.200"
    told = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Request-ID": "r" * 8}
    with session_from(reader) as session:
        session.get(f"{world.front.url}/books/?q=x%20y", headers=told, timeout=30)
    (request,) = [r for web in world.web for r in web.requests]
    assert request.path == "/books/?q=x%20y"
    assert request.headers["Host"] == world.front.url.removeprefix("http://")
    # What the client claims is passed on before the truth, and how it came is nginx's to say.
    assert request.headers["X-Forwarded-For"] == f"203.0.113.9, {reader}"
    assert request.headers["X-Forwarded-Proto"] == "http"
    assert request.headers["X-Request-ID"] == "r" * 8


@pytest.mark.parametrize("method", [*REPEATABLE, *ONCE_ONLY])
def test_one_that_does_not_listen_costs_no_request(world: World, method: str) -> None:
    world.answered_by(world.web[0].address, world.absent)
    world.web[0].requests.clear()
    for _ in range(N):
        assert requests.request(method, world.front.url, timeout=30).status_code == 200
    assert len(world.web[0].requests) == N


@pytest.mark.parametrize("method", REPEATABLE)
def test_what_may_be_done_twice_is_asked_again_of_another(world: World, method: str) -> None:
    world.web[1].manner = "hangs up"
    for _ in range(N):
        assert requests.request(method, world.front.url, timeout=30).status_code == 200
    assert len(world.web[0].requests) == N
    assert world.web[1].requests


@pytest.mark.parametrize("method", ONCE_ONLY)
def test_what_may_be_done_once_is_sent_once(world: World, method: str) -> None:
    world.web[1].manner = "hangs up"
    answers = [
        requests.request(method, world.front.url, data=b"stars=5", timeout=30).status_code
        for _ in range(N)
    ]
    assert answers.count(200) == len(world.web[0].requests)
    assert answers.count(502) == len(world.web[1].requests)
    assert answers.count(200) + answers.count(502) == N


def test_an_answer_is_an_answer_whatever_it_says(world: World) -> None:
    world.web[0].manner = world.web[1].manner = "says 503"
    assert requests.get(world.front.url, timeout=30).status_code == 503
    assert sum(len(web.requests) for web in world.web) == 1


def test_replicas_come_and_go_without_a_reload(world: World) -> None:
    world.answered_by(world.web[1].address)
    for web in world.web:
        web.requests.clear()
    for _ in range(N):
        requests.get(world.front.url, timeout=30)
    assert [len(web.requests) for web in world.web] == [0, N]


@pytest.mark.parametrize(
    ("path", "language", "kind", "text"),
    [
        ("/books/", "en-GB", "text/html; charset=utf-8", "Back in a moment"),
        ("/books/", "de-AT,en;q=0.5", "text/html; charset=utf-8", "Gleich wieder da"),
        ("/api/v1/books/", "de", "application/problem+json", '"status": 502'),
    ],
)
def test_with_nobody_to_ask_nginx_says_so_itself(
    world: World, path: str, language: str, kind: str, text: str
) -> None:
    world.answered_by(world.absent)
    answer = requests.get(
        f"{world.front.url}{path}", headers={"Accept-Language": language}, timeout=30
    )
    assert answer.status_code == 502
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Retry-After"] == "10"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert text in answer.content.decode()


def test_the_pages_of_errors_are_for_nginx_alone(world: World) -> None:
    answer = requests.get(f"{world.front.url}/.errors/502.en.html", timeout=30)
    assert answer.status_code == 404


def test_the_largest_upload_comes_through_and_more_does_not(world: World) -> None:
    address = f"{world.front.url}/api/v1/imports/"
    assert requests.post(address, data=bytes(11 * 2**20), timeout=30).status_code == 200
    answer = requests.post(address, data=bytes(13 * 2**20), timeout=30)
    assert answer.status_code == 413
    assert answer.json()["status"] == 413
    assert "Retry-After" not in answer.headers
    assert [r.n_bytes for web in world.web for r in web.requests] == [11 * 2**20]


def test_what_the_site_says_of_safety_is_said_once(world: World) -> None:
    own = {
        "Content-Security-Policy": "default-src 'self'",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Strict-Transport-Security": "max-age=31536000",
        "Cache-Control": "private",
        "X-Request-ID": "a" * 8,
    }
    for web in world.web:
        web.headers = own
    answer = requests.get(world.front.url, timeout=30)
    for name, value in own.items():
        assert answer.raw.headers.getlist(name) == [value], name
    assert answer.headers["Server"] == "nginx"


def test_static_files_come_from_the_volume(world: World) -> None:
    address = f"{world.front.url}/static/{HASHED}"
    packed = requests.get(address, headers={"Accept-Encoding": "gzip"}, timeout=30)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.text == "body {}" * 100
    whole = requests.get(address, headers={"Accept-Encoding": "identity"}, timeout=30)
    assert whole.text == packed.text
    for answer in (packed, whole):
        assert answer.headers["Content-Type"] == "text/css"
        assert answer.headers["Cache-Control"] == "public, max-age=315360000, immutable"
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    plain = requests.get(f"{world.front.url}/static/plain.txt", timeout=30)
    assert (plain.text, plain.headers["Cache-Control"]) == ("plain", "public, max-age=60")
    assert not [web for web in world.web if web.requests]


def test_a_static_file_that_the_volume_lacks_is_asked_of_the_site(world: World) -> None:
    answer = requests.get(f"{world.front.url}/static/newer.css", timeout=30)
    assert answer.status_code == 200
    assert [r.path for web in world.web for r in web.requests] == ["/static/newer.css"]


@pytest.mark.parametrize(
    "path", ["/static/../beside.txt", "/static/%2e%2e/beside.txt", "/static../beside.txt"]
)
def test_nothing_beside_the_static_files_is_served(world: World, path: str) -> None:
    answer = subprocess.run(
        ["curl", "--silent", "--path-as-is", f"{world.front.url}{path}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "not for readers" not in answer


def test_prometheus_asks_the_site_by_its_name(world: World) -> None:
    headers = {"Authorization": "Bearer x", "Host": "nginx:8081"}
    answer = requests.get(f"{world.front.inner_url}/metrics", headers=headers, timeout=30)
    assert answer.status_code == 200
    (request,) = [r for web in world.web for r in web.requests]
    assert request.headers["Host"] == "localhost"
    assert request.headers["Authorization"] == "Bearer x"
    assert requests.get(f"{world.front.inner_url}/books/", timeout=30).status_code == 404


def test_the_log_names_no_reader_and_no_search(world: World) -> None:
    reader = f"{world.network.prefix}.201"
    for web in world.web:
        web.headers = {"X-Request-ID": "log-1234"}
    with session_from(reader) as session:
        session.get(f"{world.front.url}/books/?q=secret", timeout=30)
        # The line is written before the next answer on this connection is.
        session.get(f"{world.front.url}/", timeout=30)
    text = world.front.program.log.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line["request_id"] == "log-1234"][:1]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/books/", 200)
    assert reader not in json.dumps(lines)
    assert "secret" not in json.dumps(lines)


def test_the_health_check_tells_whether_nginx_answers(world: World, tmp_path: Path) -> None:
    assert world.front.program.check().returncode == 0
    # Another network, where none was started.
    assert prepared(LoopbackNetwork(Composition.read(), tmp_path)).check().returncode != 0


def test_who_asks_too_often_is_asked_to_wait_and_nobody_else(tmp_path: Path) -> None:
    network = LoopbackNetwork(Composition.read(), tmp_path)
    web = network.address("web")
    # In a minute one more is let through: this test is over before.
    rate = {"NGINX_RATE": "1r/m", "NGINX_RATE_BURST": "2"}
    with (
        stand_in(web),
        front(network, [web], **rate) as running,
        session_from(f"{network.prefix}.201") as often,
        session_from(f"{network.prefix}.202") as once,
    ):
        address = f"{running.url}/api/v1/books/"
        statuses = [often.get(address, timeout=30).status_code for _ in range(6)]
        assert statuses == [200, 200, 200, 429, 429, 429]
        refused = often.get(address, timeout=30)
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.headers["Retry-After"] == "10"
        assert refused.json()["status"] == 429
        assert "Einen Augenblick" in (
            often.get(running.url, headers={"Accept-Language": "de"}, timeout=30).content.decode()
        )
        assert once.get(address, timeout=30).status_code == 200
        # A page's own files and a supervisor's questions are not counted.
        assert often.get(f"{running.url}/static/x.css", timeout=30).status_code == 200
        assert often.get(f"{running.url}/health/live", timeout=30).status_code == 200


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost that is signed by itself."""
    paths = folder / "certificate.pem", folder / "key.pem"
    options = ("-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    name = ("-addext", "subjectAltName=DNS:localhost")
    files = ("-out", str(paths[0]), "-keyout", str(paths[1]))
    subprocess.run(["openssl", "req", *options, *name, *files], check=True, capture_output=True)
    return paths


def test_with_tls_everything_goes_by_https(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    network = LoopbackNetwork(Composition.read(TLS_FILE), tmp_path / "site")
    files = {"NGINX_CERTIFICATE": str(chain), "NGINX_CERTIFICATE_KEY": str(key)}
    judgement = judged(network, **files)
    assert judgement.returncode == 0, judgement.stderr
    assert "warn" not in judgement.stderr
    challenges = tmp_path / "acme" / ".well-known" / "acme-challenge"
    challenges.mkdir(parents=True)
    (challenges / "token").write_text("proof")
    with (
        stand_in(network.address("web")) as web,
        front(network, [web.address], **files, NGINX_ACME_DIR=str(tmp_path / "acme")) as running,
    ):
        moved = requests.put(
            f"{running.url}/books/?q=1",
            headers={"Host": "elsewhere.example"},
            allow_redirects=False,
            timeout=30,
        )
        assert moved.status_code == 308
        assert moved.headers["Location"] == "https://localhost/books/?q=1"
        proof = f"{running.url}/.well-known/acme-challenge/token"
        assert requests.get(proof, timeout=30).text == "proof"
        own = network.address("nginx")
        there = ["--resolve", f"localhost:8443:{own}", "--cacert", str(chain)]
        said = ["--write-out", "%{http_version} %{http_code} %{ssl_verify_result}"]
        done = subprocess.run(
            ["curl", "--silent", "--output", "/dev/null", *there, *said, "https://localhost:8443/"],
            capture_output=True,
            text=True,
        )
        assert done.stdout == "2 200 0"
        (request,) = web.requests
        assert request.headers["X-Forwarded-Proto"] == "https"


def test_a_proxy_in_front_may_say_that_it_ends_tls(tmp_path: Path) -> None:
    network = LoopbackNetwork(
        Composition.read(variables={"FORWARDED_PROTO": "https"}), tmp_path / "site"
    )
    with stand_in(network.address("web")) as web, front(network, [web.address]) as running:
        requests.get(running.url, timeout=30)
        assert web.requests[0].headers["X-Forwarded-Proto"] == "https"
