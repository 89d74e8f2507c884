"""Trees as TensorFlow's operations reach the leaves that the arrays of numpy do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recommender.engine.forest import Forest
from recommender.engine.id_tensors import load_tensorflow
from recommender.engine.tree_tensors import TreeTensors, branch_targets
from recommender.tests.engine.test_forest import boosted, table


def test_they_predict_what_the_forest_predicts_with_and_without_unknown_cells() -> None:
    rows, labels = table(2000)
    generator = np.random.default_rng(1)
    rows[generator.random(rows.shape) < 0.05] = np.nan
    target = np.where(np.isnan(rows[:, 0]), 2.0, rows[:, 4]) + labels
    forest = Forest.of_lightgbm(
        boosted(rows, target, 30, objective="regression", num_leaves=31, min_data_in_leaf=5)
    )
    tf = load_tensorflow()
    trees = TreeTensors(tf, forest)
    for asked in (rows, rows[~np.isnan(rows).any(axis=1)], rows[:0]):
        np.testing.assert_allclose(
            trees.predict(tf.constant(asked)).numpy(), forest.predict(asked), rtol=0, atol=1e-12
        )
    assert np.isnan(rows).any()
    assert np.std(forest.predict(rows)) > 0.1


def leaf(value: float) -> dict[str, Any]:
    return {"leaf_value": value}


def split(threshold: float, left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    return {
        "split_feature": 0,
        "decision_type": "<=",
        "threshold": threshold,
        "default_left": True,
        "missing_type": "NaN",
        "left_child": left,
        "right_child": right,
    }


@pytest.mark.parametrize(
    ("tree", "wanted"),
    [
        (leaf(7.0), [7, 7, 7, 7]),
        (split(0, leaf(1), leaf(2)), [1, 2, 2, 1]),
        (split(0, leaf(1), split(1, leaf(2), leaf(3))), [1, 2, 3, 1]),
        (split(1, split(0, leaf(1), leaf(2)), leaf(3)), [1, 2, 3, 1]),
    ],
)
def test_a_small_tree_beside_a_large_one(tree: dict[str, Any], wanted: list[float]) -> None:
    """The large one is all zeros: what it adds is the room that the small one does not fill."""
    large = split(0, split(-1, leaf(0), leaf(0)), split(1, leaf(0), split(2, leaf(0), leaf(0))))
    forest = Forest.of_trees([tree, large])
    tf = load_tensorflow()
    rows = np.array([[-0.5], [0.5], [1.5], [np.nan]], dtype=np.float32)
    assert TreeTensors(tf, forest).predict(tf.constant(rows)).numpy().tolist() == wanted
    assert branch_targets(forest)[1] == 3
