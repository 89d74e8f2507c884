"""The weights that a fitted index would have without one of its readers.

What a second stage learns from a reader must come from weights that do not know him, or it
learns to trust them too much. Refitting without each of thousands of readers is out of the
question; leaving one row out of a Gram matrix is a rank-1 change of its inverse.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.engine.errors import FitError
from recommender.engine.linear import LinearRanker
from recommender.engine.linear_config import LinearConfig
from recommender.engine.linear_solve import Solution


class WeightsWithout(Protocol):
    """Weights that know nothing of one reader."""

    def weights(
        self,
        user_index: int,
        items: NDArray[np.int64],
        columns: list[NDArray[np.int64]] | None = None,
    ) -> list[NDArray[np.float32]]:
        """Return B' for some of the reader's books; see ``LeftOut.weights``."""


class NeverIn:
    """Weights of a solution that was fitted without any of the readers asked for.

    What a sparse solution is used with: without an inverse nobody can be taken out afterwards.

    Parameters
    ----------
    config : LinearConfig of the solution.
    solution : Solution. Not modified.
    """

    def __init__(self, config: LinearConfig, solution: Solution) -> None:
        self._ranker = LinearRanker.of_solution(config, solution)

    def weights(
        self,
        user_index: int,
        items: NDArray[np.int64],
        columns: list[NDArray[np.int64]] | None = None,
    ) -> list[NDArray[np.float32]]:
        """Return B for some of the reader's books, whoever he is; see ``LeftOut.weights``."""
        if columns is None:
            return [self._ranker.weight_rows(items).toarray()]
        return [self._ranker.weights_between(items, chosen) for chosen in columns]


class LeftOut:
    """Weights of a solution with one training reader left out of the Gram matrix.

    With m the reader's row and v = P m, the inverse without him is (Sherman and Morrison)

        P' = P + v v^T / (1 - m^T v)

    and B' follows from it as B from P. It is exact but for the diagonal, where the penalty keeps
    (diagonal_scale - 1) m_i^2 of the reader; his shelf stays too.

    The columns are cut at the strength of the weakest weight kept with him. Keeping instead the
    places that were chosen with him would leak which books he has read: a place is often among
    the strongest because of him, and a second stage learns to see that (NDCG@10 .43 became a
    false .47).

    Parameters
    ----------
    solution : Solution of the dense path. Not modified; its inverse is used in place.
    """

    def __init__(self, solution: Solution) -> None:
        if solution.inverse is None or solution.thresholds is None:
            raise FitError("a sparse solution has no inverse to leave a reader out of.")
        self._solution = solution
        self._inverse, self._thresholds = solution.inverse, solution.thresholds
        self._diagonal = np.diag(solution.inverse).copy()

    def weights(
        self,
        user_index: int,
        items: NDArray[np.int64],
        columns: list[NDArray[np.int64]] | None = None,
    ) -> list[NDArray[np.float32]]:
        """Return B' for some of the reader's books.

        Parameters
        ----------
        user_index : int. The reader, a row of the solution's interactions.
        items : int64 array, shape (n,). Rows of B'.
        columns : list of int64 arrays, or None. The scored items, none of them in ``items``;
            None: all, once.

        Returns
        -------
        list of float32 arrays, shape (n, number of columns), not scaled, one for each of
        ``columns``.
        """
        rows, inverse = self._solution.reader_rows, self._inverse
        own = slice(rows.indptr[user_index], rows.indptr[user_index + 1])
        read, amounts = rows.indices[own], rows.data[own]
        change = amounts @ inverse[read]  # P is symmetric: rows are quicker than columns
        factor = np.float32(1.0 / (1.0 - float(amounts @ change[read])))
        strength = self._solution.strengths[items][:, np.newaxis]
        found: list[NDArray[np.float32]] = []
        for chosen in columns if columns is not None else [None]:
            part = slice(None) if chosen is None else chosen
            block = inverse[items] if chosen is None else inverse[np.ix_(items, chosen)]
            block += (factor * change[items])[:, np.newaxis] * change[part]
            block *= -1.0 / (self._diagonal[part] + factor * change[part] ** 2)
            magnitude = np.abs(block)
            magnitude *= strength
            block *= magnitude >= self._thresholds[part]
            if chosen is None:
                block[np.arange(len(items)), items] = 0.0
            found.append(block)
        return found


def weights_without(config: LinearConfig, solution: Solution) -> WeightsWithout:
    """Return what leaves readers out of a solution; a sparse one has to know none of them."""
    return NeverIn(config, solution) if solution.inverse is None else LeftOut(solution)
