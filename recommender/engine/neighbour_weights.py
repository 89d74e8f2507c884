"""A sparse item-item matrix that scores: how much each rated item speaks for every other."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.artifact import Part
from recommender.engine.errors import ArtifactError
from recommender.engine.linear_solve import index_dtype

ARRAYS: Final = ("indptr", "indices", "weights")


class NeighbourWeights:
    """Item-item weights by rows: row i, the reader's item; columns, the scored items.

    Parameters
    ----------
    indptr : int array, shape (n_items + 1,).
    indices : int array, shape (n_weights,). Columns, ascending in a row.
    weights : float32 array, shape (n_weights,). Finite.

    Notes
    -----
    The arrays are not copied: they may be memory maps.
    """

    def __init__(
        self,
        indptr: NDArray[np.integer],
        indices: NDArray[np.integer],
        weights: NDArray[np.float32],
    ) -> None:
        # Kept as memory maps' base arrays: np.memmap's slicing is several times slower.
        self._indptr = np.asarray(indptr)
        self._indices = np.asarray(indices)
        self._weights = np.asarray(weights)

    @classmethod
    def of(cls, matrix: csr_array) -> NeighbourWeights:
        """Take over a CSR matrix, shape (n_items, n_items)."""
        matrix.sort_indices()
        return cls(
            matrix.indptr.astype(np.int64),
            matrix.indices.astype(index_dtype(matrix.shape[0])),
            matrix.data.astype(np.float32),
        )

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self._indptr) - 1

    def scores(self, items: NDArray[np.int64], counts: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return score_j = sum_i counts_i W_ij, accumulated in float64.

        Parameters
        ----------
        items : int64 array, shape (n,). Rows; ascending, so that the bits do not depend on the
            order in which a reader rated.
        counts : float64 array, shape (n,). What each counts.

        Returns
        -------
        float32 array, shape (n_items,). Zeros when n == 0.
        """
        if not len(items):
            return np.zeros(self.n_items, dtype=np.float32)
        starts, ends = self._indptr[items], self._indptr[items + 1]
        rows = [slice(a, b) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        columns = np.concatenate([self._indices[row] for row in rows])
        values = np.concatenate([self._weights[row] for row in rows])
        products = values * np.repeat(counts, ends - starts)
        return np.bincount(columns, products, minlength=self.n_items).astype(np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what an artifact keeps."""
        return dict(zip(ARRAYS, (self._indptr, self._indices, self._weights), strict=True))

    @classmethod
    def from_part(cls, part: Part) -> NeighbourWeights:
        """Rebuild the weights from a part's arrays.

        Raises
        ------
        ArtifactError
            When an array is missing, or they are no such matrix.
        """
        indptr, indices, weights = (part.array(name) for name in ARRAYS)
        n_items = len(indptr) - 1
        whole = (
            n_items >= 1
            and indptr.dtype.kind in "iu"
            and indices.dtype.kind in "iu"
            and weights.dtype == np.float32
            and indices.shape == weights.shape == (int(indptr[-1]),)
            and int(indptr[0]) == 0
            and not np.any(indptr[1:] < indptr[:-1])
            and (not indices.size or (int(indices.min()) >= 0 and int(indices.max()) < n_items))
            and bool(np.isfinite(weights).all())
        )
        if not whole:
            raise ArtifactError(f"the arrays of {part.algorithm} do not fit together; train again.")
        return cls(indptr, indices, weights)
