"""OpenTelemetry and Sentry: on where they are configured, and told nothing of readers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests
from celery import Celery
from django.conf import settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bookrec_site.embedded import broker_url
from bookrec_site.tests.listeners import Listener, listener
from bookrec_site.tests.running_site import listening, site_environment, working

SECRETS = ("alice@example.org", "correct-horse", "murakami", "sessionid", "Mozilla", "192.0.2.77")

# One request that fails, with everything in it that is nobody's business.
FAILING = """
import io, types
from bookrec_site.wsgi import application
from django.conf import settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

@csrf_exempt
def view(request, name):
    password = request.POST["password"]
    raise ValueError("cannot greet alice@example.org")

urls = types.ModuleType("failing_urls")
urls.urlpatterns = [path("greet/<str:name>/", view, name="greet")]
settings.ROOT_URLCONF = urls
body = b"password=correct-horse"
environ = {
    "REQUEST_METHOD": "POST",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/greet/alice@example.org/",
    "QUERY_STRING": "q=murakami",
    "CONTENT_TYPE": "application/x-www-form-urlencoded",
    "CONTENT_LENGTH": str(len(body)),
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "192.0.2.77",
    "HTTP_HOST": "localhost",
    "HTTP_COOKIE": "sessionid=sessionid-of-alice",
    "HTTP_USER_AGENT": "Mozilla/5.0",
    "HTTP_REFERER": "http://localhost/search?q=murakami",
    "HTTP_X_REQUEST_ID": "from-the-proxy",
    "wsgi.input": io.BytesIO(body),
    "wsgi.errors": io.StringIO(),
    "wsgi.url_scheme": "http",
    "wsgi.version": (1, 0),
    "wsgi.multithread": False,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}
said = []
answer = application(environ, lambda status, headers, error=None: said.append(status))
list(answer)
answer.close()
assert said == ["500 Internal Server Error"], said
"""


@pytest.fixture
def server() -> Iterator[Listener]:
    with listener() as found:
        yield found


def run(code: str, folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a process of the site, whose database and Redis are the tests' own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env=environment(folder, **changes),
        capture_output=True,
        text=True,
        timeout=120,
    )


def environment(folder: Path, **changes: str) -> Mapping[str, str]:
    database = settings.DATABASES["default"]
    url = f"postgresql:///{database['NAME']}?host={database['HOST']}&user={database['USER']}"
    return site_environment(
        url, folder, NO_PROXY="127.0.0.1", OTEL_BSP_SCHEDULE_DELAY="200", **changes
    )


def dsn(server: Listener) -> str:
    return server.url.replace("http://", "http://key@") + "/7"


def spans_in(posts: list[tuple[str, bytes]]) -> list:
    found = []
    for path, body in posts:
        assert path == "/v1/traces"
        message = ExportTraceServiceRequest.FromString(body)
        for of_resource in message.resource_spans:
            for scope in of_resource.scope_spans:
                found += scope.spans
    return found


def events_in(posts: list[tuple[str, bytes]]) -> list[dict]:
    """Return the errors among the envelopes, which are JSON by the line."""
    found = []
    for path, body in posts:
        assert path == "/api/7/envelope/"
        lines = body.split(b"\n")
        for head, content in zip(lines[1:], lines[2:], strict=False):
            if head.startswith(b"{") and json.loads(head).get("type") == "event":
                found.append(json.loads(content))
    return found


def attributes(span) -> dict[str, object]:
    return {
        a.key: a.value.string_value or a.value.int_value or a.value.bool_value
        for a in span.attributes
    }


def test_neither_is_imported_unless_configured(tmp_path: Path) -> None:
    code = """
import bookrec_site.wsgi, sys
# redis itself imports opentelemetry's SDK where that is installed, and does nothing with it.
ours = {"sentry_sdk", "opentelemetry.exporter", "opentelemetry.instrumentation"}
print(sorted(ours & sys.modules.keys()))
"""
    done = run(code, tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "package"),
    [
        ("SENTRY_DSN", "http://key@127.0.0.1:9/7", "sentry_sdk"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9", "opentelemetry"),
    ],
)
def test_what_is_configured_and_not_installed_stops_the_start(
    tmp_path: Path, variable: str, value: str, package: str
) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; import bookrec_site.wsgi"
    done = run(code, tmp_path, **{variable: value})
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert f"{variable} is set, but {package} is not installed" in last
    assert "requirements-observability.txt" in last


def test_sentry_is_told_of_a_failing_request_and_not_whose(tmp_path: Path, server) -> None:
    code = FAILING + "import sentry_sdk; sentry_sdk.flush(timeout=30)"
    done = run(code, tmp_path, SENTRY_DSN=dsn(server), SENTRY_ENVIRONMENT="tests")
    assert done.returncode == 0, done.stderr
    posts = server.all()
    [event] = events_in(posts)
    [error] = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("ValueError", "cannot greet [e-mail]")
    assert any(frame["function"] == "view" for frame in error["stacktrace"]["frames"])
    assert event["environment"] == "tests"
    assert event["tags"]["request_id"] == "from-the-proxy"
    assert event["request"]["method"] == "POST"
    everything = b"".join(body for _, body in posts).decode()
    assert [secret for secret in SECRETS if secret in everything] == []


def test_traces_tell_which_code_ran_and_not_for_whom(tmp_path: Path, server) -> None:
    code = FAILING + "from opentelemetry import trace; trace.get_tracer_provider().force_flush()"
    done = run(code, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=server.url)
    assert done.returncode == 0, done.stderr
    posts = server.all()
    spans = spans_in(posts)
    [request] = [span for span in spans if span.name == "POST greet/<str:name>/"]
    told = attributes(request)
    assert told["http.route"] == "greet/<str:name>/"
    assert told["http.status_code"] == 500
    assert told["bookrec.request_id"] == "from-the-proxy"
    assert [event.name for event in request.events] == ["exception"]
    everything = b"".join(body for _, body in posts).decode(errors="replace")
    assert [secret for secret in SECRETS if secret in everything] == []


def test_an_endpoint_that_is_away_costs_readers_nothing(tmp_path: Path) -> None:
    """Nothing listens there; the answer comes all the same."""
    dead = "http://127.0.0.1:9"
    done = run(
        "import bookrec_site.wsgi; from django.test import Client; "
        "print(Client(headers={'host': 'localhost'}).get('/health/live').status_code)",
        tmp_path,
        OTEL_EXPORTER_OTLP_ENDPOINT=dead,
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
        SENTRY_DSN="http://key@127.0.0.1:9/7",
    )
    assert (done.returncode, done.stdout.strip()) == (0, "200"), done.stderr


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_worker_tells_both_and_writes_the_id_of_the_request(tmp_path: Path, server) -> None:
    """A real worker, given a task that cannot succeed, by a message with an id."""
    changes = {
        "SENTRY_DSN": dsn(server),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{server.url}",
        "LOG_FORMAT": "json",
    }
    broker = Celery(broker=broker_url(settings.REDIS_URL))
    # A queue that the worker of no other site of this session takes from.
    with working(environment(tmp_path, **changes), tmp_path, "observed"):
        broker.send_task(
            "recommender.retrain",
            kwargs={"no_such_option": "alice@example.org"},
            queue="observed",
            headers={"request_id": "from-the-proxy"},
        )
        posts = [server.next()]
        while not (events_in(_of(posts, "/api/")) and "run/recommender.retrain" in _names(posts)):
            posts.append(server.next())
    broker.close()
    [event] = events_in(_of(posts, "/api/"))
    assert event["exception"]["values"][-1]["type"] == "TypeError"
    assert event["tags"]["request_id"] == "from-the-proxy"
    assert "alice@example.org" not in b"".join(body for _, body in posts).decode(errors="replace")
    lines = [json.loads(line) for line in _json_lines(tmp_path / "worker-observed.log")]
    assert any(
        line["request_id"] == "from-the-proxy" and line["logger"].startswith("celery")
        for line in lines
    )


def _of(posts: list[tuple[str, bytes]], prefix: str) -> list[tuple[str, bytes]]:
    return [post for post in posts if post[0].startswith(prefix)]


def _names(posts: list[tuple[str, bytes]]) -> set[str]:
    return {span.name for span in spans_in(_of(posts, "/v1/"))}


def _json_lines(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if line.startswith("{")]


@pytest.mark.slow
def test_gunicorn_writes_json_and_its_workers_send_traces(tmp_path: Path, server) -> None:
    """After the fork: what is begun in a worker sends from there."""
    changes = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
        "LOG_FORMAT": "json",
    }
    environment = site_environment(
        "postgresql://nobody@127.0.0.1:1/none", tmp_path, NO_PROXY="127.0.0.1", **changes
    ) | {"OTEL_BSP_SCHEDULE_DELAY": "200"}
    with listening(environment, tmp_path) as url:
        headers = {"X-Request-ID": "from-the-proxy"}
        assert requests.get(f"{url}/health/live", headers=headers, timeout=60).ok
        [span] = spans_in([server.next()])
    assert span.name == "GET health/live"
    lines = [json.loads(line) for line in _json_lines(tmp_path / "gunicorn.out")]
    [line] = [line for line in lines if line["message"] == "request answered"]
    assert (line["request_id"], line["status"]) == ("from-the-proxy", 200)
    assert line["level"] == "INFO"
    assert os.environ.get("SENTRY_DSN") is None
