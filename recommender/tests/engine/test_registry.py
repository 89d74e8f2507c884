from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from recommender.engine import InputError, Ranker
from recommender.engine.predictor import RatingPredictor
from recommender.engine.registry import ALGORITHMS, predictors, rankers


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_can_be_made_with_its_defaults(name: str) -> None:
    algorithm = ALGORITHMS[name]
    assert algorithm.ranks or algorithm.predicts
    config = algorithm.config_type()()
    assert dataclasses.is_dataclass(config)
    if algorithm.ranks:
        ranker = algorithm.ranker(config)
        assert isinstance(ranker, Ranker)
        assert ranker.name == name
    if algorithm.predicts:
        # Not isinstance: that would ask an unfitted predictor for its number of items.
        predictor = algorithm.predictor(config)
        assert predictor.name == name
        assert all(hasattr(type(predictor), member) for member in _members(RatingPredictor))


def _members(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")} | {"n_items"}


def test_the_kinds_are_kept_apart() -> None:
    assert "linear" in [algorithm.name for algorithm in rankers()]
    assert "linear" not in [algorithm.name for algorithm in predictors()]
    with pytest.raises(InputError, match="biases predicts stars"):
        ALGORITHMS["biases"].ranker()
    with pytest.raises(InputError, match="linear ranks"):
        ALGORITHMS["linear"].predictor()


def test_the_names_are_known_without_loading_an_algorithm() -> None:
    code = (
        "import sys; from recommender.engine.registry import ALGORITHMS; "
        "print([m for m in ('implicit', 'tensorflow', 'lightgbm', 'pandas') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
