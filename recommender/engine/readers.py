"""Several readers' books one after another: sums and maxima over each reader's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recommender.engine.threads import small_product


class Reader(NamedTuple):
    """A reader's ratings: item indices, stars, and what each counts in the first stage."""

    items: NDArray[np.int64]
    stars: NDArray[np.float32]
    counts: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Matches:
    """Pairs of one of a reader's books and one of his candidates that have something in common.

    Parameters
    ----------
    books : intp array, shape (n_pairs,). Place among all readers' books. Ascending.
    pairs : intp array, shape (n_pairs,). Place in the flattened (n_readers, n_candidates).
    shape : (n_readers, n_candidates).
    """

    books: NDArray[np.intp]
    pairs: NDArray[np.intp]
    shape: tuple[int, int]

    def sums(self, of_books: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the sum over the matching books, shape (n_readers, n_candidates)."""
        return self.sums_of_pairs(of_books[self.books])

    def sums_of_pairs(self, of_pairs: NDArray[Any]) -> NDArray[np.float64]:
        """Return the sum over the pairs, shape (n_readers, n_candidates)."""
        n_readers, n_candidates = self.shape
        sums = np.bincount(self.pairs, of_pairs, minlength=n_readers * n_candidates)
        return sums.reshape(self.shape).astype(np.float64, copy=False)

    def largest(self, of_books: NDArray[np.floating], *, at_least: float) -> NDArray[np.floating]:
        """Return the maximum over the matching books, shape (n_readers, n_candidates)."""
        found = np.full(self.shape, at_least, dtype=of_books.dtype)
        np.maximum.at(found.ravel(), self.pairs, of_books[self.books])
        return found


@dataclass(frozen=True, eq=False)
class Readers:
    """Some readers' ratings, reader after reader.

    What is returned of a reader does not depend on those beside him, to the last bit.

    Parameters
    ----------
    items : int64 array, shape (n_books,). Item indices.
    stars, counts : float32 arrays, shape (n_books,). As in ``Reader``.
    starts : intp array, shape (n_readers + 1,). Where each one's books begin. Ascending: every
        reader has at least one.
    """

    items: NDArray[np.int64]
    stars: NDArray[np.float32]
    counts: NDArray[np.float32]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, readers: Sequence[Reader]) -> Self:
        """Join at least one reader."""
        starts = np.cumsum([0, *(len(reader.items) for reader in readers)])
        items, stars, counts = (np.concatenate(arrays) for arrays in zip(*readers, strict=True))
        return cls(items, stars, counts, starts)

    @cached_property
    def n_books(self) -> NDArray[np.intp]:
        """Number of books of each reader, intp (n_readers,)."""
        return np.diff(self.starts)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """First book and the one after the last of each reader."""
        starts = self.starts.tolist()
        return list(zip(starts[:-1], starts[1:], strict=True))

    @cached_property
    def stars_beyond_mean(self) -> NDArray[np.float32]:
        """Each book's stars less the mean of its reader's, float32 (n_books,)."""
        return self.beyond_mean(self.stars).astype(np.float32)

    def sums(
        self, of_books: NDArray[np.float32], *factors: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return sums over each one's books, each book times a factor.

        A small dense product for each reader: a sparse one of all is checked by scipy for longer
        than it is worked out.

        Parameters
        ----------
        of_books : float32 array, shape (n_books, n).
        factors : k float32 arrays, shape (n_books,).

        Returns
        -------
        float32 array, shape (k, n_readers, n).
        """
        rows = np.stack(factors)
        sums = np.empty((len(rows), len(self.starts) - 1, of_books.shape[1]), dtype=np.float32)
        for reader, (start, end) in enumerate(self.spans):
            sums[:, reader] = small_product(rows[:, start:end], of_books[start:end])
        return sums

    def means(self, of_books: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return the means over each one's books, shape (n_readers, 1); input (n_books,)."""
        return self.means_of_rows(of_books[:, np.newaxis])

    def means_of_rows(self, of_books: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return the means over each one's books, shape (n_readers, n); input (n_books, n)."""
        sums = np.add.reduceat(of_books, self.starts[:-1], axis=0, dtype=np.float64)
        means: NDArray[np.float64] = sums / self.n_books[:, np.newaxis]
        return means

    def counts_of(self, is_counted: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return how many of each one's books are counted, (n_readers, n); input (n_books, n)."""
        counts: NDArray[np.float32] = np.add.reduceat(
            is_counted, self.starts[:-1], axis=0, dtype=np.float32
        )
        return counts

    def beyond_mean(self, of_books: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return each book's value less its reader's mean, shape (n_books,)."""
        return of_books.astype(np.float64) - np.repeat(self.means(of_books), self.n_books)

    def largest(self, of_books: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the maxima over each one's books, shape (n_readers, n); input (n_books, n)."""
        largest: NDArray[np.floating] = np.maximum.reduceat(of_books, self.starts[:-1], axis=0)
        return largest

    def strongest(
        self, of_books: NDArray[np.float32], n_strongest: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the maxima, and the sums of the few largest (of all where there are fewer).

        Parameters
        ----------
        of_books : float32 array, shape (n_books, n).
        n_strongest : int > 0.

        Returns
        -------
        (largest, sums) : float32 arrays, shape (n_readers, n).
        """
        shape = (len(self.n_books), of_books.shape[1])
        largest = np.empty(shape, dtype=np.float32)
        sums = np.empty(shape, dtype=np.float32)
        for reader, (start, end) in enumerate(self.spans):
            ordered = np.sort(of_books[start:end].T, axis=1)
            largest[reader] = ordered[:, -1]
            sums[reader] = ordered[:, -n_strongest:].sum(axis=1)
        return largest, sums

    def matches(self, kinds: NDArray[np.integer], candidates: NDArray[np.int64]) -> Matches:
        """Return which of each one's books are of the same kind as which of his candidates.

        Parameters
        ----------
        kinds : int array, shape (n_items,). Negative: like no other.
        candidates : int64 array, shape (n_readers, n_candidates).
        """
        wanted = kinds[candidates]
        wanted = np.where(wanted < 0, np.iinfo(wanted.dtype).min, wanted)
        own = np.where(kinds[self.items] < 0, -1, kinds[self.items])
        is_same = own[:, np.newaxis] == np.repeat(wanted, self.n_books, axis=0)
        n_candidates = candidates.shape[1]
        books, places = np.divmod(np.flatnonzero(is_same), n_candidates)
        owners = np.repeat(np.arange(len(candidates)), self.n_books)[books]
        return Matches(books, owners * n_candidates + places, candidates.shape)
