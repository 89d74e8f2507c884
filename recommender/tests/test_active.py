"""Which model a process serves while another is loaded, and when that cannot be."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from moto import mock_aws

from accounts.tests.factories import UserFactory
from ratings.services import rate_book
from recommender import active, artifact_store
from recommender.active import ActiveModel, _Holder, holder
from recommender.engine import ArtifactError
from recommender.metrics import ModelMetrics, model_metrics
from recommender.serving import recommendations_for
from recommender.tests.published_runs import fitted_parts, put_live

PATIENCE = 60


class Loads:
    """Loading that tests hold up and break; no files, no database."""

    def __init__(self, monkeypatch) -> None:
        self.pointer: tuple[int, str] | None = (1, "one")
        self.begun: list[int] = []
        self.errors: dict[int, Exception] = {}
        self._gates: dict[int, tuple[threading.Event, threading.Event]] = {}
        self.metrics = ModelMetrics()
        monkeypatch.setattr(active, "_pointer", lambda: self.pointer)
        monkeypatch.setattr(active, "load_model", self._load)
        monkeypatch.setattr(artifact_store, "look_at", lambda name: name)
        monkeypatch.setattr(active, "model_metrics", self.metrics)

    def _load(self, run_id: int, artifact: str) -> ActiveModel:
        self.begun.append(run_id)
        if run_id in self._gates:
            reached, open_again = self._gates[run_id]
            reached.set()
            assert open_again.wait(PATIENCE)
        if run_id in self.errors:
            raise self.errors[run_id]
        return ActiveModel(run_id, artifact, None, None, None)

    def hold_up(self, run_id: int) -> tuple[threading.Event, threading.Event]:
        """Return what is set when the load has begun, and what lets it go on."""
        self._gates[run_id] = (threading.Event(), threading.Event())
        return self._gates[run_id]


@pytest.fixture
def loads(monkeypatch) -> Loads:
    return Loads(monkeypatch)


def test_the_old_model_serves_everybody_while_one_thread_loads(loads) -> None:
    fresh = _Holder()
    old = fresh.current()
    reached, go_on = loads.hold_up(2)
    loads.pointer = (2, "two")
    assert fresh.current() is old
    assert reached.wait(PATIENCE)
    with ThreadPoolExecutor(8) as pool:
        served = list(pool.map(lambda _: fresh.current(), range(50)))
    assert all(model is old for model in served)
    assert fresh.state() == "ok"
    go_on.set()
    fresh.settle(PATIENCE)
    assert fresh.current().run_id == 2
    assert loads.begun == [1, 2]


def test_without_a_model_everybody_waits_for_the_first(loads) -> None:
    fresh = _Holder()
    reached, go_on = loads.hold_up(1)
    with ThreadPoolExecutor(4) as pool:
        requests = [pool.submit(fresh.current) for _ in range(4)]
        assert reached.wait(PATIENCE)
        assert not any(request.done() for request in requests)
        go_on.set()
        models = {request.result(PATIENCE) for request in requests}
    assert [model.run_id for model in models] == [1]
    assert loads.begun == [1]


def test_a_pointer_that_moves_during_the_first_load_is_followed(loads) -> None:
    fresh = _Holder()
    reached, go_on = loads.hold_up(1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(fresh.current)
        assert reached.wait(PATIENCE)
        loads.pointer = (2, "two")
        second = pool.submit(fresh.current)
        go_on.set()
        assert first.result(PATIENCE) is not None
        assert second.result(PATIENCE) is not None
    fresh.current()
    fresh.settle(PATIENCE)
    assert fresh.current().run_id == 2


@pytest.mark.parametrize("error", [ArtifactError("bad"), OSError(28, "full"), ValueError("bug")])
def test_a_failed_load_leaves_the_old_one_and_is_counted(loads, caplog, error) -> None:
    fresh = _Holder()
    old = fresh.current()
    loads.errors[2] = error
    loads.pointer = (2, "two")
    assert fresh.current() is old
    fresh.settle(PATIENCE)
    for _ in range(5):
        assert fresh.current() is old
    assert loads.begun == [1, 2]  # it is not tried on every request
    assert fresh.state() == "stale"
    figures = loads.metrics.figures()
    assert (figures.run_id, figures.failed_loads) == (1, 1)
    assert figures.seconds_since_swap >= 0
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (record.run_id, record.artifact, record.served_run_id) == (2, "two", 1)
    assert bool(record.exc_info) == isinstance(error, ValueError)


def test_a_load_that_failed_is_tried_again_later(loads, monkeypatch) -> None:
    fresh = _Holder()
    loads.errors[1] = OSError("the bucket is away")
    assert fresh.current() is None
    del loads.errors[1]
    assert fresh.current() is None
    monkeypatch.setattr(active, "RETRY_SECONDS", 0.0)
    reached, go_on = loads.hold_up(1)
    assert fresh.current() is None  # popular books go on being served while it is tried
    assert reached.wait(PATIENCE)
    go_on.set()
    fresh.settle(PATIENCE)
    assert fresh.current().run_id == 1
    assert fresh.state() == "ok"


def test_without_an_active_run_nothing_is_served(loads) -> None:
    fresh = _Holder()
    assert fresh.current().run_id == 1
    loads.pointer = None
    assert fresh.current() is None
    assert fresh.state() == "missing"
    assert loads.metrics.figures().run_id is None


@pytest.fixture
def alice(two_tastes):
    alice = UserFactory(username="alice")
    for book in two_tastes["Dragon"][:3]:
        rate_book(user=alice, book=book, stars=5)
    return alice


def truncate(path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip_a_byte(path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def delete(path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [truncate, flip_a_byte, delete])
def test_damage_to_the_files_that_are_served_is_noticed(
    two_tastes, artifacts, alice, client, caplog, damage: Callable
) -> None:
    run = put_live(fitted_parts())
    before = recommendations_for(alice, k=5)
    assert holder.state() == "ok"
    failed = model_metrics.figures().failed_loads
    for path in (artifacts / run.artifact).glob("*.npy"):
        if path.stat().st_size > 200:
            damage(path)
    assert recommendations_for(alice, k=5) == before
    client.force_login(alice)
    for _ in range(3):
        health = client.get("/health/ready")
        assert health.status_code == 200
        assert health.json()["status"] == "degraded"
        assert health.json()["checks"]["model"] == "damaged"
        assert health.json()["model"]["run_id"] == run.pk
        holder.settle(PATIENCE)
        assert client.get("/api/v1/recommendations/").status_code == 200
    assert recommendations_for(alice, k=5) == before
    assert model_metrics.figures().failed_loads == failed + 1
    assert "has been damaged since it was loaded" in caplog.text


def test_files_that_were_only_touched_are_sound(two_tastes, artifacts, alice) -> None:
    run = put_live(fitted_parts())
    recommendations_for(alice)
    for path in (artifacts / run.artifact).iterdir():
        os.utime(path, (1, 1))
    holder.state()
    holder.settle(PATIENCE)
    assert holder.state() == "ok"


def test_a_damaged_cache_is_mended_from_the_bucket(
    two_tastes, artifacts, alice, settings, tmp_path, monkeypatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    settings.ARTIFACTS_CACHE_DIR = tmp_path / "cache"
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="models")
        settings.STORAGES = settings.STORAGES | {
            "artifacts": {
                "BACKEND": "storages.backends.s3.S3Storage",
                "OPTIONS": {"bucket_name": "models", "region_name": "us-east-1"},
            }
        }
        run = put_live(fitted_parts())
        before = recommendations_for(alice, k=5)
        assert before.run_id == run.pk
        [cached] = settings.ARTIFACTS_CACHE_DIR.glob(f"{run.artifact}.*")
        truncate(cached / "linear.weights.npy")
        assert holder.state() == "damaged"
        holder.settle(PATIENCE)
        assert holder.state() == "ok"
        assert recommendations_for(alice, k=5) == before
        holder.forget()
        assert recommendations_for(alice, k=5).items == before.items
