"""Boosted trees as plain arrays: learned by LightGBM, evaluated by numpy.

A web process that ranks a hundred books needs neither LightGBM nor the packages it imports.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from recommender.engine.errors import ArtifactError, FitError
from recommender.engine.progress import OnProgress

MAX_LEAVES: Final = 16  # one bit each
_ALL: Final = np.uint16(0xFFFF)
_ARRAYS: Final = ("forest_features", "forest_thresholds", "forest_masks", "forest_values")


def _lowest_bits() -> NDArray[np.uint8]:
    """Return the place of the lowest bit that is set, for every uint16 (0 for 0)."""
    numbers = np.arange(1 << 16)
    lowest = numbers & -numbers
    places: NDArray[np.uint8] = np.log2(np.maximum(lowest, 1)).astype(np.uint8)
    return places


class Forest:
    """The sum of many small trees, evaluated all nodes at once.

    Leaves are numbered from the left. Every inner node has a mask without the leaves on its
    left: all of them are out of reach when its test (feature <= threshold) fails. What is left
    of all masks of failed tests has as its lowest bit the leaf that is reached.

    Parameters
    ----------
    features : int32 array, shape (n_nodes, n_trees). The feature that each inner node looks at.
    thresholds : float32 array, same shape. +inf for a node that a small tree does not have.
    masks : uint16 array, same shape.
    values : float64 array, shape (n_trees, n_leaves).

    References
    ----------
    Lucchese et al., QuickScorer: a Fast Algorithm to Rank Documents with Additive Ensembles of
    Regression Trees (SIGIR 2015).
    """

    def __init__(
        self,
        features: NDArray[np.int32],
        thresholds: NDArray[np.float32],
        masks: NDArray[np.uint16],
        values: NDArray[np.float64],
    ) -> None:
        self.features, self.thresholds, self.masks, self.values = (
            features,
            thresholds,
            masks,
            values,
        )
        self._columns = features.ravel().astype(np.intp)
        self._column_thresholds = thresholds.ravel()[:, np.newaxis]
        self._column_masks = masks.ravel()[:, np.newaxis]
        self._first_leaf = (np.arange(len(values)) * values.shape[1])[:, np.newaxis]
        self._lowest = _lowest_bits()

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.values)

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the sum of the trees' values.

        Parameters
        ----------
        rows : float32 array, shape (n, n_features). Finite.

        Returns
        -------
        float64 array, shape (n,).
        """
        n_nodes, n_trees = self.features.shape
        by_feature = np.ascontiguousarray(rows.T)
        failed = by_feature[self._columns] > self._column_thresholds
        # Of a failed test the mask remains, of a passed one every leaf.
        reachable = np.where(failed, self._column_masks, _ALL)
        reachable = reachable.reshape(n_nodes, n_trees, len(rows))
        leaves = self._lowest[np.bitwise_and.reduce(reachable, axis=0)]
        reached = self.values.ravel()[leaves + self._first_leaf]
        total: NDArray[np.float64] = reached.sum(axis=0)
        return total

    @classmethod
    def fit(
        cls,
        rows: NDArray[np.float32],
        labels: NDArray[np.bool_],
        *,
        options: Mapping[str, Any],
        n_rounds: int,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Learn by LightGBM's logistic loss: the values add up to log-odds of the label.

        Parameters
        ----------
        rows : float32 array, shape (n, n_features). Finite.
        labels : bool array, shape (n,).
        options : mapping. LightGBM's parameters; at most 16 leaves.
        n_rounds : int > 0. Trees.
        on_progress : callable or None. Told ("second stage", 0..1).

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
                on_progress("second stage", (environment.iteration + 1) / n_rounds)

        booster = lightgbm.train(
            {
                "objective": "binary",
                "verbose": -1,
                "deterministic": True,
                "use_missing": False,
                **options,
            },
            lightgbm.Dataset(rows, labels.astype(np.float32), free_raw_data=True),
            n_rounds,
            callbacks=[report],
        )
        return cls.of_trees([tree["tree_structure"] for tree in booster.dump_model()["tree_info"]])

    @classmethod
    def of_trees(cls, trees: list[dict[str, Any]]) -> Self:
        """Build from the nested nodes that LightGBM's ``dump_model`` gives."""
        n_nodes = max(1, *(_count_leaves(tree) - 1 for tree in trees))
        shape = (n_nodes, len(trees))
        features = np.zeros(shape, dtype=np.int32)
        thresholds = np.full(shape, np.inf, dtype=np.float32)
        masks = np.full(shape, _ALL, dtype=np.uint16)
        values = np.zeros((len(trees), n_nodes + 1))

        for number, tree in enumerate(trees):
            n_placed = 0

            def place(node: dict[str, Any], first_leaf: int, number: int = number) -> int:
                """Write a node and those below it; return the leaf after its last."""
                nonlocal n_placed
                if "split_feature" not in node:
                    values[number, first_leaf] = node["leaf_value"]
                    return first_leaf + 1
                if node["decision_type"] != "<=":
                    raise FitError(f"a tree tests by {node['decision_type']}; wanted <=.")
                here = n_placed
                n_placed += 1
                after_left = place(node["left_child"], first_leaf)
                features[here, number] = node["split_feature"]
                thresholds[here, number] = _float32_below(node["threshold"])
                on_left = (1 << after_left) - (1 << first_leaf)
                masks[here, number] = int(_ALL) & ~on_left
                return place(node["right_child"], after_left)

            place(tree, 0)
        return cls(features, thresholds, masks, values)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what an artifact keeps."""
        kept = (self.features, self.thresholds, self.masks, self.values)
        return dict(zip(_ARRAYS, kept, strict=True))

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_features: int) -> Self:
        """Rebuild from ``arrays``.

        Raises
        ------
        ArtifactError
            When they do not fit together, or look at a feature that does not exist.
        """
        features, thresholds, masks, values = (np.asarray(arrays[name]) for name in _ARRAYS)
        whole = (
            features.ndim == values.ndim == 2
            and features.shape == thresholds.shape == masks.shape
            and values.shape == (features.shape[1], features.shape[0] + 1)
            and 2 <= values.shape[1] <= MAX_LEAVES
            and features.dtype == np.int32
            and thresholds.dtype == np.float32
            and masks.dtype == np.uint16
            and values.dtype == np.float64
            and features.size > 0
            and int(features.min()) >= 0
            and int(features.max()) < n_features
            and not np.isnan(thresholds).any()
            and bool(np.isfinite(values).all())
        )
        if not whole:
            raise ArtifactError("the arrays of the trees do not fit together; train again.")
        return cls(features, thresholds, masks, values)


def _count_leaves(node: dict[str, Any]) -> int:
    """Return the number of leaves below a node of ``dump_model``."""
    if "split_feature" not in node:
        return 1
    return _count_leaves(node["left_child"]) + _count_leaves(node["right_child"])


def _float32_below(threshold: float) -> np.float32:
    """Return the largest float32 that is not above: for float32 x, x <= it iff x <= threshold."""
    near = np.float32(threshold)
    return np.nextafter(near, np.float32(-np.inf)) if float(near) > threshold else near
