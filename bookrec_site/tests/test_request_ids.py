"""One id from the request into the answer, the log and the tasks."""

import json
import logging
import re

import pytest
from celery import current_app, shared_task
from django.test import Client, override_settings

from bookrec_site.operations import queues
from bookrec_site.request_ids import AddRequestId, current_request_id

MADE = re.compile(r"[0-9a-f]{32}")


@shared_task(name="tests.tell_request_id")
def tell_request_id() -> str:
    return current_request_id()


def test_an_id_that_is_one_is_kept(client) -> None:
    for request_id in ("01J9ZQ3Y5K", "f" * 64, "a-b.c_d-1"):
        answer = client.get("/health/live", headers={"X-Request-ID": request_id})
        assert answer["X-Request-ID"] == request_id


@pytest.mark.parametrize(
    "text", ["", "short", "a" * 65, "-leading", "two words", 'quote"12345', "größe123", "a;b=12345"]
)
def test_anything_else_is_not_repeated(client, text) -> None:
    answer = client.get("/health/live", headers={"X-Request-ID": text})
    assert MADE.fullmatch(answer["X-Request-ID"])


def test_every_request_has_its_own_and_errors_have_one_too(client) -> None:
    seen = {client.get("/health/live")["X-Request-ID"] for _ in range(3)}
    assert len(seen) == 3
    assert MADE.fullmatch(client.post("/health/live")["X-Request-ID"])
    assert current_request_id() == ""


def test_log_records_carry_it_inside_the_request_alone(client, monkeypatch) -> None:
    seen: list[object] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.request_id)  # type: ignore[attr-defined]

    handler = Keep()
    handler.addFilter(AddRequestId())
    log = logging.getLogger("django.request")
    monkeypatch.setattr(log, "handlers", [handler])
    client.post("/health/live", headers={"X-Request-ID": "from-the-proxy"})
    log.warning("outside")
    assert seen == ["from-the-proxy", None]


@override_settings(LOG_FORMAT="json")
def test_a_request_has_a_line_without_what_was_asked_for(client, caplog) -> None:
    with caplog.at_level("INFO"):
        client.get("/health/live?q=a+secret")
    [record] = [r for r in caplog.records if r.message == "request answered"]
    assert (record.route, record.status, record.method) == ("health/live", 200, "GET")
    assert "secret" not in str(record.__dict__)


def test_a_task_is_sent_with_the_id_of_the_request(client, monkeypatch) -> None:
    import bookrec_site.health as health

    def also_send(request):
        current_app.send_task("tests.tell_request_id", queue="tests-request-ids")
        return health.JsonResponse({})

    with queues.redis() as server:
        server.delete("tests-request-ids")
        with override_settings(ROOT_URLCONF=_urls(also_send)):
            Client().get("/", headers={"X-Request-ID": "from-the-proxy"})
        current_app.send_task("tests.tell_request_id", queue="tests-request-ids")
        inside, outside = (
            json.loads(message)["headers"]["request_id"]
            for message in reversed(server.lrange("tests-request-ids", 0, -1))
        )
        server.delete("tests-request-ids")
    assert inside == "from-the-proxy"
    assert MADE.fullmatch(outside)


def _urls(view):
    from types import ModuleType

    from django.urls import path

    module = ModuleType("urls_of_the_test")
    module.urlpatterns = [path("", view)]  # type: ignore[attr-defined]
    return module


def test_a_task_has_the_id_that_it_was_sent_with() -> None:
    sent = tell_request_id.apply(headers={"request_id": "from-the-proxy"})
    assert sent.get() == "from-the-proxy"
    assert MADE.fullmatch(tell_request_id.apply().get())
    assert MADE.fullmatch(tell_request_id.apply(headers={"request_id": "no good"}).get())
    assert current_request_id() == ""
