"""Books in series, and which volume of each a reader should be offered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.errors import InputError

NO_GROUP = -1


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


def _starts(sorted_groups: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return where each run of equal numbers begins."""
    if not len(sorted_groups):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.append(True, sorted_groups[1:] != sorted_groups[:-1]))


@dataclass(frozen=True, eq=False)
class _Layout:
    """What of the series does not depend on the reader.

    Members are the items of all series, by series and then item; volumes are those with an
    integer number, by series, number and then item; an edition is a run of volumes of one
    series and one number (two printings of the same book).
    """

    members: NDArray[np.int64]
    member_starts: NDArray[np.int64]
    member_series: NDArray[np.int64]
    volumes: NDArray[np.int64]
    volume_edition: NDArray[np.int64]
    edition_starts: NDArray[np.int64]
    edition_series: NDArray[np.int64]
    has_volume: NDArray[np.bool_]


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
        """Sort the members once; every list for every reader uses it."""
        members = np.flatnonzero(self.index != NO_GROUP)
        members = members[np.argsort(self.index[members], kind="stable")]
        member_starts = _starts(self.index[members])
        lengths = np.diff(np.append(member_starts, len(members)))
        member_series = np.repeat(np.arange(len(member_starts)), lengths)
        number = self.number[members]
        places = np.flatnonzero((number >= 1) & (number == np.floor(number)))
        places = places[np.lexsort((number[places], member_series[places]))]
        changes = np.append(
            True,
            (np.diff(member_series[places]) != 0) | (np.diff(number[places]) != 0),
        )[: len(places)]
        edition_starts = np.flatnonzero(changes)
        has_volume = np.zeros(len(member_starts), dtype=np.bool_)
        has_volume[member_series[places]] = True
        return _Layout(
            members=members,
            member_starts=member_starts,
            member_series=member_series,
            volumes=members[places],
            volume_edition=np.cumsum(changes) - 1,
            edition_starts=edition_starts,
            edition_series=member_series[places][edition_starts],
            has_volume=has_volume,
        )

    @property
    def members(self) -> NDArray[np.int64]:
        """Items that belong to a series, by series and then by item index."""
        return self._layout.members

    def heads(
        self,
        scores: NDArray[np.floating],
        candidate: NDArray[np.bool_],
        read: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return, for each series that may appear in a list, its place and its volume.

        The rule is told in ``ranking.rank``. Cost: O(number of members).

        Parameters
        ----------
        scores : float array, shape (n_items,). Finite.
        candidate : bool array, shape (n_items,). Items that may appear.
        read : bool array, shape (n_items,). Items that the reader has read.

        Returns
        -------
        (places, volumes) : int64 arrays of item indices, of equal length. The series appears
        where its best-ranked candidate, the place, would be, and shows the volume.
        """
        layout = self._layout
        if not len(layout.members):
            none = np.empty(0, dtype=np.int64)
            return none, none
        place = _best_of_runs(
            layout.members, layout.member_starts, layout.member_series, scores, candidate
        )
        volume = np.where(layout.has_volume, -1, place)
        if len(layout.volumes):
            edition_read = np.zeros(len(layout.edition_starts), dtype=np.bool_)
            edition_read[layout.volume_edition[read[layout.volumes]]] = True
            unread = np.flatnonzero(~edition_read)
            lowest = unread[_starts(layout.edition_series[unread])]
            best_printing = _best_of_runs(
                layout.volumes, layout.edition_starts, layout.volume_edition, scores, candidate
            )
            volume[layout.edition_series[lowest]] = best_printing[lowest]
        appears = (place >= 0) & (volume >= 0)
        return place[appears], volume[appears]


def _best_of_runs(
    items: NDArray[np.int64],
    starts: NDArray[np.int64],
    run_of: NDArray[np.int64],
    scores: NDArray[np.floating],
    candidate: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return the best-ranked candidate of each run of items, -1 where there is none.

    Items ascend inside a run, so that the first of equal scores is the lowest item index.
    """
    usable = candidate[items]
    value = np.where(usable, scores[items], -np.inf)
    is_best = usable & (value == np.maximum.reduceat(value, starts)[run_of])
    places = np.flatnonzero(is_best)
    first = places[_starts(run_of[places])]
    best = np.full(len(starts), -1, dtype=np.int64)
    best[run_of[first]] = items[first]
    return best
