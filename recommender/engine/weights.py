"""How much a rating or a shelf entry says that a reader likes a book."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.errors import InputError
from recommender.engine.interactions import MAX_STARS, MIN_STARS, Interactions, Profile

StarWeights = tuple[float, float, float, float, float]

STAR_WEIGHTS: Final[StarWeights] = (0.3, 0.4, 0.7, 1.0, 1.2)


def as_star_weights(star_weights: Sequence[float], shelf_weight: float) -> StarWeights:
    """Return five floats after checking them and the weight of the shelf.

    Raises
    ------
    InputError
        Unless there are five, all six are finite and at least 0, and one of the five is not 0.
    """
    if len(star_weights) != MAX_STARS:
        raise InputError(f"star_weights has {len(star_weights)} values; wanted {MAX_STARS}.")
    one, two, three, four, five = (float(weight) for weight in star_weights)
    values = (one, two, three, four, five)
    if not all(math.isfinite(weight) and weight >= 0 for weight in values) or not any(values):
        raise InputError(f"star_weights is {values}; wanted finite numbers from 0, not all 0.")
    if not (math.isfinite(shelf_weight) and shelf_weight >= 0):
        raise InputError(f"shelf_weight is {shelf_weight}; wanted a finite number from 0.")
    return values


def interaction_weights(
    interactions: Interactions, star_weights: StarWeights, shelf_weight: float
) -> csr_array:
    """Return the star weight of each rating, the shelf weight of each book only shelved.

    Parameters
    ----------
    interactions : Interactions. Not modified.
    star_weights : five floats >= 0. Weight of a rating of 1, 2, 3, 4, 5 stars.
    shelf_weight : float >= 0. Weight of a book on the to-read shelf, unrated.

    Returns
    -------
    CSR float32, shape (n_users, n_items), without zeros, columns ascending. A new matrix.
    """
    by_star = np.array((0.0, *star_weights), dtype=np.float32)
    ratings = interactions.ratings
    weights = csr_array(
        (by_star[ratings.data.astype(np.int8)], ratings.indices.copy(), ratings.indptr.copy()),
        shape=ratings.shape,
    )
    if shelf_weight and interactions.shelved.nnz:
        is_rated = ratings.copy()
        is_rated.data = np.ones_like(is_rated.data)
        only_shelved = interactions.shelved - interactions.shelved.multiply(is_rated)
        only_shelved.eliminate_zeros()
        weights = csr_array(weights + only_shelved.astype(np.float32) * np.float32(shelf_weight))
    weights.eliminate_zeros()
    weights.sort_indices()
    return weights


def profile_weights(
    profile: Profile, star_weights: StarWeights, shelf_weight: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return one reader's items and their weights, as ``interaction_weights`` has them.

    Parameters
    ----------
    profile : Profile. Between two whole stars the weight is interpolated.
    star_weights, shelf_weight : as ``interaction_weights``.

    Returns
    -------
    (items, weights) : int64, ascending, and float64, shape (n,). Weights of 0 are left out. The
    values are float32 numbers, bit-equal to those of the fit.
    """
    stars = np.arange(MIN_STARS, MAX_STARS + 1)
    by_star = np.array(star_weights, dtype=np.float32)
    weights = np.interp(profile.stars, stars, by_star).astype(np.float32).astype(np.float64)
    items = profile.item_indices
    if shelf_weight and len(profile.shelf_indices):
        shelf = np.full(len(profile.shelf_indices), float(np.float32(shelf_weight)))
        items = np.concatenate((items, profile.shelf_indices))
        order = np.argsort(items, kind="stable")
        items, weights = items[order], np.concatenate((weights, shelf))[order]
    kept = weights > 0
    return items[kept], weights[kept]
