"""A forest on a few rows: every test of every tree at once, and which leaf that leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class FewRows:
    """A forest's trees, laid out for a list's rows rather than for thousands.

    A leaf is reached when every test above it goes its way. For each outcome of a test a mask
    has the bits of the leaves that it leaves over; of all masks of a tree, ``and`` leaves one bit.

    Parameters
    ----------
    features, thresholds, missing_fails, node_branches, leaf_branches, values : arrays as
        ``Forest`` describes them.
    trees_per_code : int > 0. How many trees ``Forest`` looks up at once: their values are added
        up before they are added to those of others, and the order decides on the last bits.

    References
    ----------
    Lucchese et al., QuickScorer (SIGIR 2015), with masks for both outcomes: leaves may then be
    numbered in any order.
    """

    def __init__(
        self,
        features: NDArray[np.int32],
        thresholds: NDArray[np.float32],
        missing_fails: NDArray[np.bool_],
        node_branches: NDArray[np.int16],
        leaf_branches: NDArray[np.int16],
        values: NDArray[np.float64],
        trees_per_code: int,
    ) -> None:
        n_trees, n_leaves = values.shape
        self._n_nodes = len(features)
        self._features = features.astype(np.intp).ravel()
        self._thresholds = thresholds.reshape(-1, 1)
        self._missing_fails = missing_fails.reshape(-1, 1)
        masks = _left_over(node_branches, leaf_branches)
        self._passed, self._failed = (half[:, :, np.newaxis] for half in masks)
        self._values = values.ravel()
        self._starts = np.arange(0, values.size, n_leaves)[:, np.newaxis]
        self._trees_per_code = trees_per_code
        self._n_filled = -n_trees % trees_per_code

    def sums(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what ``Forest.predict`` does, to the bit."""
        columns = np.ascontiguousarray(rows.T)
        fails = columns.take(self._features, axis=0) > self._thresholds
        missing = np.isnan(columns)
        if missing.any():
            fails |= missing.take(self._features, axis=0) & self._missing_fails
        fails = fails.reshape(self._n_nodes, -1, len(rows))
        left = np.bitwise_and.reduce(np.where(fails, self._failed, self._passed), axis=0)
        # One bit: 2^leaf, half of which frexp takes for the mantissa.
        leaves = np.frexp(left.astype(np.float64))[1] - 1
        found = self._values.take(leaves + self._starts)
        if self._n_filled:
            found = np.concatenate((found, np.zeros((self._n_filled, len(rows)))))
        by_code = found.reshape(self._trees_per_code, -1, len(rows))
        codes = np.add.accumulate(by_code, axis=0)[-1]
        # Accumulated, not summed: one after the other, whatever the number of rows.
        totals: NDArray[np.float64] = np.add.accumulate(codes, axis=0)[-1]
        return totals


def _left_over(
    node_branches: NDArray[np.int16], leaf_branches: NDArray[np.int16]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the masks of leaves that a passed and a failed test leave, each (n_nodes, n_trees)."""
    n_leaves, n_trees = leaf_branches.shape
    kind = np.uint32 if n_leaves <= 32 else np.uint64
    # The leaves below each branch: a leaf's own, and from the last node up those of its children.
    below = np.zeros((2 * len(node_branches), n_trees), dtype=kind)
    trees = np.arange(n_trees)
    for leaf, branches in enumerate(leaf_branches):
        below[branches, trees] |= kind(1 << leaf)
    for node in range(len(node_branches) - 1, 0, -1):
        below[node_branches[node], trees] |= below[2 * node] | below[2 * node + 1]
    every = kind((1 << n_leaves) - 1)
    return every ^ below[1::2], every ^ below[::2]
