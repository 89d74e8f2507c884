"""From ratings to trained embeddings: what both Keras predictors are but for their last layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.engine.catalog import Catalog
from recommender.engine.embeddings.config import EmbeddingConfig, EmbeddingSettings
from recommender.engine.embeddings.keras_training import LossHistory, load_keras, train
from recommender.engine.errors import FitError
from recommender.engine.interactions import Interactions
from recommender.engine.item_features import dense_groups
from recommender.engine.metadata_gram import tag_vectors
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import check_catalog
from recommender.engine.star_baseline import fit_baseline, row_indices

N_TAG_FACTORS: Final = 128
_GROUP_SPREAD: Final = 0.1
_TAG_SPREAD: Final = 0.3
_USER_SPREAD: Final = 0.02


@dataclass(frozen=True, eq=False)
class ItemSide:
    """What is known of the items before training.

    Parameters
    ----------
    baseline : float32 array, shape (n_items,). Stars before any bias is learned; 0 where the
        settings want no biases.
    groups : tuple of int32 arrays, shape (n_items,). Author and series, an own number for none.
    n_groups : tuple of int. How many numbers there are of each.
    tags : float32 array, shape (n_items, n), or None.
    """

    baseline: NDArray[np.float32]
    groups: tuple[NDArray[np.int32], ...]
    n_groups: tuple[int, ...]
    tags: NDArray[np.float32] | None

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        catalog: Catalog | None,
        settings: EmbeddingSettings,
    ) -> ItemSide:
        """Collect it from the ratings and the catalog."""
        baseline = np.zeros(interactions.n_items, dtype=np.float32)
        if settings.has_biases:
            fitted = fit_baseline(interactions, catalog)
            baseline = (fitted.mean + fitted.prior).astype(np.float32)
        if catalog is None or not settings.has_metadata:
            return cls(baseline, (), (), None)
        groups, sizes = [], []
        for index in (catalog.author_index, catalog.series.index):
            numbers, n_numbers = dense_groups(index)
            if n_numbers:
                groups.append(np.where(numbers < 0, n_numbers, numbers).astype(np.int32))
                sizes.append(n_numbers + 1)
        tags = tag_vectors(catalog, N_TAG_FACTORS)
        return cls(baseline, tuple(groups), tuple(sizes), tags)


def has_metadata(catalog: Catalog | None) -> bool:
    """Return whether a catalog knows an author, a series or a tag of any item."""
    return catalog is not None and (
        bool((catalog.author_index >= 0).any() or (catalog.series.index >= 0).any())
        or catalog.tags is not None
    )


class Towers(NamedTuple):
    """Keras tensors of one rating: its inputs, its embeddings, and its stars but for them."""

    inputs: list[Any]
    user: Any
    item: Any
    offset: Any | None


def training_inputs(
    interactions: Interactions, side: ItemSide
) -> tuple[list[NDArray[Any]], NDArray[np.float32]]:
    """Return the arrays for ``Towers.inputs``, an entry for each rating, and the stars."""
    items = interactions.ratings.indices
    columns: list[NDArray[Any]] = [row_indices(interactions).astype(np.int32), items]
    columns += [group[items] for group in side.groups]
    return [*columns, side.baseline[items]], interactions.ratings.data


def build_towers(
    keras: Any, settings: EmbeddingSettings, side: ItemSide, n_users: int, n_ratings: int
) -> Towers:
    """Build the layers; ``train_embeddings`` reads their weights by name.

    The penalties are sums over whole tables, divided by the number of ratings as the mean
    squared error is: a penalty of 20 is 20 squared stars against the sum of squared errors.
    """
    n_items, n_factors = len(side.baseline), settings.n_factors

    def table(name: str, n_rows: int, width: int, penalty: float, spread: float | None) -> Any:
        start: Any = "uniform"  # Keras' default, that of the notebooks
        if spread is not None:
            start = keras.initializers.RandomNormal(stddev=spread) if spread else "zeros"
        return keras.layers.Embedding(
            n_rows,
            width,
            embeddings_initializer=start,
            embeddings_regularizer=keras.regularizers.L2(penalty / n_ratings) if penalty else None,
            name=name,
        )

    def number(name: str, dtype: str = "int32") -> Any:
        return keras.Input((), dtype=dtype, name=name)

    plain = not settings.has_biases
    user, item = number("user"), number("item")
    groups = [number(f"group_{place}") for place in range(len(side.groups))]
    baseline = number("baseline", "float32")
    user_vector = table(
        "users",
        n_users,
        n_factors,
        settings.user_regularization,
        None if plain else _USER_SPREAD,
    )(user)
    parts = [
        table(
            "items",
            n_items,
            n_factors,
            settings.item_regularization,
            None if plain else _GROUP_SPREAD,
        )(item)
    ]
    for place, (group, size) in enumerate(zip(groups, side.n_groups, strict=True)):
        penalty = settings.group_regularization
        parts.append(table(f"groups_{place}", size, n_factors, penalty, _GROUP_SPREAD)(group))
    if side.tags is not None:
        constant = keras.layers.Embedding(
            *side.tags.shape, weights=[side.tags], trainable=False, name="tags"
        )
        spread = _TAG_SPREAD / n_factors**0.5
        project = keras.layers.Dense(
            n_factors,
            use_bias=False,
            kernel_initializer=keras.initializers.RandomNormal(stddev=spread),
            name="tag_projection",
        )
        parts.append(project(constant(item)))
    item_vector = keras.layers.Add()(parts) if len(parts) > 1 else parts[0]
    inputs = [user, item, *groups, baseline]
    if plain:
        return Towers(inputs, user_vector, item_vector, None)
    user_bias = table("user_biases", n_users, 1, settings.user_bias_regularization, 0.0)(user)
    item_bias = table("item_biases", n_items, 1, settings.item_bias_regularization, 0.0)(item)
    start = keras.layers.Reshape((1,))(baseline)
    offset = keras.layers.Add()([start, user_bias, item_bias])
    return Towers(inputs, user_vector, item_vector, offset)


Weights = dict[str, list[NDArray[np.float32]]]


@dataclass(frozen=True, eq=False)
class TrainedEmbeddings:
    """What a fit leaves, as arrays.

    Parameters
    ----------
    factors : float32 array, shape (n_items, n_factors). Embedding of every item, the sum of its
        own, its author's, its series' and that of its tags.
    offsets : float32 array, shape (n_items,). Baseline plus bias of every item, in stars.
    weights : dict. Layer name -> its float32 arrays: "users", "user_biases" where there are
        biases, and the named layers of the head.
    history : LossHistory.
    """

    factors: NDArray[np.float32]
    offsets: NDArray[np.float32]
    weights: Weights
    history: LossHistory


def train_embeddings(
    interactions: Interactions,
    catalog: Catalog | None,
    config: EmbeddingConfig,
    head: Callable[[Any, Towers], Any],
    *,
    stage: str,
    log_folder: Path | None,
    on_progress: OnProgress | None,
) -> TrainedEmbeddings:
    """Train embeddings under a head, from the seed to arrays.

    Parameters
    ----------
    interactions : Interactions. With a rating.
    catalog : Catalog or None. Of the same items.
    config : EmbeddingConfig.
    head : callable. Given the Keras module and ``Towers``, returns the tensor of the stars.
    stage : str. What ``on_progress`` is told.
    log_folder : Path or None. Where TensorBoard's log is written.
    on_progress : callable or None.

    Returns
    -------
    TrainedEmbeddings.

    Raises
    ------
    FitError
        Without a rating, when a weight is not finite, or when TensorFlow is not installed.
    InputError
        When the catalog is of other items.
    """
    check_catalog(interactions, catalog)
    if not interactions.ratings.nnz:
        raise FitError("there is no rating; import ratings first.")
    settings, seed = config.settings, config.seed
    keras = load_keras(seed)
    side = ItemSide.of(interactions, catalog, settings)
    towers = build_towers(keras, settings, side, interactions.n_users, interactions.ratings.nnz)
    model = keras.Model(towers.inputs, head(keras, towers))
    inputs, stars = training_inputs(interactions, side)
    history = train(
        model,
        inputs,
        stars,
        settings,
        seed=seed,
        log_folder=log_folder,
        on_progress=on_progress,
        stage=stage,
    )
    weights: Weights = {layer.name: layer.get_weights() for layer in model.layers}
    keras.backend.clear_session()
    if not all(np.isfinite(array).all() for arrays in weights.values() for array in arrays):
        raise FitError("a trained weight is not finite; lower learning_rate.")
    return TrainedEmbeddings(
        _item_factors(weights, side), _item_offsets(weights, side, settings), weights, history
    )


def _item_factors(weights: Weights, side: ItemSide) -> NDArray[np.float32]:
    """Return the embedding of every item, the sum of its parts, float32 (n_items, n_factors)."""
    factors = weights["items"][0].copy()
    for place, group in enumerate(side.groups):
        factors += weights[f"groups_{place}"][0][group]
    if side.tags is not None:
        factors += side.tags @ weights["tag_projection"][0]
    return factors


def _item_offsets(
    weights: Weights, side: ItemSide, settings: EmbeddingSettings
) -> NDArray[np.float32]:
    """Return the baseline plus bias of every item in stars, float32 (n_items,)."""
    if not settings.has_biases:
        return side.baseline.copy()
    offsets: NDArray[np.float32] = side.baseline + weights["item_biases"][0][:, 0]
    return offsets
