"""What every predictor of stars must do, whatever its algorithm."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from recommender.engine import (
    ArtifactError,
    Catalog,
    FitError,
    InputError,
    Interactions,
    NotFittedError,
    Part,
    Profile,
    Vocabulary,
    load_artifact,
    write_artifact,
)
from recommender.engine.als_residuals import AlsResidualsConfig, AlsResidualsPredictor
from recommender.engine.biases import BiasesConfig, BiasesPredictor
from recommender.engine.predictor import RatingPredictor, as_pairs, as_predicted_stars
from recommender.engine.stars import StarsConfig, StarsPredictor
from recommender.engine.user_knn import UserKnnRanker
from recommender.tests.engine.conftest import random_interactions

Make = Callable[[], RatingPredictor]

CASES: dict[str, Make] = {
    "biases": BiasesPredictor,
    "user_knn": UserKnnRanker,
    "als_residuals": lambda: AlsResidualsPredictor(AlsResidualsConfig(n_factors=4)),
    # With the embeddings every fit takes seconds: test_stars.py has one, and test_embeddings.py.
    "stars": lambda: StarsPredictor(StarsConfig(embeddings=False, n_rounds=20)),
}

NOBODY = Profile(np.array([], dtype=np.int64), np.array([]))
READER = Profile(np.array([0, 2, 5]), np.array([5, 4, 1]), np.array([9]))


@pytest.mark.parametrize("make", CASES.values(), ids=CASES.keys())
class TestPredictor:
    def test_predictions_are_finite_float32_stars(self, make: Make) -> None:
        interactions = random_interactions(0)
        predictor = make().fit(interactions)
        assert predictor.n_items == interactions.n_items
        users = np.repeat(np.arange(interactions.n_users), interactions.n_items)
        items = np.tile(np.arange(interactions.n_items), interactions.n_users)
        for stars in (
            predictor.predict(users, items),
            predictor.predict_profile(READER),
            predictor.predict_profile(NOBODY),
        ):
            assert stars.dtype == np.float32
            assert np.isfinite(stars).all()
            assert stars.min() >= 1
            assert stars.max() <= 5
        assert predictor.predict([], []).shape == (0,)
        assert predictor.predict_profile(READER).shape == (interactions.n_items,)

    def test_the_same_input_gives_the_same_bits(self, make: Make) -> None:
        first, second = (make().fit(random_interactions(0)) for _ in range(2))
        pairs = np.arange(20), np.arange(20)
        assert np.array_equal(first.predict(*pairs), second.predict(*pairs))
        assert np.array_equal(first.predict_profile(READER), second.predict_profile(READER))

    def test_a_fit_leaves_its_input_alone(self, make: Make) -> None:
        interactions, before = random_interactions(0), random_interactions(0)
        make().fit(interactions)
        assert np.array_equal(interactions.ratings.toarray(), before.ratings.toarray())
        assert np.array_equal(interactions.shelved.toarray(), before.shelved.toarray())

    def test_predictions_do_not_depend_on_what_else_is_asked(self, make: Make) -> None:
        predictor = make().fit(random_interactions(0))
        users, items = np.array([3, 1, 3, 0]), np.array([2, 24, 9, 7])
        together = predictor.predict(users, items)
        alone = [predictor.predict([u], [i])[0] for u, i in zip(users, items, strict=True)]
        np.testing.assert_allclose(together, alone, rtol=1e-6)

    def test_stars_follow_the_readers_generosity(self, make: Make) -> None:
        predictor = make().fit(random_interactions(0))
        books = np.arange(0, 20, 2)
        generous = predictor.predict_profile(Profile(books, np.full(10, 5)))
        strict = predictor.predict_profile(Profile(books, np.full(10, 1)))
        assert generous.mean() > strict.mean() + 0.5

    def test_it_beats_the_global_mean_where_there_is_something_to_learn(self, make: Make) -> None:
        train, users, items, stars = planted_biases()
        error = make().fit(train).predict(users, items) - stars
        assert np.mean(error**2) < 0.6 * np.var(stars)

    def test_unusable_input_is_refused(self, make: Make) -> None:
        predictor = make().fit(random_interactions(0))
        with pytest.raises(InputError, match="user_indices span"):
            predictor.predict([10_000], [0])
        with pytest.raises(InputError, match="item_indices span"):
            predictor.predict([0], [-1])
        with pytest.raises(InputError, match="2 user_indices and 1"):
            predictor.predict([0, 1], [0])
        with pytest.raises(InputError, match="item index 25"):
            predictor.predict_profile(Profile(np.array([25]), np.array([5])))
        with pytest.raises(InputError, match="catalog"):
            make().fit(random_interactions(0), Catalog.bare(Vocabulary.of([1])))

    def test_without_ratings_there_is_nothing_to_fit(self, make: Make) -> None:
        shelf_alone = Interactions.from_pairs(
            [], [], [], shelf_user_ids=[1], shelf_item_ids=[1], catalog_ids=[1, 2]
        )
        with pytest.raises(FitError, match="no rating"):
            make().fit(shelf_alone)

    def test_before_a_fit_there_are_no_predictions(self, make: Make) -> None:
        with pytest.raises(NotFittedError, match="fit"):
            make().predict([0], [0])
        with pytest.raises(NotFittedError, match="fit"):
            make().predict_profile(NOBODY)
        with pytest.raises(NotFittedError, match="fit"):
            make().to_part()

    def test_fold_in_survives_save_and_load_bit_by_bit(self, make: Make, tmp_path: Path) -> None:
        predictor = make().fit(random_interactions(0))
        folder = write_artifact(
            tmp_path / "run",
            {predictor.name: predictor.to_part()},
            created_at=datetime(2030, 1, 1, tzinfo=UTC),
        )
        loaded = type(predictor).from_part(load_artifact(folder).part(predictor.name))
        for profile in (NOBODY, READER):
            assert np.array_equal(
                loaded.predict_profile(profile), predictor.predict_profile(profile)
            )
        assert loaded.to_part().config == predictor.to_part().config

    def test_a_part_of_another_algorithm_is_refused(self, make: Make) -> None:
        with pytest.raises(ArtifactError, match="part is of"):
            type(make()).from_part(Part("another", {}))

    def test_progress_ends_at_1(self, make: Make) -> None:
        told: list[float] = []
        make().fit(random_interactions(0), on_progress=lambda _, part: told.append(part))
        assert told == sorted(told)
        assert told[-1] == 1.0


def planted_biases() -> tuple[Interactions, np.ndarray, np.ndarray, np.ndarray]:
    """Ratings made of a user's and an item's bias and rounding, a fifth of them held out."""
    generator = np.random.default_rng(1)
    user_bias, item_bias = generator.normal(0, 0.8, 60), generator.normal(0, 0.8, 30)
    users, items = np.nonzero(generator.random((60, 30)) < 0.7)
    stars = np.clip(np.round(3 + user_bias[users] + item_bias[items]), 1, 5)
    test = generator.random(len(users)) < 0.2
    train = Interactions.from_pairs(
        users[~test],
        items[~test],
        stars[~test].astype(int),
        catalog_ids=np.arange(30),
    )
    return train, users[test], items[test], stars[test]


def test_biases_minimize_the_damped_squares() -> None:
    """Against a dense ridge regression with one column per user and item, to convergence."""
    interactions = random_interactions(3, n_users=12, n_items=9, density=0.5)
    config = BiasesConfig(user_damping=2.0, item_damping=3.0, n_iterations=500)
    predictor = BiasesPredictor(config).fit(interactions)
    ratings = interactions.ratings.tocoo()
    n_users, n_items = interactions.n_users, interactions.n_items
    design = np.zeros((ratings.nnz, n_users + n_items))
    design[np.arange(ratings.nnz), ratings.row] = 1
    design[np.arange(ratings.nnz), n_users + ratings.col] = 1
    penalty = np.diag(np.repeat([2.0, 3.0], [n_users, n_items]))
    centred = ratings.data.astype(np.float64) - ratings.data.mean(dtype=np.float64)
    wanted = np.linalg.solve(design.T @ design + penalty, design.T @ centred)
    np.testing.assert_allclose(predictor.user_biases, wanted[:n_users], atol=1e-9)
    np.testing.assert_allclose(predictor.item_biases, wanted[n_users:], atol=1e-9)


def test_a_training_user_folded_in_has_his_fitted_bias() -> None:
    interactions = random_interactions(0)
    predictor = BiasesPredictor().fit(interactions)
    for user in range(interactions.n_users):
        folded = predictor.user_bias(interactions.profile(user))
        assert folded == pytest.approx(predictor.user_biases[user], abs=1e-12)


def test_without_damping_a_row_without_ratings_has_bias_0() -> None:
    interactions = random_interactions(0)
    predictor = BiasesPredictor(BiasesConfig(0.0, 0.0)).fit(interactions)
    assert predictor.item_biases[7] == 0.0
    assert predictor.user_bias(NOBODY) == 0.0


@pytest.mark.parametrize("broken", [{"global_mean": np.array([7.0])}, {"item_biases": np.ones(3)}])
def test_a_part_of_biases_that_means_nothing_is_refused(broken: dict[str, np.ndarray]) -> None:
    part = BiasesPredictor().fit(random_interactions(0)).to_part()
    arrays = dict(part.arrays) | broken
    if "item_biases" in broken:
        arrays["item_biases"] = np.full(3, np.nan)
    with pytest.raises(ArtifactError, match="fit together"):
        BiasesPredictor.from_part(Part("biases", arrays, part.config))
    with pytest.raises(ArtifactError, match="config"):
        BiasesPredictor.from_part(Part("biases", part.arrays, {"user_damping": -1}))


@pytest.mark.parametrize(
    "changes", [{"user_damping": -1}, {"item_damping": np.nan}, {"n_iterations": 0}]
)
def test_biases_refuse_hyperparameters_that_mean_nothing(changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        BiasesConfig(**changes)  # type: ignore[arg-type]


def test_predicted_stars_are_moved_into_the_range_and_must_be_finite() -> None:
    assert as_predicted_stars(np.array([0.2, 3.3, 9.0])).tolist() == pytest.approx([1, 3.3, 5])
    with pytest.raises(FitError, match="not finite"):
        as_predicted_stars(np.array([np.nan]))
    assert [a.dtype for a in as_pairs([], [], 0, 0)] == [np.int64, np.int64]
