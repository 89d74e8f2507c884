"""Boosted trees as TensorFlow operations: what ``Forest`` says, for a SavedModel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.engine.forest import Forest


def branch_targets(forest: Forest) -> tuple[NDArray[np.int32], int]:
    """Return where each branch leads, and how many tests the longest way asks.

    Returns
    -------
    targets : int32 array, shape (n_trees, 2 n_nodes). An inner node's number, or ``n_nodes`` plus
        that of a leaf.
    depth : int. 1 for trees of one test. Never less than the longest way.
    """
    n_nodes, n_trees = forest.features.shape
    targets = np.zeros((n_trees, 2 * n_nodes), dtype=np.int32)
    trees = np.arange(n_trees)
    # What a small tree does not have claims branches too, and comes after what it has; a leaf is
    # claimed by itself alone, or by what nothing takes.
    for node in reversed(range(1, n_nodes)):
        targets[trees, forest.node_branches[node]] = node
    for leaf in reversed(range(n_nodes + 1)):
        targets[trees, forest.leaf_branches[leaf]] = n_nodes + leaf
    levels = np.ones((n_nodes, n_trees), dtype=np.int32)
    for node in range(1, n_nodes):  # parents come before children
        levels[node] = levels[forest.node_branches[node] // 2, trees] + 1
    return targets, int(levels.max())


class TreeTensors:
    """A ``Forest`` whose arrays are variables.

    Parameters
    ----------
    tf : module. TensorFlow.
    forest : Forest.
    """

    def __init__(self, tf: Any, forest: Forest) -> None:
        self._tf = tf
        self._n_nodes, self._n_trees = forest.features.shape
        targets, self.depth = branch_targets(forest)

        def kept(array: NDArray[Any]) -> Any:
            return tf.Variable(np.ascontiguousarray(array).ravel(), trainable=False)

        self._features = kept(forest.features.T)
        self._thresholds = kept(forest.thresholds.T)
        self._missing_fails = kept(forest.missing_fails.T)
        self._targets = kept(targets)
        self._values = kept(forest.values)

    def variables(self) -> list[Any]:
        """Return what a SavedModel has to keep."""
        return [value for value in vars(self).values() if isinstance(value, self._tf.Variable)]

    def predict(self, rows: Any) -> Any:
        """Return the sum of the trees' values, float64 (n,), of rows, float32 (n, n_features)."""
        tf, n_nodes = self._tf, self._n_nodes
        tree = tf.range(self._n_trees)[None, :]
        node = tf.zeros([tf.shape(rows)[0], self._n_trees], tf.int32)
        for _ in range(self.depth):
            inner = tf.minimum(node, n_nodes - 1)
            test = tree * n_nodes + inner
            value = tf.gather(rows, tf.gather(self._features, test), batch_dims=1)
            fails = (value > tf.gather(self._thresholds, test)) | (
                tf.gather(self._missing_fails, test) & tf.math.is_nan(value)
            )
            branch = tree * (2 * n_nodes) + 2 * inner + tf.cast(fails, tf.int32)
            node = tf.where(node < n_nodes, tf.gather(self._targets, branch), node)
        leaves = tree * (n_nodes + 1) + node - n_nodes
        return tf.reduce_sum(tf.gather(self._values, leaves), axis=1)
