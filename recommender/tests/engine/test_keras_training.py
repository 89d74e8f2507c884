"""What training promises apart from any predictor: the order of the ratings, the best epoch."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from recommender.engine import FitError
from recommender.engine.embeddings.config import PUBLISHED
from recommender.engine.embeddings.keras_training import LossHistory, load_keras, train

pytestmark = pytest.mark.slow

N_RATINGS = 90
SETTINGS = dataclasses.replace(PUBLISHED, n_epochs=3, batch_size=8)


def numbered_model(seen: list[np.ndarray]) -> Any:
    """A bias per rating, and a note of which ratings every step was given."""
    load_keras(0)
    import keras
    import tensorflow as tf

    class Witness(keras.layers.Layer):
        def call(self, numbers: Any) -> Any:
            tf.numpy_function(lambda batch: seen.append(batch.copy()), [numbers], [])
            return numbers

    number = keras.Input((), dtype="int32")
    bias = keras.layers.Embedding(N_RATINGS, 1, name="biases")(Witness()(number))
    return keras.Model([number], bias)


def orders_of_epochs(seed: int, **changes: Any) -> tuple[np.ndarray, LossHistory, np.ndarray]:
    """The ratings in the order of training, a row each epoch, and what came of it."""
    seen: list[np.ndarray] = []
    model = numbered_model(seen)
    numbers = np.arange(N_RATINGS, dtype=np.int32)
    stars = (1 + numbers % 5).astype(np.float32)
    history = train(model, [numbers], stars, dataclasses.replace(SETTINGS, **changes), seed=seed)
    weights = model.get_layer("biases").get_weights()[0]
    return np.concatenate(seen).reshape(len(history.training), -1), history, weights


def test_every_epoch_has_every_rating_in_an_order_of_its_own() -> None:
    orders, _, _ = orders_of_epochs(0)
    assert orders.shape == (3, N_RATINGS)
    assert np.array_equal(np.sort(orders, axis=1), np.tile(np.arange(N_RATINGS), (3, 1)))
    for first, second in ((0, 1), (0, 2), (1, 2)):
        # Two independent orders share one place on average.
        assert np.count_nonzero(orders[first] == orders[second]) < 10


def test_the_same_seed_gives_the_same_orders_and_bits_and_another_seed_others() -> None:
    orders, history, weights = orders_of_epochs(3)
    again, history_again, weights_again = orders_of_epochs(3)
    assert np.array_equal(orders, again)
    assert history == history_again
    assert np.array_equal(weights, weights_again)
    other, _, _ = orders_of_epochs(4)
    assert np.count_nonzero(orders[0] == other[0]) < 10


def test_withheld_ratings_are_never_trained_on() -> None:
    seen: list[np.ndarray] = []
    model = numbered_model(seen)
    before = model.get_layer("biases").get_weights()[0]
    numbers = np.arange(N_RATINGS, dtype=np.int32)
    stars = np.full(N_RATINGS, 4, dtype=np.float32)
    settings = dataclasses.replace(SETTINGS, validation_part=0.3, patience=2)
    history = train(model, [numbers], stars, settings, seed=0)
    after = model.get_layer("biases").get_weights()[0]
    moved = (before != after)[:, 0]
    assert 0.5 * N_RATINGS < np.count_nonzero(moved) < 0.9 * N_RATINGS
    # What is not trained on is not learned: its error stays that of the start.
    wanted = np.mean((4 - before[~moved]) ** 2)
    assert history.validation == pytest.approx([wanted] * 3, rel=1e-5)
    assert history.training[-1] < history.training[0]


def test_the_weights_of_the_best_epoch_are_kept() -> None:
    """Ratings that say 5 and withheld ones that say 1: each epoch is worse than the first."""
    keras = load_keras(0)
    number = keras.Input((), dtype="int32")
    model = keras.Model([number], keras.layers.Embedding(1, 1, name="bias")(number))
    withheld = np.random.default_rng(0).random(N_RATINGS) < 0.3
    stars = np.where(withheld, 1, 5).astype(np.float32)
    settings = dataclasses.replace(
        SETTINGS, validation_part=0.3, patience=5, learning_rate=0.3, n_epochs=4
    )
    history = train(model, [np.zeros(N_RATINGS, dtype=np.int32)], stars, settings, seed=0)
    assert len(history.validation) == 4
    assert history.best_epoch == np.argmin(history.validation) + 1 < 4
    kept = float(model.get_layer("bias").get_weights()[0][0, 0])
    assert (kept - 1) ** 2 == pytest.approx(history.validation[history.best_epoch - 1], rel=1e-5)


def test_training_stops_when_patience_is_spent() -> None:
    keras = load_keras(0)
    number = keras.Input((), dtype="int32")
    model = keras.Model([number], keras.layers.Embedding(1, 1)(number))
    withheld = np.random.default_rng(0).random(N_RATINGS) < 0.3
    stars = np.where(withheld, 0, 5).astype(np.float32)
    settings = dataclasses.replace(
        SETTINGS, validation_part=0.3, patience=1, learning_rate=0.3, n_epochs=50
    )
    history = train(model, [np.zeros(N_RATINGS, dtype=np.int32)], stars, settings, seed=0)
    assert len(history.validation) == history.best_epoch + 1 < 50


def test_a_loss_that_is_not_finite_is_refused() -> None:
    model = numbered_model([])
    stars = np.full(N_RATINGS, 1e30, dtype=np.float32)
    with pytest.raises(FitError, match="lower learning_rate"):
        train(model, [np.arange(N_RATINGS, dtype=np.int32)], stars, SETTINGS, seed=0)
