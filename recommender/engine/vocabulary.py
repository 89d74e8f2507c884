"""The two-way map between database ids and matrix indices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.errors import InputError

UNKNOWN = -1


def as_ids(values: ArrayLike, name: str) -> NDArray[np.int64]:
    """Return ids as an int64 vector, refusing anything that is not whole numbers.

    Parameters
    ----------
    values : array_like, shape (n,). Integers; an empty sequence of any dtype is accepted.
    name : str. What the values are, for the error message.

    Returns
    -------
    int64 array, shape (n,). The input itself where it already is one.

    Raises
    ------
    InputError
        When the values are not one-dimensional or not integers.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"{name} has {array.ndim} dimensions; pass a flat array of integers.")
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise InputError(f"{name} has dtype {array.dtype}; pass integers (int64).")
    if array.dtype.kind == "u" and int(array.max()) > np.iinfo(np.int64).max:
        raise InputError(f"{name} holds {array.max()}, which is more than int64 can hold.")
    return array.astype(np.int64, copy=False)


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Sorted, unique ids; the index of an id is its place among them.

    Parameters
    ----------
    ids : array_like of int, shape (n,). Strictly increasing; kept as read-only int64.

    Raises
    ------
    InputError
        When the ids are not integers, not sorted or not unique.
    """

    ids: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Freeze the ids after checking their order."""
        ids = as_ids(self.ids, "vocabulary ids").view()
        if np.any(ids[1:] <= ids[:-1]):
            raise InputError("vocabulary ids are not strictly increasing; pass np.unique(ids).")
        ids.flags.writeable = False
        object.__setattr__(self, "ids", ids)

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self.ids)

    @classmethod
    def of(cls, ids: ArrayLike) -> Vocabulary:
        """Build the vocabulary of ids in any order, repeated or not."""
        return cls(np.unique(as_ids(ids, "vocabulary ids")))

    def indices(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Look ids up.

        Parameters
        ----------
        ids : array_like of int, shape (m,). In any order, repeats allowed.

        Returns
        -------
        int64 array, shape (m,). The index of each id, ``UNKNOWN`` (-1) where there is none.

        Notes
        -----
        -1 is a valid numpy index (the last element): mask it, or use ``known_indices``.
        """
        wanted = as_ids(ids, "ids")
        if not len(self.ids):
            return np.full(len(wanted), UNKNOWN, dtype=np.int64)
        places: NDArray[np.int64] = np.searchsorted(self.ids, wanted)
        places[places == len(self.ids)] = 0
        return np.where(self.ids[places] == wanted, places, UNKNOWN)

    def known_indices(self, ids: ArrayLike) -> NDArray[np.int64]:
        """Look ids up and drop the unknown ones; the order of the others is kept."""
        found = self.indices(ids)
        known: NDArray[np.int64] = found[found != UNKNOWN]
        return known
