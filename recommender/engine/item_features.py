"""What books have in common beside their metadata: who reads them; and groups, numbered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from recommender.engine.interactions import Interactions
from recommender.engine.sparse_svd import item_singular_vectors, unit_rows


def reading_vectors(
    interactions: Interactions, n_factors: int, *, seed: int = 0
) -> NDArray[np.float32]:
    """Return a vector of who rated or shelved each item: books of the same readers are near.

    The users x items matrix of ones is divided by the square roots of its row and column sums,
    as for correspondence analysis; its first singular vector is popularity and left out, the
    others are scaled by the square root of their value, the rows to length 1.

    Parameters
    ----------
    interactions : Interactions. Stars are not looked at.
    n_factors : int > 0.
    seed : int. Of the singular vectors.

    Returns
    -------
    float32 array, shape (n_items, at most n_factors), rows of length 1, zeros for an item that
    nobody touched.
    """
    touched = csr_array(interactions.ratings + interactions.shelved).astype(np.float32)
    touched.data[:] = 1
    per_user, per_item = touched.sum(axis=1), touched.sum(axis=0)
    scaled = diags_array(1 / np.sqrt(np.maximum(per_user, 1))) @ touched
    scaled = csr_array(scaled @ diags_array(1 / np.sqrt(np.maximum(per_item, 1))))
    vectors, values = item_singular_vectors(scaled.astype(np.float32), n_factors + 1, seed=seed)
    return unit_rows(vectors[:, 1:] * np.sqrt(values[1:]))


def dense_groups(index: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """Return groups numbered from 0 without gaps, -1 for none kept, and how many there are."""
    known = index >= 0
    numbers, places = np.unique(index[known], return_inverse=True)
    groups = np.full(len(index), -1, dtype=np.int32)
    groups[known] = places
    return groups, len(numbers)
