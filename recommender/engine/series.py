"""Books in series, and which volume of each a reader should be offered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.errors import InputError

NO_GROUP = -1
_SIDES: Final[tuple[Literal["left", "right"], ...]] = ("left", "right")


def as_groups(values: ArrayLike, n_items: int, name: str) -> NDArray[np.int32]:
    """Return one group number per item (-1 for none) as read-only int32, or raise InputError."""
    array = np.asarray(values)
    if array.shape != (n_items,) or (n_items and array.dtype.kind not in "iu"):
        raise InputError(
            f"{name} is {array.dtype}{array.shape}; wanted integers of shape ({n_items},)."
        )
    if n_items and not (array.min() >= NO_GROUP and array.max() <= np.iinfo(np.int32).max):
        raise InputError(f"{name} spans {array.min()}..{array.max()}; wanted -1 (none) or more.")
    groups = array.astype(np.int32)
    groups.flags.writeable = False
    return groups


def as_optional_floats(values: ArrayLike, n_items: int, name: str) -> NDArray[np.float32]:
    """Return a read-only float32 vector with NaN where unknown, or raise InputError."""
    array = np.array(values, dtype=np.float32)
    if array.shape != (n_items,):
        raise InputError(f"{name} has shape {array.shape}; wanted ({n_items},).")
    if np.isinf(array).any():
        raise InputError(f"{name} holds an infinity; use NaN where the value is unknown.")
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class _Layout:
    """What of the series does not depend on the reader.

    Volumes are the items with an integer number, by series, number and then item; an edition is
    a run of volumes of one series and one number (two printings of the same book).
    """

    volumes: NDArray[np.int64]
    series: NDArray[np.int32]
    numbers: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Series:
    """Which series each item belongs to and as which volume.

    Parameters
    ----------
    index : int array, shape (n_items,). Series number, -1 for none.
    number : float array, shape (n_items,). Volume; NaN when it has none (boxed sets, companions).

    Raises
    ------
    InputError
        On unequal lengths, an index below -1 or an infinite number.
    """

    index: NDArray[np.int32]
    number: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Check and freeze the arrays."""
        n_items = len(np.asarray(self.index))
        object.__setattr__(self, "index", as_groups(self.index, n_items, "series index"))
        number = as_optional_floats(self.number, n_items, "series number")
        object.__setattr__(self, "number", number)

    @classmethod
    def none(cls, n_items: int) -> Series:
        """Return the series of items that belong to none."""
        return cls(np.full(n_items, NO_GROUP), np.full(n_items, np.nan))

    def __len__(self) -> int:
        """Return the number of items, in a series or not."""
        return len(self.index)

    @cached_property
    def _layout(self) -> _Layout:
        """Sort the volumes once; every list for every reader uses it."""
        number = self.number
        volumes = np.flatnonzero(
            (self.index != NO_GROUP) & (number >= 1) & (number == np.floor(number))
        )
        volumes = volumes[np.lexsort((number[volumes], self.index[volumes]))]
        return _Layout(volumes, self.index[volumes], number[volumes])

    def next_volume(self, place: int, scores: NDArray[np.floating], read: NDArray[np.bool_]) -> int:
        """Return what the series of an item shows in the place of its best-ranked candidate.

        The rule is told in ``ranking.rank_places``. Cost: O(number of volumes of the series).

        Parameters
        ----------
        place : int. Index of the best-ranked candidate, an item of a series.
        scores : float array, shape (n_items,). -inf for items that may not appear.
        read : bool array, shape (n_items,). Items that the reader has read.

        Returns
        -------
        int. The item itself where no item of its series has an integer volume; -1 when every
        volume is read, or the lowest that is not may not appear.
        """
        layout, number = self._layout, self.index[place]
        start, end = (int(np.searchsorted(layout.series, number, side)) for side in _SIDES)
        if start == end:
            return place
        volumes = layout.volumes[start:end]
        numbers, is_read = layout.numbers[start:end].tolist(), read[volumes].tolist()
        known = {at for at, is_known in zip(numbers, is_read, strict=True) if is_known}
        lowest = next((at for at in numbers if at not in known), None)
        best, best_score = NO_GROUP, -np.inf
        # Printings ascend by item: of equal scores the lower index stands.
        for item, at, score in zip(
            volumes.tolist(), numbers, scores[volumes].tolist(), strict=True
        ):
            if at == lowest and score > best_score:
                best, best_score = item, score
        return best
