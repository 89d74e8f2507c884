"""Stars from how generous a reader and how well liked a book is: the baseline of predictors."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.artifact import Part
from recommender.engine.catalog import Catalog
from recommender.engine.errors import ArtifactError, FitError, InputError, NotFittedError
from recommender.engine.interactions import MAX_STARS, MIN_STARS, Interactions, Profile
from recommender.engine.predictor import as_pairs, as_predicted_stars
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import check_catalog


@dataclass(frozen=True)
class BiasesConfig:
    """Hyperparameters of ``BiasesPredictor``.

    Parameters
    ----------
    user_damping : float >= 0. Ratings of bias 0 that every user is taken to have given besides.
    item_damping : float >= 0. The same of an item.
    n_iterations : int > 0. Sweeps over items and users.
    """

    user_damping: float = 3.0
    item_damping: float = 5.0
    n_iterations: int = 10

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        for name in ("user_damping", "item_damping"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; wanted a finite number from 0.")
        if self.n_iterations < 1:
            raise InputError(f"n_iterations is {self.n_iterations}; wanted 1 or more.")


_ARRAYS: Final = ("item_biases", "global_mean")


class BiasesPredictor:
    """Predicted stars: global mean, plus the user's bias, plus the item's.

    With the ratings r_ui, their mean mu and the dampings d:

        b_i = sum over its users (r_ui - mu - b_u) / (d_item + n_i)
        b_u = sum over his items (r_ui - mu - b_i) / (d_user + n_u)

    in turn, the users last: these are the sweeps of block coordinate descent on
    sum (r_ui - mu - b_u - b_i)^2 + d_user sum b_u^2 + d_item sum b_i^2. A new reader's bias is
    that last step for him alone (fold-in). Uses nothing of the catalog and no shelf.

    Parameters
    ----------
    config : BiasesConfig or None for the defaults.

    References
    ----------
    Koren, Bell and Volinsky, Matrix Factorization Techniques for Recommender Systems (IEEE
    Computer, 2009), "Adding biases".
    """

    name: ClassVar[str] = "biases"

    def __init__(self, config: BiasesConfig | None = None) -> None:
        self.config = config or BiasesConfig()
        self._item_biases: NDArray[np.float64] | None = None
        self._user_biases: NDArray[np.float64] | None = None
        self._mean = math.nan

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.item_biases)

    @property
    def global_mean(self) -> float:
        """Mean of all ratings, stars."""
        _ = self.item_biases
        return self._mean

    @property
    def item_biases(self) -> NDArray[np.float64]:
        """Bias of each item in stars, float64 (n_items,), read-only; 0 without ratings."""
        return self._fitted(self._item_biases)

    @property
    def user_biases(self) -> NDArray[np.float64]:
        """Bias of each training user in stars, float64 (n_users,); not kept in an artifact."""
        return self._fitted(self._user_biases)

    def _fitted(self, array: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Return a fitted array, or raise NotFittedError."""
        if array is None:
            raise NotFittedError(
                "biases is not fitted, or comes from an artifact, which keeps no training user; "
                "call fit, or predict_profile."
            )
        return array

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Learn the biases; see ``RatingPredictor.fit``."""
        check_catalog(interactions, catalog)
        ratings = interactions.ratings
        if not ratings.nnz:
            raise FitError("there is no rating; import ratings first.")
        stars = ratings.data.astype(np.float64)
        items = ratings.indices
        n_users, n_items = ratings.shape
        per_user = np.diff(ratings.indptr)
        users = np.repeat(np.arange(n_users), per_user)
        # With a damping of 0 a row without ratings would be 0 / 0: its bias is 0.
        user_weight = np.maximum(per_user + self.config.user_damping, 1e-12)
        item_weight = np.maximum(
            np.bincount(items, minlength=n_items) + self.config.item_damping, 1e-12
        )
        mean = float(stars.mean())
        centred = stars - mean
        user_biases = np.zeros(n_users)
        for iteration in range(self.config.n_iterations):
            rest = centred - user_biases[users]
            item_biases = np.bincount(items, rest, minlength=n_items) / item_weight
            rest = centred - item_biases[items]
            user_biases = np.bincount(users, rest, minlength=n_users) / user_weight
            if on_progress:
                on_progress("biases", (iteration + 1) / self.config.n_iterations)
        self._set(mean, item_biases)
        user_biases.flags.writeable = False
        self._user_biases = user_biases
        return self

    def _set(self, mean: float, item_biases: NDArray[np.float64]) -> None:
        """Keep what an artifact keeps."""
        item_biases.flags.writeable = False
        self._mean, self._item_biases, self._user_biases = mean, item_biases, None

    def user_bias(self, profile: Profile) -> float:
        """Return the bias of a reader it has never seen, in stars; 0 without ratings."""
        item_biases = self.item_biases
        check_profile(profile, len(item_biases))
        rest = profile.stars.astype(np.float64) - self._mean - item_biases[profile.item_indices]
        # By bincount, as in fit: it adds in the order of the items, so that the bits are equal.
        total = np.bincount(np.zeros(len(rest), dtype=np.int64), rest, minlength=1)[0]
        return float(total / max(len(rest) + self.config.user_damping, 1e-12))

    def raw_pairs(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return mu + b_u + b_i of checked pairs, not moved into 1..5."""
        return self._mean + self.user_biases[users] + self.item_biases[items]

    def raw_profile(self, profile: Profile) -> NDArray[np.float64]:
        """Return mu + b_u + b_i of every item for one reader, not moved into 1..5."""
        return self._mean + self.user_bias(profile) + self.item_biases

    def predict(self, user_indices: ArrayLike, item_indices: ArrayLike) -> NDArray[np.float32]:
        """Return the stars of pairs; see ``RatingPredictor.predict``."""
        users, items = as_pairs(
            user_indices, item_indices, len(self.user_biases), len(self.item_biases)
        )
        return as_predicted_stars(self.raw_pairs(users, items))

    def predict_profile(self, profile: Profile) -> NDArray[np.float32]:
        """Return the stars of every item; see ``RatingPredictor.predict_profile``."""
        return as_predicted_stars(self.raw_profile(profile))

    def to_part(self) -> Part:
        """Return the item biases, the mean and the config."""
        arrays: dict[str, NDArray[Any]] = {
            "item_biases": self.item_biases,
            "global_mean": np.array([self._mean]),
        }
        return Part(algorithm=self.name, arrays=arrays, config=asdict(self.config))

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the predictor; see ``RatingPredictor.from_part``."""
        predictor = cls(part.config_as(BiasesConfig, cls.name))
        item_biases, mean = (np.asarray(part.array(name)) for name in _ARRAYS)
        whole = (
            item_biases.ndim == 1
            and mean.shape == (1,)
            and item_biases.dtype == mean.dtype == np.float64
            and bool(np.isfinite(item_biases).all())
            and MIN_STARS <= mean[0] <= MAX_STARS
        )
        if not whole:
            raise ArtifactError("the arrays of biases do not fit together; train again.")
        predictor._set(float(mean[0]), item_biases)
        return predictor


def check_profile(profile: Profile, n_items: int) -> None:
    """Raise InputError when a profile is of a larger catalog (indices are sorted)."""
    for indices in (profile.item_indices, profile.shelf_indices):
        if len(indices) and indices[-1] >= n_items:
            raise InputError(
                f"the profile names item index {indices[-1]}, the predictor has {n_items} items; "
                "build the profile with the vocabulary of the artifact."
            )
