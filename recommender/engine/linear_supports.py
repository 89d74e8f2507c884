"""Which books explain which: the supports of a sparse fit, and blocks that share them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

_COLUMNS_AT_ONCE: Final = 64  # columns of G made at a time, sparse
_NEAREST: Final = 32  # so many of a column's support are tried as its companions in a block


@dataclass(frozen=True, eq=False)
class Supports:
    """For each scored book, the other books that may speak for it.

    Parameters
    ----------
    indptr : int64 array, shape (n_items + 1,).
    items : int32 array, shape (indptr[-1],). Without the book itself; the strongest first.
    """

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.indptr) - 1

    def of(self, item: int) -> NDArray[np.int32]:
        """Return the support of one column, the strongest first."""
        return self.items[self.indptr[item] : self.indptr[item + 1]]


def strongest_supports(
    rows: csr_array,
    diagonal: NDArray[np.float64],
    n_support: int,
    on_part: Callable[[float], None],
) -> Supports:
    """Return of every column the books of greatest |G_ij| / sqrt(H_ii).

    Were book i alone to explain book j, its square is by how much the penalized squared error
    would fall. Where ``n_support`` reaches the number of items, every other book is in.

    Parameters
    ----------
    rows : CSR float32, shape (n_rows, n_items). G is rows^T rows. Rows of very many books make
        this slow and say little: leave them out.
    diagonal : float64 array, shape (n_items,), > 0. Of H.
    n_support : int > 0.
    on_part : callable. Told which part is done, 0..1.

    Returns
    -------
    Supports. Ties go to the lower index. Fewer where fewer books have anything in common.
    """
    n_items = rows.shape[1]
    if n_support >= n_items - 1:
        every = np.arange(n_items, dtype=np.int32)
        items = np.concatenate([np.delete(every, item) for item in range(n_items)])
        return Supports(np.arange(n_items + 1, dtype=np.int64) * (n_items - 1), items)
    by_item = csr_array(rows.T)
    scale = (1.0 / np.sqrt(diagonal)).astype(np.float32)
    found: list[NDArray[np.int32]] = []
    for first in range(0, n_items, _COLUMNS_AT_ONCE):
        gram = csr_array(by_item[first : first + _COLUMNS_AT_ONCE] @ rows)
        for row in range(gram.shape[0]):
            own = slice(gram.indptr[row], gram.indptr[row + 1])
            items, strength = gram.indices[own], np.abs(gram.data[own]) * scale[gram.indices[own]]
            there = (items != first + row) & (strength > 0)
            found.append(_strongest(items[there], strength[there], n_support))
        on_part(min(first + _COLUMNS_AT_ONCE, n_items) / n_items)
    indptr = np.concatenate(([0], np.cumsum([len(items) for items in found], dtype=np.int64)))
    return Supports(indptr, np.concatenate(found))


def _strongest(
    items: NDArray[np.integer], strength: NDArray[np.float32], n_kept: int
) -> NDArray[np.int32]:
    """Return the items of greatest strength, the strongest first, ties by the lower index."""
    if len(items) > n_kept:
        least = np.partition(strength, len(items) - n_kept)[len(items) - n_kept]
        kept = strength >= least
        items, strength = items[kept], strength[kept]
    order = np.lexsort((items, -strength))[:n_kept]
    return items[order].astype(np.int32)


def shared_blocks(
    supports: Supports, most_items: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Put columns into blocks of which all supports together are few books.

    A block begins with the lowest column that is in none, takes its companions, theirs, and when
    there are none left the next column, until the next one would bring too many books: columns
    of like books share most of theirs, and the Gram matrix of those is made once.

    Parameters
    ----------
    supports : Supports.
    most_items : int. Of a block. One column alone may have more.

    Yields
    ------
    (columns, items) : int64 arrays. Every column is in one block; items, ascending, are the
        columns and all of their supports.
    """
    is_done = np.zeros(supports.n_items, dtype=np.bool_)
    is_in = np.zeros(supports.n_items, dtype=np.bool_)
    next_column = 0
    while next_column < supports.n_items:
        is_in[:] = False
        n_in = 0
        columns: list[int] = []
        queue: deque[int] = deque()
        while True:
            while queue and is_done[queue[0]]:
                queue.popleft()
            while next_column < supports.n_items and is_done[next_column]:
                next_column += 1
            if not queue and next_column == supports.n_items:
                break
            column = queue.popleft() if queue else next_column
            own = supports.of(column)
            n_new = int(np.count_nonzero(~is_in[own])) + int(not is_in[column])
            if columns and n_in + n_new > most_items:
                break
            is_in[own] = True
            is_in[column] = True
            n_in += n_new
            is_done[column] = True
            columns.append(column)
            queue.extend(own[:_NEAREST].tolist())
        yield np.array(columns, dtype=np.int64), np.flatnonzero(is_in)
