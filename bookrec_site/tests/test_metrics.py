"""/metrics: who may read it, what is counted by whom, and what a failure costs."""

import ipaddress
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from django.test import Client
from django.utils import timezone

from bookrec_site.metrics import counting, site, tasks
from bookrec_site.metrics.slots import Slot
from bookrec_site.operations.queues import BrokerAway, QueueState
from bookrec_site.tasks import clear_expired
from bookrec_site.tests.running_site import listening, site_environment
from bookrec_site.tests.scraping import Samples, samples_of, value
from recommender.models import TrainingRun
from recommender.signals import list_served

TOKEN = "a token of the tests alone"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True)
def token(settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def scrape(client: Client) -> Samples:
    answer = client.get("/metrics", headers=WITH_TOKEN)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "no-store" in answer["Cache-Control"]
    return samples_of(answer.content.decode())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Token {TOKEN}"},
        {"Authorization": "Bearer \u00fcber"},
        {"X-Forwarded-For": "10.1.2.3"},
    ],
)
def test_strangers_read_nothing(client, settings, headers) -> None:
    settings.METRICS_ADDRESSES = [ipaddress.ip_network("10.0.0.0/8")]
    answer = client.get("/metrics", headers=headers)
    assert (answer.status_code, answer.content) == (403, b"Not for you.\n")


def test_without_a_token_and_addresses_nobody_reads_anything(client, settings) -> None:
    settings.METRICS_TOKEN = ""
    for headers in ({}, {"Authorization": "Bearer "}, WITH_TOKEN):
        assert client.get("/metrics", headers=headers).status_code == 403


@pytest.mark.django_db
def test_a_configured_address_reads_without_a_token(client, settings) -> None:
    settings.METRICS_ADDRESSES = [ipaddress.ip_network("127.0.0.0/8")]
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 403
    # A proxy's word counts where it is trusted, and then the proxy's own address does not.
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.1/32")]
    headers = {"X-Forwarded-For": "192.0.2.1"}
    assert client.get("/metrics", headers=headers).status_code == 403
    settings.METRICS_ADDRESSES = [ipaddress.ip_network("0.0.0.0/0")]
    assert client.get("/metrics", REMOTE_ADDR="").status_code == 403


def test_it_is_read_only(client) -> None:
    assert client.post("/metrics", headers=WITH_TOKEN).status_code == 405


@pytest.mark.django_db
def test_requests_are_counted_by_route_method_and_status(client) -> None:
    before = scrape(client)
    client.get("/health/live")
    client.get("/health/live?q=a+reader's+secret")
    client.post("/health/live")
    after = scrape(client)

    def counted(**labels: str) -> float:
        name = "bookrec_requests_total"
        return value(after, name, route="health_live", **labels) - value(
            before, name, route="health_live", **labels
        )

    assert counted(method="GET", status="200") == 2
    assert counted(method="POST", status="405") == 1
    assert counted() == 3
    seconds = "bookrec_request_seconds_count"
    took = value(after, seconds, route="health_live") - value(before, seconds, route="health_live")
    assert took == 3
    # A scrape is a request as any other, counted when it is over.
    assert value(after, "bookrec_requests_total", route="metrics") == 1 + value(
        before, "bookrec_requests_total", route="metrics"
    )


@pytest.mark.django_db
def test_what_strangers_make_up_makes_no_new_series(client) -> None:
    client.get("/no/such/page")
    client.generic("BREW", "/health/live")
    before = scrape(client)
    for number in range(5):
        assert client.get(f"/made-up-{number}/").status_code == 404
        client.generic(f"BREW{number}", "/health/live")
    after = scrape(client)
    new = {name for name, _ in after.keys() - before.keys()}
    assert not {n for n in new if n.startswith(("bookrec_requests", "bookrec_request_"))} - {
        "bookrec_requests_total"
    }
    nowhere = {"route": "nowhere", "status": "404"}
    assert (
        value(after, "bookrec_requests_total", **nowhere)
        - value(before, "bookrec_requests_total", **nowhere)
        == 5
    )
    assert {dict(labels).get("method") for _, labels in after} <= counting.METHODS | {"other", None}
    assert not any("made-up" in str(labels) for _, labels in after)


@pytest.mark.django_db
def test_lists_are_counted_by_what_they_were_made_from(client) -> None:
    before = scrape(client)
    for basis, is_empty in (("ratings", False), ("ratings", False), ("popular", True)):
        list_served.send(None, surface="home", basis=basis, is_empty=is_empty)
    after = scrape(client)

    def counted(**labels: str) -> float:
        return value(after, "bookrec_lists_total", **labels) - value(
            before, "bookrec_lists_total", **labels
        )

    assert counted(surface="home", basis="ratings", empty="no") == 2
    assert counted(surface="home", basis="popular", empty="yes") == 1


@pytest.mark.django_db
def test_tasks_are_counted_by_how_they_end(client) -> None:
    assert tasks  # connected by its import
    before = scrape(client)
    clear_expired.apply()
    after = scrape(client)
    labels = {"task": "bookrec.clear_expired", "state": "SUCCESS"}
    name = "bookrec_tasks_total"
    assert value(after, name, **labels) - value(before, name, **labels) == 1
    assert value(after, "bookrec_task_seconds_count", task="bookrec.clear_expired") >= 1


@pytest.mark.django_db
def test_the_active_run_and_the_queues_are_told(client, monkeypatch) -> None:
    gone_live = timezone.now() - timedelta(hours=3)
    run = TrainingRun.objects.create(
        trigger="test", status="active", artifact="x", finished_at=gone_live
    )
    TrainingRun.objects.create(trigger="test")
    waiting = [QueueState("default", 0, None, None), QueueState("training", 2, 61.5, None)]
    monkeypatch.setattr(site, "queue_states", lambda with_consumers: waiting)
    monkeypatch.setattr(site, "seconds_since_tick", lambda: 4.0)
    found = scrape(client)
    assert value(found, "bookrec_active_run_id") == run.pk
    assert value(found, "bookrec_active_run_age_seconds") == pytest.approx(3 * 3600, abs=60)
    assert value(found, "bookrec_runs_under_way") == 1
    assert value(found, "bookrec_queue_waiting", queue="training") == 2
    assert value(found, "bookrec_queue_oldest_seconds", queue="training") == 61.5
    assert value(found, "bookrec_queue_oldest_seconds", queue="default") == 0
    assert value(found, "bookrec_beat_age_seconds") == 4
    assert value(found, "bookrec_source_up") == 2


@pytest.mark.django_db
def test_a_broker_that_is_away_costs_its_own_figures_alone(client, monkeypatch) -> None:
    def away(**kwargs: object) -> list[QueueState]:
        raise BrokerAway("refused")

    monkeypatch.setattr(site, "queue_states", away)
    found = scrape(client)
    assert value(found, "bookrec_source_up", source="redis") == 0
    assert value(found, "bookrec_source_up", source="database") == 1
    assert not any(name.startswith("bookrec_queue") for name, _ in found)
    assert value(found, "bookrec_requests_total") > 0


def test_a_disk_that_is_full_stops_the_counting_and_nothing_else(
    client, monkeypatch, caplog
) -> None:
    def full(*labels: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(counting._Broken, "is_so", False)
    monkeypatch.setattr(counting._requests, "labels", full)
    for _ in range(2):
        assert client.get("/health/live").status_code == 200
    assert caplog.text.count("counts nothing any more") == 1


def test_a_number_is_one_process_s_alone_and_then_the_next_one_s(tmp_path: Path) -> None:
    first, second, third = (Slot(tmp_path) for _ in range(3))
    assert (first(), second(), first()) == ("1", "2", "1")
    assert first._lock is not None
    first._lock.close()
    assert third() == "1"
    assert (tmp_path / "counter_1.db").stat().st_size == 1 << 20


@pytest.mark.slow
def test_counts_of_all_workers_outlive_them(tmp_path: Path) -> None:
    """Two workers that end after a few requests each, then all of gunicorn a second time."""
    environment = site_environment(
        "postgresql://nobody@127.0.0.1:1/none", tmp_path, METRICS_TOKEN=TOKEN
    )
    sent = 0
    for round_ in (1, 2):
        folder = tmp_path / f"round-{round_}"
        folder.mkdir()
        with listening(environment, folder, "--max-requests=8") as url:
            for _ in range(30):
                # Each over a connection of its own: a worker that ends closes what it has.
                assert requests.get(f"{url}/health/live", timeout=60).status_code == 200
                sent += 1
            answer = requests.get(f"{url}/metrics", headers=WITH_TOKEN, timeout=60)
        found = samples_of(answer.text)
        assert value(found, "bookrec_requests_total", route="health_live", status="200") == sent
        assert value(found, "bookrec_request_seconds_count", route="health_live") == sent
        # The database is away all the while.
        assert value(found, "bookrec_source_up", source="database") == 0
        assert value(found, "bookrec_source_up", source="redis") == 1
    files = list((tmp_path / "metrics").glob("counter_*.db"))
    # Of a worker that is ending beside the one that takes its place, there may be a third.
    assert 2 <= len(files) <= 4
