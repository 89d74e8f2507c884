"""Work shared by a few threads: numpy lets go of the interpreter's lock in large operations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

_Part = TypeVar("_Part")
# Terms of a product: more than one can have where BLAS has one thread only (bookrec_site.wsgi).
_ONE_THREAD: Final = 1 << (62 if os.environ.get("OPENBLAS_NUM_THREADS") == "1" else 18)


def n_cores() -> int:
    """Return how many cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(work: Callable[[_Part], None], parts: Iterable[_Part], n_threads: int) -> None:
    """Do the work of every part; with one thread, in this one.

    Raises
    ------
    Exception
        The first that a part raises. Parts that have not begun then are not done.
    """
    if n_threads <= 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        futures = [pool.submit(work, part) for part in parts]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def small_product(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return left @ right by products small enough for one thread.

    OpenBLAS wakes its threads for more than 2^18 terms. On a busy machine the wait for them is
    several times the whole list's time.
    """
    n_rows = max(1, _ONE_THREAD // max(right.size, 1))
    if len(left) <= n_rows:
        return left @ right
    return np.concatenate(
        [left[first : first + n_rows] @ right for first in range(0, len(left), n_rows)]
    )
