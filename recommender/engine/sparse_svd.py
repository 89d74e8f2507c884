"""The leading singular vectors of a large sparse matrix, by random projection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.errors import InputError

_OVERSAMPLING = 10
_N_POWER_ITERATIONS = 4


def item_singular_vectors(
    matrix: csr_array, n_factors: int, *, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the right singular vectors and the singular values of a matrix.

    The randomized range finder with power iterations: exact for a matrix of that rank, very
    near for the leading vectors of one whose singular values fall. Cost: 10 sparse products
    with a dense block of ``n_factors`` + 10 columns. The same seed gives the same bits on one
    machine.

    Parameters
    ----------
    matrix : CSR float32, shape (n_rows, n_items). Not modified.
    n_factors : int > 0. More than the matrix has rows or columns gives as many as it has.
    seed : int. Of the projection.

    Returns
    -------
    (vectors, values) : float32 arrays, shapes (n_items, n) and (n,), values descending. The sign
    of a vector is such that its entry of largest magnitude is positive.

    Raises
    ------
    InputError
        When n_factors < 1.

    References
    ----------
    Halko, Martinsson and Tropp, Finding Structure with Randomness (SIAM Review 2011),
    algorithms 4.4 and 5.1.
    """
    if n_factors < 1:
        raise InputError(f"n_factors is {n_factors}; wanted 1 or more.")
    n_rows, n_items = matrix.shape
    n_kept = min(n_factors, n_rows, n_items)
    if n_kept == 0:
        return np.zeros((n_items, 0), dtype=np.float32), np.zeros(0, dtype=np.float32)
    n_probes = min(n_kept + _OVERSAMPLING, n_rows, n_items)
    generator = np.random.default_rng(seed)
    probes = generator.standard_normal((n_items, n_probes), dtype=np.float32)
    by_items = matrix.T.tocsr()
    basis: NDArray[np.float32] = np.linalg.qr(matrix @ probes)[0]
    for _ in range(_N_POWER_ITERATIONS):
        basis = np.linalg.qr(matrix @ np.linalg.qr(by_items @ basis)[0])[0]
    _, values, rows = np.linalg.svd((by_items @ basis).T, full_matrices=False)
    vectors = rows[:n_kept].T
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(n_kept)]
    vectors = vectors * np.where(largest < 0, -1, 1)
    return vectors.astype(np.float32), values[:n_kept].astype(np.float32)


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the rows scaled to length 1, float32; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = np.divide(
        vectors, lengths, out=np.zeros(vectors.shape), where=lengths > 1e-9
    ).astype(np.float32)
    return scaled
