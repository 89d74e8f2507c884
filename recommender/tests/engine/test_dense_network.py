from __future__ import annotations

import numpy as np
import pytest

from recommender.engine.embeddings.dense_network import DenseNetwork
from recommender.engine.errors import InputError


def network(*, has_product: bool, n: int = 4) -> DenseNetwork:
    generator = np.random.default_rng(3)
    sizes = [(3 if has_product else 2) * n, 12, 6, 1]
    weights = tuple(
        generator.normal(0, 0.6, pair).astype(np.float32)
        for pair in zip(sizes, sizes[1:], strict=False)
    )
    biases = tuple(generator.normal(0, 0.3, size).astype(np.float32) for size in sizes[1:])
    return DenseNetwork(weights, biases, n)


def items_and_user() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(4)
    return generator.normal(size=(30, 4)), generator.normal(size=4)


@pytest.mark.parametrize("has_product", [False, True])
def test_the_stars_are_those_of_the_formula(has_product: bool) -> None:
    dense, (items, user) = network(has_product=has_product), items_and_user()
    for item, stars in zip(items, dense.stars(user, items), strict=True):
        x = np.concatenate((user, item, user * item) if has_product else (user, item))
        hidden = np.maximum(x @ dense.weights[0] + dense.biases[0], 0)
        hidden = np.maximum(hidden @ dense.weights[1] + dense.biases[1], 0)
        wanted = float((hidden @ dense.weights[2] + dense.biases[2])[0])
        assert stars == pytest.approx(wanted + (user @ item if has_product else 0), abs=1e-6)


@pytest.mark.parametrize("has_product", [False, True])
def test_the_gradient_is_that_of_finite_differences(has_product: bool) -> None:
    dense, (items, user) = network(has_product=has_product), items_and_user()
    gradient = dense.gradient(user, items)
    for factor in range(4):
        step = np.eye(4)[factor] * 1e-6
        slope = (dense.stars(user + step, items) - dense.stars(user - step, items)) / 2e-6
        np.testing.assert_allclose(gradient[:, factor], slope, atol=1e-5)


@pytest.mark.parametrize("has_product", [False, True])
def test_a_reader_is_found_again_from_his_ratings(has_product: bool) -> None:
    """Stars made by the network for a reader are met, though his vector may be another."""
    dense, (items, user) = network(has_product=has_product), items_and_user()
    rests = dense.stars(user, items) + 0.4
    mean, penalties = np.zeros(4), np.full(4, 0.01)
    vector, bias = dense.fold_in(items, rests, mean, penalties, 0.01)
    before = np.mean((rests - dense.stars(mean, items)) ** 2)
    after = np.mean((rests - dense.stars(vector, items) - bias) ** 2)
    assert after < 0.05 * before


def test_the_fold_in_ends_where_no_direction_is_down() -> None:
    dense, (items, user) = network(has_product=False), items_and_user()
    rests = dense.stars(user, items) + np.random.default_rng(0).normal(0, 0.5, 30)
    mean, penalties = np.full(4, 0.1), np.full(4, 2.0)

    def objective(vector: np.ndarray, bias: float) -> float:
        errors = rests - dense.stars(vector, items) - bias
        return float(errors @ errors + penalties @ (vector - mean) ** 2 + 3 * bias**2)

    vector, bias = dense.fold_in(items, rests, mean, penalties, 3.0)
    least = objective(vector, bias)
    assert least < objective(mean, 0.0)
    for factor in range(4):
        for step in (-0.01, 0.01):
            moved = vector + step * np.eye(4)[factor]
            assert objective(moved, bias) > least - 1e-3
    assert objective(vector, bias + 0.01) > least - 1e-3


def test_without_ratings_or_biases_a_reader_is_the_average_one() -> None:
    dense, (items, user) = network(has_product=False), items_and_user()
    vector, bias = dense.fold_in(items[:0], np.array([]), user, np.ones(4), 1.0)
    assert vector.tolist() == user.tolist()
    assert bias == 0
    _, bias = dense.fold_in(items, np.ones(30), user, np.ones(4), None)
    assert bias == 0


def test_layers_that_do_not_fit_are_refused() -> None:
    dense = network(has_product=False)
    with pytest.raises(InputError, match="make no network"):
        DenseNetwork(dense.weights, dense.biases, 5)
    with pytest.raises(InputError, match="make no network"):
        DenseNetwork(dense.weights[:2], dense.biases[:2], 4)
