from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommender.engine.errors import InputError
from recommender.engine.sparse_svd import item_singular_vectors, unit_rows


def decaying(n_rows: int, n_items: int) -> np.ndarray:
    """A dense matrix whose singular values fall by a third each."""
    generator = np.random.default_rng(0)
    rank = min(n_rows, n_items)
    left = np.linalg.qr(generator.normal(size=(n_rows, rank)))[0]
    right = np.linalg.qr(generator.normal(size=(n_items, rank)))[0]
    return ((left * 0.67 ** np.arange(rank)) @ right.T).astype(np.float32)


@pytest.mark.parametrize("shape", [(60, 40), (40, 60)])
def test_the_leading_vectors_are_those_of_a_dense_decomposition(shape: tuple[int, int]) -> None:
    dense = decaying(*shape)
    vectors, values = item_singular_vectors(csr_array(dense), 5)
    _, wanted_values, wanted = np.linalg.svd(dense)
    np.testing.assert_allclose(values, wanted_values[:5], rtol=1e-4)
    aligned = np.abs(np.einsum("if,fi->f", vectors, wanted[:5]))
    np.testing.assert_allclose(aligned, 1, atol=1e-3)
    assert vectors.dtype == values.dtype == np.float32
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(5)]
    assert (largest > 0).all()


def test_the_same_seed_gives_the_same_bits() -> None:
    matrix = csr_array(decaying(30, 20))
    first, second = (item_singular_vectors(matrix, 4, seed=3)[0] for _ in range(2))
    assert np.array_equal(first, second)


def test_a_small_or_empty_matrix_gives_what_it_has() -> None:
    assert item_singular_vectors(csr_array(np.ones((3, 7), dtype=np.float32)), 10)[0].shape == (
        7,
        3,
    )
    assert item_singular_vectors(csr_array((0, 7), dtype=np.float32), 10)[0].shape == (7, 0)
    with pytest.raises(InputError, match="n_factors is 0"):
        item_singular_vectors(csr_array((2, 2)), 0)


def test_a_row_of_zeros_stays_one() -> None:
    assert unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [
        [0.6000000238418579, 0.800000011920929],
        [0, 0],
    ]
