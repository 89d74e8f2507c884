"""Predicted stars from a dot product of a user's and an item's embedding, trained by Keras."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from recommender.engine.artifact import Part
from recommender.engine.biases import check_profile
from recommender.engine.catalog import Catalog
from recommender.engine.embeddings.config import (
    PUBLISHED,
    EmbeddingConfig,
    EmbeddingSettings,
)
from recommender.engine.embeddings.keras_training import LossHistory
from recommender.engine.embeddings.towers import Towers, has_metadata, train_embeddings
from recommender.engine.embeddings.user_solve import UserRidge, prior_of_users
from recommender.engine.errors import ArtifactError, InputError, NotFittedError
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.predictor import as_pairs, as_predicted_stars
from recommender.engine.progress import OnProgress
from recommender.engine.taste import TasteKernel

_TUNED: Final = EmbeddingSettings(
    n_factors=64,
    n_epochs=10,
    batch_size=4096,
    learning_rate=0.002,
    validation_part=0.05,
    patience=1,
    user_regularization=20.0,
    item_regularization=20.0,
    group_regularization=5.0,
    user_bias_regularization=3.0,
    item_bias_regularization=15.0,
    has_biases=True,
    has_metadata=True,
)
# An item's own vector has to say then what authors, series and tags say otherwise.
_RATINGS_ONLY: Final = replace(
    _TUNED,
    n_epochs=30,
    learning_rate=0.004,
    patience=3,
    user_regularization=8.0,
    item_regularization=8.0,
)
# A fit without penalties is allowed; its fold-in needs one to be defined at all.
_MIN_PENALTY: Final = 1e-3


@dataclass(frozen=True)
class DotProductConfig(EmbeddingConfig):
    """Hyperparameters of ``DotProductPredictor``; see ``EmbeddingConfig``."""

    presets: ClassVar[dict[str, EmbeddingSettings]] = {
        "tuned": _TUNED,
        "ratings_only": _RATINGS_ONLY,
        "published": PUBLISHED,
    }


_ARRAYS: Final = ("item_factors", "item_offsets", "mean_user", "penalties")


def _dot_product(keras: Any, towers: Towers) -> Any:
    """Return the stars: the product of the embeddings, and the biases where there are any."""
    product = keras.layers.Dot(1)([towers.user, towers.item])
    return product if towers.offset is None else keras.layers.Add()([product, towers.offset])


class DotProductPredictor:
    """Predicted stars: an item's offset, plus the user's bias, plus p_u . q_i.

    q_i is the item's own embedding plus those of its author, its series and its tags (a learned
    projection of tag vectors), as far as the catalog knows them. Keras trains all of them
    together, Adam on squared error with L2 penalties, and keeps the best epoch. Then the item
    side is fixed and every user's vector and bias are solved exactly (``UserRidge``): the same
    solve that folds in a reader it has never seen, so that both get the same stars.

    The preset "published" is p_u . q_i of five factors and nothing else, and keeps Keras' user
    vectors for the training users; a new reader is folded in towards their mean.

    Formulas, attempts and figures: docs/algorithms/dot_product.md. Uses the catalog's mean
    stars, their spread, number of ratings, first author, series and tags; no shelf.

    Parameters
    ----------
    config : DotProductConfig or None for the defaults.
    log_folder : Path or None. Where a fit writes TensorBoard's log.

    References
    ----------
    Koren, Bell and Volinsky, Matrix Factorization Techniques for Recommender Systems (IEEE
    Computer, 2009). Kula, Metadata Embeddings for User and Item Cold-start Recommendations
    (2015), arXiv:1507.08439: embeddings as sums over metadata.
    """

    name: ClassVar[str] = "dot_product"

    def __init__(
        self, config: DotProductConfig | None = None, *, log_folder: Path | None = None
    ) -> None:
        self.config = config or DotProductConfig()
        self.log_folder = log_folder
        self.history: LossHistory | None = None
        self._ridge: UserRidge | None = None
        self._offsets: NDArray[np.float32] | None = None
        self._users: NDArray[np.float32] | None = None

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self._fitted(self._offsets))

    @property
    def item_factors(self) -> NDArray[np.float32]:
        """Embedding of each item, float32 (n_items, n_factors)."""
        ridge = self._ridge
        if ridge is None:
            raise NotFittedError("dot_product is not fitted; call fit or from_part first.")
        return ridge.vectors[:, : self.config.settings.n_factors]

    @property
    def ridge(self) -> UserRidge:
        """What folds a reader in."""
        return self._folding()[0]

    @property
    def item_offsets(self) -> NDArray[np.float32]:
        """Stars of each item for a reader of whom nothing is known, float32 (n_items,)."""
        return self._fitted(self._offsets)

    def as_kernel(self) -> TasteKernel:
        """Return the fold-in as the covariance it amounts to: a ridge is a Gaussian process.

        With it every rating can be predicted from all others of its user in closed form. For a
        fit with biases; those of the preset "published" have no prior around 0.
        """
        ridge, _ = self._folding()
        none = np.full(len(ridge.vectors), -1, dtype=np.int32)
        scaled = (ridge.vectors[:, :-1] / np.sqrt(ridge.penalties[:-1])).astype(np.float32)
        constant = 1 / float(ridge.penalties[-1])
        return TasteKernel(scaled, none, none, constant=constant, author=0.0, series=0.0, noise=1.0)

    @staticmethod
    def _fitted(array: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Return a fitted array, or raise NotFittedError."""
        if array is None:
            raise NotFittedError(
                "dot_product is not fitted, or comes from an artifact, which keeps no training "
                "user; call fit, or predict_profile."
            )
        return array

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Train the embeddings and solve the users; see ``RatingPredictor.fit``.

        Raises
        ------
        FitError
            Also when TensorFlow is not installed.
        """
        if self.config.preset == "tuned" and not has_metadata(catalog):
            self.config = replace(self.config, preset="ratings_only")
        settings = self.config.settings
        trained = train_embeddings(
            interactions,
            catalog,
            self.config,
            _dot_product,
            stage=self.name,
            log_folder=self.log_folder,
            on_progress=on_progress,
        )
        factors, offsets, history = trained.factors, trained.offsets, trained.history
        trained_users = None if settings.has_biases else trained.weights["users"][0]
        ridge = self._make_ridge(factors, settings, trained_users, history)
        if trained_users is None:
            ratings = interactions.ratings
            rests = csr_array(
                (ratings.data - offsets[ratings.indices], ratings.indices, ratings.indptr),
                shape=ratings.shape,
            )
            trained_users = ridge.solve_all(rests)
        self.history, self._offsets, self._ridge = history, offsets, ridge
        self._users = trained_users
        return self

    @staticmethod
    def _make_ridge(
        factors: NDArray[np.float32],
        settings: EmbeddingSettings,
        trained_users: NDArray[np.float32] | None,
        history: LossHistory,
    ) -> UserRidge:
        """Return the fold-in of a fitted item side."""
        n_items, n_factors = factors.shape
        if trained_users is not None:
            mean, penalties = prior_of_users(
                trained_users, settings.user_regularization, history.training[-1]
            )
            return UserRidge(factors, mean, penalties)
        penalty = max(settings.user_regularization, _MIN_PENALTY)
        vectors = np.column_stack((factors, np.ones(n_items, dtype=np.float32)))
        penalties = np.full(n_factors + 1, penalty, dtype=np.float32)
        penalties[-1] = max(settings.user_bias_regularization, _MIN_PENALTY)
        return UserRidge(vectors, np.zeros(n_factors + 1, dtype=np.float32), penalties)

    def predict(self, user_indices: ArrayLike, item_indices: ArrayLike) -> NDArray[np.float32]:
        """Return the stars of pairs; see ``RatingPredictor.predict``."""
        factors = self._fitted(self._users)
        users, items = as_pairs(user_indices, item_indices, len(factors), self.n_items)
        ridge, offsets = self._folding()
        products = np.einsum("nf,nf->n", factors[users], ridge.vectors[items])
        return as_predicted_stars(offsets[items] + products)

    def predict_profile(self, profile: Profile) -> NDArray[np.float32]:
        """Return the stars of every item; see ``RatingPredictor.predict_profile``.

        Cost: O(n_rated^2 n_factors) or O(n_rated n_factors^2), whichever is less, and one
        product with the item vectors.
        """
        return as_predicted_stars(self.raw_profile(profile))

    def raw_profile(
        self, profile: Profile, items: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Return the stars of some items, or of all, before they are moved into 1..5."""
        ridge, offsets = self._folding()
        check_profile(profile, len(offsets))
        rated = profile.item_indices
        user = ridge.solve(rated, profile.stars - offsets[rated])
        vectors, start = (
            (ridge.vectors, offsets) if items is None else (ridge.vectors[items], offsets[items])
        )
        stars: NDArray[np.float64] = start + vectors @ user
        return stars

    def _folding(self) -> tuple[UserRidge, NDArray[np.float32]]:
        """Return the item side, or raise NotFittedError."""
        if self._ridge is None or self._offsets is None:
            raise NotFittedError("dot_product is not fitted; call fit or from_part first.")
        return self._ridge, self._offsets

    def to_part(self) -> Part:
        """Return the item side, the fold-in's constants, the config and the loss history."""
        ridge, offsets = self._folding()
        arrays: dict[str, NDArray[Any]] = {
            "item_factors": ridge.vectors,
            "item_offsets": offsets,
            "mean_user": ridge.mean,
            "penalties": ridge.penalties,
        }
        metrics = {} if self.history is None else {"history": asdict(self.history)}
        return Part(self.name, arrays, asdict(self.config), metrics)

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the predictor; see ``RatingPredictor.from_part``."""
        predictor = cls(part.config_as(DotProductConfig, cls.name))
        vectors, offsets, mean, penalties = (np.asarray(part.array(name)) for name in _ARRAYS)
        settings = predictor.config.settings
        whole = (
            vectors.ndim == 2
            # With biases the last column, all ones, is the reader's.
            and vectors.shape[1] == settings.n_factors + int(settings.has_biases)
            and offsets.shape == vectors.shape[:1]
            and len(offsets) > 0
            and all(a.dtype == np.float32 for a in (vectors, offsets, mean, penalties))
            and all(bool(np.isfinite(a).all()) for a in (vectors, offsets, mean, penalties))
        )
        try:
            ridge = UserRidge(vectors, mean, penalties) if whole else None
        except InputError:
            ridge = None
        if ridge is None:
            raise ArtifactError("the arrays of dot_product do not fit together; train again.")
        predictor._ridge, predictor._offsets = ridge, offsets
        return predictor
