from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommender.engine import ArtifactError, InputError, Interactions, Part
from recommender.engine.als_residuals import (
    AlsResidualsConfig,
    AlsResidualsPredictor,
    solve_rows,
)
from recommender.engine.biases import BiasesPredictor
from recommender.tests.engine.conftest import random_interactions


def test_a_half_step_is_the_dense_ridge_regression_of_each_row() -> None:
    generator = np.random.default_rng(0)
    dense = np.where(generator.random((7, 6)) < 0.6, generator.normal(size=(7, 6)), 0.0)
    dense[3] = 0.0
    factors = generator.normal(size=(6, 3))
    solved = solve_rows(csr_array(dense), factors, 0.7)
    for row in range(7):
        known = np.flatnonzero(dense[row])
        left = np.vstack([factors[known], np.sqrt(0.7) * np.eye(3)])
        right = np.concatenate([dense[row, known], np.zeros(3)])
        wanted, *_ = np.linalg.lstsq(left, right, rcond=None)
        np.testing.assert_allclose(solved[row], wanted, atol=1e-12)
    assert not solved[3].any()


def test_more_rows_than_are_solved_at_once_are_all_solved() -> None:
    entries = csr_array(np.ones((2500, 1)))
    assert np.allclose(solve_rows(entries, np.ones((1, 1)), 1.0), 0.5)


def test_a_training_user_folded_in_lands_on_his_fitted_factors() -> None:
    interactions = random_interactions(0)
    predictor = AlsResidualsPredictor(AlsResidualsConfig(n_factors=5)).fit(interactions)
    for user in range(interactions.n_users):
        folded = predictor.fold_in(interactions.profile(user))
        np.testing.assert_allclose(folded, predictor.user_factors[user], atol=1e-10)


def test_factors_find_what_biases_cannot() -> None:
    """Two camps that love the one half of the books and hate the other: no bias at all."""
    generator = np.random.default_rng(0)
    users, items = np.nonzero(generator.random((60, 30)) < 0.6)
    stars = np.where(users % 2 == items % 2, 5, 1)
    test = generator.random(len(users)) < 0.2
    interactions = Interactions.from_pairs(
        users[~test], items[~test], stars[~test], catalog_ids=np.arange(30)
    )
    config = AlsResidualsConfig(n_factors=2, regularization=1.0)
    wanted = stars[test]
    biases = BiasesPredictor().fit(interactions).predict(users[test], items[test])
    found = AlsResidualsPredictor(config).fit(interactions).predict(users[test], items[test])
    assert np.mean((biases - wanted) ** 2) > 3.5
    assert np.mean((found - wanted) ** 2) < 0.3


def test_each_iteration_lowers_the_objective() -> None:
    interactions = random_interactions(0)
    ratings = interactions.ratings.tocoo()
    values = []
    for n_iterations in (1, 2, 4, 8):
        config = AlsResidualsConfig(n_factors=4, regularization=0.5, n_iterations=n_iterations)
        predictor = AlsResidualsPredictor(config).fit(interactions)
        x, y = predictor.user_factors, predictor.item_factors
        expected = BiasesPredictor(config.biases()).fit(interactions)
        error = ratings.data - expected.raw_pairs(ratings.row, ratings.col)
        error -= (x[ratings.row] * y[ratings.col]).sum(axis=1)
        values.append((error**2).sum() + 0.5 * ((x**2).sum() + (y**2).sum()))
    assert values == sorted(values, reverse=True)


def test_a_part_that_does_not_fit_together_is_refused() -> None:
    part = AlsResidualsPredictor().fit(random_interactions(0)).to_part()
    for broken in (np.ones((25, 3)), np.full((25, 32), np.nan)):
        with pytest.raises(ArtifactError, match="fit together"):
            AlsResidualsPredictor.from_part(
                Part("als_residuals", dict(part.arrays) | {"item_factors": broken}, part.config)
            )
    with pytest.raises(ArtifactError, match="config"):
        AlsResidualsPredictor.from_part(Part("als_residuals", part.arrays, {"n_factors": 0}))


@pytest.mark.parametrize(
    "changes",
    [{"n_factors": 0}, {"regularization": 0}, {"n_iterations": 0}, {"seed": -1}],
)
def test_hyperparameters_that_mean_nothing_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        AlsResidualsConfig(**changes)  # type: ignore[arg-type]
