"""The taste process against textbook formulas and against itself with ratings taken out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommender.engine.errors import InputError
from recommender.engine.taste import TasteKernel
from recommender.tests.engine.conftest import random_interactions


def kernel(**changes: float) -> TasteKernel:
    generator = np.random.default_rng(5)
    values = {"constant": 0.3, "author": 0.2, "series": 0.4, "noise": 0.6} | changes
    return TasteKernel(
        generator.normal(0, 0.4, (25, 3)).astype(np.float32),
        generator.integers(-1, 5, 25).astype(np.int32),
        generator.integers(-1, 4, 25).astype(np.int32),
        **values,
    )


def covariance(taste: TasteKernel, items: np.ndarray) -> np.ndarray:
    """Pair by pair, as the docstring says."""
    matrix = np.empty((len(items), len(items)))
    for row, i in enumerate(items):
        for column, j in enumerate(items):
            same_author = taste.author_index[i] == taste.author_index[j] >= 0
            same_series = taste.series_index[i] == taste.series_index[j] >= 0
            matrix[row, column] = (
                taste.constant
                + taste.author * same_author
                + taste.series * same_series
                + float(taste.vectors[i] @ taste.vectors[j])
            )
    return matrix


def test_the_posterior_is_that_of_the_textbook() -> None:
    taste = kernel()
    rated, rests = np.array([2, 5, 11, 20]), np.array([1.0, -0.5, 0.25, 0.8])
    prior = covariance(taste, np.arange(25))
    solve = np.linalg.inv(prior[np.ix_(rated, rated)] + 0.6 * np.eye(4))
    crossed = prior[:, rated]
    predicted = taste.posterior(rated, rests).predict(np.arange(25))
    np.testing.assert_allclose(predicted.parts.sum(axis=1), crossed @ solve @ rests, atol=1e-5)
    variance = np.diag(prior) - np.diag(crossed @ solve @ crossed.T) + 0.6
    np.testing.assert_allclose(predicted.variance, variance, atol=1e-5)


def test_leave_one_out_is_the_posterior_of_the_other_ratings() -> None:
    taste = kernel()
    ratings = random_interactions(2).ratings
    rests = csr_array(
        (ratings.data - np.float32(3.2), ratings.indices, ratings.indptr), shape=ratings.shape
    )
    left_out = taste.leave_one_out(rests)
    for user in range(0, 80, 7):
        row = slice(*rests.indptr[user : user + 2])
        items, values = rests.indices[row], rests.data[row]
        for place in range(len(items)):
            others = np.arange(len(items)) != place
            wanted = taste.posterior(items[others], values[others]).predict(items[[place]])
            np.testing.assert_allclose(left_out.parts[row][place], wanted.parts[0], atol=2e-5)
            np.testing.assert_allclose(left_out.variance[row][place], wanted.variance[0], atol=2e-5)


def test_a_reader_without_ratings_is_expected_to_be_like_everybody() -> None:
    nothing = kernel().posterior(np.array([], dtype=np.int64), np.array([]))
    predicted = nothing.predict(np.arange(25))
    assert not predicted.parts.any()
    assert (predicted.variance > 0.6 + 0.3 - 1e-6).all()


def test_what_an_author_is_given_goes_to_the_author() -> None:
    taste = TasteKernel(
        np.zeros((3, 1), dtype=np.float32),
        np.array([0, 0, 1], dtype=np.int32),
        np.full(3, -1, dtype=np.int32),
        constant=0.0,
        author=0.5,
        series=0.5,
        noise=0.5,
    )
    predicted = taste.posterior(np.array([0]), np.array([1.0])).predict(np.array([1, 2]))
    # 0.5 / (0.5 + 0.5) of the one star for the same author, nothing for the other.
    np.testing.assert_allclose(predicted.parts, [[0, 0.5, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("wrong", [{"noise": 0}, {"constant": -1}, {"author": np.nan}])
def test_a_variance_that_means_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        kernel(**wrong)


def test_arrays_of_different_length_are_refused() -> None:
    none = np.full(2, -1, dtype=np.int32)
    with pytest.raises(InputError, match="as many items"):
        TasteKernel(np.zeros((3, 1), dtype=np.float32), none, none, 1, 1, 1, 1)
