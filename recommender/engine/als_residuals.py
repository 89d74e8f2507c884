"""Stars from biases and from factors of what the biases leave over."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from recommender.engine.artifact import Part
from recommender.engine.biases import BiasesConfig, BiasesPredictor
from recommender.engine.catalog import Catalog
from recommender.engine.errors import ArtifactError, FitError, InputError, NotFittedError
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.predictor import as_pairs, as_predicted_stars
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import check_catalog

_SYSTEMS_AT_ONCE = 1024  # 8 MB of normal equations for 32 factors
_START_SCALE = 0.1  # standard deviation of the factors that the fit starts from


@dataclass(frozen=True)
class AlsResidualsConfig:
    """Hyperparameters of ``AlsResidualsPredictor``.

    Parameters
    ----------
    n_factors : int > 0.
    regularization : float > 0, added once to the diagonal of the normal equations.
    n_iterations : int > 0. An iteration solves all items and then all users.
    user_damping, item_damping : as ``BiasesConfig``.
    seed : int >= 0. Of the factors that the fit starts from.
    """

    n_factors: int = 32
    regularization: float = 9.0
    n_iterations: int = 10
    user_damping: float = 3.0
    item_damping: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        if not (math.isfinite(self.regularization) and self.regularization > 0):
            raise InputError(f"regularization is {self.regularization}; wanted above 0.")
        for name, least in (("n_factors", 1), ("n_iterations", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; wanted {least} or more.")
        self.biases()

    def biases(self) -> BiasesConfig:
        """Return the hyperparameters of the biases."""
        return BiasesConfig(self.user_damping, self.item_damping)


def solve_rows(
    matrix: csr_array, factors: NDArray[np.float64], regularization: float
) -> NDArray[np.float64]:
    """Return the ridge regression of every row's entries on the factors of their columns.

    x_u = (Y_u^T Y_u + regularization * I)^-1 Y_u^T e_u, with Y_u the factors of the columns
    that row u has: one half-step of alternating least squares, and fold-in.

    Parameters
    ----------
    matrix : CSR float64, shape (n_rows, n_columns). The entries e; those not stored are unknown.
    factors : float64 array, shape (n_columns, n_factors). Not modified.
    regularization : float > 0.

    Returns
    -------
    float64 array, shape (n_rows, n_factors). Zeros for a row without entries.
    """
    n_rows, n_factors = matrix.shape[0], factors.shape[1]
    solved = np.zeros((n_rows, n_factors))
    indptr = matrix.indptr.tolist()
    for first in range(0, n_rows, _SYSTEMS_AT_ONCE):
        last = min(first + _SYSTEMS_AT_ONCE, n_rows)
        left = np.zeros((last - first, n_factors, n_factors))
        right = np.zeros((last - first, n_factors, 1))
        for row in range(first, last):
            entries = slice(indptr[row], indptr[row + 1])
            known = factors[matrix.indices[entries]]
            left[row - first] = known.T @ known
            right[row - first, :, 0] = known.T @ matrix.data[entries]
        np.einsum("nii->ni", left)[...] += regularization
        solved[first:last] = np.linalg.solve(left, right)[..., 0]
    return solved


class AlsResidualsPredictor:
    """Predicted stars: the biases, plus the inner product of two vectors of factors.

    The factors x_u, y_i minimize, over the residuals e_ui = r_ui - mu - b_u - b_i of the known
    ratings,

        sum (e_ui - x_u . y_i)^2 + regularization * (sum |x_u|^2 + sum |y_i|^2)

    by alternating least squares, the users last, so that the fold-in of a reader is that last
    step for him alone. Uses nothing of the catalog and no shelf.

    Parameters
    ----------
    config : AlsResidualsConfig or None for the defaults.

    References
    ----------
    Zhou, Wilkinson, Schreiber and Pan, Large-Scale Parallel Collaborative Filtering for the
    Netflix Prize (AAIM 2008), with a constant penalty.
    """

    name: ClassVar[str] = "als_residuals"

    def __init__(self, config: AlsResidualsConfig | None = None) -> None:
        self.config = config or AlsResidualsConfig()
        self._biases = BiasesPredictor(self.config.biases())
        self._item_factors: NDArray[np.float64] | None = None
        self._user_factors: NDArray[np.float64] | None = None

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.item_factors)

    @property
    def item_factors(self) -> NDArray[np.float64]:
        """Factors of each item, float64 (n_items, n_factors), read-only."""
        if self._item_factors is None:
            raise NotFittedError("als_residuals is not fitted; call fit or from_part first.")
        return self._item_factors

    @property
    def user_factors(self) -> NDArray[np.float64]:
        """Factors of each training user, float64 (n_users, n_factors); not in an artifact."""
        if self._user_factors is None:
            raise NotFittedError(
                "als_residuals is not fitted, or comes from an artifact, which keeps no training "
                "user; call fit, or predict_profile."
            )
        return self._user_factors

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Learn biases and factors; see ``RatingPredictor.fit``."""
        check_catalog(interactions, catalog)
        config = self.config
        biases = BiasesPredictor(config.biases()).fit(interactions)
        ratings = interactions.ratings
        users = np.repeat(np.arange(interactions.n_users), np.diff(ratings.indptr))
        expected = biases.raw_pairs(users, ratings.indices.astype(np.int64))
        by_user = csr_array(
            (ratings.data - expected, ratings.indices, ratings.indptr), shape=ratings.shape
        )
        by_item = csr_array(by_user.T)
        generator = np.random.default_rng(config.seed)
        shape = (interactions.n_users, config.n_factors)
        user_factors = generator.normal(0.0, _START_SCALE, shape)
        for iteration in range(config.n_iterations):
            item_factors = solve_rows(by_item, user_factors, config.regularization)
            user_factors = solve_rows(by_user, item_factors, config.regularization)
            if on_progress:
                on_progress("factors", (iteration + 1) / config.n_iterations)
        if not (np.isfinite(item_factors).all() and np.isfinite(user_factors).all()):
            raise FitError("a factor is not finite; raise regularization.")
        self._set(biases, item_factors)
        user_factors.flags.writeable = False
        self._user_factors = user_factors
        return self

    def _set(self, biases: BiasesPredictor, item_factors: NDArray[np.float64]) -> None:
        """Keep what an artifact keeps."""
        item_factors.flags.writeable = False
        self._biases, self._item_factors, self._user_factors = biases, item_factors, None

    def fold_in(self, profile: Profile) -> NDArray[np.float64]:
        """Return the factors of one reader, item factors held fixed; zeros without ratings.

        Returns
        -------
        float64 array, shape (n_factors,).
        """
        factors = self.item_factors
        items = profile.item_indices
        residuals = profile.stars - self._biases.raw_profile(profile)[items]
        row = csr_array((residuals, items, [0, len(items)]), shape=(1, len(factors)))
        folded: NDArray[np.float64] = solve_rows(row, factors, self.config.regularization)[0]
        return folded

    def predict(self, user_indices: ArrayLike, item_indices: ArrayLike) -> NDArray[np.float32]:
        """Return the stars of pairs; see ``RatingPredictor.predict``."""
        users, items = as_pairs(
            user_indices, item_indices, len(self.user_factors), len(self.item_factors)
        )
        products = np.einsum("nf,nf->n", self.user_factors[users], self.item_factors[items])
        return as_predicted_stars(self._biases.raw_pairs(users, items) + products)

    def predict_profile(self, profile: Profile) -> NDArray[np.float32]:
        """Return the stars of every item; see ``RatingPredictor.predict_profile``."""
        factors = self.item_factors
        expected = self._biases.raw_profile(profile)
        return as_predicted_stars(expected + factors @ self.fold_in(profile))

    def to_part(self) -> Part:
        """Return the item factors, the biases and the config."""
        arrays: dict[str, NDArray[Any]] = {"item_factors": self.item_factors}
        arrays |= self._biases.to_part().arrays
        return Part(algorithm=self.name, arrays=arrays, config=asdict(self.config))

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the predictor; see ``RatingPredictor.from_part``."""
        predictor = cls(part.config_as(AlsResidualsConfig, cls.name))
        config = predictor.config
        biases = BiasesPredictor.from_part(
            Part(BiasesPredictor.name, part.arrays, asdict(config.biases()))
        )
        factors = np.asarray(part.array("item_factors"))
        whole = (
            factors.shape == (biases.n_items, config.n_factors)
            and factors.dtype == np.float64
            and bool(np.isfinite(factors).all())
        )
        if not whole:
            raise ArtifactError("the arrays of als_residuals do not fit together; train again.")
        predictor._set(biases, factors)
        return predictor
