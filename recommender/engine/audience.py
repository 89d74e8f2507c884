"""How many readers each item has: what counting leaves of the interactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommender.engine.interactions import Interactions


@dataclass(frozen=True, eq=False)
class Audience:
    """Counts of the training interactions, which themselves may be on other machines.

    Parameters
    ----------
    n_users : int. Training users, those included of whom nothing is of a known item.
    n_having : int64 array, shape (n_items,). Users who rated or shelved the item, each once.
    n_ratings : int64 array, shape (n_items,). Users who rated it.
    stars : float64 array, shape (n_items,). Sum of its ratings.
    """

    n_users: int
    n_having: NDArray[np.int64]
    n_ratings: NDArray[np.int64]
    stars: NDArray[np.float64]

    @classmethod
    def of(cls, interactions: Interactions) -> Self:
        """Count interactions that are in memory."""
        n_items = interactions.n_items
        ratings = interactions.ratings
        either = ratings + interactions.shelved
        return cls(
            interactions.n_users,
            np.bincount(either.indices, minlength=n_items),
            np.bincount(ratings.indices, minlength=n_items),
            np.asarray(np.bincount(ratings.indices, ratings.data, n_items), dtype=np.float64),
        )
