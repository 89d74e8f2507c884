"""The Grafana dashboard asks for what /metrics has, by labels that it has."""

import json
import re

import pytest
from django.conf import settings
from django.test import Client

from bookrec_site.metrics import counting, site
from bookrec_site.operations.queues import QueueState
from bookrec_site.tests.scraping import samples_of
from recommender.models import TrainingRun

DASHBOARD = json.loads((settings.BASE_DIR / "docs/grafana.json").read_text())
PANELS = DASHBOARD["panels"]
# What Prometheus itself gives every sample.
OF_THE_SCRAPE = {"instance", "job"}
_NAME = re.compile(r"\bbookrec_\w+")
_SELECTOR = re.compile(r"(bookrec_\w+)\{([^}]*)\}")
_GROUPED = re.compile(r"by \(([^)]*)\)")


def expressions() -> list[str]:
    found = [target["expr"] for panel in PANELS for target in panel["targets"]]
    return found + [v["query"] for v in DASHBOARD["templating"]["list"] if v["type"] == "query"]


@pytest.fixture
def known(client, settings, monkeypatch, db) -> dict[str, set[str]]:
    """The names at /metrics while everything that can be counted has been, with their labels."""
    settings.METRICS_TOKEN = "a token of the tests alone"
    TrainingRun.objects.create(
        trigger="test", status="active", artifact="x", finished_at="2026-01-01T00:00Z"
    )
    monkeypatch.setattr(
        site, "queue_states", lambda with_consumers: [QueueState("default", 1, 2.0, None)]
    )
    monkeypatch.setattr(site, "seconds_since_tick", lambda: 1.0)
    counting.count_list("home", "ratings", False)
    counting.count_task("tests.task", "SUCCESS", 0.1)
    Client().get("/health/live")
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})
    found: dict[str, set[str]] = {}
    for name, labels in samples_of(answer.content.decode()):
        found.setdefault(name, set()).update(label for label, _ in labels)
    return found


def test_every_query_is_of_a_metric_that_there_is(known) -> None:
    asked = {name for text in expressions() for name in _NAME.findall(text)}
    assert asked
    assert asked - known.keys() == set()


def test_every_metric_is_on_the_dashboard(known) -> None:
    asked = " ".join(expressions())
    families = {re.sub(r"_(total|bucket|sum|count|created)$", "", name) for name in known}
    assert {family for family in families if family not in asked} == set()


def test_every_label_is_one_that_the_metric_has(known) -> None:
    for text in expressions():
        names = set(_NAME.findall(text))
        for name, selector in _SELECTOR.findall(text):
            labels = set(re.findall(r"(\w+)\s*=~?", selector))
            assert labels <= known[name] | OF_THE_SCRAPE, text
        for group in _GROUPED.findall(text):
            labels = {label.strip() for label in group.split(",")}
            assert all(labels <= known[name] | OF_THE_SCRAPE for name in names), text


def test_panels_have_titles_numbers_and_room_of_their_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells
