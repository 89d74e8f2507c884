"""Which model a process serves while another is loaded, and when that cannot be."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from django.utils import timezone

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.services import rate_book
from recommender import active, artifact_store
from recommender.active import ActiveModel, _Holder, holder
from recommender.dataset import load_dataset
from recommender.engine import (
    AlsoLoved,
    ArtifactError,
    BookMap,
    LinearRanker,
    Part,
    PopularityRanker,
    ReaderNeighbours,
    TwoStageConfig,
    TwoStageRanker,
    write_artifact,
)
from recommender.engine.book_map import BookMapConfig
from recommender.engine.stars import StarsConfig, StarsPredictor
from recommender.metrics import ModelMetrics, model_metrics
from recommender.models import TrainingRun
from recommender.serving import predicted_stars, recommendations_for

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
        monkeypatch.setattr(active, "_load", self._load)
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


def fitted_parts() -> dict[str, Part]:
    data = load_dataset()
    return {
        "items": data.catalog.to_part(),
        "linear": LinearRanker().fit(data.interactions, data.catalog).to_part(),
        "popularity": PopularityRanker().fit(data.interactions, data.catalog).to_part(),
    }


def put_live(parts: dict[str, Part]) -> TrainingRun:
    name = artifact_store.new_name(1)
    with artifact_store.draft(name) as folder:
        write_artifact(folder, parts, created_at=timezone.now())
        artifact_store.publish(folder, name)
    TrainingRun.objects.filter(status="active").update(status="retired")
    return TrainingRun.objects.create(trigger="test", status="active", artifact=name)


@pytest.fixture
def alice(two_tastes):
    alice = UserFactory(username="alice")
    for book in two_tastes["Dragon"][:3]:
        rate_book(user=alice, book=book, stars=5)
    return alice


def test_an_artifact_from_before_the_second_stage_is_served(two_tastes, artifacts, alice) -> None:
    run = put_live(fitted_parts())
    found = recommendations_for(alice, k=5)
    assert (found.run_id, found.basis) == (run.pk, "ratings")
    assert isinstance(holder.current().ranker, LinearRanker)
    assert all(item.reasons for item in found.items)
    assert all(item.predicted is None for item in found.items)


SMALL = TwoStageConfig(
    n_candidates=4, n_splits=1, n_cold_splits=1, least_examples=10, n_members=1, n_epochs=1
)


@pytest.mark.parametrize("config", [TwoStageConfig(), SMALL])
def test_lists_are_in_the_order_of_the_two_stage_ranker(
    two_tastes, artifacts, alice, config: TwoStageConfig
) -> None:
    """Too little data for a second stage with the first config, enough with the other."""
    data = load_dataset()
    parts = fitted_parts()
    del parts["linear"]
    parts["two_stage"] = TwoStageRanker(config).fit(data.interactions, data.catalog).to_part()
    hidden = two_tastes["Dragon"][3]
    hidden.is_hidden = True
    hidden.save()
    put_live(parts)
    found = recommendations_for(alice, k=7)

    ranker = holder.current().ranker
    assert isinstance(ranker, TwoStageRanker)
    has_second_stage = config is SMALL
    assert (ranker.skipped_because is None) == has_second_stage
    items = holder.current().catalog.items
    profile = data.interactions.profile(data.interactions.users.indices([alice.pk])[0])
    expected = ranker.recommend(profile, k=7, excluded=items.indices([hidden.pk]))
    assert [item.book.pk for item in found.items] == items.ids[expected].tolist()
    assert all(item.reasons for item in found.items)
    scores = [item.score for item in found.items]
    assert scores == sorted(scores, reverse=True)
    if has_second_stage:
        # The hidden book took no candidate's place; after the candidates comes the index.
        assert [score > 0 for score in scores] == [True] * 4 + [False] * 3


@pytest.fixture
def with_stars(two_tastes, artifacts) -> TrainingRun:
    data = load_dataset()
    stars = StarsPredictor(StarsConfig(embeddings=False)).fit(data.interactions, data.catalog)
    return put_live(fitted_parts() | {"stars": stars.to_part()})


def test_predicted_stars_are_the_readers_own(with_stars, two_tastes, alice) -> None:
    books = [two_tastes["Dragon"][5], two_tastes["Detective"][5]]
    predicted = predicted_stars(alice, books)
    model = holder.current()
    profile = active.Profile.from_ids(
        model.catalog.items, [book.pk for book in two_tastes["Dragon"][:3]], [5, 5, 5], []
    )
    expected = model.stars.predict_profile(profile)[
        model.catalog.items.indices([book.pk for book in books])
    ]
    np.testing.assert_allclose([predicted[book.pk].stars for book in books], expected, rtol=1e-6)
    assert all(found.is_personal for found in predicted.values())
    shown = recommendations_for(alice, k=3, with_predicted_stars=True).items
    assert [item.predicted for item in shown] == list(
        predicted_stars(alice, [item.book for item in shown]).values()
    )


def test_a_reader_without_ratings_is_told_the_readers_mean(with_stars, two_tastes) -> None:
    book = two_tastes["Dragon"][5]
    predicted = predicted_stars(UserFactory(), [book])[book.pk]
    model = holder.current()
    place = model.catalog.items.indices([book.pk])[0]
    assert predicted.stars == pytest.approx(float(model.stars.item_means[place]))
    assert not predicted.is_personal


def test_without_predictions_the_catalogues_mean_is_told(two_tastes, artifacts, alice) -> None:
    rated, unrated = two_tastes["Dragon"][5:7]
    rated.average_rating, unrated.average_rating = 3.5, None
    for run in (None, put_live):
        if run:
            run(fitted_parts())
        predicted = predicted_stars(alice, [rated, unrated])
        assert set(predicted) == {rated.pk}
        assert predicted[rated.pk].stars == 3.5
        assert not predicted[rated.pk].is_personal


def test_a_part_of_another_algorithm_is_not_served(two_tastes, artifacts, alice) -> None:
    good = put_live(fitted_parts())
    assert recommendations_for(alice).run_id == good.pk
    parts = fitted_parts()
    put_live(parts | {"stars": parts["popularity"]})
    recommendations_for(alice)
    holder.settle(PATIENCE)
    assert recommendations_for(alice).run_id == good.pk
    assert holder.state() == "stale"


def test_further_parts_are_served_where_there_are_any(two_tastes, artifacts) -> None:
    put_live(fitted_parts())
    bare = holder.current()
    assert (bare.stars, bare.embeddings, bare.book_map, bare.readers, bare.also_loved) == (
        None,
    ) * 5
    data = load_dataset()
    n_items = data.interactions.n_items
    places = np.random.default_rng(0).uniform(-1, 1, (n_items, 2)).astype(np.float32)
    further = {
        "map": BookMap(places, -places, np.ones(n_items, dtype=np.bool_), BookMapConfig()),
        "readers": ReaderNeighbours().fit(data.interactions),
        "also_loved": AlsoLoved.fit(data.interactions),
    }
    run = put_live(fitted_parts() | {name: part.to_part() for name, part in further.items()})
    holder.current()
    holder.settle(PATIENCE)
    model = holder.current()
    assert model.run_id == run.pk
    np.testing.assert_array_equal(model.book_map.tsne, -places)
    profile = data.interactions.profile(0)
    found, expected = (
        readers.nearest(profile, 5).user_ids for readers in (model.readers, further["readers"])
    )
    assert len(expected)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(model.also_loved.item_indices, further["also_loved"].item_indices)


def test_a_part_of_other_items_is_not_served(two_tastes, artifacts, caplog) -> None:
    parts = fitted_parts()
    BookFactory()
    stars = StarsPredictor(StarsConfig(embeddings=False))
    data = load_dataset()
    put_live(parts | {"stars": stars.fit(data.interactions, data.catalog).to_part()})
    assert holder.current() is None
    assert holder.state() == "stale"
    assert "stars is of 25 items, the catalog of 24" in caplog.text


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
