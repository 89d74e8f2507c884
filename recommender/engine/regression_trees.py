"""Boosted regression trees by LightGBM, kept as text; LightGBM loads on first use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recommender.engine.errors import ArtifactError, FitError
from recommender.engine.progress import OnProgress


def _lightgbm() -> Any:
    """Import LightGBM, or say what is missing."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        raise FitError(
            f"LightGBM cannot be imported: {error}; install requirements.txt (and libgomp)."
        ) from error
    return lightgbm


class RegressionTrees:
    """A fitted ensemble. Its predictions do not depend on the number of threads."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster

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
        options : mapping. LightGBM's parameters.
        n_rounds : int > 0. Trees.
        on_progress : callable or None. Told after every round.
        stage : str. What it is told.

        Returns
        -------
        RegressionTrees.
        """
        lightgbm = _lightgbm()

        def report(environment: Any) -> None:
            if on_progress:
                on_progress(stage, (environment.iteration + 1) / n_rounds)

        booster = lightgbm.train(
            {"objective": "regression", "verbose": -1, "deterministic": True, **options},
            lightgbm.Dataset(features, target, feature_name=list(names)),
            n_rounds,
            callbacks=[report],
        )
        return cls(booster)

    @property
    def names(self) -> list[str]:
        """Names of the features, in the order of the columns."""
        names: list[str] = self._booster.feature_name()
        return names

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the predicted targets, float64 (n,). One thread: serving has many readers."""
        if not len(features):
            return np.zeros(0)
        predicted: NDArray[np.float64] = self._booster.predict(features, num_threads=1)
        return predicted

    def to_bytes(self) -> NDArray[np.uint8]:
        """Return LightGBM's text of the trees, ASCII, uint8 (n,)."""
        text: str = self._booster.model_to_string()
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)

    @classmethod
    def from_bytes(cls, content: NDArray[np.uint8]) -> Self:
        """Rebuild the trees.

        Raises
        ------
        ArtifactError
            When the bytes are no text of LightGBM.
        """
        if content.dtype != np.uint8 or content.ndim != 1:
            raise ArtifactError(f"the trees are {content.dtype}{content.shape}; wanted bytes.")
        lightgbm = _lightgbm()
        raw = content.tobytes()
        # LightGBM ends the process on some texts that are cut off: look before handing over.
        if not (raw.startswith(b"tree\n") and b"\nend of trees\n" in raw and raw.isascii()):
            raise ArtifactError("the trees are no whole text of LightGBM; train again.")
        try:
            return cls(lightgbm.Booster(model_str=raw.decode("ascii")))
        except lightgbm.basic.LightGBMError as error:
            raise ArtifactError(f"LightGBM refuses the trees: {error}; train again.") from error
