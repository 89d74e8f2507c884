from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from recommender.engine import LinearConfig
from recommender.engine.left_out import LeftOut
from recommender.engine.linear_solve import Solution, solve_item_weights
from recommender.tests.engine.conftest import random_interactions

# A diagonal_scale of 1 makes leaving a row out exact on the diagonal too.
CONFIG = LinearConfig(
    regularization=4.0, diagonal_scale=1.0, n_neighbours=100, reader_weights=(1, 2, 3, 4, 5)
)


def without_row(user_index: int, config: LinearConfig) -> np.ndarray:
    """Return B, dense in float64, without one reader's ratings but with his shelf."""
    interactions = random_interactions(3, density=0.5)
    rows = solve_item_weights(interactions, config).reader_rows.toarray().astype(float)
    rows[user_index] = 0.0
    shelved = interactions.shelved.toarray()
    gram = rows.T @ rows + config.shelf_weight * shelved.T @ shelved
    inverse = np.linalg.inv(gram + config.regularization * np.eye(len(gram)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


def solution_of(config: LinearConfig) -> Solution:
    return solve_item_weights(random_interactions(3, density=0.5), config)


@pytest.mark.parametrize("user_index", [0, 17, 79])
def test_the_weights_are_those_of_a_fit_without_the_reader(user_index: int) -> None:
    left_out = LeftOut(solution_of(CONFIG))
    items = random_interactions(3, density=0.5).profile(user_index).item_indices
    (got,) = left_out.weights(user_index, items)
    wanted = without_row(user_index, CONFIG)[items]
    # float32 against float64; the reader is an eightieth of the data, so he shows.
    np.testing.assert_allclose(got, wanted, rtol=2e-3, atol=2e-5)
    with_him = solution_of(CONFIG).arrays
    assert np.abs(with_him["weights"]).sum() > 0


def test_leaving_a_reader_out_changes_his_weights() -> None:
    solution = solution_of(CONFIG)
    items = random_interactions(3, density=0.5).profile(0).item_indices
    (got,) = LeftOut(solution).weights(0, items)
    diagonal = np.diag(solution.inverse)
    with_him = -solution.inverse[items] / diagonal
    with_him[np.arange(len(items)), items] = 0.0
    assert np.abs(got - with_him).max() > 0.01
    # What he read together speaks less for each other without him.
    together = np.ix_(np.arange(len(items)), items)
    assert got[together].sum() < with_him[together].sum()


def test_some_columns_are_those_of_all() -> None:
    left_out = LeftOut(solution_of(CONFIG))
    items = random_interactions(3, density=0.5).profile(5).item_indices
    others = np.setdiff1d(np.arange(25), items)
    first, second = others[:4], others[3:]
    (everything,) = left_out.weights(5, items)
    got = left_out.weights(5, items, [first, second])
    for block, columns in zip(got, (first, second), strict=True):
        np.testing.assert_allclose(block, everything[:, columns], rtol=1e-6)


def test_the_solution_is_left_as_it_was() -> None:
    solution = solution_of(CONFIG)
    before = solution.inverse.copy()
    LeftOut(solution).weights(5, np.array([0, 3, 4]))
    assert np.array_equal(solution.inverse, before)


def test_weights_are_cut_by_their_own_strength_not_by_the_places_kept_with_the_reader() -> None:
    config = dataclasses.replace(CONFIG, n_neighbours=4, popularity_exponent=0.5)
    solution = solution_of(config)
    items = random_interactions(3, density=0.5).profile(17).item_indices
    (got,) = LeftOut(solution).weights(17, items)
    exact = without_row(17, config)[items]
    strength = np.abs(exact) * solution.strengths[items][:, np.newaxis]
    wanted = np.where(strength >= solution.thresholds, exact, 0.0)
    # Where strength and threshold are level to float32, either is right.
    clear = np.abs(strength - solution.thresholds) > 1e-5
    np.testing.assert_allclose(got[clear], wanted[clear], rtol=2e-3, atol=2e-5)
    assert 0 < np.count_nonzero(got) < got.size
    arrays = solution.arrays
    kept_with_him = np.zeros((25, 25), dtype=bool)
    rated = np.repeat(np.arange(25), np.diff(arrays["indptr"]))
    kept_with_him[rated, arrays["indices"]] = True
    assert ((got != 0) != kept_with_him[items]).any()
