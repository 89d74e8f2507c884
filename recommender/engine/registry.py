"""Every algorithm by name, with its options; its module is loaded when it is asked for.

A new algorithm needs one line in ``ALGORITHMS``: the evaluation commands, the comparison and
the contract tests take it from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from recommender.engine.errors import InputError
from recommender.engine.predictor import RatingPredictor
from recommender.engine.ranker import Ranker


@dataclass(frozen=True)
class Algorithm:
    """What is known of an algorithm before anything of it is loaded.

    Parameters
    ----------
    name : str. As in ``Ranker.name``.
    module : str. Below ``recommender.engine``.
    class_name, config_name : str. The ranker or predictor, made from one argument, its config;
        and the frozen dataclass of its hyperparameters, which all have a default.
    ranks, predicts : bool. Whether it is a Ranker, and whether a RatingPredictor.
    """

    name: str
    module: str
    class_name: str
    config_name: str
    ranks: bool = True
    predicts: bool = False

    def _load(self, attribute: str) -> Any:
        """Return something of the algorithm's module."""
        return getattr(import_module(f"recommender.engine.{self.module}"), attribute)

    def config_type(self) -> type[Any]:
        """Return the dataclass of the hyperparameters."""
        config: type[Any] = self._load(self.config_name)
        return config

    def ranker(self, config: Any = None) -> Ranker:
        """Return an unfitted ranker; a config of None stands for the defaults."""
        if not self.ranks:
            raise InputError(f"{self.name} predicts stars and does not rank.")
        made: Ranker = self._load(self.class_name)(config)
        return made

    def predictor(self, config: Any = None) -> RatingPredictor:
        """Return an unfitted predictor of stars; a config of None stands for the defaults."""
        if not self.predicts:
            raise InputError(f"{self.name} ranks and does not predict stars.")
        made: RatingPredictor = self._load(self.class_name)(config)
        return made


_ALL: Final = (
    Algorithm("popularity", "popularity", "PopularityRanker", "PopularityConfig"),
    Algorithm("linear", "linear", "LinearRanker", "LinearConfig"),
    Algorithm("item_knn", "item_knn", "ItemKnnRanker", "ItemKnnConfig"),
    Algorithm("user_knn", "user_knn", "UserKnnRanker", "UserKnnConfig", predicts=True),
    Algorithm("als", "als", "AlsRanker", "AlsConfig"),
    Algorithm("two_stage", "two_stage", "TwoStageRanker", "TwoStageConfig"),
    Algorithm("biases", "biases", "BiasesPredictor", "BiasesConfig", ranks=False, predicts=True),
    Algorithm(
        "als_residuals",
        "als_residuals",
        "AlsResidualsPredictor",
        "AlsResidualsConfig",
        ranks=False,
        predicts=True,
    ),
    Algorithm(
        "dot_product",
        "embeddings.dot_product",
        "DotProductPredictor",
        "DotProductConfig",
        ranks=False,
        predicts=True,
    ),
    Algorithm(
        "neural",
        "embeddings.neural",
        "NeuralPredictor",
        "NeuralConfig",
        ranks=False,
        predicts=True,
    ),
    Algorithm("stars", "stars", "StarsPredictor", "StarsConfig", ranks=False, predicts=True),
)

ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {algorithm.name: algorithm for algorithm in _ALL}
)


def rankers() -> list[Algorithm]:
    """Return the algorithms that rank, the simplest first."""
    return [algorithm for algorithm in _ALL if algorithm.ranks]


def predictors() -> list[Algorithm]:
    """Return the algorithms that predict stars, the simplest first."""
    return [algorithm for algorithm in _ALL if algorithm.predicts]
