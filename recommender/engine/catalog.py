"""What the engine knows of the items themselves: series, authors, genres, outside counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recommender.engine.artifact import Part
from recommender.engine.errors import ArtifactError, InputError
from recommender.engine.series import NO_GROUP, Series, as_groups, as_optional_floats
from recommender.engine.vocabulary import Vocabulary


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
        if len(self.series) != n_items:
            raise InputError(f"series has {len(self.series)} items; wanted {n_items}.")
        for name in ("author_index", "genre_index"):
            object.__setattr__(self, name, as_groups(getattr(self, name), n_items, name))
        for name in ("n_ratings", "mean_stars"):
            if getattr(self, name) is not None:
                known = as_optional_floats(getattr(self, name), n_items, name)
                object.__setattr__(self, name, known)
        if self.n_ratings is not None and np.any(self.n_ratings < 0):
            raise InputError("n_ratings holds a negative count; wanted 0 or more.")
        mean = self.mean_stars
        if mean is not None and np.any((mean < 1) | (mean > 5)):
            raise InputError("mean_stars holds a value outside 1..5; use NaN for unknown.")

    @classmethod
    def bare(cls, items: Vocabulary) -> Catalog:
        """Return the catalog of items of which nothing but the id is known."""
        none = np.full(len(items), NO_GROUP, dtype=np.int32)
        return cls(items, Series.none(len(items)), none, none)

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
