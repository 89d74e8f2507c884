"""The columns that the stack of ``stars`` learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine.catalog import Catalog
from recommender.engine.interactions import MAX_STARS, Interactions
from recommender.engine.star_baseline import row_indices

N_TAG_COLUMNS: Final = 16
USER_DAMPING: Final = 3.0
ITEM_DAMPING: Final = 10.0
SHELF_WEIGHT: Final = 0.7

SHARE_NAMES: Final = tuple(f"share_{stars}" for stars in range(1, MAX_STARS + 1))
USER_NAMES: Final = (*(f"user_{name}" for name in SHARE_NAMES), "user_n", "user_mean", "user_std")
RATED_NAMES: Final = (*(f"item_{name}" for name in SHARE_NAMES), "item_n", "item_mean", "item_std")
_LEVELS: Final = np.arange(1, MAX_STARS + 1)


def star_shares(stars: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return each rating as the shares of its stars: between two levels, it counts for both.

    float32 array, shape (n, 5), rows that add up to 1.
    """
    shares: NDArray[np.float32] = np.maximum(0, 1 - np.abs(stars[:, None] - _LEVELS)).astype(
        np.float32
    )
    return shares


def share_figures(
    counts: NDArray[np.floating], prior: NDArray[np.floating], damping: float
) -> NDArray[np.float32]:
    """Return damped shares of 1 to 5 stars, number, mean and standard deviation of ratings.

    Parameters
    ----------
    counts : float array, shape (n, 5). Ratings of each number of stars.
    prior : float array, shape (5,) or (n, 5). Shares that ``damping`` ratings are added with.
    damping : float > 0.

    Returns
    -------
    float32 array, shape (n, 8): the columns of USER_NAMES and RATED_NAMES.
    """
    number = counts.sum(axis=1)
    shares = (counts + damping * prior) / (number + damping)[:, None]
    mean = shares @ _LEVELS
    spread = np.sqrt(np.maximum(shares @ _LEVELS**2 - mean**2, 0))
    return np.column_stack((shares, number, mean, spread)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class ItemFigures:
    """What the features keep of the items.

    Parameters
    ----------
    fixed : float32 array, shape (n_items, n). Columns that are the same for every reader.
    fixed_names : tuple of str.
    counts : float32 array, shape (n_items, 5). Training ratings of each number of stars.
    shares : float32 array, shape (5,). Shares of stars over all training ratings.
    """

    fixed: NDArray[np.float32]
    fixed_names: tuple[str, ...]
    counts: NDArray[np.float32]
    shares: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        catalog: Catalog | None,
        tags: NDArray[np.float32] | None,
        prior: NDArray[np.float64],
    ) -> ItemFigures:
        """Collect them; what the catalog does not know is left out, or NaN."""
        n_items = interactions.n_items
        ratings = interactions.ratings
        counts = np.zeros((n_items, MAX_STARS), dtype=np.float32)
        np.add.at(counts, ratings.indices, star_shares(ratings.data))
        columns: dict[str, NDArray[np.floating]] = {
            "prior": prior,
            "n_shelved": np.log1p(np.bincount(interactions.shelved.indices, minlength=n_items)),
        }
        if catalog is not None:
            for name in ("mean_stars", "std_stars", "years"):
                if (known := getattr(catalog, name)) is not None:
                    columns[name] = known
            for name in ("n_ratings", "n_reviews"):
                if (known := getattr(catalog, name)) is not None:
                    columns[name] = np.log1p(known)
            columns["volume"] = catalog.series.number
        if tags is not None:
            strongest = np.argsort(-np.square(tags).sum(axis=0), kind="stable")[:N_TAG_COLUMNS]
            for place, direction in enumerate(strongest.tolist()):
                columns[f"tags_{place}"] = tags[:, direction]
        fixed = np.column_stack(list(columns.values())).astype(np.float32)
        shares = counts.sum(axis=0) / max(ratings.nnz, 1)
        return cls(fixed, tuple(columns), counts, shares)


def user_figures(
    stars: NDArray[np.floating], n_shelved: int, shares: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return one reader's figures, float32, shape (9,): USER_NAMES and his shelf's length."""
    counts = star_shares(stars).sum(axis=0)[None, :]
    figures = share_figures(counts, shares, USER_DAMPING)[0]
    return np.append(figures, np.float32(np.log1p(n_shelved)))


def user_figures_left_out(
    interactions: Interactions, shares: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return ``user_figures`` of each rating's user without that rating, (n_ratings, 9)."""
    ratings, users = interactions.ratings, row_indices(interactions)
    own = star_shares(ratings.data)
    counts = np.zeros((interactions.n_users, MAX_STARS), dtype=np.float32)
    np.add.at(counts, users, own)
    figures = share_figures(counts[users] - own, shares, USER_DAMPING)
    n_shelved = np.log1p(np.diff(interactions.shelved.indptr)).astype(np.float32)
    return np.column_stack((figures, n_shelved[users]))


def rated_figures(figures: ItemFigures, items: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return shares, number, mean and spread of some items' training ratings, (n, 8)."""
    return share_figures(figures.counts[items], figures.shares, ITEM_DAMPING)


def rated_figures_left_out(interactions: Interactions, figures: ItemFigures) -> NDArray[np.float32]:
    """Return ``rated_figures`` of each rating's item without that rating, (n_ratings, 8)."""
    ratings = interactions.ratings
    counts = figures.counts[ratings.indices] - star_shares(ratings.data)
    return share_figures(counts, figures.shares, ITEM_DAMPING)


def closeness(
    reading: NDArray[np.float32],
    total: NDArray[np.floating],
    items: NDArray[np.integer],
) -> NDArray[np.float32]:
    """Return how near items are to what a reader reads: product and cosine, (n, 2).

    Parameters
    ----------
    reading : float32 array, shape (n_items, n). ``item_features.reading_vectors``.
    total : float array, shape (n,) or (n_pairs, n). Sum over the reader's books.
    items : int array, shape (n_pairs,).
    """
    vectors = reading[items]
    products = np.einsum("if,if->i", vectors, np.broadcast_to(total, vectors.shape))
    lengths = np.maximum(np.linalg.norm(np.atleast_2d(total), axis=1), 0.1)
    return np.column_stack((products, products / lengths)).astype(np.float32)


def reading_total(
    reading: NDArray[np.float32], rated: NDArray[np.integer], shelved: NDArray[np.integer]
) -> NDArray[np.float32]:
    """Return the sum of a reader's books' vectors, those on the shelf for SHELF_WEIGHT."""
    total: NDArray[np.float32] = reading[rated].sum(axis=0)
    total = total + np.float32(SHELF_WEIGHT) * reading[shelved].sum(axis=0)
    return total


def closeness_left_out(
    reading: NDArray[np.float32], interactions: Interactions
) -> NDArray[np.float32]:
    """Return ``closeness`` of each rating to its user's other books, (n_ratings, 2)."""
    totals = interactions.ratings.astype(np.bool_).astype(np.float32) @ reading
    totals += np.float32(SHELF_WEIGHT) * (interactions.shelved @ reading)
    users, items = row_indices(interactions), interactions.ratings.indices
    result = np.empty((len(items), 2), dtype=np.float32)
    for start in range(0, len(items), 1 << 17):
        part = slice(start, start + (1 << 17))
        others = totals[users[part]] - reading[items[part]]
        result[part] = closeness(reading, others, items[part])
    return result
