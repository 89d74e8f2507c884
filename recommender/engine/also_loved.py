"""What the readers who loved a book loved as well, counted."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.artifact import Part
from recommender.engine.errors import ArtifactError, InputError
from recommender.engine.interactions import MAX_STARS, MIN_STARS, Interactions
from recommender.engine.progress import OnProgress

_STAGE: Final = "also loved"
_ARRAYS: Final = ("item_indices", "n_both", "n_readers")
_ITEMS_AT_A_TIME: Final = 500


class LovedToo(NamedTuple):
    """Books that the readers of one book loved too, the most telling first.

    ``item_indices`` (int64), ``n_both`` (int64: readers who loved both) and ``shares`` (float32:
    part of those who loved the one that loved the other, in 0..1) have shape (n,).
    """

    item_indices: NDArray[np.int64]
    n_both: NDArray[np.int64]
    shares: NDArray[np.float32]


@dataclass(frozen=True)
class AlsoLovedConfig:
    """Hyperparameters of ``AlsoLoved``.

    Parameters
    ----------
    least_stars : float in 1..5. From how many stars on a book counts as loved.
    least_readers : int > 0. Readers who must have loved both: with fewer it is chance, and tells
        of single persons.
    n_kept : int > 0. Books kept for each book.
    """

    least_stars: float = 5.0
    least_readers: int = 3
    n_kept: int = 20

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        if not (math.isfinite(self.least_stars) and MIN_STARS <= self.least_stars <= MAX_STARS):
            raise InputError(f"least_stars is {self.least_stars}; wanted 1 to 5.")
        for name in ("least_readers", "n_kept"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; wanted 1 or more.")


@dataclass(frozen=True, eq=False)
class AlsoLoved:
    """For every book, others that those who loved it loved more often than readers at large do.

    Of N readers who loved anything, n_i loved book i, and n_ij loved both. Books with
    n_ij / n_i > n_j / N are ordered by the log-likelihood ratio of that table of two by two:
    how much it speaks against both being loved independently. So neither the best-sellers nor
    books with three readers come first everywhere.

    Parameters
    ----------
    item_indices : int32 array, shape (n_items, n_kept). Best first; padded with the book itself.
    n_both : int32 array, same shape. n_ij; 0 for padding.
    n_readers : int32 array, shape (n_items,). n_i.
    config : AlsoLovedConfig.

    References
    ----------
    Dunning, Accurate Methods for the Statistics of Surprise and Coincidence (Computational
    Linguistics, 1993).
    """

    name: ClassVar[str] = "also_loved"

    item_indices: NDArray[np.int32]
    n_both: NDArray[np.int32]
    n_readers: NDArray[np.int32]
    config: AlsoLovedConfig

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.n_readers)

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        config: AlsoLovedConfig | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Count; see the class.

        Parameters
        ----------
        interactions : Interactions. Not modified.
        config : AlsoLovedConfig or None for the defaults.
        on_progress : callable or None. Told ("also loved", 0..1).

        Returns
        -------
        AlsoLoved.
        """
        config = config or AlsoLovedConfig()
        ratings = interactions.ratings
        # A copy: without its zeros it has other indices.
        loved = ratings.copy()
        loved.data = (loved.data >= config.least_stars).astype(np.int32)
        loved.eliminate_zeros()
        by_item = loved.T.tocsr()
        n_items = interactions.n_items
        n_readers = np.diff(by_item.indptr).astype(np.int32)
        n_people = int(np.count_nonzero(np.diff(loved.indptr)))
        kept = np.repeat(np.arange(n_items, dtype=np.int32)[:, np.newaxis], config.n_kept, axis=1)
        counts = np.zeros(kept.shape, dtype=np.int32)
        for start in range(0, n_items, _ITEMS_AT_A_TIME):
            if on_progress:
                on_progress(_STAGE, start / n_items)
            both = csr_array(by_item[start : start + _ITEMS_AT_A_TIME] @ loved)
            rows = start + np.repeat(np.arange(both.shape[0]), np.diff(both.indptr))
            columns, n_both = both.indices, both.data
            expected = n_readers[rows].astype(np.float64) * n_readers[columns] / max(n_people, 1)
            usable = (rows != columns) & (n_both >= config.least_readers) & (n_both > expected)
            rows, columns, n_both = rows[usable], columns[usable], n_both[usable]
            surprise = _log_likelihood_ratio(n_both, n_readers[rows], n_readers[columns], n_people)
            order = np.lexsort((columns, -surprise, rows))
            rows, columns, n_both = rows[order], columns[order], n_both[order]
            places = np.arange(len(rows)) - np.searchsorted(rows, rows)
            first = places < config.n_kept
            kept[rows[first], places[first]] = columns[first]
            counts[rows[first], places[first]] = n_both[first]
        if on_progress:
            on_progress(_STAGE, 1.0)
        return cls(kept, counts, n_readers, config)

    def of(self, item_index: int, k: int) -> LovedToo:
        """Return what those who loved a book loved too.

        Parameters
        ----------
        item_index : int.
        k : int > 0. At most ``n_kept`` of the config are kept.

        Returns
        -------
        LovedToo. Empty when too few readers loved the book.

        Raises
        ------
        InputError
            When ``item_index`` is no item or k < 1.
        """
        if not 0 <= item_index < self.n_items:
            raise InputError(f"item_index is {item_index}; wanted 0 to {self.n_items - 1}.")
        if k < 1:
            raise InputError(f"k is {k}; wanted 1 or more.")
        n_both = self.n_both[item_index]
        there = np.flatnonzero(n_both > 0)[:k]
        shares = n_both[there] / np.float32(max(int(self.n_readers[item_index]), 1))
        return LovedToo(
            self.item_indices[item_index, there].astype(np.int64),
            n_both[there].astype(np.int64),
            shares.astype(np.float32),
        )

    def to_part(self) -> Part:
        """Return the counts and the config."""
        arrays: dict[str, NDArray[Any]] = {
            "item_indices": self.item_indices,
            "n_both": self.n_both,
            "n_readers": self.n_readers,
        }
        return Part(self.name, arrays, asdict(self.config))

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild it around memory-mapped arrays.

        Raises
        ------
        ArtifactError
            When the part is another algorithm's, or its arrays do not fit together.
        """
        config = part.config_as(AlsoLovedConfig, cls.name)
        items, n_both, n_readers = (np.asarray(part.array(name)) for name in _ARRAYS)
        whole = (
            items.ndim == 2
            and items.shape == n_both.shape == (len(n_readers), config.n_kept)
            and n_readers.ndim == 1
            and all(a.dtype == np.int32 for a in (items, n_both, n_readers))
            and all(not a.size or int(a.min()) >= 0 for a in (items, n_both, n_readers))
            and (not items.size or int(items.max()) < len(n_readers))
            and bool((n_both <= n_readers[:, np.newaxis]).all())
        )
        if not whole:
            raise ArtifactError("the arrays of also_loved do not fit together; train again.")
        return cls(items, n_both, n_readers, config)


def _log_likelihood_ratio(
    n_both: NDArray[np.integer],
    n_one: NDArray[np.integer],
    n_other: NDArray[np.integer],
    n_people: int,
) -> NDArray[np.float64]:
    """Return Dunning's G^2 of tables of two by two, float64 (n,), >= 0 up to rounding.

    G^2 = 2 sum over cells of observed * log(observed / expected); a cell of 0 counts 0.
    """
    one, other = n_one.astype(np.float64), n_other.astype(np.float64)
    both = n_both.astype(np.float64)
    total = np.zeros(len(both))
    for observed, row, column in (
        (both, one, other),
        (one - both, one, n_people - other),
        (other - both, n_people - one, other),
        (n_people - one - other + both, n_people - one, n_people - other),
    ):
        expected = row * column / n_people
        ratio = np.divide(observed, expected, out=np.ones(len(both)), where=observed > 0)
        total += observed * np.log(ratio)
    return 2 * total
