"""The arrays that a linear ranker keeps: which, whether they fit together, slices of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

ARRAYS: Final = (
    "indptr",
    "indices",
    "weights",
    "score_scale",
    "prior",
    "similar_indices",
    "similarities",
)

_AT_ONCE: Final = 1 << 20


def joined(
    values: NDArray[Any],
    starts: NDArray[np.integer],
    ends: NDArray[np.integer],
    dtype: DTypeLike | None = None,
) -> NDArray[Any]:
    """Return slices of an array one after another, of its dtype or another."""
    spans = zip(starts.tolist(), ends.tolist(), strict=True)
    slices = [values[:0], *[values[start:end] for start, end in spans]]
    return np.concatenate(slices, dtype=dtype)


def _rows_ascend(indptr: NDArray[np.integer], indices: NDArray[np.integer]) -> bool:
    """Return whether the columns of every row ascend, as look-ups by bisection need."""
    for first in range(1, len(indices), _AT_ONCE):
        later = indices[first : first + _AT_ONCE]
        falls = first + np.flatnonzero(later <= indices[first - 1 : first - 1 + len(later)])
        # Only where a row begins. A part at a time: the web loads this beside what it serves.
        places = np.searchsorted(indptr, falls)
        if not np.array_equal(indptr[places], falls):
            return False
    return True


def fit_together(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Return whether the arrays of a part have the right kinds, lengths and values."""
    indptr, indices, weights, score_scale, prior, similar_indices, similarities = (
        arrays[name] for name in ARRAYS
    )
    n_items = len(indptr) - 1
    return bool(
        n_items >= 1
        and all(a.dtype.kind in "iu" for a in (indptr, indices, similar_indices))
        and all(a.dtype == np.float32 for a in (weights, score_scale, prior, similarities))
        and indices.shape == weights.shape == (int(indptr[-1]),)
        and score_scale.shape == prior.shape == (n_items,)
        and int(indptr[0]) == 0
        and not np.any(indptr[1:] < indptr[:-1])
        and similar_indices.shape == similarities.shape
        and similar_indices.ndim == 2
        and len(similar_indices) == n_items
        and all(
            not a.size or (int(a.min()) >= 0 and int(a.max()) < n_items)
            for a in (indices, similar_indices)
        )
        and all(np.isfinite(a).all() for a in (weights, score_scale, prior, similarities))
        and _rows_ascend(indptr, indices)
        and (score_scale > 0).all()
        and (prior >= 0).all()
    )
