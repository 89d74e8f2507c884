"""What books have in common by their metadata, as rows beside those of readers.

A tag, an author or a series stands in the Gram matrix like a reader who likes the books that
carry it: G += w X X^T for a matrix X of books by tags, so that a book without any rating has
neighbours.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.catalog import Catalog

_FEWEST_BOOKS: Final = 5  # of a tag: below, it is somebody's private word
_MOST_SHARE: Final = 0.3  # of all books under one tag: above, it says nothing


def tag_profiles(catalog: Catalog) -> csr_array | None:
    """Return the books' tags by tf-idf: log(1 + count) * log(n_items / books of the tag).

    Tags of fewer than 5 books or more than 30 % of them are left out; rows have length 1, or 0
    for a book without tags.

    Returns
    -------
    CSR float32, shape (n_items, n_kept_tags), or None where the catalog has no usable tag.
    """
    tags = catalog.tags
    if tags is None:
        return None
    n_books = np.bincount(tags.indices, minlength=tags.shape[1])
    kept = (n_books >= _FEWEST_BOOKS) & (n_books <= _MOST_SHARE * catalog.n_items)
    if not kept.any():
        return None
    profiles: csr_array = csr_array(tags[:, np.flatnonzero(kept)]).astype(np.float32)
    rarity = np.log(catalog.n_items / n_books[kept])
    profiles.data = (np.log1p(profiles.data) * rarity[profiles.indices]).astype(np.float32)
    lengths = np.sqrt(np.asarray(profiles.multiply(profiles).sum(axis=1)).ravel())
    per_entry = np.repeat(np.maximum(lengths, 1e-9), np.diff(profiles.indptr))
    profiles.data = (profiles.data / per_entry).astype(np.float32)
    return profiles


def tag_vectors(catalog: Catalog, n_factors: int) -> NDArray[np.float32] | None:
    """Return the tag profiles projected on their leading singular vectors.

    Likeness of tags becomes a product of short dense vectors, which a list can afford.

    Parameters
    ----------
    catalog : Catalog.
    n_factors : int > 0.

    Returns
    -------
    float32 array, shape (n_items, at most n_factors), rows of length 1, or 0 for a book without
    tags. The columns are in no order. None where the catalog has no usable tag.
    """
    from scipy.sparse.linalg import svds  # as in linear_solve: not for the web

    profiles = tag_profiles(catalog)
    if profiles is None:
        return None
    smaller = min(profiles.shape)
    if profiles.shape[1] <= n_factors:
        vectors = profiles.toarray()
    elif smaller <= n_factors:  # fewer books than factors: svds finds fewer directions than all
        left, values, _ = np.linalg.svd(profiles.toarray(), full_matrices=False)
        vectors = (left * values).astype(np.float32)
    else:
        left, values, _ = svds(profiles, k=n_factors, v0=np.ones(smaller, dtype=np.float32))
        vectors = (left * values).astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    # What is far shorter than a profile is rounding: a book without tags.
    unit: NDArray[np.float32] = np.divide(
        vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-4
    )
    return unit


def group_rows(groups: NDArray[np.integer]) -> csr_array:
    """Return one row per group, 1 for each of its items; -1 stands for no group.

    Groups of one item are left out: they say nothing of other items.

    Returns
    -------
    CSR float32, shape (n_groups, n_items).
    """
    items = np.flatnonzero(groups >= 0)
    _, places, sizes = np.unique(groups[items], return_inverse=True, return_counts=True)
    shared = sizes[places] > 1
    items, (used, places) = items[shared], np.unique(places[shared], return_inverse=True)
    ones = np.ones(len(items), dtype=np.float32)
    return csr_array((ones, (places, items)), shape=(len(used), len(groups)))


def metadata_rows(
    catalog: Catalog | None, *, tag_weight: float, author_weight: float, series_weight: float
) -> list[csr_array]:
    """Return the rows that add w X X^T to a Gram matrix: those of tags, authors and series.

    Parameters
    ----------
    catalog : Catalog or None.
    tag_weight, author_weight, series_weight : float >= 0. 0 leaves a kind out.

    Returns
    -------
    list of CSR float32, shape (any, n_items): what the catalog has. Every book's column has a
    sum of squares of at most the weight, in each.
    """
    if catalog is None:
        return []
    rows: list[csr_array] = []
    if tag_weight and (profiles := tag_profiles(catalog)) is not None:
        rows.append(csr_array(profiles.T) * np.float32(tag_weight**0.5))
    for groups, weight in (
        (catalog.author_index, author_weight),
        (catalog.series.index, series_weight),
    ):
        if weight and (found := group_rows(groups)).shape[0]:
            rows.append(found * np.float32(weight**0.5))
    return rows
