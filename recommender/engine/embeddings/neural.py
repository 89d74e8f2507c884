"""Predicted stars from a dense network on a user's and an item's embedding, trained by Keras."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.artifact import Part
from recommender.engine.biases import check_profile
from recommender.engine.catalog import Catalog
from recommender.engine.embeddings.config import (
    PUBLISHED,
    EmbeddingConfig,
    EmbeddingSettings,
)
from recommender.engine.embeddings.dense_network import DenseNetwork
from recommender.engine.embeddings.keras_training import LossHistory
from recommender.engine.embeddings.towers import Towers, train_embeddings
from recommender.engine.embeddings.user_solve import prior_of_users
from recommender.engine.errors import ArtifactError, InputError, NotFittedError
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.predictor import as_pairs, as_predicted_stars
from recommender.engine.progress import OnProgress

_LAYERS: Final = ("dense_128", "dense_32", "stars")
_DROPOUT: Final = 0.5
_PAIRS_AT_A_TIME: Final = 1 << 16
_TUNED: Final = EmbeddingSettings(
    n_factors=64,
    n_epochs=10,
    batch_size=2048,
    learning_rate=0.001,
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


@dataclass(frozen=True)
class NeuralConfig(EmbeddingConfig):
    """Hyperparameters of ``NeuralPredictor``; see ``EmbeddingConfig``."""

    presets: ClassVar[dict[str, EmbeddingSettings]] = {"tuned": _TUNED, "published": PUBLISHED}


@dataclass(frozen=True, eq=False)
class _Fitted:
    """What predicts: everything but the training users."""

    network: DenseNetwork
    items: NDArray[np.float32]
    offsets: NDArray[np.float32]
    mean: NDArray[np.float32]
    penalties: NDArray[np.float32]


class NeuralPredictor:
    """Predicted stars: three dense layers on the embeddings of user and item.

    The preset "published" is the notebook's: the two embeddings of five factors side by side,
    128 and 32 rectified units, one output. The tuned one has longer embeddings, the item's with
    those of author, series and tags in it, their product beside them, the dot product and the
    biases of ``dot_product`` added to the network, L2 penalties, and the best epoch kept.

    A reader it has never seen is folded in by damped Gauss-Newton on his vector and bias, the
    network held fixed (``DenseNetwork.fold_in``), towards the average user.

    Formulas, attempts and figures: docs/algorithms/neural.md. Uses of the catalog what
    ``dot_product`` uses; no shelf.

    Parameters
    ----------
    config : NeuralConfig or None for the defaults.
    log_folder : Path or None. Where a fit writes TensorBoard's log.

    References
    ----------
    He et al., Neural Collaborative Filtering (WWW 2017), arXiv:1708.05031: dense layers on
    concatenated embeddings, with their product beside them.
    """

    name: ClassVar[str] = "neural"

    def __init__(
        self, config: NeuralConfig | None = None, *, log_folder: Path | None = None
    ) -> None:
        self.config = config or NeuralConfig()
        self.log_folder = log_folder
        self.history: LossHistory | None = None
        self._state: _Fitted | None = None
        self._users: NDArray[np.float32] | None = None
        self._user_biases: NDArray[np.float32] | None = None

    def _fitted(self) -> _Fitted:
        """Return what was fitted, or raise NotFittedError."""
        if self._state is None:
            raise NotFittedError("neural is not fitted; call fit or from_part first.")
        return self._state

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self._fitted().offsets)

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Train the network; see ``RatingPredictor.fit``.

        Raises
        ------
        FitError
            Also when TensorFlow is not installed.
        """
        settings = self.config.settings
        trained = train_embeddings(
            interactions,
            catalog,
            self.config,
            self._dense_layers,
            stage=self.name,
            log_folder=self.log_folder,
            on_progress=on_progress,
        )
        weights = trained.weights
        network = DenseNetwork(
            tuple(weights[name][0] for name in _LAYERS),
            tuple(weights[name][1] for name in _LAYERS),
            settings.n_factors,
        )
        users = weights["users"][0]
        biases = np.zeros(len(users), dtype=np.float32)
        if settings.has_biases:
            biases = weights["user_biases"][0][:, 0]
        mean, penalties = prior_of_users(
            users, settings.user_regularization, trained.history.training[-1]
        )
        self.history = trained.history
        self._state = _Fitted(network, trained.factors, trained.offsets, mean, penalties)
        self._users, self._user_biases = users, biases
        return self

    def _dense_layers(self, keras: Any, towers: Towers) -> Any:
        """Return the stars: the network, and with biases the dot product beside it."""
        layers = keras.layers
        joined = [towers.user, towers.item]
        if towers.offset is not None:
            # Of the embeddings the network learns, they do not learn of it: through 128 units
            # they would learn the training ratings by heart within two epochs.
            joined = [keras.ops.stop_gradient(vector) for vector in joined]
            joined.append(layers.Multiply()(joined))
            joined = [layers.Dropout(_DROPOUT, seed=self.config.seed)(vector) for vector in joined]
        hidden = layers.Concatenate()(joined)
        hidden = layers.Dense(128, activation="relu", name=_LAYERS[0])(hidden)
        hidden = layers.Dense(32, activation="relu", name=_LAYERS[1])(hidden)
        stars = layers.Dense(1, name=_LAYERS[2])(hidden)
        if towers.offset is None:
            return stars
        straight = layers.Dot(1)([towers.user, towers.item])
        return layers.Add()([stars, straight, towers.offset])

    def predict(self, user_indices: ArrayLike, item_indices: ArrayLike) -> NDArray[np.float32]:
        """Return the stars of pairs; see ``RatingPredictor.predict``."""
        state = self._fitted()
        if self._users is None or self._user_biases is None:
            raise NotFittedError(
                "neural comes from an artifact, which keeps no training user; use predict_profile."
            )
        users, items = as_pairs(user_indices, item_indices, len(self._users), self.n_items)
        stars = state.offsets[items] + self._user_biases[users]
        for start in range(0, len(users), _PAIRS_AT_A_TIME):
            part = slice(start, start + _PAIRS_AT_A_TIME)
            vectors = self._users[users[part]], state.items[items[part]]
            stars[part] += state.network.stars(*vectors)
        return as_predicted_stars(stars)

    def predict_profile(self, profile: Profile) -> NDArray[np.float32]:
        """Return the stars of every item; see ``RatingPredictor.predict_profile``.

        Cost: at most 20 steps of O(n_rated (n_factors h1 + h1 h2)), and the network for all items.
        """
        state, settings = self._fitted(), self.config.settings
        check_profile(profile, self.n_items)
        rated = profile.item_indices
        user, bias = state.network.fold_in(
            state.items[rated],
            profile.stars - state.offsets[rated],
            state.mean,
            state.penalties,
            settings.user_bias_regularization if settings.has_biases else None,
        )
        network = state.network.stars(user.astype(np.float32), state.items)
        return as_predicted_stars(state.offsets + np.float32(bias) + network)

    def to_part(self) -> Part:
        """Return the item side, the network, the config and the loss history."""
        state = self._fitted()
        arrays: dict[str, NDArray[Any]] = {
            "item_factors": state.items,
            "item_offsets": state.offsets,
            "mean_user": state.mean,
            "penalties": state.penalties,
        }
        for place in range(3):
            arrays[f"weights_{place}"] = state.network.weights[place]
            arrays[f"biases_{place}"] = state.network.biases[place]
        metrics = {} if self.history is None else {"history": asdict(self.history)}
        return Part(self.name, arrays, asdict(self.config), metrics)

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the predictor; see ``RatingPredictor.from_part``."""
        predictor = cls(part.config_as(NeuralConfig, cls.name))
        names = ("item_factors", "item_offsets", "mean_user", "penalties")
        items, offsets, mean, penalties = (np.asarray(part.array(name)) for name in names)
        weights = tuple(np.asarray(part.array(f"weights_{place}")) for place in range(3))
        biases = tuple(np.asarray(part.array(f"biases_{place}")) for place in range(3))
        n_factors = predictor.config.settings.n_factors
        arrays = (items, offsets, mean, penalties, *weights, *biases)
        whole = (
            items.shape == (len(offsets), n_factors)
            and len(offsets) > 0
            and mean.shape == penalties.shape == (n_factors,)
            and all(a.dtype == np.float32 and bool(np.isfinite(a).all()) for a in arrays)
            and bool((penalties > 0).all())
        )
        try:
            network = DenseNetwork(weights, biases, n_factors) if whole else None
        except InputError:
            network = None
        if network is None:
            raise ArtifactError("the arrays of neural do not fit together; train again.")
        predictor._state = _Fitted(network, items, offsets, mean, penalties)
        return predictor
