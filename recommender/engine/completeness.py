"""How much of every book's readership the data holds, and who of its readers is there in full.

A data set is often a sample that was cut book by book (at most 100 ratings of each, say): a
popular book then has as many rows as an unknown one. Readers whose whole history is there still
show how popular each book is among people who rate, and what a catalogue counts elsewhere
carries that over to all books.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine.catalog import Catalog
from recommender.engine.interactions import Interactions

N_COMPLETE: Final = 2500  # readers taken as complete where the data holds ten times as many
_LEAST_COMPLETE: Final = 100  # fewer readers say too little for a regression
_LEAST_SHARE: Final = 0.01
_RIDGE: Final = 0.1  # against predictors that say the same; counts are in the thousands
_MAX_STEPS: Final = 50
_LIKED: Final = 3.5  # stars; half-way between 3 and 4
_USUAL_SPREAD: Final = 0.95  # stars; that of most books on Goodreads


@dataclass(frozen=True, eq=False)
class Completeness:
    """What the data would hold if it held everything.

    Parameters
    ----------
    expected : float64 array, shape (n_items,). Expected ratings of the book per complete reader
        (0..1, above 0): its popularity, whatever the data holds of it.
    share : float64 array, shape (n_items,). Part of the book's ratings that the data holds,
        .01..1; 1 where nothing is known of the whole.
    complete_users : int64 array. Indices of the readers whose histories are the most complete,
        the most complete first.
    is_modelled : bool. Whether ``expected`` comes from the catalogue's counts (else from the
        data's own).
    """

    expected: NDArray[np.float64]
    share: NDArray[np.float64]
    complete_users: NDArray[np.int64]
    is_modelled: bool


def estimate_completeness(
    interactions: Interactions, catalog: Catalog | None = None, *, n_complete: int = N_COMPLETE
) -> Completeness:
    """Estimate popularity, share held and the most complete readers.

    The readers with the most ratings are taken as complete, the popularity of every book is
    fitted to theirs by Poisson regression on the catalogue's counts, the share of each book
    follows, and readers are taken anew: those whose books' shares make a history as long as
    theirs the least likely to be what is left of a longer one, by the smallest
    mean(log share) * sqrt(n_ratings). Twice. Without catalogue counts, or with fewer than 1,000
    readers, popularity is what the data holds.

    Parameters
    ----------
    interactions : Interactions. Not modified.
    catalog : Catalog or None. Of the same items; ``n_ratings`` and ``n_reviews`` are used.
    n_complete : int > 0. At most a tenth of the readers.

    Returns
    -------
    Completeness.
    """
    ratings = interactions.ratings
    n_items = interactions.n_items
    counts = np.bincount(ratings.indices, minlength=n_items).astype(np.float64)
    lengths = np.diff(ratings.indptr)
    n_raters = max(int(np.count_nonzero(lengths)), 1)
    n_complete = min(n_complete, n_raters // 10)
    complete = np.argsort(-lengths, kind="stable")[:n_complete].astype(np.int64)
    least = 0.5 / n_raters  # half a reader: finite logarithms, no weight
    expected = np.maximum(counts / n_raters, least)
    share = np.ones(n_items)
    columns, known = _predictors(interactions, catalog)
    if columns is None or n_complete < _LEAST_COMPLETE:
        return Completeness(expected, share, complete, is_modelled=False)
    for _ in range(2):
        read = np.bincount(ratings[complete].indices, minlength=n_items).astype(np.float64)
        modelled = poisson_means(columns[known], read[known])
        if modelled is None:
            return Completeness(expected, np.ones(n_items), complete, is_modelled=False)
        expected[known] = np.maximum(modelled / n_complete, least)
        share[known] = np.clip(counts[known] / n_raters / expected[known], _LEAST_SHARE, 1.0)
        log_shares = np.append(np.log(share)[ratings.indices], 0.0)
        sums = np.where(lengths > 0, np.add.reduceat(log_shares, ratings.indptr[:-1]), 0.0)
        unlikely = sums / np.sqrt(np.maximum(lengths, 1))
        complete = np.argsort(unlikely, kind="stable")[:n_complete].astype(np.int64)
    return Completeness(expected, share, complete, is_modelled=True)


def _predictors(
    interactions: Interactions, catalog: Catalog | None
) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
    """Return log counts of the books, standardized, with their squares; and of which all exist."""
    n_items = interactions.n_items
    if catalog is None or catalog.n_ratings is None:
        return None, np.zeros(n_items, dtype=np.bool_)
    known = np.isfinite(catalog.n_ratings) & (np.nan_to_num(catalog.n_ratings) > 0)
    shelved = np.bincount(interactions.shelved.indices, minlength=n_items)
    logs = [np.log(np.where(known, catalog.n_ratings, 1.0).astype(np.float64)), np.log1p(shelved)]
    if catalog.n_reviews is not None:
        known &= np.isfinite(catalog.n_reviews)
        logs.append(np.log1p(np.nan_to_num(catalog.n_reviews).astype(np.float64)))
    if not known.any():
        return None, known
    columns = np.stack(logs, axis=1)
    spread = columns[known].std(axis=0)
    columns = columns[:, spread > 1e-9]
    columns = (columns - columns[known].mean(axis=0)) / spread[spread > 1e-9]
    return np.concatenate((np.ones((n_items, 1)), columns, columns**2), axis=1), known


def poisson_means(
    columns: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the fitted means of a Poisson regression with the logarithm as link.

    Newton's method (iteratively re-weighted least squares) with a ridge on all weights but the
    constant's; steps are at most 1 long and halved until the likelihood does not fall.

    Parameters
    ----------
    columns : float64 array, shape (n, m). The first one is constant 1.
    counts : float64 array, shape (n,), >= 0.

    Returns
    -------
    float64 array, shape (n,), or None when there is nothing to fit (no count above 0).
    """
    if not len(counts) or counts.mean() <= 0:
        return None
    n_weights = columns.shape[1]
    weights = np.zeros(n_weights)
    weights[0] = np.log(counts.mean())
    ridge = np.full(n_weights, _RIDGE)
    ridge[0] = 0.0

    def fitted(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Return the means and the penalized log-likelihood, up to a constant."""
        linear = np.clip(columns @ weights, -20.0, 20.0)
        means = np.exp(linear)
        return means, float(counts @ linear - means.sum() - 0.5 * ridge @ weights**2)

    means, likelihood = fitted(weights)
    for _ in range(_MAX_STEPS):
        hessian = columns.T @ (columns * means[:, np.newaxis]) + np.diag(ridge)
        step = np.linalg.solve(hessian, columns.T @ (counts - means) - ridge * weights)
        step /= max(1.0, float(np.abs(step).max()))
        new_means, new_likelihood = fitted(weights + step)
        while new_likelihood < likelihood and np.abs(step).max() > 1e-9:
            step /= 2
            new_means, new_likelihood = fitted(weights + step)
        weights, means, likelihood = weights + step, new_means, new_likelihood
        if np.abs(step).max() < 1e-6:
            break
    return means


def liked_share(interactions: Interactions, catalog: Catalog | None) -> NDArray[np.float64]:
    """Return the part of each book's ratings that is 4 or 5 stars.

    From the catalogue's mean and spread, as if stars were cut from a normal distribution; from
    the data's ratings where the catalogue has none; the data's overall part for the rest.

    Returns
    -------
    float64 array, shape (n_items,), in 0..1.
    """
    ratings = interactions.ratings
    n_items = interactions.n_items
    counts = np.bincount(ratings.indices, minlength=n_items)
    liked = np.bincount(ratings.indices, ratings.data >= _LIKED, minlength=n_items)
    overall = float(liked.sum() / max(counts.sum(), 1))
    result = (liked + 5.0 * overall) / (counts + 5.0)
    if catalog is None or catalog.mean_stars is None:
        return result
    spread = np.full(n_items, _USUAL_SPREAD)
    if catalog.std_stars is not None:
        stds = np.nan_to_num(catalog.std_stars.astype(np.float64))
        spread = np.where(stds > 0.1, stds, spread)
    cdf = NormalDist().cdf
    for item in np.flatnonzero(np.isfinite(catalog.mean_stars)).tolist():
        result[item] = cdf((float(catalog.mean_stars[item]) - _LIKED) / spread[item])
    return result
