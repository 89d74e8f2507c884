from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from recommender.engine.regression_trees import RegressionTrees

OPTIONS = {"min_data_in_leaf": 20, "num_threads": 1, "seed": 0, "learning_rate": 0.3}


def step() -> tuple[np.ndarray, np.ndarray]:
    features = np.random.default_rng(0).normal(size=(800, 3)).astype(np.float32)
    return features, np.where(features[:, 1] > 0, 1.0, -1.0)


def test_it_learns_a_step() -> None:
    features, target = step()
    told: list[float] = []
    trees = RegressionTrees.fit(
        features,
        target,
        ["a", "b", "c"],
        options=OPTIONS,
        n_rounds=20,
        on_progress=lambda _, done: told.append(done),
    )
    predicted = trees.predict(features)
    assert np.mean((predicted - target) ** 2) < 0.01
    assert trees.names == ("a", "b", "c")
    assert trees.predict(features[:0]).shape == (0,)
    np.testing.assert_allclose(told, np.arange(1, 21) / 20)


@pytest.mark.parametrize("n_leaves", [2, 31, 64])
def test_it_predicts_what_lightgbm_predicts(n_leaves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On rows it has and has not seen, those that sit on a threshold and those with NaN."""
    boosters = []
    train = lightgbm.train

    def watched(*arguments: object, **options: object) -> lightgbm.Booster:
        boosters.append(train(*arguments, **options))
        return boosters[-1]

    monkeypatch.setattr(lightgbm, "train", watched)
    generator = np.random.default_rng(n_leaves)
    features = generator.normal(size=(3000, 5)).astype(np.float32)
    features[:, 3] = np.round(features[:, 3] * 4) / 4
    features[generator.random(features.shape) < 0.1] = np.nan
    target = 3 + np.nan_to_num(features) @ generator.normal(size=5) + generator.normal(size=3000)
    options = {**OPTIONS, "num_leaves": n_leaves, "feature_fraction": 0.6}
    trees = RegressionTrees.fit(
        features[:2000], target[:2000], list("abcde"), options=options, n_rounds=50
    )
    wanted = boosters[0].predict(features)
    np.testing.assert_allclose(trees.predict(features), wanted, rtol=0, atol=1e-9)
    assert np.ptp(wanted) > 1


def test_the_same_seed_gives_the_same_trees() -> None:
    features, target = step()
    one, other = (
        RegressionTrees.fit(features, target, ["a", "b", "c"], options=OPTIONS, n_rounds=20)
        for _ in range(2)
    )
    for name, array in one.forest.arrays().items():
        assert np.array_equal(array, other.forest.arrays()[name])
