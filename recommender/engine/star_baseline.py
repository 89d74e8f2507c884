"""What a book is worth before anything is known of the reader: damped means with a prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.engine.catalog import Catalog
from recommender.engine.errors import FitError
from recommender.engine.interactions import Interactions

_N_SWEEPS = 10
_PRIOR_PENALTY = 100.0
_TYPICAL_STARS = 4.0


@dataclass(frozen=True, eq=False)
class StarBaseline:
    """Mean, user and item biases, and what the item biases are damped towards.

    Parameters
    ----------
    mean : float. Mean of all ratings, stars.
    prior : float64 array, shape (n_items,). Bias that the catalog lets expect of an item, stars.
    item_biases : float64 array, shape (n_items,). ``prior`` for an item without ratings.
    user_biases : float64 array, shape (n_users,). 0 for a user without ratings.
    """

    mean: float
    prior: NDArray[np.float64]
    item_biases: NDArray[np.float64]
    user_biases: NDArray[np.float64]


def row_indices(interactions: Interactions) -> NDArray[np.int64]:
    """Return the user index of each stored rating, in the order of ``ratings.data``."""
    rows: NDArray[np.int64] = np.repeat(
        np.arange(interactions.n_users), np.diff(interactions.ratings.indptr)
    )
    return rows


def fit_baseline(
    interactions: Interactions,
    catalog: Catalog | None,
    *,
    user_damping: float = 4.0,
    item_damping: float = 15.0,
) -> StarBaseline:
    """Fit the biases in alternation, items damped towards what the catalog lets expect.

    b_i = (sum over its users (r_ui - mu - b_u) + d_item * prior_i) / (d_item + n_i)
    b_u = sum over his items (r_ui - mu - b_i) / (d_user + n_u)

    prior_i is a ridge regression of the items' mean residuals on the catalog's mean stars,
    their square and spread, and the logarithm of the number of ratings elsewhere; without such
    figures it is 0.

    Parameters
    ----------
    interactions : Interactions. Not modified.
    catalog : Catalog or None.
    user_damping, item_damping : float > 0. Ratings that bias 0, or the prior, counts for.

    Returns
    -------
    StarBaseline.

    Raises
    ------
    FitError
        When there is no rating.
    """
    ratings = interactions.ratings
    if not ratings.nnz:
        raise FitError("there is no rating; import ratings first.")
    n_users, n_items = ratings.shape
    users, items = row_indices(interactions), ratings.indices
    mean = float(ratings.data.mean(dtype=np.float64))
    centred = ratings.data.astype(np.float64) - mean
    user_weight = np.diff(ratings.indptr) + user_damping
    n_of_item = np.bincount(items, minlength=n_items)

    def sweep(prior: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        user_biases = np.zeros(n_users)
        for _ in range(_N_SWEEPS):
            rest = np.bincount(items, centred - user_biases[users], minlength=n_items)
            item_biases = (rest + item_damping * prior) / (n_of_item + item_damping)
            rest = np.bincount(users, centred - item_biases[items], minlength=n_users)
            user_biases = rest / user_weight
        return user_biases, item_biases

    prior = np.zeros(n_items)
    user_biases, item_biases = sweep(prior)
    figures = _figures(catalog)
    if figures is not None:
        sums = np.bincount(items, centred - user_biases[users], minlength=n_items)
        prior = _weighted_ridge(figures, sums.astype(np.float64), n_of_item)
        user_biases, item_biases = sweep(prior)
    return StarBaseline(mean, prior, item_biases, user_biases)


def _figures(catalog: Catalog | None) -> NDArray[np.float64] | None:
    """Return the catalog's figures, standardized, with a column of ones; None without any."""
    if catalog is None:
        return None
    columns: list[NDArray[np.float64]] = []
    if catalog.mean_stars is not None:
        mean = catalog.mean_stars.astype(np.float64) - _TYPICAL_STARS
        columns += [mean, mean**2]
    if catalog.std_stars is not None:
        columns.append(catalog.std_stars.astype(np.float64))
    if catalog.n_ratings is not None:
        columns.append(np.log1p(catalog.n_ratings.astype(np.float64)))
    standard = [standardized(column) for column in columns if not np.isnan(column).all()]
    if not standard:
        return None
    return np.column_stack([np.ones(catalog.n_items), *standard])


def standardized(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return values with mean 0 and spread 1; 0 for NaN, and everywhere when all are equal."""
    known = ~np.isnan(values)
    if not known.any():
        return np.zeros(len(values))
    centred = np.where(known, values, 0.0) - values[known].mean(dtype=np.float64)
    spread = centred[known].std()
    scaled: NDArray[np.float64] = np.where(known & (spread > 1e-9), centred / max(spread, 1e-9), 0)
    return scaled


def _weighted_ridge(
    figures: NDArray[np.float64], sums: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the fit of sums / counts on the figures, each item weighted by its count."""
    gram = figures.T @ (figures * counts[:, None])
    gram[np.diag_indices_from(gram)] += _PRIOR_PENALTY
    fitted: NDArray[np.float64] = figures @ np.linalg.solve(gram, figures.T @ sums)
    return fitted
