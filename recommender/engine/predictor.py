"""The contract of what predicts stars, and the checks that every predictor shares."""

from __future__ import annotations

from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.artifact import Part
from recommender.engine.catalog import Catalog
from recommender.engine.errors import FitError, InputError
from recommender.engine.interactions import MAX_STARS, MIN_STARS, Interactions, Profile
from recommender.engine.progress import OnProgress
from recommender.engine.vocabulary import as_ids


@runtime_checkable
class RatingPredictor(Protocol):
    """Predicts how many stars a reader would give a book, 1..5.

    A ranker may be a predictor too (``user_knn``): the protocol asks for methods, not for a
    base class. The same input and config give bit-equal predictions on one machine. A fit and
    a prediction leave their input alone.
    """

    name: ClassVar[str]

    @property
    def n_items(self) -> int:
        """Number of items. Raises NotFittedError before fit."""

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Learn from all interactions; as ``Ranker.fit``.

        Raises
        ------
        FitError
            When there is no rating, or the fit gives a value that is not finite.
        InputError
            When ``catalog`` is of other items.
        """

    def predict(self, user_indices: ArrayLike, item_indices: ArrayLike) -> NDArray[np.float32]:
        """Return the predicted stars of pairs of training users and items.

        Parameters
        ----------
        user_indices : array_like of int, shape (n,). Rows of the interactions that were fitted;
            a row without ratings (a reader with a shelf alone) is allowed.
        item_indices : array_like of int, shape (n,). An item without ratings is allowed.

        Returns
        -------
        float32 array, shape (n,). Finite, in 1..5, the caller's own.

        Raises
        ------
        InputError
            On unequal lengths or an index out of range.
        NotFittedError
            Before fit, and after ``from_part`` when the artifact keeps nothing of the training
            users: fold them in with ``predict_profile``.
        """

    def predict_profile(self, profile: Profile) -> NDArray[np.float32]:
        """Return the predicted stars of every item for one reader it has never seen (fold-in).

        Parameters
        ----------
        profile : Profile. May be empty: then the prediction is of nobody in particular.

        Returns
        -------
        float32 array, shape (n_items,). Finite, in 1..5, the caller's own. Rated items are
        predicted too.

        Raises
        ------
        InputError
            When the profile has an index that is not below ``n_items``.
        NotFittedError
            Before fit.
        """

    def to_part(self) -> Part:
        """Return what an artifact keeps of this predictor. Raises NotFittedError before fit."""

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the predictor from its part; as ``Ranker.from_part``."""


def as_pairs(
    user_indices: ArrayLike, item_indices: ArrayLike, n_users: int, n_items: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs to be predicted as int64 after checking lengths and ranges.

    Raises
    ------
    InputError
        On unequal lengths, or an index that is no row or column.
    """
    users, items = as_ids(user_indices, "user_indices"), as_ids(item_indices, "item_indices")
    if len(users) != len(items):
        raise InputError(f"got {len(users)} user_indices and {len(items)} item_indices.")
    for name, indices, size in (("user", users, n_users), ("item", items, n_items)):
        if len(indices) and not (indices.min() >= 0 and indices.max() < size):
            raise InputError(
                f"{name}_indices span {indices.min()}..{indices.max()}; wanted 0..{size - 1}."
            )
    return users, items


def as_predicted_stars(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return predictions as float32, those outside 1..5 moved to the nearer end.

    Raises
    ------
    FitError
        When a value is not finite.
    """
    if not np.isfinite(values).all():
        raise FitError("a predicted star is not finite; check the ratings and the config.")
    stars: NDArray[np.float32] = np.clip(values, MIN_STARS, MAX_STARS).astype(np.float32)
    return stars
