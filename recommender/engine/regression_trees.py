"""Boosted regression trees: learned by LightGBM, evaluated by ``Forest``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recommender.engine.errors import FitError
from recommender.engine.forest import Forest
from recommender.engine.progress import OnProgress


@dataclass(frozen=True, eq=False)
class RegressionTrees:
    """A fitted ensemble, and what its columns are.

    Parameters
    ----------
    forest : Forest.
    names : tuple of str. Names of the features, in the order of the columns.
    """

    forest: Forest
    names: tuple[str, ...]

    @classmethod
    def fit(
        cls,
        features: NDArray[np.float32],
        target: NDArray[np.floating],
        names: Sequence[str],
        *,
        options: Mapping[str, Any],
        n_rounds: int,
        on_progress: OnProgress | None = None,
        stage: str = "trees",
    ) -> Self:
        """Fit by squared error.

        Parameters
        ----------
        features : float32 array, shape (n, n_features). NaN for unknown.
        target : float array, shape (n,).
        names : sequence of str. A column's name, of letters, digits and underscores.
        options : mapping. LightGBM's parameters; at most 64 leaves.
        n_rounds : int > 0. Trees.
        on_progress : callable or None. Told after every round.
        stage : str. What it is told.

        Returns
        -------
        RegressionTrees.

        Raises
        ------
        FitError
            When LightGBM is not installed.
        """
        try:
            import lightgbm
        except (ImportError, OSError) as error:
            raise FitError(
                f"LightGBM cannot be imported: {error}; install requirements.txt (and libgomp)."
            ) from error

        def report(environment: Any) -> None:
            if on_progress:
                on_progress(stage, (environment.iteration + 1) / n_rounds)

        booster = lightgbm.train(
            {"objective": "regression", "verbose": -1, "deterministic": True, **options},
            lightgbm.Dataset(features, target, feature_name=list(names)),
            n_rounds,
            callbacks=[report],
        )
        return cls(Forest.of_lightgbm(booster), tuple(names))

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the predicted targets, float64 (n,), equal to LightGBM's own up to rounding."""
        return self.forest.predict(features)
