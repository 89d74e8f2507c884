"""A similarity index out of item factors: what `als` lacks to give reasons and similar books."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import csr_array

from recommender.engine.als import AlsRanker
from recommender.engine.artifact import Part
from recommender.engine.linear import LinearRanker
from recommender.engine.linear_config import LinearConfig
from recommender.engine.linear_solve import index_dtype
from recommender.engine.progress import OnProgress

_ROWS: Final = 256  # of 100,000 items a block takes 100 MB


def index_of_factors(als: AlsRanker, *, on_progress: OnProgress | None = None) -> LinearRanker:
    """Return the index that answers as the fold-in does to a reader of one book.

    With G = YtY + regularization * I and c the confidence of a rating of weight 1, the fold-in of
    a reader who has said of book i alone that he likes it, with weight 1, scores book j

        B_ij = c y_i G^-1 y_j / (1 + (c - 1) y_i G^-1 y_i)        (Sherman and Morrison)

    Of each row the ``n_neighbours`` highest of these above 0 are kept. What a rating of s stars
    counts is its confidence divided by c, 0 where it is a preference of 0. Books are as similar as
    their factors in the metric of G: y_i G^-1 y_j / sqrt(y_i G^-1 y_i  y_j G^-1 y_j). There is no
    prior. Cost: n_items^2 n_factors operations, and 1 kB times n_items for a block.

    For several books the sum of their rows is not the fold-in, which weighs what they have in
    common once; ``als`` scores, and the index says for which of the books how much speaks.

    Parameters
    ----------
    als : AlsRanker, fitted.
    on_progress : callable or None.

    Returns
    -------
    LinearRanker.
    """
    config = _config_of(als)
    factors = als.item_factors.astype(np.float64)
    n_items = len(factors)
    metric = factors.T @ factors
    metric[np.diag_indices_from(metric)] += als.config.regularization
    lower = cholesky(metric, lower=True)
    # z_i . z_j = y_i G^-1 y_j
    z = solve_triangular(lower, factors.T, lower=True).T.astype(np.float32)
    own = np.einsum("if,if->i", z, z)
    confidence = np.float32(1 + als.config.alpha)
    n_kept = min(config.n_neighbours, n_items)
    n_similar = min(config.n_similar, n_items)
    lengths = np.sqrt(own)
    similar_indices = np.zeros((n_items, n_similar), dtype=index_dtype(n_items))
    similarities = np.zeros((n_items, n_similar), dtype=np.float32)
    found: list[tuple[NDArray[Any], NDArray[np.float32], NDArray[np.int64]]] = []
    for first in range(0, n_items, _ROWS):
        rows = np.arange(first, min(first + _ROWS, n_items))
        products = z[rows] @ z.T
        products[np.arange(len(rows)), rows] = 0.0
        scale = confidence / (1 + (confidence - 1) * own[rows])
        columns, values = _highest(products, n_kept)
        values *= scale[:, np.newaxis]
        kept = values > 0
        found.append(
            (columns[kept].astype(index_dtype(n_items)), values[kept], np.count_nonzero(kept, 1))
        )
        norms = lengths[rows][:, np.newaxis] * lengths[np.newaxis]
        np.divide(products, norms, out=products, where=norms > 0)
        columns, values = _highest(products, n_similar)
        order = np.argsort(-values, axis=1, kind="stable")
        similar_indices[rows] = np.take_along_axis(columns, order, axis=1)
        similarities[rows] = np.clip(np.take_along_axis(values, order, axis=1), 0.0, 1.0)
        if on_progress:
            on_progress("similar items", (int(rows[-1]) + 1) / n_items)
    indices, weights, counts = (np.concatenate(part) for part in zip(*found, strict=True))
    by_rated = csr_array(
        (weights, indices, np.concatenate(([0], np.cumsum(counts)))), shape=(n_items, n_items)
    )
    by_rated.sort_indices()
    return LinearRanker.from_part(
        Part(
            LinearRanker.name,
            {
                "indptr": by_rated.indptr.astype(np.int64),
                "indices": by_rated.indices.astype(index_dtype(n_items)),
                "weights": by_rated.data,
                "score_scale": np.ones(n_items, dtype=np.float32),
                "prior": np.zeros(n_items, dtype=np.float32),
                "similar_indices": similar_indices,
                "similarities": similarities,
            },
            asdict(config),
        )
    )


def _config_of(als: AlsRanker) -> LinearConfig:
    """Return what the index counts of stars and shelves; the rest is that of another fit."""
    config = als.config
    whole = 1 + config.alpha
    counts = [
        (1 + config.alpha * weight) / whole if weight and stars >= config.positive_threshold else 0
        for stars, weight in enumerate(config.star_weights, start=1)
    ]
    shelf = (1 + config.alpha * config.shelf_weight) / whole if config.shelf_weight else 0.0
    one, two, three, four, five = counts
    return LinearConfig(
        input_weights=(one, two, three, four, five), shelf_input=shelf, prior_weight=0.0
    )


def _highest(matrix: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return columns and values of the k highest entries of each row, in no order."""
    n = matrix.shape[1]
    columns = (
        np.argpartition(matrix, n - k, axis=1)[:, n - k :]
        if k < n
        else np.broadcast_to(np.arange(n), matrix.shape).copy()
    )
    return columns, np.take_along_axis(matrix, columns, axis=1)
