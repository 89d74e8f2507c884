"""One id for everything that a request leads to: in its answer, in log lines, in tasks."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from celery.signals import before_task_publish, task_postrun, task_prerun
from django.conf import settings
from django.http import HttpRequest, HttpResponse

logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

HEADER: Final = "X-Request-ID"
# The name of a header of a task's message.
_TASK_HEADER: Final = "request_id"
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}", re.ASCII)

_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """Return the id of the request or task at hand; "" outside of any."""
    return _current.get()


def new_request_id() -> str:
    return uuid.uuid4().hex


def request_id_of(text: object) -> str:
    """Return the id that was sent where it is one, else a new one: it goes into logs."""
    if isinstance(text, str) and _WELL_FORMED.fullmatch(text):
        return text
    return new_request_id()


def request_ids(get_response: GetResponse) -> GetResponse:
    """Give every request an id; with LOG_FORMAT=json, a line in the log too."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request.headers.get(HEADER))
        token = _current.set(request_id)
        started = time.perf_counter()
        try:
            response = get_response(request)
            response[HEADER] = request_id
            if settings.LOG_FORMAT == "json":
                _log(request, response, time.perf_counter() - started)
            return response
        finally:
            _current.reset(token)

    return middleware


def _log(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    # The route, not the address: what readers search for is nobody's business.
    match = request.resolver_match
    facts = {
        "method": request.method,
        "route": match.route if match else None,
        "status": response.status_code,
        "seconds": round(seconds, 4),
    }
    logger.info("request answered", extra=facts)


class AddRequestId(logging.Filter):
    """Puts the id at hand onto every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = _current.get() or None
        return True


@before_task_publish.connect(dispatch_uid="bookrec_site.request_ids.send")
def _send(headers: dict[str, Any], **kwargs: object) -> None:
    headers.setdefault(_TASK_HEADER, _current.get() or new_request_id())


@task_prerun.connect(dispatch_uid="bookrec_site.request_ids.take")
def _take(task: Any, **kwargs: object) -> None:
    sent = (getattr(task.request, "headers", None) or {}).get(_TASK_HEADER)
    sent = sent or getattr(task.request, _TASK_HEADER, None)
    task.request.outer_request_id = _current.get()
    _current.set(request_id_of(sent))


@task_postrun.connect(dispatch_uid="bookrec_site.request_ids.drop")
def _drop(task: Any, **kwargs: object) -> None:
    # A task that runs inside a request, as in tests, gives its id back.
    _current.set(getattr(task.request, "outer_request_id", ""))
