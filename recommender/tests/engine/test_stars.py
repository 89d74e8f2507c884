"""The stack of predicted stars on planted ratings, and what is left out of its columns."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.engine import (
    ArtifactError,
    InputError,
    Interactions,
    NotFittedError,
    Part,
    Profile,
    load_artifact,
    write_artifact,
)
from recommender.engine.biases import BiasesPredictor
from recommender.engine.item_features import reading_vectors
from recommender.engine.stars import StarsConfig, StarsPredictor
from recommender.tests.engine.conftest import random_interactions
from recommender.tests.engine.isolated import modules_after
from recommender.tests.engine.test_embeddings import N_ITEMS, planted

NOBODY = Profile(np.array([], dtype=np.int64), np.array([]))
READER = Profile(np.array([0, 2, 5]), np.array([5, 4, 1]), np.array([9]))
QUICK = StarsConfig(embeddings=False, n_rounds=40, ratings_per_round=50)
SERVED = """
import numpy as np
from recommender.engine import Profile
from recommender.engine.stars import StarsPredictor
predictor = StarsPredictor.from_part(artifact.part("stars"))
profile = Profile(np.array([0, 2, 5]), np.array([5, 4, 1]), np.array([9]))
stars = predictor.predict_profile(profile)
assert np.array_equal(predictor.predict_items(profile, [7, 3]), stars[[7, 3]])
assert stars.std() > 0
"""


@pytest.fixture(scope="module")
def stars() -> StarsPredictor:
    train, catalog, *_ = planted()
    return StarsPredictor(QUICK).fit(train, catalog)


def test_it_beats_the_biases(stars: StarsPredictor) -> None:
    train, _, users, items, wanted = planted()
    error = np.mean((stars.predict(users, items) - wanted) ** 2)
    biases = np.mean((BiasesPredictor().fit(train).predict(users, items) - wanted) ** 2)
    assert error < 0.5 * biases


def test_predictions_are_calibrated(stars: StarsPredictor) -> None:
    """In every third of the predictions the held-out stars have the predicted mean."""
    _, _, users, items, wanted = planted()
    predicted = stars.predict(users, items)
    for part in np.array_split(np.argsort(predicted), 3):
        standard_error = wanted[part].std() / np.sqrt(len(part))
        difference = abs(predicted[part].mean() - wanted[part].mean())
        assert difference < 3 * standard_error + 0.05


def test_few_ratings_have_few_trees_and_are_not_learned_by_heart() -> None:
    """Stars without any pattern: the mean is all there is to know, and trees only add noise."""
    generator = np.random.default_rng(5)
    users, items = np.nonzero(generator.random((400, 40)) < 0.5)
    noise = generator.integers(1, 6, len(users))
    held = generator.random(len(users)) < 0.3
    train = Interactions.from_pairs(users[~held], items[~held], noise[~held])
    test_users, test_items = train.users.indices(users[held]), train.items.indices(items[held])
    errors = {}
    for ratings_per_round in (4000, 1):
        config = dataclasses.replace(QUICK, n_rounds=120, ratings_per_round=ratings_per_round)
        predictor = StarsPredictor(config).fit(train)
        errors[ratings_per_round] = np.mean(
            (predictor.predict(test_users, test_items) - noise[held]) ** 2
        )
    assert errors[4000] < 1.1 * np.var(noise[held])
    assert errors[4000] < 0.98 * errors[1]


def test_the_same_seed_gives_the_same_bits(stars: StarsPredictor) -> None:
    train, catalog, *_ = planted()
    again = StarsPredictor(QUICK).fit(train, catalog)
    for profile in (NOBODY, READER):
        assert np.array_equal(again.predict_profile(profile), stars.predict_profile(profile))
    everything = np.arange(N_ITEMS)
    users = np.full(N_ITEMS, 7)
    assert np.array_equal(again.predict(users, everything), stars.predict(users, everything))


def test_stars_stay_within_1_to_5_however_extreme_a_reader(stars: StarsPredictor) -> None:
    everything = np.arange(N_ITEMS)
    for level in (1, 5):
        predicted = stars.predict_profile(Profile(everything, np.full(N_ITEMS, level)))
        assert predicted.min() >= 1
        assert predicted.max() <= 5
        assert abs(predicted.mean() - level) < 0.5


def test_a_training_user_is_folded_in_as_any_reader(stars: StarsPredictor) -> None:
    train, *_ = planted()
    everything = np.arange(N_ITEMS)
    for user in (0, 7, 149):
        folded = stars.predict_profile(train.profile(user))
        fitted = stars.predict(np.full(N_ITEMS, user), everything)
        np.testing.assert_allclose(folded, fitted, atol=1e-5)


def test_some_items_get_what_they_get_among_all(stars: StarsPredictor) -> None:
    items = np.array([7, 3, 39, 3])
    some = stars.predict_items(READER, items)
    np.testing.assert_allclose(some, stars.predict_profile(READER)[items], atol=1e-5)
    assert stars.predict_items(READER, []).shape == (0,)


def test_a_reader_without_ratings_gets_the_readers_mean(stars: StarsPredictor) -> None:
    train, *_ = planted()
    predicted = stars.predict_profile(NOBODY)
    np.testing.assert_array_equal(predicted, stars.item_means)
    shelf_alone = Profile(np.array([], dtype=np.int64), np.array([]), np.array([4, 5]))
    np.testing.assert_array_equal(stars.predict_profile(shelf_alone), predicted)
    counts = train.ratings.astype(bool).sum(axis=0)
    means = train.ratings.sum(axis=0) / counts
    assert np.corrcoef(predicted, means)[0, 1] > 0.95
    assert (np.abs(predicted - train.ratings.data.mean()) <= np.abs(means - 3) + 0.5).all()


def test_a_training_user_without_ratings_gets_the_readers_mean() -> None:
    interactions = Interactions.from_pairs(
        np.repeat(np.arange(30), 5),
        np.tile(np.arange(5), 30),
        np.tile([1, 2, 3, 4, 5], 30),
        shelf_user_ids=[99],
        shelf_item_ids=[2],
    )
    predictor = StarsPredictor(QUICK).fit(interactions)
    np.testing.assert_array_equal(predictor.predict([30, 30], [4, 0]), predictor.item_means[[4, 0]])


def test_more_stars_for_everything_means_more_stars_everywhere(stars: StarsPredictor) -> None:
    books = np.arange(0, N_ITEMS, 2)
    by_level = [stars.predict_profile(Profile(books, np.full(20, level))) for level in range(1, 6)]
    means = [predicted.mean() for predicted in by_level]
    assert means == sorted(means)
    assert means[-1] > means[0] + 1
    assert (by_level[4] >= by_level[0]).all()


def test_a_higher_rating_of_a_book_lifts_its_own_kind(stars: StarsPredictor) -> None:
    """One more star for an even book: even books rise more than odd ones."""
    books = np.arange(8)
    low, high = np.full(8, 3), np.full(8, 3)
    low[4], high[4] = 1, 5
    rise = stars.predict_profile(Profile(books, high)) - stars.predict_profile(Profile(books, low))
    assert rise[8::2].mean() > rise[9::2].mean()


def test_it_survives_save_and_load_bit_by_bit(stars: StarsPredictor, tmp_path: Path) -> None:
    folder = write_artifact(
        tmp_path / "run", {"stars": stars.to_part()}, created_at=datetime(2030, 1, 1, tzinfo=UTC)
    )
    loaded = StarsPredictor.from_part(load_artifact(folder).part("stars"))
    for profile in (NOBODY, READER):
        wanted = stars.predict_profile(profile)
        assert np.array_equal(loaded.predict_profile(profile), wanted)
    assert loaded.to_part().config == stars.to_part().config
    with pytest.raises(NotFittedError, match="artifact"):
        loaded.predict([0], [0])


def test_a_web_process_that_serves_it_loads_no_library_of_the_fit(
    stars: StarsPredictor, tmp_path: Path
) -> None:
    folder = write_artifact(
        tmp_path / "run", {"stars": stars.to_part()}, created_at=datetime(2030, 1, 1, tzinfo=UTC)
    )
    assert modules_after(SERVED, folder) == set()


def test_a_part_that_is_not_whole_is_refused(stars: StarsPredictor) -> None:
    part = stars.to_part()

    def loaded(**changed: Any) -> StarsPredictor:
        arrays = dict(part.arrays) | changed
        return StarsPredictor.from_part(Part("stars", arrays, part.config, part.metrics))

    for name in ("vectors", "reading", "star_counts", "figures"):
        with pytest.raises(ArtifactError, match="fit together"):
            loaded(**{name: part.arrays[name][:-1]})
    with pytest.raises(ArtifactError, match="fit together"):
        loaded(item_means=part.arrays["item_means"] * np.nan)
    for name in ("star_counts", "reading", "item_means"):
        with pytest.raises(ArtifactError, match="fit together"):
            loaded(**{name: part.arrays[name].astype(np.float16)})
    with pytest.raises(ArtifactError, match="trees do not fit together"):
        loaded(forest_values=part.arrays["forest_values"][:-1])
    without = {name: array for name, array in part.arrays.items() if name != "forest_values"}
    with pytest.raises(ArtifactError, match="no array 'forest_values'"):
        StarsPredictor.from_part(Part("stars", without, part.config, part.metrics))
    with pytest.raises(ArtifactError, match="config"):
        StarsPredictor.from_part(Part("stars", part.arrays, {"noise": 0}))
    with pytest.raises(ArtifactError, match="its embeddings"):
        config = dict(part.config) | {"embeddings": True}
        StarsPredictor.from_part(Part("stars", part.arrays, config, part.metrics))
    other = StarsPredictor(QUICK).fit(random_interactions(0)).to_part()
    with pytest.raises(ArtifactError, match="other columns"):
        metrics = {**part.metrics, "columns": other.metrics["columns"]}
        StarsPredictor.from_part(Part("stars", part.arrays, part.config, metrics))


def test_its_reading_vectors_are_those_of_the_interactions(stars: StarsPredictor) -> None:
    train, *_ = planted()
    wanted = reading_vectors(train, QUICK.n_vector_factors, seed=QUICK.seed)
    np.testing.assert_array_equal(stars.reading, wanted)


def test_items_out_of_range_are_refused(stars: StarsPredictor) -> None:
    with pytest.raises(InputError, match="item_indices span"):
        stars.predict_items(READER, [N_ITEMS])
    with pytest.raises(InputError, match="item index 40"):
        stars.predict_items(Profile(np.array([40]), np.array([5])), [0])


@pytest.mark.parametrize(
    "changes",
    [
        {"n_folds": 1},
        {"ratings_per_round": 0},
        {"noise": 0.0},
        {"author": -1.0},
        {"learning_rate": np.nan},
        {"seed": -1},
    ],
)
def test_a_config_that_means_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        dataclasses.replace(QUICK, **changes)


@pytest.mark.slow
def test_with_the_embeddings_the_stack_is_saved_whole(tmp_path: Path) -> None:
    train, catalog, users, items, wanted = planted()
    told: list[float] = []
    config = StarsConfig(n_folds=2, n_rounds=20, ratings_per_round=50)
    predictor = StarsPredictor(config)
    predictor.fit(train, catalog, on_progress=lambda _, part: told.append(part))
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert np.mean((predictor.predict(users, items) - wanted) ** 2) < 0.5 * np.var(wanted)
    folder = write_artifact(
        tmp_path / "run",
        {"stars": predictor.to_part()},
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    loaded = StarsPredictor.from_part(load_artifact(folder).part("stars"))
    assert np.array_equal(loaded.predict_profile(READER), predictor.predict_profile(READER))
    assert modules_after(SERVED, folder) == set()


def test_embeddings_predict_a_rating_from_the_users_others_alone() -> None:
    """The closed form of ``as_kernel``: a fold-in of the other ratings gives the same stars."""
    from scipy.sparse import csr_array

    from recommender.engine.embeddings.dot_product import DotProductConfig, DotProductPredictor

    generator = np.random.default_rng(0)
    train, *_ = planted()
    vectors = np.column_stack((generator.normal(0, 1, (N_ITEMS, 3)), np.ones(N_ITEMS)))
    part = Part(
        "dot_product",
        {
            "item_factors": vectors.astype(np.float32),
            "item_offsets": generator.uniform(2.5, 3.5, N_ITEMS).astype(np.float32),
            "mean_user": np.zeros(4, dtype=np.float32),
            "penalties": np.array([2, 2, 2, 3], dtype=np.float32),
        },
        dataclasses.asdict(DotProductConfig(n_factors=3)),
    )
    predictor = DotProductPredictor.from_part(part)
    ratings, offsets = train.ratings, predictor.item_offsets
    rests = csr_array(
        (ratings.data - offsets[ratings.indices], ratings.indices, ratings.indptr),
        shape=ratings.shape,
    )
    left_out = predictor.as_kernel().leave_one_out(rests).parts.sum(axis=1)
    profile = train.profile(5)
    start = ratings.indptr[5]
    for place, item in enumerate(profile.item_indices):
        others = np.arange(len(profile.item_indices)) != place
        without = Profile(profile.item_indices[others], profile.stars[others])
        wanted = predictor.raw_profile(without)[item]
        assert offsets[item] + left_out[start + place] == pytest.approx(wanted, abs=1e-4)
