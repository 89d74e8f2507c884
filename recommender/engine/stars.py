"""The predicted stars of the site: a stack of everything that says how a reader will rate."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.artifact import Part
from recommender.engine.biases import check_profile
from recommender.engine.catalog import Catalog
from recommender.engine.embeddings.dot_product import DotProductPredictor
from recommender.engine.errors import ArtifactError, InputError, NotFittedError
from recommender.engine.forest import Forest
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.predictor import as_pairs, as_predicted_stars
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import check_catalog
from recommender.engine.regression_trees import RegressionTrees
from recommender.engine.stars_features import (
    ItemFigures,
    closeness,
    rated_figures,
    reading_total,
    user_figures,
)
from recommender.engine.stars_fit import FittedStars, StarsConfig, feature_names, fit_stars
from recommender.engine.taste import TasteKernel
from recommender.engine.vocabulary import as_ids

__all__ = ["StarsConfig", "StarsPredictor"]

_EMBEDDING: Final = "embedding_"
_USERS_AT_A_TIME: Final = 4096
_ARRAYS: Final = (
    "item_means",
    "global_mean",
    "vectors",
    "author_index",
    "series_index",
    "reading",
    "figures",
    "star_counts",
    "star_shares",
)


class StarsPredictor:
    """Predicted stars, stacked: biases, taste, embeddings, and figures of reader and book.

    Columns: the item's bias; the reader's taste, a Gaussian process over authors, series, tags
    and who reads what, with its parts and its variance (``TasteKernel``); the prediction of
    ``dot_product``; the reader's shares of 1 to 5 stars, number, mean and spread, and the
    book's, here and at large; how near the book is to what he reads; the book's figures. Stars
    are the global mean, plus bias, plus taste, plus what boosted trees add to them out of all
    columns. While those are fitted, every column of a rating is made without that rating.

    A reader without any rating gets the readers' mean of each book: nothing is known of him.

    Formulas, attempts and figures: docs/algorithms/stars.md. Uses all that the catalog knows and
    the shelf; does without either. A fit needs TensorFlow (unless ``embeddings`` is false) and
    LightGBM; a prediction needs neither.

    Parameters
    ----------
    config : StarsConfig or None for the defaults.
    """

    name: ClassVar[str] = "stars"

    def __init__(self, config: StarsConfig | None = None) -> None:
        self.config = config or StarsConfig()
        self._state: FittedStars | None = None
        self._global_mean = 0.0
        self._interactions: Interactions | None = None

    def fitted(self) -> FittedStars:
        """Return what was fitted, not to be changed, or raise NotFittedError."""
        if self._state is None:
            raise NotFittedError("stars is not fitted; call fit or from_part first.")
        return self._state

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.fitted().item_means)

    @property
    def global_mean(self) -> float:
        """The mean of all ratings, in stars."""
        self.fitted()
        return self._global_mean

    @property
    def item_means(self) -> NDArray[np.float32]:
        """The readers' mean of each item, damped, in 1..5: what a reader without ratings gets."""
        return as_predicted_stars(self.fitted().item_means)

    @property
    def reading(self) -> NDArray[np.float32]:
        """Who reads each item, ``item_features.reading_vectors``, float32 (n_items, n)."""
        return self.fitted().reading

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Fit the stack; see ``RatingPredictor.fit``. Keeps a reference to the interactions."""
        check_catalog(interactions, catalog)
        self._state = fit_stars(interactions, catalog, self.config, on_progress)
        self._global_mean = float(interactions.ratings.data.mean(dtype=np.float64))
        self._interactions = interactions
        return self

    def _features(self, profile: Profile, items: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the columns of some items for one reader."""
        state = self.fitted()
        rated = profile.item_indices
        posterior = state.kernel.posterior(rated, profile.stars - state.item_means[rated])
        taste = posterior.predict(items)
        embedded = (
            ()
            if state.embeddings is None
            else (state.embeddings.raw_profile(profile, items).astype(np.float32),)
        )
        reader = user_figures(profile.stars, len(profile.shelf_indices), state.figures.shares)
        total = reading_total(state.reading, rated, profile.shelf_indices)
        return np.column_stack(
            (
                (state.item_means[items] - self._global_mean).astype(np.float32),
                taste.parts.sum(axis=1),
                taste.variance,
                taste.parts,
                *embedded,
                np.broadcast_to(reader, (len(items), len(reader))),
                rated_figures(state.figures, items),
                closeness(state.reading, total, items),
                state.figures.fixed[items],
            )
        )

    def _stars(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what the columns say, before it is moved into 1..5."""
        bias_and_taste = features[:, 0].astype(np.float64) + features[:, 1]
        return self._global_mean + bias_and_taste + self.fitted().trees.predict(features)

    def predict_items(self, profile: Profile, item_indices: ArrayLike) -> NDArray[np.float32]:
        """Return the predicted stars of some items for one reader (fold-in).

        Parameters
        ----------
        profile : Profile. May be empty.
        item_indices : array_like of int, shape (n,).

        Returns
        -------
        float32 array, shape (n,), in 1..5. The readers' mean where the profile has no rating.

        Raises
        ------
        InputError
            On an index out of range, there or in the profile.
        NotFittedError
            Before fit.
        """
        items = as_ids(item_indices, "item_indices")
        check_profile(profile, self.n_items)
        if len(items) and not (items.min() >= 0 and items.max() < self.n_items):
            raise InputError(
                f"item_indices span {items.min()}..{items.max()}; wanted 0..{self.n_items - 1}."
            )
        if not len(profile.item_indices):
            return self.item_means[items]
        return as_predicted_stars(self._stars(self._features(profile, items)))

    def predict_profile(self, profile: Profile) -> NDArray[np.float32]:
        """Return the stars of every item; see ``RatingPredictor.predict_profile``."""
        return self.predict_items(profile, np.arange(self.n_items))

    def predict(self, user_indices: ArrayLike, item_indices: ArrayLike) -> NDArray[np.float32]:
        """Return the stars of pairs; see ``RatingPredictor.predict``.

        A training user is folded in from his own row, as any reader is.
        """
        interactions = self._interactions
        if interactions is None:
            raise NotFittedError(
                "stars is not fitted, or comes from an artifact, which keeps no training user; "
                "call fit, or predict_profile."
            )
        users, items = as_pairs(user_indices, item_indices, interactions.n_users, self.n_items)
        predicted = np.empty(len(users), dtype=np.float32)
        order = np.argsort(users, kind="stable")
        of_user = np.split(order, np.flatnonzero(np.diff(users[order])) + 1) if len(users) else []
        for start in range(0, len(of_user), _USERS_AT_A_TIME):
            places: list[NDArray[np.int64]] = []
            features: list[NDArray[np.float32]] = []
            for place in of_user[start : start + _USERS_AT_A_TIME]:
                profile = interactions.profile(int(users[place[0]]))
                if len(profile.item_indices):
                    places.append(place)
                    features.append(self._features(profile, items[place]))
                else:
                    predicted[place] = self.item_means[items[place]]
            if places:
                stars = self._stars(np.concatenate(features))
                predicted[np.concatenate(places)] = as_predicted_stars(stars)
        return predicted

    def to_part(self) -> Part:
        """Return everything that predicts: the arrays, the trees, the embeddings, the config."""
        state = self.fitted()
        arrays: dict[str, NDArray[Any]] = {
            "item_means": state.item_means,
            "global_mean": np.array([self._global_mean]),
            "vectors": state.kernel.vectors,
            "author_index": state.kernel.author_index,
            "series_index": state.kernel.series_index,
            "reading": state.reading,
            "figures": state.figures.fixed,
            "star_counts": state.figures.counts,
            "star_shares": state.figures.shares,
            **state.trees.forest.arrays(),
        }
        config = asdict(self.config)
        metrics: dict[str, Any] = {
            "figure_names": list(state.figures.fixed_names),
            "columns": list(state.trees.names),
        }
        if state.embeddings is not None:
            part = state.embeddings.to_part()
            arrays |= {f"{_EMBEDDING}{name}": array for name, array in part.arrays.items()}
            metrics["embedding"] = {"config": dict(part.config), **part.metrics}
        return Part(self.name, arrays, config, metrics)

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the predictor; see ``RatingPredictor.from_part``."""
        predictor = cls(part.config_as(StarsConfig, cls.name))
        predictor._state = _state_of(part, predictor.config)
        predictor._global_mean = float(part.array("global_mean")[0])
        return predictor


def _state_of(part: Part, config: StarsConfig) -> FittedStars:
    """Rebuild what predicts, or raise ArtifactError when the part is not whole."""
    a = {name: np.asarray(part.array(name)) for name in _ARRAYS}
    names = part.metrics.get("figure_names")
    n_items = len(a["item_means"])
    by_item = ("vectors", "author_index", "series_index", "reading", "figures", "star_counts")
    floats = ("vectors", "reading", "figures", "star_counts", "star_shares")
    whole = (
        isinstance(names, list)
        and n_items > 0
        and a["item_means"].shape == a["author_index"].shape == a["series_index"].shape
        and all(len(a[name]) == n_items for name in by_item)
        and all(a[name].ndim == 2 for name in ("vectors", "reading", "figures"))
        and a["figures"].shape[1] == len(names)
        and a["star_counts"].shape == (n_items, 5)
        and a["star_shares"].shape == (5,)
        and a["global_mean"].shape == (1,)
        and all(a[name].dtype == np.float32 for name in floats)
        and all(a[name].dtype == np.float64 for name in ("item_means", "global_mean"))
        and all(a[name].dtype.kind == "i" for name in ("author_index", "series_index"))
        and all(
            bool(np.isfinite(a[name]).all())
            # What is not known of a book is NaN among its figures.
            for name in _ARRAYS
            if name != "figures"
        )
        and not np.isinf(a["figures"]).any()
    )
    if not whole or names is None:
        raise ArtifactError("the arrays of stars do not fit together; train again.")
    kernel = TasteKernel(
        a["vectors"],
        a["author_index"],
        a["series_index"],
        constant=config.constant,
        author=config.author,
        series=config.series,
        noise=config.noise,
    )
    figures = ItemFigures(a["figures"], tuple(names), a["star_counts"], a["star_shares"])
    embeddings = _embeddings_of(part) if config.embeddings else None
    columns = feature_names(figures, has_embedding=config.embeddings)
    if part.metrics.get("columns") != list(columns) or (
        embeddings is not None and embeddings.n_items != n_items
    ):
        raise ArtifactError("the trees of stars are of other columns; train again.")
    try:
        trees = RegressionTrees(Forest.of_arrays(part.arrays, len(columns)), columns)
    except KeyError as error:
        raise ArtifactError(f"stars has no array {error}; train again.") from error
    return FittedStars(kernel, a["item_means"], a["reading"], figures, embeddings, trees)


def _embeddings_of(part: Part) -> DotProductPredictor:
    """Rebuild the embeddings out of the part of the stack."""
    kept = part.metrics.get("embedding")
    if not isinstance(kept, dict) or not isinstance(kept.get("config"), dict):
        raise ArtifactError("the part of stars has no config of its embeddings; train again.")
    arrays = {
        name.removeprefix(_EMBEDDING): array
        for name, array in part.arrays.items()
        if name.startswith(_EMBEDDING)
    }
    return DotProductPredictor.from_part(Part("dot_product", arrays, kept["config"]))
