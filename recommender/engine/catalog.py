"""What the engine knows of the items themselves: series, authors, tags, outside counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.artifact import Part
from recommender.engine.errors import ArtifactError, InputError
from recommender.engine.series import NO_GROUP, Series, as_groups, as_optional_floats
from recommender.engine.vocabulary import Vocabulary

_NUMBERS: Final = ("n_ratings", "mean_stars", "std_stars", "n_reviews", "years")
_MATRICES: Final = ("authors", "tags")


def _as_links(matrix: csr_array, n_items: int, name: str) -> csr_array:
    """Return a matrix of items by something, checked, float32 and in canonical order."""
    if matrix.ndim != 2 or matrix.shape[0] != n_items:
        raise InputError(f"{name} has shape {matrix.shape}; wanted ({n_items}, any).")
    links: csr_array = csr_array(matrix, copy=True).astype(np.float32)
    links.sum_duplicates()
    if not (np.isfinite(links.data).all() and (links.data > 0).all()):
        raise InputError(f"{name} holds a value that is not finite and above 0; leave it out.")
    links.data.flags.writeable = False
    return links


def _links_of_part(part: Part, name: str) -> csr_array | None:
    """Return a matrix of ``to_part``, or None where the part has none of that name."""
    if f"{name}_shape" not in part.arrays:
        return None
    indptr, indices, values, shape = (
        np.asarray(part.array(f"{name}_{piece}"))
        for piece in ("indptr", "indices", "values", "shape")
    )
    try:
        matrix = csr_array((values, indices, indptr), shape=tuple(shape.tolist()))
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise ArtifactError(f"{name} of part items is no matrix: {error}") from error
    return matrix


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
    std_stars : float array, shape (n_items,), or None. Their standard deviation, in stars.
    n_reviews : float array, shape (n_items,), or None. Reviews in words, counted elsewhere.
    years : float array, shape (n_items,), or None. First publication; negative before the
        common era, NaN where unknown.
    authors : CSR float32, shape (n_items, n_authors), or None. 1 for each author of a book;
        the first is named by ``author_index``, in the same numbers.
    tags : CSR float32, shape (n_items, n_tags), or None. How often readers put a book under a
        tag; above 0.

    Raises
    ------
    InputError
        On a wrong shape, a negative count or spread, mean stars outside 1..5, or a value of
        ``authors`` or ``tags`` that is not finite and above 0.
    """

    items: Vocabulary
    series: Series
    author_index: NDArray[np.int32]
    genre_index: NDArray[np.int32]
    n_ratings: NDArray[np.float32] | None = None
    mean_stars: NDArray[np.float32] | None = None
    std_stars: NDArray[np.float32] | None = None
    n_reviews: NDArray[np.float32] | None = None
    years: NDArray[np.float32] | None = None
    authors: csr_array | None = None
    tags: csr_array | None = None

    def __post_init__(self) -> None:
        """Check and freeze the arrays."""
        n_items = len(self.items)
        if len(self.series) != n_items:
            raise InputError(f"series has {len(self.series)} items; wanted {n_items}.")
        for name in ("author_index", "genre_index"):
            object.__setattr__(self, name, as_groups(getattr(self, name), n_items, name))
        for name in _NUMBERS:
            if getattr(self, name) is not None:
                known = as_optional_floats(getattr(self, name), n_items, name)
                object.__setattr__(self, name, known)
        for name in ("n_ratings", "std_stars", "n_reviews"):
            values = getattr(self, name)
            if values is not None and np.any(values < 0):
                raise InputError(f"{name} holds a negative value; wanted 0 or more.")
        mean = self.mean_stars
        if mean is not None and np.any((mean < 1) | (mean > 5)):
            raise InputError("mean_stars holds a value outside 1..5; use NaN for unknown.")
        for name in _MATRICES:
            if (matrix := getattr(self, name)) is not None:
                object.__setattr__(self, name, _as_links(matrix, n_items, name))

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
        for name in _NUMBERS:
            if (array := getattr(self, name)) is not None:
                arrays[name] = array
        for name in _MATRICES:
            if (matrix := getattr(self, name)) is not None:
                arrays[f"{name}_indptr"] = matrix.indptr
                arrays[f"{name}_indices"] = matrix.indices
                arrays[f"{name}_values"] = matrix.data
                arrays[f"{name}_shape"] = np.array(matrix.shape)
        return Part(algorithm="catalog", arrays=arrays)

    @classmethod
    def from_part(cls, part: Part, *, with_links: bool = True) -> Self:
        """Rebuild the catalog from an artifact's part ``items``.

        Parameters
        ----------
        part : Part.
        with_links : bool. Whether to keep the matrices of authors and tags, which fits look at
            and lists do not: 12 MB of goodbooks' 13.

        Raises
        ------
        ArtifactError
            When an array is missing or does not fit the others.
        """
        known: dict[str, Any] = {name: part.arrays.get(name) for name in _NUMBERS}
        if with_links:
            known |= {name: _links_of_part(part, name) for name in _MATRICES}
        try:
            return cls(
                Vocabulary(part.array("item_ids")),
                Series(part.array("series_index"), part.array("series_number")),
                part.array("author_index"),
                part.array("genre_index"),
                **known,
            )
        except InputError as error:
            raise ArtifactError(f"part items does not fit together: {error}") from error
