"""Fitting the linear ranker: Gram matrix, Cholesky inverse, strongest weights.

With M the weighted interaction matrix (rows are readers, and apart from them their to-read
shelves) and X the metadata (rows are tags, authors and series):

    G = M^T M + X^T X                             Gram matrix, (n_items, n_items)
    d = diag(M^T M)
    H = G, its diagonal replaced by diagonal_scale * d + regularization
    P = H^-1
    B_ij = -P_ij / P_jj,  B_jj = 0                weight of item i in the score of item j

and of each column of B the ``n_neighbours`` strongest entries are kept, scaled by a factor of
the column. See docs/algorithms/linear.md for where this comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, vstack

from recommender.engine.catalog import Catalog
from recommender.engine.completeness import Completeness, estimate_completeness, liked_share
from recommender.engine.errors import CatalogTooLargeError, FitError
from recommender.engine.interactions import Interactions
from recommender.engine.linear_config import READER_CLASSES, LinearConfig
from recommender.engine.memory import memory_limit
from recommender.engine.metadata_gram import metadata_rows
from recommender.engine.progress import OnProgress
from recommender.engine.weights import interaction_weights

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


@dataclass(frozen=True, eq=False)
class Solution:
    """A fitted index, and what it takes to leave one reader out of it again.

    Parameters
    ----------
    arrays : dict of what ``LinearRanker`` keeps; see ``solve_item_weights``.
    reader_rows : CSR float32, shape (n_users, n_items). M without the shelves apart.
    inverse : float32 array, shape (n_items, n_items). P.
    strengths : float32 array, shape (n_items,). Factor of item i on the strength of B_ij.
    thresholds : float32 array, shape (n_items,). Least strength kept of each column.
    """

    arrays: dict[str, NDArray[Any]]
    reader_rows: csr_array
    inverse: NDArray[np.float32]
    strengths: NDArray[np.float32]
    thresholds: NDArray[np.float32]


def weighted_interactions(interactions: Interactions, config: LinearConfig) -> csr_array:
    """Return the readers' rows of M.

    The star weight of each rating times the root of the reader's weight; unless shelves are
    apart, also the shelf weight of each book only shelved.

    Returns
    -------
    CSR float32, shape (n_users, n_items). A new matrix.
    """
    shelf_weight = 0.0 if config.shelf_apart else config.shelf_weight
    weights = interaction_weights(interactions, config.star_weights, shelf_weight)
    if len(set(config.reader_weights)) > 1:
        n_rated = np.diff(interactions.ratings.indptr)
        classes = np.searchsorted(READER_CLASSES, n_rated, side="right")
        factors = np.sqrt(np.array(config.reader_weights, dtype=np.float32))[classes]
        weights.data *= np.repeat(factors, np.diff(weights.indptr))
    return weights


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
    # Here and not above: the web, which solves nothing, does without 10 MB of LAPACK.
    from scipy.linalg import lapack

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
    catalog: Catalog | None = None,
    *,
    completeness: Completeness | None = None,
    memory_limit_bytes: int | None = None,
    on_progress: OnProgress | None = None,
) -> Solution:
    """Fit the item-item weights; the whole of ``LinearRanker.fit``.

    Parameters
    ----------
    interactions : Interactions. Not modified.
    config : LinearConfig.
    catalog : Catalog or None. Of the same items.
    completeness : Completeness or None. None: it is estimated.
    memory_limit_bytes : int or None.
    on_progress : callable or None.

    Returns
    -------
    Solution. Its ``arrays``:
        ``indptr`` int32 (n_items + 1,), ``indices`` uint16 or int32 (n_weights,) and ``weights``
        float32 (n_weights,): B by rows (row: the reader's book, columns: scored books,
        ascending), each column times its ``score_scale``, float32 (n_items,);
        ``prior`` float32 (n_items,), what is added to every reader's scores;
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
    if completeness is None:
        completeness = estimate_completeness(interactions, catalog)
    reader_rows = weighted_interactions(interactions, config)
    rows = [reader_rows]
    if config.shelf_apart and config.shelf_weight and interactions.shelved.nnz:
        rows.append(interactions.shelved * np.float32(config.shelf_weight**0.5))
    with_weight: NDArray[np.float64] = np.sum([_sums_of_squares(matrix) for matrix in rows], axis=0)
    metadata = metadata_rows(
        catalog,
        tag_weight=config.tag_weight,
        author_weight=config.author_weight,
        series_weight=config.series_weight,
    )
    has_metadata = bool(metadata)
    rows += metadata
    if not all(np.isfinite(matrix.data).all() for matrix in rows):
        raise FitError("an interaction weight is not finite; check the ratings and the config.")
    tell("gram matrix", 0.0)
    inverse = gram_upper(csr_array(vstack(rows, format="csr")), tell)
    del rows, metadata
    np.einsum("ii->i", inverse)[:] = (
        config.diagonal_scale * with_weight + config.regularization
    ).astype(np.float32)
    tell("inverse", 0.0)
    try:
        invert_in_place(inverse)
    except FitError as error:
        if has_metadata and config.metadata_weight >= config.regularization:
            raise FitError(
                "the Gram matrix is not positive definite: tag_weight, author_weight and "
                f"series_weight are together {config.metadata_weight:g} and regularization is "
                f"{config.regularization:g}; with a sum below regularization a fit never fails so."
            ) from error
        raise
    tell("strongest weights", 0.0)
    diagonal = np.einsum("ii->i", inverse).copy()
    if not np.isfinite(diagonal).all() or not (diagonal > 0).all():
        raise FitError("the inverse is not finite; raise regularization.")
    popularity = completeness.expected / completeness.expected.mean()
    strengths = (popularity**config.popularity_exponent).astype(np.float32)
    found: list[tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]] = []
    thresholds = np.zeros(n_items, dtype=np.float32)
    for first in range(0, n_items, _SELECT_ROWS):
        block = (
            inverse[first : first + _SELECT_ROWS] / -diagonal[first : first + _SELECT_ROWS, None]
        )
        own = np.arange(len(block))
        block[own, first + own] = 0.0
        strength = np.abs(block) * strengths
        rated, columns = strongest_of_rows(strength, config.n_neighbours)
        counts = np.bincount(rated, minlength=len(block))
        least = np.full(len(block), np.inf, dtype=np.float32)
        np.minimum.at(least, rated, strength[rated, columns])
        thresholds[first : first + len(block)] = np.where(counts == config.n_neighbours, least, 0.0)
        found.append((columns, block[rated, columns], counts))
        tell("strongest weights", (first + len(block)) / n_items)
    neighbours, weights, counts = (np.concatenate(column) for column in zip(*found, strict=True))
    if not np.isfinite(weights).all():
        raise FitError("a fitted weight is not finite; check the interactions.")
    tell("similar items", 0.0)
    similar_indices, similarities = _most_similar(
        neighbours, weights, diagonal, np.cumsum(counts), config.n_similar
    )
    score_scale = _score_scale(completeness, with_weight, config)
    by_scored = csc_array(
        (
            weights * np.repeat(score_scale, counts),
            neighbours,
            np.concatenate(([0], np.cumsum(counts))),
        ),
        shape=(n_items, n_items),
    )
    by_rated = by_scored.tocsr()
    arrays = {
        "indptr": by_rated.indptr.astype(np.int32),
        "indices": by_rated.indices.astype(index_dtype(n_items)),
        "weights": by_rated.data,
        "score_scale": score_scale,
        "prior": _prior(interactions, catalog, completeness, config),
        "similar_indices": similar_indices,
        "similarities": similarities,
    }
    tell("similar items", 1.0)
    return Solution(arrays, reader_rows, inverse, strengths, thresholds)


def _sums_of_squares(matrix: csr_array) -> NDArray[np.float64]:
    """Return diag(M^T M)."""
    sums = np.zeros(matrix.shape[1])
    np.add.at(sums, matrix.indices, np.square(matrix.data, dtype=np.float64))
    return sums


def _score_scale(
    completeness: Completeness, with_weight: NDArray[np.float64], config: LinearConfig
) -> NDArray[np.float32]:
    """Return share^-share_exponent * (d / mean d)^-diagonal_exponent, d at least 1."""
    amount = np.maximum(with_weight, 1.0)
    scale: NDArray[np.float64] = completeness.share**-config.share_exponent
    scale = scale * (amount / amount.mean()) ** -config.diagonal_exponent
    return scale.astype(np.float32)


def _prior(
    interactions: Interactions,
    catalog: Catalog | None,
    completeness: Completeness,
    config: LinearConfig,
) -> NDArray[np.float32]:
    """Return prior_weight * expected readers * liked share, the highest prior_weight.

    0 for a book that nobody has rated, here or in the catalogue.
    """
    rated = np.bincount(interactions.ratings.indices, minlength=interactions.n_items) > 0
    if catalog is not None and catalog.n_ratings is not None:
        rated |= np.nan_to_num(catalog.n_ratings) > 0
    liked = completeness.expected * liked_share(interactions, catalog) * rated
    return (config.prior_weight * liked / max(float(liked.max()), 1e-12)).astype(np.float32)
