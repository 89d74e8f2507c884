"""Whether this process lives, and whether it can serve readers."""

import logging
from dataclasses import asdict

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis
from redis.exceptions import RedisError

from recommender.serving import model_figures, model_state

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """Answer as long as the process can answer at all."""
    return JsonResponse({"status": "live"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 while lists can be served, 503 when they cannot.

    Without Redis or with a broken artifact the site still serves lists: "degraded", but 200.
    Without PostgreSQL, or with no model at all, it is not ready. The figures of the model are
    this process's own.
    """
    checks = {"database": database_state(), "redis": redis_state()}
    checks["model"] = model_state_now() if checks["database"] == "ok" else "unknown"
    down = checks["database"] != "ok" or checks["model"] in ("missing", "unknown")
    healthy = all(state == "ok" for state in checks.values())
    status = "down" if down else "ready" if healthy else "degraded"
    return JsonResponse(
        {"status": status, "checks": checks, "model": asdict(model_figures())},
        status=503 if down else 200,
    )


def database_state() -> str:
    """Return "ok" or "down"."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        logger.error("health: the database does not answer: %s", error)
        return "down"
    return "ok"


def model_state_now() -> str:
    """Return `model_state`, or "unknown" where there are no tables."""
    try:
        return model_state()
    except DatabaseError as error:
        logger.error("health: the database has not been migrated: %s", error)
        return "unknown"


def redis_state() -> str:
    """Return "ok" or "down"."""
    try:
        with Redis.from_url(
            settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1
        ) as redis:
            redis.ping()
    except RedisError as error:
        logger.error("health: Redis does not answer: %s", error)
        return "down"
    return "ok"
