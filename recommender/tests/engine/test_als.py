from __future__ import annotations

import sys

import numpy as np
import pytest

from recommender.engine import ArtifactError, FitError, InputError, Interactions, Part, Profile
from recommender.engine.als import AlsConfig, AlsRanker
from recommender.tests.engine.conftest import random_interactions


def small() -> Interactions:
    """Six users, five items, ratings and shelf entries; a 6 x 5 matrix to be solved densely."""
    return Interactions.from_pairs(
        [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5],
        [0, 1, 2, 1, 3, 0, 2, 4, 3, 4, 0, 3, 2],
        [5, 4, 1, 2, 5, 3, 4, 4, 5, 1, 2, 5, 4],
        shelf_user_ids=[1, 4, 5],
        shelf_item_ids=[4, 1, 0],
    )


def dense(interactions: Interactions, config: AlsConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return confidence and preference of every pair, straight from the definition."""
    stars, shelved = interactions.ratings.toarray(), interactions.shelved.toarray()
    r = np.where(stars > 0, np.array([0, *config.star_weights])[stars.astype(int)], 0)
    r = np.where((stars == 0) & (shelved > 0), config.shelf_weight, r)
    preference = ((stars >= config.positive_threshold) | (stars == 0)) & (r > 0)
    return 1 + config.alpha * r, preference.astype(float)


CONFIGS = [
    AlsConfig(n_factors=3, regularization=0.5, alpha=2.0),
    AlsConfig(n_factors=3, regularization=0.5, alpha=2.0, positive_threshold=3),
    AlsConfig(n_factors=3, regularization=2.0, star_weights=(0, 0, 1, 2, 3), shelf_weight=0.5),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_fold_in_is_the_dense_weighted_least_squares_solution(config: AlsConfig) -> None:
    """Against numpy's least squares on sqrt(C) (p - Y x), the penalty as further rows.

    Tolerance: both solve in float64 a system of condition below 1e4.
    """
    interactions = small()
    ranker = AlsRanker(config).fit(interactions)
    y = ranker.item_factors.astype(np.float64)
    confidence, preference = dense(interactions, config)
    for user in range(interactions.n_users):
        root = np.sqrt(confidence[user])
        rows = np.vstack([root[:, np.newaxis] * y, np.sqrt(config.regularization) * np.eye(3)])
        right = np.concatenate([root * preference[user], np.zeros(3)])
        wanted, *_ = np.linalg.lstsq(rows, right, rcond=None)
        np.testing.assert_allclose(ranker.fold_in(interactions.profile(user)), wanted, atol=1e-7)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_training_user_folded_in_lands_on_his_fitted_factors(config: AlsConfig) -> None:
    """The library solved the last half-step of the users, in float32: hence the tolerance."""
    interactions = small()
    ranker = AlsRanker(config).fit(interactions)
    for user in range(interactions.n_users):
        folded = ranker.fold_in(interactions.profile(user))
        np.testing.assert_allclose(folded, ranker.user_factors[user], atol=2e-5)


def test_a_training_user_of_a_larger_fit_lands_on_his_fitted_factors() -> None:
    interactions = random_interactions(2, n_users=300, n_items=60, density=0.2)
    ranker = AlsRanker(AlsConfig(n_factors=16)).fit(interactions)
    folded = np.stack([ranker.fold_in(interactions.profile(u)) for u in range(300)])
    assert np.abs(folded).max() > 0.05
    np.testing.assert_allclose(folded, ranker.user_factors, atol=1e-4)


SCALED = [
    AlsConfig(n_factors=3, regularization=0.5, alpha=2.0, scaled_regularization=True),
    AlsConfig(n_factors=3, regularization=0.1, positive_threshold=3, scaled_regularization=True),
    AlsConfig(
        n_factors=3, star_weights=(0, 0, 1, 2, 3), shelf_weight=0.5, scaled_regularization=True
    ),
]


@pytest.mark.parametrize("config", SCALED)
def test_a_scaled_penalty_counts_the_preferences_of_the_reader(config: AlsConfig) -> None:
    """Against least squares with the penalty's rows once for each preference of 1."""
    interactions = small()
    y = np.random.default_rng(3).normal(size=(5, 3)).astype(np.float32)
    ranker = AlsRanker.of_factors(config, y)
    ranker = AlsRanker.from_part(ranker.to_part())
    confidence, preference = dense(interactions, config)
    for user in range(interactions.n_users):
        root = np.sqrt(confidence[user])
        n_liked = int(preference[user].sum())
        penalty = np.tile(np.sqrt(config.regularization) * np.eye(3), (n_liked, 1))
        rows = np.vstack([root[:, np.newaxis] * y, penalty])
        right = np.concatenate([root * preference[user], np.zeros(len(penalty))])
        wanted, *_ = np.linalg.lstsq(rows, right, rcond=None)
        folded = ranker.fold_in(interactions.profile(user))
        np.testing.assert_allclose(folded, wanted, atol=1e-9)


def test_who_liked_nothing_has_no_factors_whatever_the_penalty() -> None:
    factors = np.ones((5, 3), dtype=np.float32)  # of rank 1: without a penalty there is no inverse
    ranker = AlsRanker.of_factors(SCALED[1], factors)
    assert not ranker.fold_in(Profile(np.array([0, 2]), np.array([1, 2]))).any()


def test_the_library_is_not_asked_for_a_penalty_that_it_does_not_have() -> None:
    with pytest.raises(FitError, match="no scaled regularization"):
        AlsRanker(SCALED[0]).fit(small())


@pytest.mark.parametrize(
    "factors",
    [np.ones((5, 4), dtype=np.float32), np.full((5, 3), np.inf, dtype=np.float32)],
)
def test_factors_from_elsewhere_are_checked(factors: np.ndarray) -> None:
    with pytest.raises(FitError, match="shape|finite"):
        AlsRanker.of_factors(SCALED[0], factors)


def test_after_many_iterations_the_item_factors_are_a_fixed_point() -> None:
    """Each item solved densely from the fitted user factors gives the item's own factors."""
    interactions = small()
    config = AlsConfig(n_factors=2, regularization=0.5, alpha=2.0, n_iterations=2000)
    ranker = AlsRanker(config).fit(interactions)
    confidence, preference = dense(interactions, config)
    x = ranker.user_factors.astype(np.float64)
    for item in range(interactions.n_items):
        c = confidence[:, item]
        matrix = x.T @ (c[:, np.newaxis] * x) + config.regularization * np.eye(2)
        wanted = np.linalg.solve(matrix, x.T @ (c * preference[:, item]))
        np.testing.assert_allclose(ranker.item_factors[item], wanted, atol=2e-3)


def test_the_confidence_convention_is_that_of_the_paper() -> None:
    """1 + alpha r, not alpha r: with a tiny alpha a rating still counts as much as a gap."""
    interactions = small()
    ranker = AlsRanker(AlsConfig(n_factors=3, regularization=0.01, alpha=1e-6)).fit(interactions)
    assert np.abs(ranker.scores(interactions.profile(0))).max() > 0.5


def test_a_disliked_book_is_held_against_what_resembles_it() -> None:
    pairs = [(user, item) for user in range(40) for item in range(6) if user % 2 == item % 2]
    users, items = (np.array(column) for column in zip(*pairs, strict=True))
    interactions = Interactions.from_pairs(users, items, np.full(len(users), 5))
    config = AlsConfig(n_factors=2, regularization=0.1, positive_threshold=3)
    ranker = AlsRanker(config).fit(interactions)
    liked = ranker.scores(Profile(np.array([0]), np.array([5])))
    disliked = ranker.scores(Profile(np.array([0]), np.array([1])))
    assert liked[2] > 0.5
    assert disliked[2] < 0.05


def test_fractions_of_a_star_lie_between_whole_ones() -> None:
    ranker = AlsRanker(CONFIGS[0]).fit(small())
    four, between, five = (
        np.linalg.norm(ranker.fold_in(Profile(np.array([0]), np.array([stars]))))
        for stars in (4, 4.5, 5)
    )
    assert four < between < five


def test_other_seeds_give_other_factors() -> None:
    first, second = (
        AlsRanker(AlsConfig(n_factors=4, seed=seed)).fit(random_interactions(0)) for seed in (0, 1)
    )
    assert not np.array_equal(first.item_factors, second.item_factors)


def test_a_fit_without_anything_of_weight_is_refused() -> None:
    interactions = Interactions.from_pairs([1], [1], [1])
    config = AlsConfig(star_weights=(0, 1, 1, 1, 1))
    with pytest.raises(FitError, match="no interaction"):
        AlsRanker(config).fit(interactions)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(FitError, match="needs the library implicit"):
        AlsRanker().fit(small())


def test_a_cancelled_fit_ends() -> None:
    def cancel(stage: str, done: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        AlsRanker().fit(small(), on_progress=cancel)


def test_an_artifact_keeps_no_training_user() -> None:
    part = AlsRanker(CONFIGS[0]).fit(small()).to_part()
    assert set(part.arrays) == {"item_factors", "gram"}
    with pytest.raises(Exception, match="no training users"):
        _ = AlsRanker.from_part(part).user_factors


@pytest.mark.parametrize(
    "broken",
    [
        {"gram": np.eye(2)},
        {"item_factors": np.ones((5, 2), dtype=np.float32)},
        {"item_factors": np.full((5, 3), np.nan, dtype=np.float32)},
        {"item_factors": np.ones((5, 3))},
    ],
)
def test_a_part_that_does_not_fit_together_is_refused(broken: dict[str, np.ndarray]) -> None:
    part = AlsRanker(CONFIGS[0]).fit(small()).to_part()
    with pytest.raises(ArtifactError, match="fit together"):
        AlsRanker.from_part(Part("als", dict(part.arrays) | broken, part.config))
    with pytest.raises(ArtifactError, match="config"):
        AlsRanker.from_part(Part("als", part.arrays, {"alpha": 0}))


@pytest.mark.parametrize(
    "changes",
    [
        {"n_factors": 0},
        {"regularization": 0.0},
        {"alpha": float("nan")},
        {"n_iterations": 0},
        {"star_weights": (1, 2)},
        {"star_weights": (0, 0, 0, 0, 0)},
        {"shelf_weight": -1},
        {"positive_threshold": 6},
        {"seed": -1},
    ],
)
def test_hyperparameters_that_mean_nothing_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        AlsConfig(**changes)  # type: ignore[arg-type]
