"""Hyperparameters of the two-stage ranker."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from recommender.engine.errors import InputError
from recommender.engine.linear_config import LinearConfig
from recommender.engine.list_network_fit import NetworkSettings

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
    least_examples : int > 0. With fewer lists that have a book to be found among the candidates
        there is no second stage.
    n_members, n_hidden, n_epochs, batch_size, learning_rate, dropout, weight_decay : of the
        network; see ``NetworkSettings``.
    seed : int >= 0. Of splits and networks.
    """

    n_candidates: int = 100
    n_readers: int = 2500
    n_splits: int = 8
    n_cold_splits: int = 4
    least_examples: int = 1000
    n_members: int = 3
    n_hidden: int = 96
    n_epochs: int = 8
    batch_size: int = 128
    learning_rate: float = 0.002
    dropout: float = 0.2
    weight_decay: float = 0.0001
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        for name in (
            *("n_candidates", "n_readers", "least_examples"),
            *("n_members", "n_epochs", "batch_size"),
        ):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; wanted 1 or more.")
        for name in ("n_splits", "n_cold_splits", "seed"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}; wanted 0 or more.")
        if not self.n_splits + self.n_cold_splits:
            raise InputError("n_splits and n_cold_splits are both 0; wanted at least one split.")
        if self.n_hidden < 2:
            raise InputError(f"n_hidden is {self.n_hidden}; wanted 2 or more.")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"learning_rate is {self.learning_rate}; wanted a number above 0.")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout is {self.dropout}; wanted a number from 0, below 1.")
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise InputError(f"weight_decay is {self.weight_decay}; wanted a number from 0.")

    @property
    def network(self) -> NetworkSettings:
        """How the network is fitted."""
        return NetworkSettings(
            n_members=self.n_members,
            n_hidden=self.n_hidden,
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            dropout=self.dropout,
            weight_decay=self.weight_decay,
            seed=self.seed,
        )
