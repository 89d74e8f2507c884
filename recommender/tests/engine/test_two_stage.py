from __future__ import annotations

import dataclasses
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommender.engine import (
    ArtifactError,
    Catalog,
    InputError,
    Interactions,
    LinearConfig,
    LinearRanker,
    NotFittedError,
    Part,
    Profile,
    Series,
    load_artifact,
    two_stage,
    write_artifact,
)
from recommender.engine.two_stage import TwoStageRanker
from recommender.engine.two_stage_config import TwoStageConfig
from recommender.engine.two_stage_examples import draw_splits
from recommender.engine.two_stage_features import FEATURES
from recommender.tests.engine.conftest import random_interactions
from recommender.tests.event_files import logged

N_ITEMS = 120
CONFIG = TwoStageConfig(
    n_candidates=20,
    n_splits=3,
    n_cold_splits=2,
    least_examples=50,
    n_members=2,
    n_hidden=16,
    n_epochs=6,
    batch_size=16,
    learning_rate=0.01,
)
LINEAR = LinearConfig(n_neighbours=40)


def tasteful(seed: int = 0, n_users: int = 800) -> tuple[Interactions, Catalog]:
    """Return readers of three tastes, and a catalog with everything in it.

    Who reads what is a matter of taste; how it is liked, one of quality, which only the catalog
    knows well.
    """
    generator = np.random.default_rng(seed)
    tastes, books = generator.normal(size=(n_users, 3)), generator.normal(size=(N_ITEMS, 3))
    affinity = tastes @ books.T + generator.normal(size=N_ITEMS) - 1.5
    users, items = np.nonzero(generator.random(affinity.shape) < 1 / (1 + np.exp(-affinity)))
    quality = 3.4 + 0.9 * generator.normal(size=N_ITEMS)
    stars = quality[items] + 0.2 * affinity[users, items] + 0.5 * generator.normal(size=len(users))
    interactions = Interactions.from_pairs(
        users,
        items,
        np.clip(np.round(stars), 1, 5),
        shelf_user_ids=users[::7],
        shelf_item_ids=generator.permutation(items)[::7],
        catalog_ids=np.arange(N_ITEMS),
    )
    counts = np.bincount(interactions.ratings.indices, minlength=N_ITEMS)
    tags = generator.integers(0, 9, (N_ITEMS, 12)) * (generator.random((N_ITEMS, 12)) < 0.2)
    years = generator.integers(1950, 2015, N_ITEMS).astype(float)
    years[:5] = np.nan
    catalog = Catalog(
        interactions.items,
        Series(np.where(np.arange(N_ITEMS) < 40, np.arange(N_ITEMS) // 4, -1), _volumes()),
        generator.integers(-1, 30, N_ITEMS),
        np.full(N_ITEMS, -1),
        n_ratings=10 * counts + 1,
        mean_stars=quality.clip(1, 5),
        std_stars=generator.uniform(0.5, 1.2, N_ITEMS),
        n_reviews=counts.astype(float),
        years=years,
        tags=csr_array(tags.astype(np.float32)),
    )
    return interactions, catalog


def _volumes() -> np.ndarray:
    return np.where(np.arange(N_ITEMS) < 40, np.arange(N_ITEMS) % 4 + 1.0, np.nan)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> TwoStageRanker:
    interactions, catalog = tasteful()
    log = tmp_path_factory.mktemp("log")
    return TwoStageRanker(CONFIG, linear_config=LINEAR, log_folder=log).fit(interactions, catalog)


def test_every_network_of_a_fit_has_its_losses_and_its_log(fitted: TwoStageRanker) -> None:
    assert fitted.log_folder is not None
    assert len(fitted.losses) == CONFIG.network.n_members
    for number, losses in enumerate(fitted.losses, start=1):
        folder = fitted.log_folder / f"network-{number}"
        assert logged(folder, "epoch_loss") == pytest.approx(losses)
    assert TwoStageRanker.from_part(fitted.to_part()).losses == ()


READER = Profile(np.array([1, 5, 9, 30, 41, 77]), np.array([5, 4, 1, 3, 2, 5]), np.array([10, 50]))


def test_the_first_places_are_the_linear_candidates_in_another_order(
    fitted: TwoStageRanker,
) -> None:
    assert fitted.skipped_because is None
    whole = fitted.recommend(READER, k=N_ITEMS)
    linear = fitted.linear.recommend(READER, k=N_ITEMS)
    assert set(whole[:20]) == set(linear[:20])
    assert whole[:20].tolist() != linear[:20].tolist()
    assert whole[20:].tolist() == linear[20:].tolist()
    assert len(whole) == N_ITEMS - 8


def test_the_candidates_scores_are_probabilities_and_the_others_are_not_above_0(
    fitted: TwoStageRanker,
) -> None:
    scores = fitted.scores(READER)
    candidates = fitted.linear.recommend(READER, k=20)
    assert (scores[candidates] > 0).all()
    assert scores[candidates].sum() == pytest.approx(1, abs=1e-5)
    rest = np.setdiff1d(np.arange(N_ITEMS), candidates)
    assert scores[rest].max() == 0
    assert {1, 5, 9, 30, 41, 77, 10, 50} <= set(rest.tolist())


def test_exclusions_make_room_for_other_candidates(fitted: TwoStageRanker) -> None:
    dismissed = fitted.linear.recommend(READER, k=15)
    scores = fitted.scores(READER, dismissed)
    assert (scores > 0).sum() == 20
    assert (scores[dismissed] <= 0).all()
    ranked = fitted.recommend(READER, k=20, excluded=dismissed)
    assert (scores[ranked] > 0).all()
    assert not set(ranked.tolist()) & set(dismissed.tolist())
    with pytest.raises(InputError, match="excluded spans"):
        fitted.scores(READER, [N_ITEMS])


def test_a_network_that_saw_other_readers_orders_better_than_the_first_stage() -> None:
    """A first stage that looks at reading alone proposes books that nobody likes.

    Measured on readers who were left out of the fit.
    """
    interactions, catalog = tasteful(n_users=1600)
    kept = np.arange(interactions.n_users) % 8 != 0
    blind = dataclasses.replace(LINEAR, star_weights=(1,) * 5, input_weights=(1,) * 5)
    ranker = TwoStageRanker(CONFIG, linear_config=blind).fit(
        interactions.select_users(kept), catalog
    )
    assert ranker.skipped_because is None
    hits = {"two_stage": 0, "linear": 0}
    for split in draw_splits(interactions, np.flatnonzero(~kept), TwoStageConfig(n_cold_splits=0)):
        profile = Profile(split.rated[split.shown], split.stars[split.shown])
        liked = split.rated[split.hidden[split.stars[split.hidden] >= 4]]
        for name, one in (("two_stage", ranker), ("linear", ranker.linear)):
            hits[name] += len(np.intersect1d(one.recommend(profile, k=5), liked))
    assert hits["two_stage"] > 1.1 * hits["linear"]


@pytest.mark.parametrize("lacks", ["everything", "catalog", "tags"])
def test_a_catalog_may_lack_anything(lacks: str) -> None:
    interactions, full = tasteful(n_users=600)
    catalogs = {
        "everything": Catalog.bare(interactions.items),
        "catalog": None,
        "tags": dataclasses.replace(full, tags=None, years=None, n_reviews=None, std_stars=None),
    }
    ranker = TwoStageRanker(CONFIG, linear_config=LINEAR).fit(interactions, catalogs[lacks])
    assert ranker.skipped_because is None
    assert np.isfinite(ranker.scores(READER)).all()
    assert len(ranker.recommend(READER, k=10)) == 10


def test_too_little_to_learn_from_leaves_the_first_stage_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    interactions = random_interactions(0)
    with caplog.at_level("INFO"):
        ranker = TwoStageRanker().fit(interactions)
    assert ranker.skipped_because is not None
    assert "fewer than 1000" in ranker.skipped_because
    assert ranker.skipped_because in caplog.text
    linear = LinearRanker().fit(interactions)
    reader = Profile(np.array([0, 2, 5]), np.array([5, 4, 1]))
    assert np.array_equal(ranker.scores(reader), linear.scores(reader))
    assert np.array_equal(ranker.prior, linear.prior)
    again = TwoStageRanker.from_part(ranker.to_part())
    assert again.skipped_because == ranker.skipped_because
    assert np.array_equal(again.scores(reader), linear.scores(reader))


def test_without_ratings_the_order_is_that_of_the_first_stage(fitted: TwoStageRanker) -> None:
    for profile in (
        Profile(np.array([], dtype=int), np.array([])),
        Profile(np.array([], dtype=int), np.array([]), np.array([3, 4])),
    ):
        assert np.array_equal(fitted.scores(profile), fitted.linear.scores(profile))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_batch_gives_the_bits_of_single_scores(
    fitted: TwoStageRanker, monkeypatch: pytest.MonkeyPatch, n_threads: int
) -> None:
    """Readers of any number of books, of none, and of so many that candidates are short."""
    monkeypatch.setattr(fitted, "n_threads", n_threads)
    monkeypatch.setattr(two_stage, "_CANDIDATES_AT_ONCE", 7 * CONFIG.n_candidates)
    generator = np.random.default_rng(0)
    profiles = [READER]
    for n_rated in (0, 1, 2, 3, 30, N_ITEMS - 3, N_ITEMS - 3, N_ITEMS, *range(4, 40)):
        order = generator.permutation(N_ITEMS)
        stars = generator.integers(1, 6, n_rated)
        profiles.append(Profile(order[:n_rated], stars, order[n_rated : n_rated + 2]))
    batch = fitted.batch_scores(profiles)
    assert batch.shape == (len(profiles), N_ITEMS)
    for row, profile in zip(batch, profiles, strict=True):
        assert np.array_equal(row, fitted.scores(profile))
    assert fitted.batch_scores([]).shape == (0, N_ITEMS)


def test_the_second_stage_is_its_network_on_its_features_to_the_bit(
    fitted: TwoStageRanker,
) -> None:
    """Normal scores that were worked out before, of every item, are those of the features."""
    second, interactions = fitted._second, tasteful(seed=3)[0]
    assert second is not None
    profiles = [interactions.profile(user) for user in range(5)]
    first = fitted.linear.batch_scores(profiles)
    candidates = np.argsort(-first, axis=1, kind="stable")[:, :20]
    scores = np.take_along_axis(first, candidates, axis=1)
    features = second.features(fitted.linear, profiles, candidates, scores)
    assert np.array_equal(
        second._normal_scores(features, candidates), second.network.normal.transform(features)
    )
    found = second.probabilities(fitted.linear, profiles, candidates, scores)
    wanted = np.exp(second.network.predict(features).astype(np.float64))
    assert found == pytest.approx(wanted / wanted.sum(axis=1, keepdims=True), rel=1e-9)
    # The first stage's scores may be handed over.
    for profile, own in zip(profiles, first, strict=True):
        kept = own.copy()
        assert np.array_equal(fitted.scores(profile, first=own), fitted.scores(profile))
        assert np.array_equal(own, kept)


def test_one_rating_is_enough_for_the_second_stage(fitted: TwoStageRanker) -> None:
    scores = fitted.scores(Profile(np.array([3]), np.array([5])))
    assert (scores > 0).sum() == 20
    assert np.isfinite(scores).all()


def test_a_reader_of_nearly_everything_has_fewer_candidates(fitted: TwoStageRanker) -> None:
    nearly = Profile(np.arange(N_ITEMS - 3), np.full(N_ITEMS - 3, 4))
    assert sorted(fitted.recommend(nearly, k=10)) == [117, 118, 119]


def test_reasons_and_similar_items_are_those_of_the_first_stage(fitted: TwoStageRanker) -> None:
    item = int(fitted.recommend(READER, k=1)[0])
    reasons = fitted.contributions(READER, item)
    total = reasons.values.sum() + float(fitted.prior[item])
    assert total == pytest.approx(fitted.linear.scores(READER)[item], rel=1e-5)
    similar, wanted = fitted.similar_items(4, 5), fitted.linear.similar_items(4, 5)
    assert similar.item_indices.tolist() == wanted.item_indices.tolist()


def test_save_and_load_keep_every_bit(fitted: TwoStageRanker, tmp_path: Path) -> None:
    folder = write_artifact(
        tmp_path / "run",
        {"two_stage": fitted.to_part()},
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    loaded = TwoStageRanker.from_part(load_artifact(folder).part("two_stage"))
    assert np.array_equal(loaded.scores(READER), fitted.scores(READER))
    assert loaded.to_part().config == fitted.to_part().config


def test_serving_loads_no_training_library(fitted: TwoStageRanker, tmp_path: Path) -> None:
    folder = write_artifact(
        tmp_path / "run",
        {"two_stage": fitted.to_part()},
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    code = f"""
import sys
from pathlib import Path
import numpy as np
from recommender.engine import Profile, load_artifact
from recommender.engine.two_stage import TwoStageRanker
ranker = TwoStageRanker.from_part(load_artifact(Path({str(folder)!r})).part("two_stage"))
scores = ranker.scores(Profile(np.array([1, 5, 9]), np.array([5, 4, 1])))
assert (scores > 0).sum() == 20
print(*(name for name in ("lightgbm", "pandas", "sklearn", "tensorflow") if name in sys.modules))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""


def test_the_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    interactions, catalog = tasteful(n_users=600)
    first, second, other = (
        TwoStageRanker(dataclasses.replace(CONFIG, seed=seed), linear_config=LINEAR).fit(
            interactions, catalog
        )
        for seed in (0, 0, 1)
    )
    for name, array in first.to_part().arrays.items():
        assert np.array_equal(array, second.to_part().arrays[name]), name
    assert not np.array_equal(first.scores(READER), other.scores(READER))


def test_splits_show_four_fifths_or_a_few_and_hide_the_rest() -> None:
    interactions, _ = tasteful(n_users=200)
    splits = draw_splits(interactions, np.arange(200), CONFIG)
    counts = np.diff(interactions.ratings.indptr)
    assert len(splits) == 5 * np.count_nonzero(counts >= 5)
    for number, split in enumerate(splits):
        n_rated = len(split.rated)
        assert n_rated == counts[split.user_index] >= 5
        assert len(split.hidden) == n_rated - round(0.8 * n_rated) > 0
        assert not set(split.shown) & set(split.hidden)
        if number % 5 < 3:
            assert len(split.shown) + len(split.hidden) == n_rated
        else:
            assert 1 <= len(split.shown) <= 30


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_candidates": 0},
        {"n_splits": 0, "n_cold_splits": 0},
        {"n_hidden": 1},
        {"n_members": 0},
        {"dropout": 1.0},
        {"weight_decay": -1e-4},
        {"learning_rate": np.nan},
        {"seed": -1},
    ],
)
def test_a_config_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        TwoStageConfig(**wrong)  # type: ignore[arg-type]


def test_an_unfitted_ranker_says_so() -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        TwoStageRanker().scores(READER)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("network_last", lambda a: a[:-1]),
        ("table_items", lambda a: a[:, :-1]),
        ("table_tags", lambda a: a * np.nan),
        ("second_weights", lambda a: a[:-1]),
        ("linear_weights", lambda a: a[:-1]),
    ],
)
def test_a_part_whose_arrays_do_not_fit_together_is_refused(
    fitted: TwoStageRanker, name: str, spoil: object
) -> None:
    part = fitted.to_part()
    spoiled = dict(part.arrays) | {name: spoil(part.arrays[name])}  # type: ignore[operator]
    with pytest.raises(ArtifactError, match="fit"):
        TwoStageRanker.from_part(Part("two_stage", spoiled, part.config))


def test_a_part_of_another_version_is_refused(fitted: TwoStageRanker) -> None:
    part = fitted.to_part()
    fewer = dict(part.config) | {"features": list(FEATURES[:-1])}
    with pytest.raises(ArtifactError, match="other features"):
        TwoStageRanker.from_part(Part("two_stage", part.arrays, fewer))
    with pytest.raises(ArtifactError, match="config"):
        TwoStageRanker.from_part(Part("two_stage", part.arrays, {}))
    rest = {name: array for name, array in part.arrays.items() if name != "table_tags"}
    with pytest.raises(ArtifactError, match="no array"):
        TwoStageRanker.from_part(Part("two_stage", rest, part.config))
    smaller = LinearRanker().fit(random_interactions(0)).to_part().arrays
    swapped = dict(part.arrays) | {f"second_{name}": array for name, array in smaller.items()}
    with pytest.raises(ArtifactError, match="sources of two_stage do not fit together"):
        TwoStageRanker.from_part(Part("two_stage", swapped, part.config))


def test_progress_rises_from_0_to_1() -> None:
    interactions, catalog = tasteful(n_users=600)
    told: list[tuple[str, float]] = []
    TwoStageRanker(CONFIG, linear_config=LINEAR).fit(
        interactions, catalog, on_progress=lambda *news: told.append(news)
    )
    parts = [part for _, part in told]
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0.0, 1.0)
    assert {"gram matrix", "examples", "second stage"} <= {stage for stage, _ in told}


def test_a_first_stage_alone_ranks_as_linear_and_says_why(fitted: TwoStageRanker) -> None:
    alone = TwoStageRanker.of_first_stage(fitted.linear, "for now")
    again = TwoStageRanker.from_part(alone.to_part())
    for ranker in (alone, again):
        assert ranker.skipped_because == "for now"
        assert np.array_equal(ranker.scores(READER), fitted.linear.scores(READER))
        assert ranker.linear.config == fitted.linear.config
