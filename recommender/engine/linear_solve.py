"""Fitting the linear ranker: Gram matrix, Cholesky inverse, strongest weights.

With M the weighted interaction matrix (rows are users):

    G = M^T M                                     Gram matrix, (n_items, n_items)
    H = G, its diagonal replaced by diagonal_scale * diag(G) + regularization
    P = H^-1
    B_ij = -P_ij / P_jj,  B_jj = 0                weight of item i in the score of item j

and of each column of B the ``n_neighbours`` strongest entries are kept. See
docs/algorithms/linear.md for where this comes from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csc_array, csr_array

from recommender.engine.errors import CatalogTooLargeError, FitError, InputError
from recommender.engine.interactions import Interactions
from recommender.engine.memory import memory_limit
from recommender.engine.progress import OnProgress

_GRAM_ROWS: Final = 1000  # rows of G made at a time: 40 MB of intermediate for 10,000 items
_TILE: Final = 1024  # side of the squares that are mirrored at a time; fits the cache
_SELECT_ROWS: Final = 256  # rows of P searched at a time
_STAGES: Final = {  # stage -> from and to which part of the whole fit it lasts
    "interactions": (0.0, 0.02),
    "gram matrix": (0.02, 0.2),
    "inverse": (0.2, 0.8),
    "strongest weights": (0.8, 0.95),
    "similar items": (0.95, 1.0),
}
_OVERHEAD: Final = 1.5  # peak memory over that of P alone, measured; see linear.md


@dataclass(frozen=True)
class LinearConfig:
    """Hyperparameters of ``LinearRanker``; the defaults are prototype A with to-read.

    Parameters
    ----------
    star_weights : five floats > 0. Weight in the fit of a rating of 1, 2, 3, 4, 5 stars.
    shelf_weight : float >= 0. Weight in the fit of a book on the to-read shelf, unrated.
    diagonal_scale : float >= 1. Factor on the diagonal of the Gram matrix (EDLAE's dropout).
    regularization : float > 0, added to the diagonal.
    n_neighbours : int > 0. Strongest weights kept per scored book.
    stars_offset : float. Subtracted from the stars of a reader's ratings when scoring.
    shelf_input : float >= 0. What a book on the reader's to-read shelf counts when scoring.
    n_similar : int > 0. Similar books kept per book.
    """

    star_weights: tuple[float, float, float, float, float] = (0.3, 0.4, 0.7, 1.0, 1.2)
    shelf_weight: float = 1.0
    diagonal_scale: float = 1.25
    regularization: float = 100.0
    n_neighbours: int = 200
    stars_offset: float = 1.5
    shelf_input: float = 0.5
    n_similar: int = 50

    def __post_init__(self) -> None:
        """Refuse values that would make the fit fail or mean nothing."""
        if len(self.star_weights) != 5:
            raise InputError(f"star_weights has {len(self.star_weights)} values; wanted 5.")
        object.__setattr__(self, "star_weights", tuple(float(w) for w in self.star_weights))
        for name, least in (
            ("shelf_weight", 0.0),
            ("diagonal_scale", 1.0),
            ("stars_offset", -math.inf),
            ("shelf_input", 0.0),
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= least):
                raise InputError(f"{name} is {value}; wanted a finite number from {least}.")
        positive = (*self.star_weights, self.regularization, self.n_neighbours, self.n_similar)
        if not all(math.isfinite(value) and value > 0 for value in positive):
            raise InputError(
                "star_weights, regularization, n_neighbours and n_similar must be finite and "
                f"above 0; got {self}."
            )


def check_memory(n_items: int, memory_limit_bytes: int | None) -> None:
    """Raise CatalogTooLargeError when a fit needs more memory than it may take.

    Parameters
    ----------
    n_items : int.
    memory_limit_bytes : int or None for the physical memory.
    """
    limit = memory_limit() if memory_limit_bytes is None else memory_limit_bytes
    needed = int(_OVERHEAD * np.dtype(np.float32).itemsize * n_items**2)
    if needed > limit:
        most = int((limit / _OVERHEAD / np.dtype(np.float32).itemsize) ** 0.5)
        raise CatalogTooLargeError(
            f"a fit of linear on {n_items:,} items needs {needed / 1e9:.1f} GB of memory and may "
            f"take {limit / 1e9:.1f} GB, enough for {most:,} items. Leave out the least rated "
            "items, give the worker more memory, or train als."
        )


def weighted_interactions(interactions: Interactions, config: LinearConfig) -> csr_array:
    """Return M: the star weight of each rating, the shelf weight of each book only shelved.

    Returns
    -------
    CSR float32, shape (n_users, n_items). A new matrix.
    """
    by_star = np.array((0.0, *config.star_weights), dtype=np.float32)
    ratings = interactions.ratings
    weights = csr_array(
        (by_star[ratings.data.astype(np.int8)], ratings.indices, ratings.indptr),
        shape=ratings.shape,
    )
    if not config.shelf_weight or not interactions.shelved.nnz:
        return weights
    # Weights are positive, so a rated book of weight w becomes shelf_weight + w - shelf_weight.
    rated = ratings.copy()
    rated.data = np.ones_like(rated.data)
    only_shelved = interactions.shelved - interactions.shelved.multiply(rated)
    only_shelved.eliminate_zeros()
    return csr_array(weights + only_shelved.astype(np.float32) * np.float32(config.shelf_weight))


def gram_upper(matrix: csr_array, on_progress: OnProgress | None = None) -> NDArray[np.float32]:
    """Return the upper triangle of M^T M in a dense matrix.

    The product is taken sparse (the sum over users of the square of their interactions, 0.2 G
    multiplications for goodbooks, against 2.6 T of a dense one) in blocks of rows, each only
    from its first diagonal element on, and written straight into the dense matrix.

    Parameters
    ----------
    matrix : CSR float32, shape (n_users, n_items). Not modified.
    on_progress : callable or None. Told ("gram matrix", 0..1).

    Returns
    -------
    float32 array, shape (n_items, n_items), C order. Entries below the diagonal are not
    defined.
    """
    n_items = matrix.shape[1]
    gram = np.zeros((n_items, n_items), dtype=np.float32)
    by_item = matrix.tocsc()
    transposed = csr_array(by_item.T)
    for first in range(0, n_items, _GRAM_ROWS):
        last = min(first + _GRAM_ROWS, n_items)
        right = csr_array(by_item[:, first:])
        gram[first:last, first:] = (transposed[first:last] @ right).toarray()
        if on_progress:
            on_progress("gram matrix", last / n_items)
    return gram


def invert_in_place(upper: NDArray[np.float32]) -> None:
    """Replace a positive definite matrix by its inverse.

    Parameters
    ----------
    upper : float32 array, shape (n, n), C order. Only the upper triangle is read; on return
        both triangles hold the inverse.

    Raises
    ------
    FitError
        When the matrix is not positive definite, or not finite.
    """
    # A C-ordered upper triangle is, without a copy, LAPACK's column-ordered lower triangle.
    factor, info = lapack.spotrf(upper.T, lower=1, clean=0, overwrite_a=1)
    if info == 0:
        inverse, info = lapack.spotri(factor, lower=1, overwrite_c=1)
    if info != 0:
        raise FitError(
            f"the Gram matrix is not positive definite (LAPACK info {info}); raise regularization "
            "and look for interactions that are not finite."
        )
    if not np.shares_memory(inverse, upper):
        upper[...] = inverse.T
    n = len(upper)
    for top in range(0, n, _TILE):
        for left in range(top, n, _TILE):
            tile = upper[top : top + _TILE, left : left + _TILE]
            if top == left:
                tile[...] = np.triu(tile) + np.triu(tile, 1).T
            else:
                upper[left : left + _TILE, top : top + _TILE] = tile.T


def strongest_of_rows(
    matrix: NDArray[np.float32], n_kept: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the entries of largest magnitude of each row are, zeros left out.

    Parameters
    ----------
    matrix : float32 array, shape (m, n). Not modified.
    n_kept : int > 0. Entries per row; ties go to the lower column.

    Returns
    -------
    (rows, columns) : int64 arrays, by row and then column; at most n_kept a row.
    """
    magnitude = np.abs(matrix)
    n = magnitude.shape[1]
    smallest = np.finfo(np.float32).smallest_subnormal
    if n_kept >= n:
        rows, columns = np.nonzero(magnitude >= smallest)
        return rows, columns
    threshold = np.partition(magnitude, n - n_kept, axis=1)[:, n - n_kept, np.newaxis]
    kept = magnitude >= np.maximum(threshold, smallest)
    for row in np.flatnonzero(np.count_nonzero(kept, axis=1) > n_kept):
        level = np.flatnonzero(magnitude[row] == threshold[row])
        surplus = np.count_nonzero(kept[row]) - n_kept
        kept[row, level[len(level) - surplus :]] = False
    rows, columns = np.nonzero(kept)
    return rows, columns


def index_dtype(n_items: int) -> type[np.uint16] | type[np.int32]:
    """Return the smallest dtype for an item index that the artifact uses."""
    return np.uint16 if n_items <= np.iinfo(np.uint16).max + 1 else np.int32


def _most_similar(
    neighbours: NDArray[np.int64],
    weights: NDArray[np.float32],
    diagonal: NDArray[np.float32],
    ends: NDArray[np.int64],
    n_similar: int,
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return the items of highest partial correlation among each item's neighbours.

    r_ij = -P_ij / sqrt(P_ii P_jj) = B_ij sqrt(P_jj / P_ii): the correlation of two books over
    readers with what all other books explain taken out. Rows are padded with zeros.
    """
    n_items = len(ends)
    n_similar = min(n_similar, n_items)
    items = np.zeros((n_items, n_similar), dtype=index_dtype(n_items))
    values = np.zeros((n_items, n_similar), dtype=np.float32)
    start = 0
    for item, end in enumerate(ends.tolist()):
        near = neighbours[start:end]
        correlation = weights[start:end] * np.sqrt(diagonal[item] / diagonal[near])
        order = np.argsort(-correlation, kind="stable")[:n_similar]
        positive = order[correlation[order] > 0]
        items[item, : len(positive)] = near[positive]
        values[item, : len(positive)] = correlation[positive]
        start = end
    return items, values


def solve_item_weights(
    interactions: Interactions,
    config: LinearConfig,
    memory_limit_bytes: int | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, NDArray[Any]]:
    """Fit the item-item weights; the whole of ``LinearRanker.fit``.

    Parameters
    ----------
    interactions : Interactions. Not modified.
    config : LinearConfig.
    memory_limit_bytes : int or None.
    on_progress : callable or None.

    Returns
    -------
    dict of arrays:
        ``indptr`` int32 (n_items + 1,), ``indices`` uint16 or int32 (n_weights,) and ``weights``
        float32 (n_weights,): B by rows (row: the reader's book, columns: scored books,
        ascending);
        ``similar_indices`` and ``similarities`` (n_items, n_similar), the most similar first,
        padded with similarity 0.

    Raises
    ------
    CatalogTooLargeError, FitError
        See ``LinearRanker.fit``.
    """

    def tell(stage: str, part: float) -> None:
        """Report how much of a stage is done, as a part of the whole."""
        start, end = _STAGES[stage]
        if on_progress:
            on_progress(stage, end if part >= 1 else start + (end - start) * part)

    n_items = interactions.n_items
    if not n_items:
        raise FitError("there is no item to fit; import books first.")
    check_memory(n_items, memory_limit_bytes)
    tell("interactions", 0.0)
    matrix = weighted_interactions(interactions, config)
    if not np.isfinite(matrix.data).all():
        raise FitError("an interaction weight is not finite; check the ratings and the config.")
    tell("gram matrix", 0.0)
    inverse = gram_upper(matrix, tell)
    del matrix
    diagonal = np.einsum("ii->i", inverse)
    diagonal *= np.float32(config.diagonal_scale)
    diagonal += np.float32(config.regularization)
    tell("inverse", 0.0)
    invert_in_place(inverse)
    tell("strongest weights", 0.0)
    scale = diagonal.copy()
    diagonal[:] = 0.0
    if not np.isfinite(scale).all() or not (scale > 0).all():
        raise FitError("the inverse is not finite; raise regularization.")
    found: list[tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]] = []
    for first in range(0, n_items, _SELECT_ROWS):
        block = inverse[first : first + _SELECT_ROWS]
        rows, columns = strongest_of_rows(block, config.n_neighbours)
        counts = np.bincount(rows, minlength=len(block))
        found.append((columns, -block[rows, columns] / scale[first + rows], counts))
        tell("strongest weights", (first + len(block)) / n_items)
    del inverse, block, diagonal
    neighbours, weights, counts = (np.concatenate(column) for column in zip(*found, strict=True))
    if not np.isfinite(weights).all():
        raise FitError("a fitted weight is not finite; check the interactions.")
    ends = np.cumsum(counts)
    tell("similar items", 0.0)
    similar_indices, similarities = _most_similar(
        neighbours, weights, scale, ends, config.n_similar
    )
    by_scored = csc_array(
        (weights, neighbours, np.concatenate(([0], ends))), shape=(n_items, n_items)
    )
    by_rated = by_scored.tocsr()
    tell("similar items", 1.0)
    return {
        "indptr": by_rated.indptr.astype(np.int32),
        "indices": by_rated.indices.astype(index_dtype(n_items)),
        "weights": by_rated.data,
        "similar_indices": similar_indices,
        "similarities": similarities,
    }
