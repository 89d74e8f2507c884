"""OpenTelemetry and Sentry: imported and begun only where the environment names a server.

Neither is told who a reader is, what they search for or what they wrote: docs/operations.md.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from bookrec_site.request_ids import HEADER, current_request_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

logger = logging.getLogger(__name__)

_INSTALL: Final = "pip install -r requirements-observability.txt"
_MAIL: Final = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
# What of a span says which code ran, how long and how it ended. Everything else is left out:
# addresses with what was searched for, clients, browsers, messages of errors.
_TOLD_OF_SPANS: Final = frozenset(
    {
        "celery.action",
        "celery.hostname",
        "celery.retries",
        "celery.state",
        "celery.task_name",
        "db.name",
        "db.operation",
        "db.operation.name",
        "db.statement",
        "db.query.text",
        "db.system",
        "db.system.name",
        "error.type",
        "exception.type",
        "http.method",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "http.scheme",
        "http.status_code",
        "messaging.destination",
        "messaging.message.id",
        "url.scheme",
    }
)
REQUEST_ID: Final = "bookrec.request_id"
_HEADERS_TOLD: Final = frozenset({"accept", "content-length", "content-type", "host"})


def start() -> None:
    """Begin what is configured; called once by every process, before it serves anything.

    Raises
    ------
    ImproperlyConfigured
        When what is configured is not installed.
    """
    if settings.SENTRY_DSN:
        _start(_start_sentry, "SENTRY_DSN")
    if settings.OTEL_ENDPOINT:
        _start(_start_tracing, "OTEL_EXPORTER_OTLP_ENDPOINT")


def _start(begin: Callable[[], None], variable: str) -> None:
    try:
        begin()
    except ImportError as error:
        raise ImproperlyConfigured(
            f"{variable} is set, but {error.name} is not installed: {_INSTALL}"
        ) from error


def _start_sentry() -> None:
    import sentry_sdk
    from sentry_sdk.integrations.celery import CeleryIntegration
    from sentry_sdk.integrations.django import DjangoIntegration

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.SENTRY_ENVIRONMENT,
        integrations=[DjangoIntegration(transaction_style="function_name"), CeleryIntegration()],
        send_default_pii=False,
        max_request_body_size="never",
        # Variables hold passwords, mails and notes.
        include_local_variables=False,
        max_breadcrumbs=0,
        before_send=scrubbed,  # type: ignore[arg-type]
    )


def scrubbed(event: dict[str, Any], hint: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event of Sentry without anything of the reader that it happened to."""
    event.pop("user", None)
    event.pop("extra", None)
    event.pop("breadcrumbs", None)
    event.pop("server_name", None)
    request = event.get("request")
    if request:
        headers = request.get("headers") or {}
        event["request"] = {
            "method": request.get("method"),
            "headers": {
                name: value for name, value in headers.items() if name.lower() in _HEADERS_TOLD
            },
        }
    contexts = event.get("contexts") or {}
    # The arguments of tasks are numbers of rows, and may be of readers.
    job = contexts.pop("celery-job", None)
    if job:
        contexts["celery-job"] = {"task_name": job.get("task_name")}
    for error in (event.get("exception") or {}).get("values", []):
        error["value"] = _without_mail(error.get("value"))
    for entry in ("message", "transaction"):
        if entry in event:
            event[entry] = _without_mail(event[entry])
    log = event.get("logentry")
    if log:
        # The text with its places, not what was put into them.
        event["logentry"] = {"message": _without_mail(log.get("message"))}
    event.setdefault("tags", {})["request_id"] = current_request_id() or None
    return event


def _without_mail(text: object) -> str:
    return _MAIL.sub("[e-mail]", str(text or ""))


def _start_tracing() -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": "bookrec"})
    provider = TracerProvider(resource=resource)
    # After a fork the processor begins a thread of its own.
    provider.add_span_processor(BatchSpanProcessor(quiet(OTLPSpanExporter())))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument(response_hook=_tell_request_id)
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]
    # Not Redis: a worker asks its queues every second, and nothing else would be seen.
    Psycopg2Instrumentor().instrument()


def _tell_request_id(span: Any, request: Any, response: Any) -> None:
    # From the answer: the middleware that gave it is inside of the one that tells of it.
    span.set_attribute(REQUEST_ID, response.get(HEADER, ""))


def quiet(exporter: "SpanExporter") -> "SpanExporter":
    """Return an exporter that leaves out of every span what is not known to be harmless."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Quiet(SpanExporter):
        def export(self, spans: "Sequence[ReadableSpan]") -> SpanExportResult:
            return exporter.export([_told(span) for span in spans])

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return exporter.force_flush(timeout_millis)

    return Quiet()


def _told(span: "ReadableSpan") -> "ReadableSpan":
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Status

    def kept(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
        return {
            name: value
            for name, value in (attributes or {}).items()
            if name in _TOLD_OF_SPANS or name == REQUEST_ID
        }

    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=kept(span.attributes),
        events=[Event(e.name, kept(e.attributes), e.timestamp) for e in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
