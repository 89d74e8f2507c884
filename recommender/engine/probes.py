"""Which books to ask a stranger about: widely known, and each of another taste."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from recommender.engine.catalog import Catalog
from recommender.engine.errors import InputError
from recommender.engine.interactions import Profile
from recommender.engine.linear import LinearRanker
from recommender.engine.popularity import PopularityRanker
from recommender.engine.ranking import rank
from recommender.engine.series import NO_GROUP, as_groups
from recommender.engine.vocabulary import as_ids

# Further down, books are not known widely enough to ask everybody about.
POOL_SIZE = 400
# So many directions of taste are told apart; in all others books differ from every other one.
N_DIRECTIONS = 32
# What is left of a book that is like another in all of them: its own.
OWN_PART = 0.02
# Below this part of its length nothing new is left of a vector, only rounding.
_NOTHING_NEW = 1e-6


def taste_similarities(
    rows: csr_array, items: NDArray[np.int64], *, n_directions: int = N_DIRECTIONS
) -> NDArray[np.float64]:
    """Return how alike in taste some items are, by what they say for all items.

    An item's vector is its row of the similarity index, scaled to length 1, plus 1 in its own
    column, so that books which speak for one another are alike too. Of the vectors' Gram matrix
    the strongest eigenvectors are kept: two books whose neighbours are alike, though not the
    same, come close. Cost: O(n^3) for n items, 30 ms for 400.

    Parameters
    ----------
    rows : CSR float, shape (n, n_items). Finite; ``LinearRanker.weight_rows``. Not modified.
    items : int64 array, shape (n,). The item of each row.
    n_directions : int > 0.

    Returns
    -------
    float64 array, shape (n, n). Cosines in the directions kept, times ``1 - OWN_PART``; 1 on the
    diagonal, so that it is positive definite.

    Raises
    ------
    InputError
        When there is not one row for each item, or no direction.
    """
    if rows.shape[0] != len(items) or n_directions < 1:
        raise InputError(
            f"got {rows.shape[0]} rows for {len(items)} items and {n_directions} directions; "
            "wanted as many, and 1 or more."
        )
    scaled: csr_array = rows.astype(np.float64)
    lengths = np.sqrt(np.bincount(_row_of(scaled), scaled.data**2, minlength=len(items)))
    scaled.data = scaled.data / lengths[_row_of(scaled)]
    n = len(items)
    own = csr_array((np.ones(n), items, np.arange(n + 1)), shape=rows.shape)
    vectors = csr_array(scaled + own)
    values, directions = np.linalg.eigh((vectors @ vectors.T).toarray())
    kept = directions[:, -n_directions:] * np.sqrt(np.maximum(values[-n_directions:], 0.0))
    norms = np.linalg.norm(kept, axis=1, keepdims=True)
    kept = np.divide(kept, norms, out=np.zeros_like(kept), where=norms > 0)
    similarities: NDArray[np.float64] = (1.0 - OWN_PART) * (kept @ kept.T)
    np.fill_diagonal(similarities, 1.0)
    return similarities


def _row_of(matrix: csr_array) -> NDArray[np.int64]:
    """Return the row of each stored value."""
    rows: NDArray[np.int64] = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return rows


def most_telling(
    similarities: NDArray[np.floating],
    value: NDArray[np.floating],
    *,
    k: int,
    asked: ArrayLike = (),
    groups: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Choose items of high value that say as little as possible of one another.

    Greedy maximization of the log-determinant of ``diag(value) S diag(value)`` (the mode of a
    determinantal point process): each place goes to the item of highest

        value_i^2 * (1 - what the items before explain of i),

    the second factor being the squared distance of i's vector from the span of those chosen or
    asked before. Cost: O((k + len(asked))^2 * n).

    Parameters
    ----------
    similarities : float array, shape (n, n). Positive semi-definite with ones on the diagonal
        (``taste_similarities``). Not modified.
    value : float array, shape (n,). Above 0 for what may be chosen, for example the probability
        that the item is known.
    k : int >= 0. How many to choose.
    asked : array_like of int. Items that were asked about before: never chosen, and what is
        like them comes late.
    groups : int array, shape (n,), or None. At most one item of a group (its author) is chosen;
        -1: none.

    Returns
    -------
    int64 array of items, the first chosen first; fewer than k when the others have no value, no
    group of their own or nothing new. Ties go to the lower item.

    Raises
    ------
    InputError
        On unequal shapes, a value that is negative or not finite, or an item out of range.

    References
    ----------
    L. Chen, G. Zhang and H. Zhou, Fast Greedy MAP Inference for Determinantal Point Process
    (NeurIPS 2018), algorithm 1; docs/algorithms/onboarding.md.
    """
    n = len(value)
    group = as_groups(np.full(n, NO_GROUP) if groups is None else groups, n, "groups")
    before = as_ids(asked, "asked")
    _check(similarities, value, k, before)
    worth = np.asarray(value, dtype=np.float64) ** 2
    # What is new in each item: its squared distance from the span of the items before.
    new = np.ones(n)
    free = worth > 0
    basis = np.empty((len(before) + k, n))
    n_basis = 0

    def take(item: int) -> None:
        nonlocal n_basis
        free[item] = False
        if group[item] != NO_GROUP:
            free[group == group[item]] = False
        if new[item] <= _NOTHING_NEW:
            return
        found = basis[:n_basis]
        # The next row of the Cholesky factor of S, for all items at once.
        row = (similarities[item] - found[:, item] @ found) / np.sqrt(new[item])
        basis[n_basis] = row
        n_basis += 1
        np.maximum(new - row**2, 0.0, out=new)

    for item in before.tolist():
        take(item)
    chosen: list[int] = []
    while len(chosen) < k:
        gain = np.where(free & (new > _NOTHING_NEW), worth * new, 0.0)
        item = int(np.argmax(gain)) if n else 0
        if not n or gain[item] <= 0:
            break
        take(item)
        chosen.append(item)
    return np.array(chosen, dtype=np.int64)


def _check(
    similarities: NDArray[np.floating],
    value: NDArray[np.floating],
    k: int,
    asked: NDArray[np.int64],
) -> None:
    """Raise InputError on what cannot be chosen from."""
    n = len(value)
    if similarities.shape != (n, n):
        raise InputError(f"similarities have shape {similarities.shape}; wanted ({n}, {n}).")
    if k < 0:
        raise InputError(f"k is {k}; wanted 0 or more.")
    if not (np.isfinite(value).all() and (np.asarray(value) >= 0).all()):
        raise InputError("value holds a number that is negative or not finite.")
    if len(asked) and not (asked.min() >= 0 and asked.max() < n):
        raise InputError(f"asked spans {asked.min()}..{asked.max()}; wanted 0 to {n - 1}.")


@dataclass(frozen=True, eq=False)
class ProbePool:
    """The widely known books of a fit, and how much each says of the others.

    Parameters
    ----------
    items : int64 array, shape (n,). Item indices, the best known first: of a series the first
        volume only.
    similarities : float64 array, shape (n, n). ``taste_similarities``.
    value : float64 array, shape (n,). What being known is worth, above 0.
    authors : int32 array, shape (n,). First author, -1 for none.
    """

    items: NDArray[np.int64]
    similarities: NDArray[np.float64]
    value: NDArray[np.float64]
    authors: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        linear: LinearRanker,
        popularity: PopularityRanker,
        catalog: Catalog,
        *,
        size: int = POOL_SIZE,
        n_directions: int = N_DIRECTIONS,
    ) -> Self:
        """Gather the pool of one fit; about 100 ms for 400 of 10,000 books.

        Being known is worth the popularity ranker's score: what a stranger is most likely to
        have read and liked.
        """
        known = popularity.scores(Profile.from_ids(catalog.items, (), ())).astype(np.float64)
        items = rank(known, k=size, series=catalog.series)
        items = items[known[items] > 0]
        similarities = taste_similarities(
            linear.weight_rows(items), items, n_directions=n_directions
        )
        return cls(items, similarities, known[items], catalog.author_index[items])

    def ask(self, k: int, *, asked: ArrayLike = ()) -> NDArray[np.int64]:
        """Choose the next books to ask about.

        Parameters
        ----------
        k : int >= 0.
        asked : array_like of int. Item indices of the books that were asked about before; what
            is no item of the pool is passed over.

        Returns
        -------
        int64 array of item indices, the most telling first; fewer than k when the pool is spent.
        """
        before = np.flatnonzero(np.isin(self.items, as_ids(asked, "asked")))
        chosen = most_telling(self.similarities, self.value, k=k, asked=before, groups=self.authors)
        return self.items[chosen]
