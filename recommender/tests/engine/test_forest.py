from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from recommender.engine import ArtifactError, FitError
from recommender.engine.forest import Forest

OPTIONS = {
    "objective": "binary",
    "verbose": -1,
    "deterministic": True,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "learning_rate": 0.1,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "num_threads": 1,
    "seed": 3,
}


def table(n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(n, 6)).astype(np.float32)
    rows[:, 4] = np.round(rows[:, 4])  # ties with thresholds, and zeros
    rows[:, 5] = generator.integers(0, 3, n)
    score = rows[:, 0] * rows[:, 1] + rows[:, 4] - rows[:, 5]
    return rows, generator.random(n) < 1 / (1 + np.exp(-score))


def boosted(
    rows: np.ndarray, target: np.ndarray, n_rounds: int, **options: object
) -> lightgbm.Booster:
    return lightgbm.train(
        OPTIONS | options, lightgbm.Dataset(rows, target.astype(np.float32)), n_rounds
    )


# Two trees a lookup, one a lookup, more than one group of trees, more than one block of rows.
@pytest.mark.parametrize(
    ("n_leaves", "n_rounds", "n_rows"),
    [(2, 9, 50), (4, 7, 3000), (15, 60, 3000), (16, 141, 5000), (17, 5, 800), (64, 6, 5000)],
)
def test_the_trees_predict_what_lightgbm_predicts(
    n_leaves: int, n_rounds: int, n_rows: int
) -> None:
    rows, labels = table(n_rows)
    options = {"num_leaves": n_leaves, "min_data_in_leaf": 5, "use_missing": False}
    booster = boosted(rows, labels, n_rounds, **options)
    forest = Forest.of_lightgbm(booster)
    wanted = booster.predict(rows, raw_score=True)
    got = forest.predict(rows)
    assert forest.n_trees == n_rounds
    assert forest.values.shape[1] == n_leaves
    assert np.abs(got - wanted).max() <= 1e-12
    assert np.std(got) > 0.05


def test_what_is_not_known_goes_where_lightgbm_sends_it() -> None:
    rows, labels = table()
    whole = rows.copy()
    generator = np.random.default_rng(1)
    rows[:, 0][generator.random(len(rows)) < 0.2] = np.nan
    rows[:, 1][labels & (generator.random(len(rows)) < 0.5)] = np.nan
    target = np.where(np.isnan(rows[:, 0]), 2.0, rows[:, 4]) + labels
    booster = boosted(rows, target, 40, objective="regression", num_leaves=31)
    forest = Forest.of_lightgbm(booster)
    assert set(np.unique(forest.missing_fails)) == {False, True}
    assert np.abs(forest.predict(rows) - booster.predict(rows)).max() <= 1e-12
    # Trees that met no NaN take it as 0.
    booster = boosted(whole, target, 40, objective="regression")
    assert np.abs(Forest.of_lightgbm(booster).predict(rows) - booster.predict(rows)).max() <= 1e-12


def test_a_rows_sum_does_not_depend_on_the_rows_beside_it() -> None:
    rows, labels = table(9000)
    forest = Forest.of_lightgbm(boosted(rows[:3000], labels[:3000], 200))
    together = forest.predict(rows)
    for first, end in ((0, 1), (0, 100), (4090, 4100), (3, 8999)):
        assert np.array_equal(forest.predict(rows[first:end]), together[first:end])


@pytest.mark.parametrize(("n_leaves", "n_rounds"), [(2, 9), (4, 30), (15, 141), (31, 120), (64, 7)])
def test_a_few_rows_are_summed_to_the_bit_as_thousands_are(n_leaves: int, n_rounds: int) -> None:
    """By other means: a mask of leaves for each test, in place of bits for rows."""
    rows, labels = table(4000)
    rows[::7, 0] = rows[::5, 4] = np.nan
    options = {"num_leaves": n_leaves, "min_data_in_leaf": 5, "objective": "regression"}
    forest = Forest.of_lightgbm(boosted(rows, rows[:, 1] + labels, n_rounds, **options))
    assert forest._few is not None
    together = forest.predict(rows)
    apart = [forest.predict(rows[first : first + 20]) for first in range(0, 4000, 20)]
    assert np.array_equal(np.concatenate(apart), together)
    assert np.array_equal(forest.predict(rows[8:9]), together[8:9])


def test_boosters_that_are_no_plain_sum_are_refused() -> None:
    rows, labels = table(500)
    classes = np.arange(500) % 3
    refused = {
        "several outputs": boosted(rows, classes, 2, objective="multiclass", num_class=3),
        "averages": boosted(rows, labels, 2, boosting="rf", objective="regression"),
        "linear": boosted(rows, labels, 2, objective="regression", linear_tree=True),
        "zeros as missing": boosted(rows, labels, 2, objective="regression", zero_as_missing=True),
        "at most 64": boosted(
            rows, rows[:, 0], 1, objective="regression", num_leaves=80, min_data_in_leaf=1
        ),
    }
    for reason, booster in refused.items():
        with pytest.raises(FitError, match=reason):
            Forest.of_lightgbm(booster)
    with pytest.raises(FitError, match="at least one tree"):
        Forest.of_trees([])


def test_a_tree_worked_by_hand() -> None:
    tree = {
        "split_feature": 1,
        "threshold": 0.5,
        "decision_type": "<=",
        "left_child": {"leaf_value": 1.0},
        "right_child": {
            "split_feature": 0,
            "threshold": -2.0,
            "decision_type": "<=",
            "left_child": {"leaf_value": 10.0},
            "right_child": {"leaf_value": 100.0},
        },
    }
    forest = Forest.of_trees([tree, {"leaf_value": 0.25}])
    rows = np.array([[0, 0.5], [9, -1], [-2, 0.6], [-1.9, 0.6]], dtype=np.float32)
    assert forest.predict(rows).tolist() == [1.25, 1.25, 10.25, 100.25]
    assert forest.predict(rows[:0]).tolist() == []
    with pytest.raises(FitError, match="tests by =="):
        Forest.of_trees([tree | {"decision_type": "=="}])


def test_thresholds_between_two_float32_numbers_keep_their_side() -> None:
    one = np.float32(1.0)
    above = np.nextafter(one, np.float32(2.0))
    for threshold, passes in ((1.0, [True, False]), ((1.0 + float(above)) / 2, [True, False])):
        tree = {
            "split_feature": 0,
            "threshold": threshold,
            "decision_type": "<=",
            "left_child": {"leaf_value": 1.0},
            "right_child": {"leaf_value": 0.0},
        }
        rows = np.array([[one], [above]], dtype=np.float32)
        assert Forest.of_trees([tree]).predict(rows).astype(bool).tolist() == passes


def test_a_saved_forest_predicts_the_same_and_a_spoiled_one_is_refused() -> None:
    rows, labels = table()
    forest = Forest.of_lightgbm(boosted(rows, labels, 10))
    arrays = forest.arrays()
    again = Forest.of_arrays(arrays, n_features=6)
    assert np.array_equal(again.predict(rows), forest.predict(rows))
    with pytest.raises(ArtifactError, match="do not fit together"):
        Forest.of_arrays(arrays, n_features=4)
    for name, spoil in (
        ("forest_values", lambda a: a[:-1]),
        ("forest_values", lambda a: a * np.nan),
        ("forest_node_branches", lambda a: a.astype(np.int32)),
        ("forest_node_branches", lambda a: a + np.int16(2)),
        ("forest_leaf_branches", lambda a: a - np.int16(99)),
        ("forest_leaf_branches", lambda a: a * np.int16(2)),
        ("forest_missing_fails", lambda a: a[:, 1:]),
        ("forest_thresholds", lambda a: a * np.float32(np.nan)),
    ):
        with pytest.raises(ArtifactError), np.errstate(invalid="ignore"):
            Forest.of_arrays(arrays | {name: spoil(arrays[name])}, n_features=6)
