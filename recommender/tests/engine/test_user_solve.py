from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommender.engine.embeddings.user_solve import UserRidge, prior_of_users
from recommender.engine.errors import InputError
from recommender.tests.engine.conftest import random_interactions


def ridge(n_factors: int = 4) -> UserRidge:
    generator = np.random.default_rng(1)
    return UserRidge(
        generator.normal(size=(25, n_factors)).astype(np.float32),
        generator.normal(size=n_factors).astype(np.float32),
        generator.uniform(1, 5, n_factors).astype(np.float32),
    )


@pytest.mark.parametrize("n_rated", [1, 3, 4, 9])
def test_a_reader_is_the_minimum_of_the_penalized_squares(n_rated: int) -> None:
    """Against least squares with a row for every penalty; both forms of the solve."""
    fold_in = ridge()
    items = np.arange(n_rated) * 2
    rests = np.random.default_rng(2).normal(size=n_rated)
    root = np.sqrt(fold_in.penalties)
    design = np.vstack((fold_in.vectors[items], np.diag(root)))
    wanted = np.linalg.lstsq(design, np.append(rests, root * fold_in.mean), rcond=None)[0]
    np.testing.assert_allclose(fold_in.solve(items, rests), wanted, atol=1e-5)


def test_all_readers_at_once_are_as_one_by_one() -> None:
    fold_in = ridge()
    ratings = random_interactions(4).ratings
    rests = csr_array((ratings.data - 3, ratings.indices, ratings.indptr), shape=ratings.shape)
    together = fold_in.solve_all(rests)
    assert together.dtype == np.float32
    for user in range(0, 80, 9):
        row = slice(*rests.indptr[user : user + 2])
        alone = fold_in.solve(rests.indices[row], rests.data[row])
        np.testing.assert_allclose(together[user], alone, atol=1e-4)


def test_a_reader_without_ratings_is_the_average_reader() -> None:
    fold_in = ridge()
    nothing = fold_in.solve(np.array([], dtype=np.int64), np.array([]))
    np.testing.assert_array_equal(nothing, fold_in.mean)
    empty = csr_array((2, 25), dtype=np.float32)
    np.testing.assert_array_equal(fold_in.solve_all(empty), np.tile(fold_in.mean, (2, 1)))


def test_a_penalty_that_is_not_above_0_is_refused() -> None:
    with pytest.raises(InputError, match="not above 0"):
        UserRidge(np.ones((3, 1)), np.zeros(1), np.zeros(1))
    with pytest.raises(InputError, match="shapes"):
        UserRidge(np.ones((3, 2)), np.zeros(1), np.ones(1))


def test_users_trained_without_a_penalty_are_folded_in_by_their_variances() -> None:
    users = np.random.default_rng(0).normal([1, -2], [1, 0.1], (20_000, 2)).astype(np.float32)
    mean, penalties = prior_of_users(users, 0.0, 0.5)
    np.testing.assert_allclose(mean, [1, -2], atol=0.05)
    np.testing.assert_allclose(penalties, [0.5, 50], rtol=0.05)
    mean, penalties = prior_of_users(users, 20.0, 0.5)
    assert mean.tolist() == [0, 0]
    assert penalties.tolist() == [20, 20]
