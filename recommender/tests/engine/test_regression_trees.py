from __future__ import annotations

import numpy as np
import pytest

from recommender.engine.errors import ArtifactError
from recommender.engine.regression_trees import RegressionTrees


def fitted(seed: int = 0) -> tuple[RegressionTrees, np.ndarray, np.ndarray]:
    features = np.random.default_rng(0).normal(size=(800, 3)).astype(np.float32)
    target = np.where(features[:, 1] > 0, 1.0, -1.0)
    options = {"min_data_in_leaf": 20, "num_threads": 1, "seed": seed, "learning_rate": 0.3}
    trees = RegressionTrees.fit(features, target, ["a", "b", "c"], options=options, n_rounds=20)
    return trees, features, target


def test_it_learns_a_step_and_survives_its_text_bit_by_bit() -> None:
    trees, features, target = fitted()
    predicted = trees.predict(features)
    assert np.mean((predicted - target) ** 2) < 0.01
    again = RegressionTrees.from_bytes(trees.to_bytes())
    assert np.array_equal(again.predict(features), predicted)
    assert again.names == ["a", "b", "c"]
    assert trees.predict(features[:0]).shape == (0,)


def test_the_same_seed_gives_the_same_text() -> None:
    assert np.array_equal(fitted()[0].to_bytes(), fitted()[0].to_bytes())


def test_a_text_that_is_not_whole_is_refused() -> None:
    content = fitted()[0].to_bytes()
    for broken in (content[: len(content) // 2], content[5:], content[:0]):
        with pytest.raises(ArtifactError, match="no whole text"):
            RegressionTrees.from_bytes(broken)
    with pytest.raises(ArtifactError, match="wanted bytes"):
        RegressionTrees.from_bytes(np.zeros(3))
