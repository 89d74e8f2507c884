import pytest
from django.db import OperationalError, connection

from bookrec_site import health
from recommender.active import holder
from recommender.models import TrainingRun


def test_live_needs_nothing(client) -> None:
    response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "live"})


@pytest.mark.django_db
def test_without_a_model_the_site_is_not_ready(client) -> None:
    holder.forget()
    response = client.get("/health/ready")
    assert response.status_code == 503
    figures = {
        name: response.json()["model"][name] for name in ("failed_loads", "seconds_since_swap")
    }
    assert response.json() == {
        "status": "down",
        "checks": {"database": "ok", "redis": "ok", "model": "missing"},
        "model": {"run_id": None} | figures,
    }


@pytest.mark.django_db
def test_with_a_broken_artifact_it_still_serves(client) -> None:
    TrainingRun.objects.create(trigger="test", status="active", artifact="not-there")
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["checks"]["model"] == "stale"


@pytest.mark.django_db
def test_without_redis_it_is_degraded(client, settings, monkeypatch) -> None:
    monkeypatch.setattr(health, "model_state", lambda: "ok")
    assert client.get("/health/ready").json()["status"] == "ready"
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json()["checks"]["redis"] == "down"
    assert response.json()["status"] == "degraded"


@pytest.mark.django_db
def test_without_the_database_it_is_down(client, monkeypatch) -> None:
    def away() -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(connection, "cursor", away)
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "down", "redis": "ok", "model": "unknown"}


def test_only_reading_is_allowed(client) -> None:
    assert client.post("/health/live").status_code == 405
