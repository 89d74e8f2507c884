"""What the engine knows of the items themselves: series, authors, genres, outside counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.artifact import Part
from recommender.engine.errors import ArtifactError, InputError
from recommender.engine.vocabulary import Vocabulary

NO_GROUP = -1


def as_groups(values: ArrayLike, n_items: int, name: str) -> NDArray[np.int32]:
    """Return one group number per item (-1 for none) as read-only int32, or raise InputError."""
    array = np.asarray(values)
    if array.shape != (n_items,) or array.dtype.kind not in "iu":
        raise InputError(
            f"{name} is {array.dtype}{array.shape}; wanted integers of shape ({n_items},)."
        )
    if n_items and not (array.min() >= NO_GROUP and array.max() <= np.iinfo(np.int32).max):
        raise InputError(f"{name} spans {array.min()}..{array.max()}; wanted -1 (none) or more.")
    groups = array.astype(np.int32)
    groups.flags.writeable = False
    return groups


def _optional(values: ArrayLike | None, n_items: int, name: str) -> NDArray[np.float32] | None:
    """Return a float32 vector with NaN where unknown, or None, or raise InputError."""
    if values is None:
        return None
    array = np.array(values, dtype=np.float32)
    if array.shape != (n_items,):
        raise InputError(f"{name} has shape {array.shape}; wanted ({n_items},).")
    if np.isinf(array).any():
        raise InputError(f"{name} holds an infinity; use NaN where the value is unknown.")
    array.flags.writeable = False
    return array


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
        object.__setattr__(self, "number", _optional(self.number, n_items, "series number"))

    @cached_property
    def members(self) -> NDArray[np.int64]:
        """Items that belong to a series, by series and then by item index."""
        inside = np.flatnonzero(self.index != NO_GROUP)
        return inside[np.argsort(self.index[inside], kind="stable")]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each series begins in ``members``, shape (n_series_with_members,)."""
        groups = self.index[self.members]
        return np.flatnonzero(np.append(True, groups[1:] != groups[:-1])[: len(groups)])


@dataclass(frozen=True, eq=False)
class Catalog:
    """Metadata of every item, in the order of the item vocabulary.

    Parameters
    ----------
    items : Vocabulary of the items.
    series : Series.
    author_index : int array, shape (n_items,). First author, -1 for none.
    genre_index : int array, shape (n_items,). Main genre, -1 for none.
    n_ratings : float array, shape (n_items,), or None. Ratings counted elsewhere (Goodreads).
    mean_stars : float array, shape (n_items,), or None. Their mean, 1..5. NaN where unknown.

    Raises
    ------
    InputError
        On a wrong shape, a negative count, or mean stars outside 1..5.
    """

    items: Vocabulary
    series: Series
    author_index: NDArray[np.int32]
    genre_index: NDArray[np.int32]
    n_ratings: NDArray[np.float32] | None = None
    mean_stars: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Check and freeze the arrays."""
        n_items = len(self.items)
        if len(self.series.index) != n_items:
            raise InputError(f"series has {len(self.series.index)} items; wanted {n_items}.")
        for name in ("author_index", "genre_index"):
            object.__setattr__(self, name, as_groups(getattr(self, name), n_items, name))
        for name in ("n_ratings", "mean_stars"):
            object.__setattr__(self, name, _optional(getattr(self, name), n_items, name))
        if self.n_ratings is not None and np.any(self.n_ratings < 0):
            raise InputError("n_ratings holds a negative count; wanted 0 or more.")
        if self.mean_stars is not None:
            known = self.mean_stars[~np.isnan(self.mean_stars)]
            if np.any((known < 1) | (known > 5)):
                raise InputError("mean_stars holds a value outside 1..5; use NaN for unknown.")

    @classmethod
    def bare(cls, items: Vocabulary) -> Catalog:
        """Return the catalog of items of which nothing but the id is known."""
        none = np.full(len(items), NO_GROUP, dtype=np.int32)
        unnumbered = np.full(len(items), np.nan, dtype=np.float32)
        return cls(items, Series(none, unnumbered), none, none)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.items)

    def to_part(self) -> Part:
        """Return the arrays that an artifact keeps as its part ``items``."""
        arrays: dict[str, NDArray[np.generic]] = {
            "item_ids": self.items.ids,
            "series_index": self.series.index,
            "series_number": self.series.number,
            "author_index": self.author_index,
            "genre_index": self.genre_index,
        }
        for name in ("n_ratings", "mean_stars"):
            if (array := getattr(self, name)) is not None:
                arrays[name] = array
        return Part(algorithm="catalog", arrays=arrays)

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the catalog from an artifact's part ``items``.

        Raises
        ------
        ArtifactError
            When an array is missing or does not fit the others.
        """
        try:
            return cls(
                Vocabulary(part.array("item_ids")),
                Series(part.array("series_index"), part.array("series_number")),
                part.array("author_index"),
                part.array("genre_index"),
                part.arrays.get("n_ratings"),
                part.arrays.get("mean_stars"),
            )
        except InputError as error:
            raise ArtifactError(f"part items does not fit together: {error}") from error
