"""Hyperparameters of the two-stage ranker."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from recommender.engine.errors import InputError
from recommender.engine.forest import MAX_LEAVES
from recommender.engine.linear_config import LinearConfig

# The second source of features: readers with long histories count more, lists are not scaled.
SECOND_SOURCE: Final = LinearConfig(
    reader_weights=(0.2, 0.4, 0.8, 1.5, 2.0),
    shelf_weight=0.3,
    diagonal_scale=1.5,
    regularization=100.0,
    share_exponent=0.0,
    diagonal_exponent=0.0,
    prior_weight=0.0,
)


@dataclass(frozen=True)
class TwoStageConfig:
    """Hyperparameters of ``TwoStageRanker``; see docs/algorithms/two_stage.md.

    Parameters
    ----------
    n_candidates : int > 0. Books that the first stage hands over.
    n_readers : int > 0. The most complete readers, from whom the second stage learns.
    n_splits, n_cold_splits : int >= 0, not both 0. Times that each one's ratings are split at
        random into 80 % shown and 20 % to be found; and times that of the 80 % only 1 to 30
        ratings are shown.
    least_examples : int > 0. With fewer examples that have a book to be found among the
        candidates there is no second stage.
    n_rounds : int > 0. Trees.
    learning_rate : float in 0..1.
    n_leaves : int, 2 to 16. Of each tree.
    least_rows : int > 0. In each leaf.
    feature_share, row_share : float in 0..1. Drawn for each tree.
    seed : int >= 0. Of splits and trees.
    """

    n_candidates: int = 100
    n_readers: int = 2500
    n_splits: int = 3
    n_cold_splits: int = 2
    least_examples: int = 1000
    n_rounds: int = 400
    learning_rate: float = 0.03
    n_leaves: int = 15
    least_rows: int = 200
    feature_share: float = 0.3
    row_share: float = 0.6
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        for name in ("n_candidates", "n_readers", "least_examples", "n_rounds", "least_rows"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; wanted 1 or more.")
        for name in ("n_splits", "n_cold_splits", "seed"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}; wanted 0 or more.")
        if not self.n_splits + self.n_cold_splits:
            raise InputError("n_splits and n_cold_splits are both 0; wanted at least one split.")
        if not 2 <= self.n_leaves <= MAX_LEAVES:
            raise InputError(f"n_leaves is {self.n_leaves}; wanted 2 to {MAX_LEAVES}.")
        for name in ("learning_rate", "feature_share", "row_share"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 < value <= 1):
                raise InputError(f"{name} is {value}; wanted a number above 0, at most 1.")
