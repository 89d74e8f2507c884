"""How a linear fit is solved: densely, or, of a catalogue too large for that, book by book."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np

from recommender.engine.errors import ArtifactError, CatalogTooLargeError
from recommender.engine.linear_config import LinearConfig
from recommender.engine.memory import memory_limit

DENSE: Final = "dense"
SPARSE: Final = "sparse"

_FLOAT_BYTES: Final = np.dtype(np.float32).itemsize
_DENSE_OVERHEAD: Final = 1.5  # peak memory over that of P alone, measured; see linear.md
_WEIGHT_BYTES: Final = 48  # of one weight on its way from a solved column to the artifact
BLOCK_ITEMS: Final = 2048  # books whose Gram matrix is held at a time by the sparse path: 17 MB


@dataclass(frozen=True)
class SolvePath:
    """The path that a fit took, and why.

    Parameters
    ----------
    solver : str. "dense" or "sparse".
    because : str. For the log and for whoever looks at the run.
    """

    solver: str
    because: str

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def of_config(cls, found: Any) -> Self | None:
        """Return what a part's config says, None where it says nothing.

        Raises
        ------
        ArtifactError
            When it says something else.
        """
        if found is None:
            return None
        try:
            path = cls(**found)
        except TypeError as error:
            raise ArtifactError(f"the path of linear is not usable: {error}") from error
        if path.solver not in (DENSE, SPARSE) or not isinstance(path.because, str):
            raise ArtifactError(f"the path of linear is {found}; wanted dense or sparse.")
        return path


def dense_bytes(n_items: int) -> int:
    """Return the memory that a dense solve needs above that of the interactions."""
    return int(_DENSE_OVERHEAD * _FLOAT_BYTES * n_items**2)


def sparse_bytes(n_items: int, n_support: int) -> int:
    """Return the same of a solve book by book: nothing of it grows with the square of the books.

    Parameters
    ----------
    n_items : int.
    n_support : int > 0. See ``LinearConfig``.
    """
    n_kept = min(n_support, n_items)
    n_block = min(max(BLOCK_ITEMS, n_kept + 1), n_items)
    return _WEIGHT_BYTES * n_items * n_kept + 2 * _FLOAT_BYTES * n_block**2


def choose_path(
    n_items: int, config: LinearConfig, memory_limit_bytes: int | None = None
) -> SolvePath:
    """Return how a catalogue of this size is solved.

    Parameters
    ----------
    n_items : int.
    config : LinearConfig. Its ``solver`` decides, unless it is "auto".
    memory_limit_bytes : int or None for the physical memory.

    Raises
    ------
    CatalogTooLargeError
        When the path needs more memory than it may take.
    """
    limit = memory_limit() if memory_limit_bytes is None else memory_limit_bytes
    needed = dense_bytes(n_items)
    costs = f"needs {needed / 1e9:.1f} GB of memory and may take {limit / 1e9:.1f} GB"
    if config.solver == DENSE:
        if needed > limit:
            most = int((limit / _DENSE_OVERHEAD / _FLOAT_BYTES) ** 0.5)
            raise CatalogTooLargeError(
                f"a dense fit of linear on {n_items:,} items {costs}, enough for {most:,} items. "
                'Let solver be "auto", leave out the least rated items, or give the worker more '
                "memory."
            )
        return SolvePath(DENSE, "solver says so")
    if config.solver == SPARSE:
        because = "solver says so"
    elif n_items > config.dense_items:
        because = f"{n_items:,} items are more than dense_items, {config.dense_items:,}"
    elif needed > limit:
        because = f"a dense fit {costs}"
    else:
        return SolvePath(
            DENSE, f"{n_items:,} items are at most dense_items, {config.dense_items:,}"
        )
    sparse = sparse_bytes(n_items, config.n_support)
    if sparse > limit:
        raise CatalogTooLargeError(
            f"a sparse fit of linear on {n_items:,} items with n_support {config.n_support} needs "
            f"{sparse / 1e9:.1f} GB of memory and may take {limit / 1e9:.1f} GB. Lower n_support, "
            "leave out the least rated items, or give the worker more memory."
        )
    return SolvePath(SPARSE, because)
