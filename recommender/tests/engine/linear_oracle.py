"""The linear model solved densely, as the oracle of its tests."""

from __future__ import annotations

import dataclasses

import numpy as np

from recommender.engine import (
    Interactions,
    LinearConfig,
    LinearRanker,
    Profile,
)

CONFIG = LinearConfig(regularization=4.0, n_neighbours=6, shelf_input=0.0)


PLAIN = dataclasses.replace(
    LinearConfig.prototype_a(), regularization=4.0, n_neighbours=6, shelf_input=0.0
)


def dense_weights(
    interactions: Interactions, config: LinearConfig, metadata: np.ndarray | float = 0.0
) -> np.ndarray:
    """Solve the formula of docs/algorithms/linear.md densely in float64, without scaling.

    ``metadata`` is X^T X.
    """
    ratings, shelved = interactions.ratings.toarray(), interactions.shelved.toarray()
    by_star = np.array((0.0, *config.star_weights))
    matrix = by_star[ratings.astype(int)]
    if not config.shelf_apart:
        matrix = np.where(ratings > 0, matrix, config.shelf_weight * shelved)
    n_rated = (ratings > 0).sum(axis=1)
    class_of_reader = sum((n_rated >= least).astype(int) for least in (15, 30, 60, 100))
    weight = np.array(config.reader_weights)[class_of_reader]
    gram = matrix.T @ (weight[:, np.newaxis] * matrix)
    if config.shelf_apart:
        gram += config.shelf_weight * shelved.T @ shelved
    diagonal = config.diagonal_scale * np.diag(gram) + config.regularization
    gram = gram + metadata
    np.fill_diagonal(gram, diagonal)
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    n_readers = np.maximum((ratings > 0).sum(axis=0), 0.5)
    strength = np.abs(weights) * (n_readers**config.popularity_exponent)[:, np.newaxis]
    kept = np.zeros_like(weights)
    for scored in range(len(weights)):
        strongest = np.argsort(-strength[:, scored], kind="stable")[: config.n_neighbours]
        kept[strongest, scored] = weights[strongest, scored]
    return kept


def unscaled_weights(ranker: LinearRanker) -> np.ndarray:
    """Return B of a fitted ranker, without the scale of its columns."""
    return stored_weights(ranker) / ranker.score_scale


def stored_weights(ranker: LinearRanker) -> np.ndarray:
    """Return the fitted weights as a dense matrix."""
    arrays = ranker.to_part().arrays
    n_items = ranker.n_items
    dense = np.zeros((n_items, n_items))
    rows = np.repeat(np.arange(n_items), np.diff(arrays["indptr"]))
    dense[rows, arrays["indices"]] = arrays["weights"]
    return dense


def random_profile(seed: int, n_items: int = 25, *, shelf: bool = False) -> Profile:
    generator = np.random.default_rng(seed)
    order = generator.permutation(n_items)
    return Profile(order[:8], generator.integers(1, 6, 8), order[8:12] if shelf else order[:0])
