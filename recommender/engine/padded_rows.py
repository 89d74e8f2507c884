"""Rows of a sparse matrix in batches of about equal length, for batched dense algebra."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MAX_GROWTH = 1.15


class PaddedRows(NamedTuple):
    """Some rows of a CSR matrix, padded to the length of the longest of them.

    ``rows`` (int64, shape (n,)) are row numbers; ``positions`` (int64, shape (n, length)) are
    places in the matrix's ``data`` and ``indices``, a row's first one repeated where
    ``is_entry`` (bool, same shape) is false.
    """

    rows: NDArray[np.int64]
    positions: NDArray[np.int64]
    is_entry: NDArray[np.bool_]


def padded_rows(
    indptr: NDArray[np.integer], *, width: int, max_elements: int = 4_000_000
) -> Iterator[PaddedRows]:
    """Yield all rows that have an entry, the short ones first.

    Parameters
    ----------
    indptr : int array, shape (n_rows + 1,). Of a CSR matrix.
    width : int. Numbers that the caller needs for each entry; a batch of n rows of length l
        takes n * l * max(width, l) of them.
    max_elements : int. What that product stays under, unless one row alone is more.

    Yields
    ------
    PaddedRows. No row is padded by more than 15 % of its length and 2.
    """
    lengths = np.diff(indptr)
    rows = np.flatnonzero(lengths)
    rows = rows[np.argsort(lengths[rows], kind="stable")]
    ordered = lengths[rows]
    start = 0
    while start < len(rows):
        shortest = int(ordered[start])
        longest = max(shortest + 2, int(shortest * _MAX_GROWTH))
        n_rows = max(1, max_elements // (longest * max(width, longest)))
        end = min(int(np.searchsorted(ordered, longest, side="right")), start + n_rows)
        batch = rows[start:end]
        places = np.arange(int(ordered[end - 1]))[None, :]
        is_entry = places < lengths[batch][:, None]
        positions = indptr[batch].astype(np.int64)[:, None] + np.where(is_entry, places, 0)
        yield PaddedRows(batch, positions, is_entry)
        start = end
