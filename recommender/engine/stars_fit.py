"""Fitting the stack of ``stars``: every column of a rating is made without that rating."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.catalog import Catalog
from recommender.engine.embeddings.dot_product import DotProductConfig, DotProductPredictor
from recommender.engine.errors import InputError
from recommender.engine.interactions import Interactions
from recommender.engine.item_features import dense_groups, reading_vectors
from recommender.engine.metadata_gram import tag_vectors
from recommender.engine.progress import OnProgress
from recommender.engine.regression_trees import RegressionTrees
from recommender.engine.star_baseline import fit_baseline, standardized
from recommender.engine.stars_features import (
    RATED_NAMES,
    USER_NAMES,
    ItemFigures,
    closeness_left_out,
    rated_figures_left_out,
    user_figures_left_out,
)
from recommender.engine.taste import PART_NAMES, TasteKernel

_ITEM_DAMPING: Final = 20.0
_TREE_OPTIONS: Final = {
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "force_row_wise": True,
}


@dataclass(frozen=True)
class StarsConfig:
    """Hyperparameters of ``StarsPredictor``.

    Parameters
    ----------
    seed : int >= 0. Of the embeddings, the folds, the singular vectors and the trees.
    embeddings : bool. Whether the prediction of ``dot_product`` is a column: needs TensorFlow.
    n_folds : int >= 2. Fits of the embeddings whose item side has not seen a rating.
    n_vector_factors : int > 0. Singular vectors of the tags, and of who reads what.
    constant, author, series, tags, readers, spread : float >= 0. Variances of a reader's taste:
        see ``TasteKernel``; ``tags``, ``readers`` and ``spread`` are of its vectors.
    noise : float > 0. Variance of a rating around the taste.
    n_rounds, n_leaves : int. Trees at most, and leaves of each.
    ratings_per_round : int > 0. Fewer ratings than ``n_rounds`` times this have fewer trees, one
        for each so many: of few ratings they would learn the noise.
    learning_rate : float > 0. Of the trees.
    n_threads : int > 0. Of the trees' fit.
    """

    seed: int = 0
    embeddings: bool = True
    n_folds: int = 3
    n_vector_factors: int = 128
    constant: float = 0.3
    author: float = 0.27
    series: float = 0.33
    tags: float = 0.16
    readers: float = 0.16
    spread: float = 0.01
    noise: float = 0.55
    n_rounds: int = 120
    n_leaves: int = 31
    ratings_per_round: int = 4000
    learning_rate: float = 0.1
    n_threads: int = 1

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        least = {"seed": 0, "n_folds": 2, "n_vector_factors": 1, "n_rounds": 1, "n_leaves": 2}
        for name, wanted in (least | {"ratings_per_round": 1, "n_threads": 1}).items():
            if getattr(self, name) < wanted:
                raise InputError(f"{name} is {getattr(self, name)}; wanted {wanted} or more.")
        for name in ("constant", "author", "series", "tags", "readers", "spread"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; wanted a finite number from 0.")
        for name in ("noise", "learning_rate"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} is {value}; wanted a finite number above 0.")


@dataclass(frozen=True, eq=False)
class FittedStars:
    """Everything that predicts.

    Parameters
    ----------
    kernel : TasteKernel.
    item_means : float64 array, shape (n_items,). mu + b_i, the readers' mean of each item.
    reading : float32 array, shape (n_items, n). ``item_features.reading_vectors``.
    figures : ItemFigures.
    embeddings : DotProductPredictor or None.
    trees : RegressionTrees.
    """

    kernel: TasteKernel
    item_means: NDArray[np.float64]
    reading: NDArray[np.float32]
    figures: ItemFigures
    embeddings: DotProductPredictor | None
    trees: RegressionTrees


def feature_names(figures: ItemFigures, *, has_embedding: bool) -> tuple[str, ...]:
    """Return the names of the columns, in order."""
    return (
        "item_bias",
        "taste",
        "taste_variance",
        *(f"taste_{name}" for name in PART_NAMES),
        *(("embedding",) if has_embedding else ()),
        *USER_NAMES,
        "user_n_shelved",
        *RATED_NAMES,
        "reading_product",
        "reading_cosine",
        *figures.fixed_names,
    )


def make_kernel(
    config: StarsConfig,
    catalog: Catalog | None,
    tags: NDArray[np.float32] | None,
    reading: NDArray[np.float32],
) -> TasteKernel:
    """Return the prior of a reader's taste from what is known of the books."""
    n_items = len(reading)
    vectors = [reading * np.float32(math.sqrt(config.readers))]
    if tags is not None:
        vectors.append(tags * np.float32(math.sqrt(config.tags)))
    none = np.full(n_items, -1, dtype=np.int32)
    authors, series = none, none
    if catalog is not None:
        authors, series = catalog.author_index, dense_groups(catalog.series.index)[0]
        if catalog.std_stars is not None:
            disputed = standardized(catalog.std_stars)[:, None] * math.sqrt(config.spread)
            vectors.append(disputed.astype(np.float32))
    return TasteKernel(
        np.ascontiguousarray(np.column_stack(vectors)),
        authors,
        series,
        constant=config.constant,
        author=config.author,
        series=config.series,
        noise=config.noise,
    )


def _with_data(ratings: csr_array, data: NDArray[np.floating]) -> csr_array:
    """Return a matrix of the same entries with other values."""
    return csr_array(
        (data.astype(np.float32), ratings.indices, ratings.indptr), shape=ratings.shape
    )


def _without(interactions: Interactions, left_out: NDArray[np.bool_]) -> Interactions:
    """Return the interactions without some ratings; the users stay the same."""
    ratings = interactions.ratings
    kept = ~left_out
    indptr = np.concatenate(([0], np.cumsum(kept)))[ratings.indptr]
    matrix = csr_array((ratings.data[kept], ratings.indices[kept], indptr), shape=ratings.shape)
    return Interactions(matrix, interactions.shelved, interactions.users, interactions.items)


def _embeddings_left_out(
    interactions: Interactions,
    catalog: Catalog | None,
    config: StarsConfig,
    on_progress: Callable[[float], None],
) -> tuple[DotProductPredictor, NDArray[np.float32]]:
    """Return the embeddings of all ratings, and each rating as predicted without it.

    The item side comes from a fit that has not seen the rating's fold; the user's vector is
    solved from all his other ratings, in closed form.
    """
    ratings = interactions.ratings
    predictor = DotProductPredictor(DotProductConfig(seed=config.seed))
    predictor.fit(interactions, catalog)
    on_progress(1 / (config.n_folds + 1))
    history = predictor.history
    n_epochs = history.best_epoch if history else 1
    fold_config = replace(predictor.config, n_epochs=n_epochs, validation_part=0.0)
    folds = np.random.default_rng(config.seed).integers(0, config.n_folds, ratings.nnz)
    predicted = np.empty(ratings.nnz, dtype=np.float32)
    for fold in range(config.n_folds):
        of_fold = folds == fold
        part = DotProductPredictor(fold_config)
        part.fit(_without(interactions, of_fold), catalog)
        kernel, offsets = part.as_kernel(), part.item_offsets
        rests = _with_data(ratings, ratings.data - offsets[ratings.indices])
        left_out = kernel.leave_one_out(rests).parts[of_fold].sum(axis=1)
        predicted[of_fold] = offsets[ratings.indices[of_fold]] + left_out
        on_progress((fold + 2) / (config.n_folds + 1))
    return predictor, predicted


def fit_stars(
    interactions: Interactions,
    catalog: Catalog | None,
    config: StarsConfig,
    on_progress: OnProgress | None = None,
) -> FittedStars:
    """Fit the stack; the steps are in docs/algorithms/stars.md.

    Raises
    ------
    FitError
        When there is no rating, or a library is missing.
    """

    def report(done: float) -> None:
        if on_progress:
            on_progress("stars", done)

    report(0.0)
    baseline = fit_baseline(interactions, catalog)
    ratings = interactions.ratings
    items, stars = ratings.indices, ratings.data.astype(np.float64)
    tags = None if catalog is None else tag_vectors(catalog, config.n_vector_factors)
    reading = reading_vectors(interactions, config.n_vector_factors, seed=config.seed)
    kernel = make_kernel(config, catalog, tags, reading)
    report(0.05)
    rests = stars - baseline.mean - baseline.item_biases[items]
    taste = kernel.leave_one_out(_with_data(ratings, rests)).parts.sum(axis=1)
    # The items once more, now that it is known who likes what anyway.
    rests = stars - baseline.mean - taste
    counts = np.bincount(items, minlength=interactions.n_items)
    sums = _ITEM_DAMPING * baseline.prior
    sums += np.bincount(items, rests, minlength=interactions.n_items)
    biases = sums / (counts + _ITEM_DAMPING)
    bias_left_out = (sums[items] - rests) / (counts[items] - 1 + _ITEM_DAMPING)
    report(0.1)
    left_out = kernel.leave_one_out(_with_data(ratings, stars - baseline.mean - biases[items]))
    report(0.15)
    embeddings: DotProductPredictor | None = None
    embedded: tuple[NDArray[np.float32], ...] = ()
    if config.embeddings:
        embeddings, predicted = _embeddings_left_out(
            interactions, catalog, config, lambda part: report(0.15 + 0.55 * part)
        )
        embedded = (predicted,)
    figures = ItemFigures.of(interactions, catalog, tags, baseline.prior)
    names = feature_names(figures, has_embedding=config.embeddings)
    features = np.column_stack(
        (
            bias_left_out.astype(np.float32),
            left_out.parts.sum(axis=1),
            left_out.variance,
            left_out.parts,
            *embedded,
            user_figures_left_out(interactions, figures.shares),
            rated_figures_left_out(interactions, figures),
            closeness_left_out(reading, interactions),
            figures.fixed[items],
        )
    )
    report(0.75)
    # The trees correct what bias and taste say: so they need few rounds.
    trees = RegressionTrees.fit(
        features,
        stars - baseline.mean - features[:, 0] - features[:, 1],
        names,
        options={
            **_TREE_OPTIONS,
            "learning_rate": config.learning_rate,
            "num_leaves": config.n_leaves,
            "num_threads": config.n_threads,
            "seed": config.seed,
        },
        n_rounds=min(config.n_rounds, max(1, ratings.nnz // config.ratings_per_round)),
        on_progress=lambda _, part: report(0.75 + 0.25 * part),
    )
    return FittedStars(kernel, baseline.mean + biases, reading, figures, embeddings, trees)
