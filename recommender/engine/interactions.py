"""Who rated and shelved what: the input of a fit, and the input of one reader."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from recommender.engine.errors import InputError
from recommender.engine.vocabulary import UNKNOWN, Vocabulary, as_ids

MIN_STARS: Final = 1
MAX_STARS: Final = 5


def as_stars(values: ArrayLike, *, whole: bool) -> NDArray[np.float32]:
    """Return stars as float32 after checking that each is finite and in 1..5.

    Parameters
    ----------
    values : array_like, shape (n,). Stars.
    whole : bool. Whether fractions of a star are refused.

    Returns
    -------
    float32 array, shape (n,).

    Raises
    ------
    InputError
        On a value that is no number, not finite, outside 1..5, or broken when ``whole``.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"stars have {array.ndim} dimensions; pass a flat array.")
    if array.size == 0:
        return np.empty(0, dtype=np.float32)
    if array.dtype.kind not in "iuf":
        raise InputError(f"stars have dtype {array.dtype}; pass numbers from 1 to 5.")
    wrong = ~((array >= MIN_STARS) & (array <= MAX_STARS))  # NaN compares false: it is wrong too
    if whole:
        wrong |= array != np.floor(array)
    if wrong.any():
        place = int(np.argmax(wrong))
        wanted = "a whole number from 1 to 5" if whole else "a number from 1 to 5"
        raise InputError(f"stars at position {place} are {array[place]}; wanted {wanted}.")
    return array.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Profile:
    """What one reader rated and shelved, in item indices: the input of fold-in.

    Parameters
    ----------
    item_indices : int array, shape (n_rated,). Unique, not negative.
    stars : float array, shape (n_rated,). In 1..5, fractions allowed.
    shelf_indices : int array, shape (n_shelved,). Books on the to-read shelf.

    Notes
    -----
    The arrays are kept sorted by item index, so that a profile gives bit-equal scores in
    whatever order its ratings came. A book that is both rated and shelved counts as rated.
    Build it with ``from_ids`` from database ids: those outside the vocabulary are dropped.

    Raises
    ------
    InputError
        On unequal lengths, a negative or repeated index, or stars outside 1..5.
    """

    item_indices: NDArray[np.int64]
    stars: NDArray[np.float32]
    shelf_indices: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        """Check, sort and freeze the arrays."""
        items = as_ids(self.item_indices, "item_indices")
        stars = as_stars(self.stars, whole=False)
        if len(items) != len(stars):
            raise InputError(f"a profile has {len(items)} items and {len(stars)} stars.")
        if not (items[1:] > items[:-1]).all():
            order = np.argsort(items, kind="stable")
            items, stars = items[order], stars[order]
        shelf = np.unique(as_ids(self.shelf_indices, "shelf_indices"))
        if (len(items) and items[0] < 0) or (len(shelf) and shelf[0] < 0):
            raise InputError("a profile has a negative index; drop unknown books (from_ids does).")
        if np.any(items[1:] == items[:-1]):
            raise InputError("a profile rates a book twice; keep the last rating (from_ids does).")
        self._keep(items, stars, shelf)

    def _keep(
        self, items: NDArray[np.int64], stars: NDArray[np.float32], shelf: NDArray[np.int64]
    ) -> None:
        """Freeze arrays that are right but for books of the shelf that are rated."""
        if len(shelf) and len(items):
            shelf = shelf[~np.isin(shelf, items, assume_unique=True)]
        for name, array in (("item_indices", items), ("stars", stars), ("shelf_indices", shelf)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def from_ids(
        cls, items: Vocabulary, item_ids: ArrayLike, stars: ArrayLike, shelf_ids: ArrayLike = ()
    ) -> Profile:
        """Build a profile from database ids.

        Parameters
        ----------
        items : Vocabulary of the fitted ranker's items.
        item_ids : array_like of int, shape (n,). Unknown ids are dropped; of a repeated id the
            last rating counts.
        stars : array_like, shape (n,). In 1..5.
        shelf_ids : array_like of int, shape (m,). Unknown ids are dropped.

        Returns
        -------
        Profile. Empty when nothing is known: a cold-start reader.
        """
        ids, given = as_ids(item_ids, "item_ids"), as_stars(stars, whole=False)
        if len(ids) != len(given):
            raise InputError(f"got {len(ids)} item_ids and {len(given)} stars; wanted as many.")
        indices = items.indices(ids)
        known = indices != UNKNOWN
        if not known.all():
            indices, given = indices[known], given[known]
        if not (indices[1:] > indices[:-1]).all():
            kept = _last_of_each(indices)
            indices, given = indices[kept], given[kept]
        # Checked, and sorted: as a new one would be, for half the time.
        profile = cls.__new__(cls)
        profile._keep(indices, given, np.unique(items.known_indices(shelf_ids)))
        return profile

    @property
    def is_empty(self) -> bool:
        """Whether the reader has neither rated nor shelved a known book."""
        return not len(self.item_indices) and not len(self.shelf_indices)


def _last_of_each(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position of the last occurrence of each distinct key, by ascending key."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    is_last = np.append(ordered[1:] != ordered[:-1], True)
    positions: NDArray[np.int64] = order[is_last]
    return positions


def _matrix(
    user_indices: NDArray[np.int64],
    item_indices: NDArray[np.int64],
    values: NDArray[np.float32],
    shape: tuple[int, int],
) -> tuple[csr_array, int]:
    """Return the CSR matrix with the last value of each pair, and how many were dropped."""
    keys = user_indices * shape[1] + item_indices
    kept = _last_of_each(keys) if len(keys) else np.empty(0, dtype=np.int64)
    counts = np.bincount(user_indices[kept], minlength=shape[0])
    indptr = np.concatenate(([0], np.cumsum(counts)))
    matrix = csr_array((values[kept], item_indices[kept].astype(np.int32), indptr), shape=shape)
    return matrix, len(keys) - len(kept)


@dataclass(frozen=True, eq=False)
class Interactions:
    """Every rating and shelf entry that a fit learns from. Rows are users.

    Parameters
    ----------
    ratings : CSR float32, shape (n_users, n_items). Stars 1..5; a missing entry is no rating.
    shelved : CSR float32, shape (n_users, n_items). 1 for a book on the to-read shelf.
    users, items : Vocabulary. The id of each row and of each column.
    n_duplicates : int. Pairs that came more than once and of which the last one was kept.

    Notes
    -----
    Build it with ``from_pairs``, which validates; the constructor only compares shapes.
    """

    ratings: csr_array
    shelved: csr_array
    users: Vocabulary
    items: Vocabulary
    n_duplicates: int = 0

    def __post_init__(self) -> None:
        """Compare the shapes of the matrices with the vocabularies."""
        wanted = (len(self.users), len(self.items))
        for name in ("ratings", "shelved"):
            got = getattr(self, name).shape
            if got != wanted:
                raise InputError(f"{name} has shape {got}; the vocabularies say {wanted}.")

    @classmethod
    def from_pairs(
        cls,
        user_ids: ArrayLike,
        item_ids: ArrayLike,
        stars: ArrayLike,
        *,
        shelf_user_ids: ArrayLike = (),
        shelf_item_ids: ArrayLike = (),
        catalog_ids: ArrayLike | None = None,
    ) -> Interactions:
        """Build the matrices from parallel arrays of database ids.

        Parameters
        ----------
        user_ids, item_ids : array_like of int, shape (n_ratings,).
        stars : array_like, shape (n_ratings,). Whole stars 1..5. Of a repeated pair the last
            one wins; ``n_duplicates`` counts the others.
        shelf_user_ids, shelf_item_ids : array_like of int, shape (n_shelved,).
        catalog_ids : array_like of int or None. All item ids, so that books without any
            interaction are items too. None: the items that occur.

        Returns
        -------
        Interactions. Users are those that occur.

        Raises
        ------
        InputError
            On unequal lengths, ids that are no integers, stars that are not whole, finite and
            in 1..5, or an item id that is missing from ``catalog_ids``.
        """
        raters, rated = as_ids(user_ids, "user_ids"), as_ids(item_ids, "item_ids")
        values = as_stars(stars, whole=True)
        if not len(raters) == len(rated) == len(values):
            raise InputError(
                f"got {len(raters)} user_ids, {len(rated)} item_ids and {len(values)} stars; "
                "wanted as many of each."
            )
        shelvers = as_ids(shelf_user_ids, "shelf_user_ids")
        shelf = as_ids(shelf_item_ids, "shelf_item_ids")
        if len(shelvers) != len(shelf):
            raise InputError(
                f"got {len(shelvers)} shelf_user_ids and {len(shelf)} shelf_item_ids; "
                "wanted as many of each."
            )
        users = Vocabulary.of(np.concatenate((raters, shelvers)))
        occurring = np.concatenate((rated, shelf))
        items = Vocabulary.of(occurring if catalog_ids is None else catalog_ids)
        unknown = occurring[items.indices(occurring) == UNKNOWN]
        if len(unknown):
            raise InputError(
                f"{len(unknown)} rows name items that are not in catalog_ids, the first is "
                f"{unknown[0]}; drop those rows or add the items."
            )
        shape = (len(users), len(items))
        ratings, n_repeated = _matrix(users.indices(raters), items.indices(rated), values, shape)
        ones = np.ones(len(shelf), dtype=np.float32)
        shelved, n_reshelved = _matrix(users.indices(shelvers), items.indices(shelf), ones, shape)
        return cls(ratings, shelved, users, items, n_repeated + n_reshelved)

    @property
    def n_users(self) -> int:
        """Number of users (rows)."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items (columns)."""
        return len(self.items)

    @property
    def user_ids(self) -> NDArray[np.int64]:
        """Database id of each row, ascending."""
        return self.users.ids

    @property
    def item_ids(self) -> NDArray[np.int64]:
        """Database id of each column, ascending."""
        return self.items.ids

    def item_index(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Return the column of each item id, -1 where it is unknown."""
        return self.items.indices(ids)

    def profile(self, user_index: int) -> Profile:
        """Return one row as the input of fold-in."""
        if not 0 <= user_index < self.n_users:
            raise InputError(f"user_index is {user_index}; wanted 0 to {self.n_users - 1}.")
        rated = slice(*self.ratings.indptr[user_index : user_index + 2])
        shelf = slice(*self.shelved.indptr[user_index : user_index + 2])
        return Profile(
            self.ratings.indices[rated].astype(np.int64),
            self.ratings.data[rated],
            self.shelved.indices[shelf].astype(np.int64),
        )

    def select_users(self, kept: NDArray[np.bool_]) -> Interactions:
        """Return the rows of some users; the items stay the same.

        Parameters
        ----------
        kept : bool array, shape (n_users,).

        Returns
        -------
        Interactions with ``kept.sum()`` users.
        """
        if kept.shape != (self.n_users,) or kept.dtype != np.bool_:
            raise InputError(f"kept is {kept.dtype}{kept.shape}; wanted bool({self.n_users},).")
        rows = np.flatnonzero(kept)
        users = Vocabulary(self.users.ids[rows])
        return Interactions(self.ratings[rows], self.shelved[rows], users, self.items)

    def without_users(self, user_ids: ArrayLike) -> Interactions:
        """Return the interactions without any row of these users (unknown ids are ignored)."""
        kept = np.ones(self.n_users, dtype=np.bool_)
        kept[self.users.known_indices(user_ids)] = False
        return self.select_users(kept)
