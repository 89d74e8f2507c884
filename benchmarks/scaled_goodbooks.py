"""A data set several times goodbooks-10k's size, with its marginals and tastes that mean something.

Scale s has s worlds: each is a copy of all books, with readers who are copies of goodbooks' own.
A reader takes the places of an original reader's ratings, each in their home world with
probability .7, else in a second world of their own choice. So a reader has as many ratings and as
many books on the shelf as the original, a book about as many as the original, with the same
stars; books that were read together are read together, in one world and across two; and a book
has its own author and series, but the tags of all its copies, so that tags grow with the books.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_diag, csr_array, vstack

from recommender.engine import UNKNOWN, Catalog, Interactions, Series, Vocabulary

HOME_SHARE: Final = 0.7


def scaled(
    interactions: Interactions, catalog: Catalog, scale: int, *, seed: int = 0
) -> tuple[Interactions, Catalog]:
    """Return a data set of ``scale`` times the readers, books, ratings and shelf entries.

    Scale 1 is the data set itself. The same seed gives the same data; memory is that of the
    result and of one world more.

    Parameters
    ----------
    interactions : Interactions. Not modified.
    catalog : Catalog of the same items.
    scale : int > 0.
    seed : int >= 0.
    """
    if scale < 1:
        raise ValueError(f"scale is {scale}; wanted 1 or more.")
    if scale == 1:
        return interactions, catalog
    ratings: list[csr_array] = []
    shelved: list[csr_array] = []
    n_users, n_items = interactions.n_users, interactions.n_items
    for home in range(scale):
        generator = np.random.default_rng([seed, home])
        second = (home + generator.integers(1, scale, n_users)) % scale
        ratings.append(_moved(interactions.ratings, home, second, scale, generator))
        shelved.append(_moved(interactions.shelved, home, second, scale, generator))
    items = Vocabulary(np.arange(1, scale * n_items + 1))
    return (
        Interactions(
            vstack(ratings, format="csr"),
            vstack(shelved, format="csr"),
            Vocabulary(np.arange(1, scale * n_users + 1)),
            items,
        ),
        _copied(catalog, items, scale),
    )


def _moved(
    original: csr_array,
    home: int,
    second: NDArray[np.int64],
    scale: int,
    generator: np.random.Generator,
) -> csr_array:
    """Return the readers' rows with each entry in one of their two worlds."""
    n_users, n_items = original.shape
    is_away = generator.random(original.nnz, dtype=np.float32) >= HOME_SHARE
    worlds = np.where(is_away, np.repeat(second, np.diff(original.indptr)), home)
    indices = (original.indices + worlds * n_items).astype(np.int32)
    moved = csr_array(
        (original.data.copy(), indices, original.indptr.copy()), shape=(n_users, scale * n_items)
    )
    moved.sort_indices()
    return moved


def _copied(catalog: Catalog, items: Vocabulary, scale: int) -> Catalog:
    """Return the catalog of all worlds."""

    def of_each_world(groups: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return groups that no two worlds share."""
        n_groups = int(groups.max(initial=0)) + 1
        copies = [
            np.where(groups == UNKNOWN, UNKNOWN, groups + world * n_groups)
            for world in range(scale)
        ]
        return np.concatenate(copies).astype(np.int32)

    def tiled(values: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        return None if values is None else np.tile(values, scale)

    return Catalog(
        items,
        Series(of_each_world(catalog.series.index), np.tile(catalog.series.number, scale)),
        of_each_world(catalog.author_index),
        np.tile(catalog.genre_index, scale),
        n_ratings=tiled(catalog.n_ratings),
        mean_stars=tiled(catalog.mean_stars),
        std_stars=tiled(catalog.std_stars),
        n_reviews=tiled(catalog.n_reviews),
        years=tiled(catalog.years),
        authors=(
            None
            if catalog.authors is None
            else csr_array(block_diag([catalog.authors] * scale, format="csr"))
        ),
        tags=None if catalog.tags is None else vstack([catalog.tags] * scale, format="csr"),
    )
