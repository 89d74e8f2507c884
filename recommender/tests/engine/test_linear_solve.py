"""The algebra under the linear ranker."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.engine import (
    FitError,
)
from recommender.engine.gram_inverse import gram_upper, invert_in_place
from recommender.engine.linear_solve import index_dtype, strongest_of_rows


@pytest.mark.parametrize("n_items", [1, 3, 2500])
def test_the_gram_matrix_is_right_across_its_blocks(n_items: int) -> None:
    from scipy.sparse import random_array

    generator = np.random.default_rng(0)
    matrix = random_array((60, n_items), density=0.05, rng=generator, dtype=np.float32).tocsr()
    wanted = (matrix.T @ matrix).toarray()
    np.testing.assert_allclose(np.triu(gram_upper(matrix)), np.triu(wanted), rtol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 1024, 1100])
def test_the_inverse_in_place_is_symmetric_and_an_inverse(n: int) -> None:
    generator = np.random.default_rng(0)
    factor = generator.normal(size=(n, 8)).astype(np.float32)
    matrix = factor @ factor.T + 5 * np.eye(n, dtype=np.float32)
    inverse = np.triu(matrix)
    invert_in_place(inverse)
    assert np.array_equal(inverse, inverse.T)
    np.testing.assert_allclose(inverse @ matrix, np.eye(n), atol=2e-3)


def test_a_matrix_that_is_not_positive_definite_is_refused() -> None:
    with pytest.raises(FitError, match="positive definite"):
        invert_in_place(np.array([[1, 2], [2, 1]], dtype=np.float32))


@pytest.mark.parametrize("n_kept", [1, 3, 9, 10, 50])
def test_the_strongest_entries_are_those_of_a_stable_sort(n_kept: int) -> None:
    generator = np.random.default_rng(2)
    matrix = generator.integers(-3, 4, (40, 10)).astype(np.float32)
    rows, columns = strongest_of_rows(matrix, n_kept)
    for row in range(40):
        order = np.argsort(-np.abs(matrix[row]), kind="stable")[:n_kept]
        wanted = np.sort(order[matrix[row, order] != 0])
        assert columns[rows == row].tolist() == wanted.tolist()


def test_item_indices_are_stored_in_two_bytes_while_they_fit() -> None:
    assert index_dtype(65_536) is np.uint16
    assert index_dtype(65_537) is np.int32
