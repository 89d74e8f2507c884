"""Fitting the linear ranker: Gram matrix, Cholesky inverse, strongest weights.

With M the weighted interaction matrix (rows are readers, and apart from them their to-read
shelves) and X the metadata (rows are tags, authors and series):

    G = M^T M + X^T X                             Gram matrix, (n_items, n_items)
    d = diag(M^T M)
    H = G, its diagonal replaced by diagonal_scale * d + regularization
    P = H^-1
    B_ij = -P_ij / P_jj,  B_jj = 0                weight of item i in the score of item j

and of each column of B the ``n_neighbours`` strongest entries are kept, scaled by a factor of
the column. See docs/algorithms/linear.md for where this comes from. Of a catalogue too large for
H, each column is solved on the books that it has most to do with: ``linear_sparse``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, vstack

from recommender.engine.catalog import Catalog
from recommender.engine.completeness import Completeness, estimate_completeness, liked_share
from recommender.engine.errors import FitError
from recommender.engine.gram_inverse import gram_upper, invert_in_place
from recommender.engine.interactions import Interactions
from recommender.engine.linear_config import READER_CLASSES, LinearConfig
from recommender.engine.linear_path import DENSE, SolvePath, choose_path
from recommender.engine.linear_sparse import SolvedColumns, solve_columns
from recommender.engine.metadata_gram import metadata_rows
from recommender.engine.progress import OnProgress
from recommender.engine.weights import interaction_weights

logger = logging.getLogger(__name__)

_SELECT_ROWS: Final = 256  # rows of P searched at a time
_STAGES: Final = {  # stage -> from and to which part of the whole fit it lasts
    "interactions": (0.0, 0.02),
    "gram matrix": (0.02, 0.2),
    "inverse": (0.2, 0.8),
    "strongest weights": (0.8, 0.95),
    "supports": (0.02, 0.15),
    "regressions": (0.15, 0.95),
    "similar items": (0.95, 1.0),
}


@dataclass(frozen=True, eq=False)
class Solution:
    """A fitted index, and what it takes to leave one reader out of it again.

    Parameters
    ----------
    arrays : dict of what ``LinearRanker`` keeps; see ``solve_item_weights``.
    reader_rows : CSR float32, shape (n_users, n_items). M without the shelves apart.
    path : SolvePath. Which path the fit took.
    inverse : float32 array, shape (n_items, n_items), P; None of the sparse path.
    strengths : float32 array, shape (n_items,). Factor of item i on the strength of B_ij.
    thresholds : float32 array, shape (n_items,). Least strength kept of each column; None of the
        sparse path.
    """

    arrays: dict[str, NDArray[Any]]
    reader_rows: csr_array
    path: SolvePath
    inverse: NDArray[np.float32] | None
    strengths: NDArray[np.float32]
    thresholds: NDArray[np.float32] | None


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
    neighbours: NDArray[np.integer],
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
    path = choose_path(n_items, config, memory_limit_bytes)
    logger.info("linear is solved by the %s path: %s", path.solver, path.because)
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
    if not all(np.isfinite(matrix.data).all() for matrix in [*rows, *metadata]):
        raise FitError("an interaction weight is not finite; check the ratings and the config.")
    penalized = config.diagonal_scale * with_weight + config.regularization
    popularity = completeness.expected / completeness.expected.mean()
    strengths = (popularity**config.popularity_exponent).astype(np.float32)
    inverse: NDArray[np.float32] | None = None
    thresholds: NDArray[np.float32] | None = None
    try:
        if path.solver == DENSE:
            inverse = _inverse(rows, metadata, penalized, tell)
            solved, thresholds = _strongest_columns(inverse, strengths, config.n_neighbours, tell)
        else:
            solved = solve_columns(
                csr_array(vstack(rows, format="csr")),
                metadata,
                penalized,
                strengths,
                n_support=config.n_support,
                n_neighbours=config.n_neighbours,
                on_progress=tell,
            )
    except FitError as error:
        if metadata and config.metadata_weight >= config.regularization:
            raise FitError(
                "the Gram matrix is not positive definite: tag_weight, author_weight and "
                f"series_weight are together {config.metadata_weight:g} and regularization is "
                f"{config.regularization:g}; with a sum below regularization a fit never fails so."
            ) from error
        raise
    del rows, metadata
    neighbours, weights, counts, diagonal = solved
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
    return Solution(arrays, reader_rows, path, inverse, strengths, thresholds)


def _inverse(
    rows: Sequence[csr_array],
    metadata: Sequence[csr_array],
    penalized: NDArray[np.float64],
    tell: Callable[[str, float], None],
) -> NDArray[np.float32]:
    """Return P = H^-1, float32 (n_items, n_items); ``penalized`` is the diagonal of H."""
    tell("gram matrix", 0.0)
    inverse = gram_upper(csr_array(vstack([*rows, *metadata], format="csr")), tell)
    np.einsum("ii->i", inverse)[:] = penalized.astype(np.float32)
    tell("inverse", 0.0)
    invert_in_place(inverse)
    return inverse


def _strongest_columns(
    inverse: NDArray[np.float32],
    strengths: NDArray[np.float32],
    n_neighbours: int,
    tell: Callable[[str, float], None],
) -> tuple[SolvedColumns, NDArray[np.float32]]:
    """Return the strongest weights of each column, and the least strength kept of each."""
    n_items = len(inverse)
    tell("strongest weights", 0.0)
    diagonal = np.einsum("ii->i", inverse).copy()
    if not np.isfinite(diagonal).all() or not (diagonal > 0).all():
        raise FitError("the inverse is not finite; raise regularization.")
    found: list[tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]] = []
    thresholds = np.zeros(n_items, dtype=np.float32)
    for first in range(0, n_items, _SELECT_ROWS):
        block = (
            inverse[first : first + _SELECT_ROWS] / -diagonal[first : first + _SELECT_ROWS, None]
        )
        own = np.arange(len(block))
        block[own, first + own] = 0.0
        strength = np.abs(block) * strengths
        rated, columns = strongest_of_rows(strength, n_neighbours)
        counts = np.bincount(rated, minlength=len(block))
        least = np.full(len(block), np.inf, dtype=np.float32)
        np.minimum.at(least, rated, strength[rated, columns])
        thresholds[first : first + len(block)] = np.where(counts == n_neighbours, least, 0.0)
        found.append((columns, block[rated, columns], counts))
        tell("strongest weights", (first + len(block)) / n_items)
    neighbours, weights, counts = (np.concatenate(column) for column in zip(*found, strict=True))
    return SolvedColumns(neighbours, weights, counts, diagonal), thresholds


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
