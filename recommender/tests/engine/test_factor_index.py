"""The index out of item factors, against what the fold-in itself says."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.engine import LinearRanker, Profile
from recommender.engine.als import AlsConfig, AlsRanker
from recommender.engine.factor_index import index_of_factors

N_ITEMS = 60


@pytest.fixture(params=[False, True], ids=["once", "scaled"])
def als(request: pytest.FixtureRequest) -> AlsRanker:
    config = AlsConfig(
        n_factors=5,
        regularization=0.7,
        alpha=3.0,
        star_weights=(0.0, 0.4, 0.7, 1.0, 1.2),
        positive_threshold=3,
        scaled_regularization=request.param,
    )
    factors = np.random.default_rng(1).normal(size=(N_ITEMS, 5)).astype(np.float32)
    factors[7] = 0.0  # a book that nobody has
    return AlsRanker.of_factors(config, factors)


def test_the_row_of_a_book_is_the_fold_in_of_a_reader_who_liked_it_alone(als: AlsRanker) -> None:
    """Four stars have weight 1; tolerance: the index is float32."""
    index = index_of_factors(als)
    for item in range(N_ITEMS):
        profile = Profile(np.array([item]), np.array([4]))
        wanted = als.scores(profile)
        wanted[item] = 0.0  # no book speaks for itself
        np.testing.assert_allclose(index.scores(profile), np.maximum(wanted, 0), atol=2e-5)


def test_what_stars_count_is_their_confidence(als: AlsRanker) -> None:
    index = index_of_factors(als)
    items, counts = index.inputs(Profile(np.arange(5), np.arange(1, 6), np.array([9])))
    assert items.tolist() == [0, 1, 2, 3, 4, 9]
    wanted = [0, 0, (1 + 3 * 0.7) / 4, 1, (1 + 3 * 1.2) / 4, 1]
    np.testing.assert_allclose(counts, wanted, rtol=1e-6)


def test_books_are_similar_by_the_angle_of_their_factors_in_the_metric_of_the_fit(als) -> None:
    index = index_of_factors(als)
    y = als.item_factors.astype(np.float64)
    inverse = np.linalg.inv(y.T @ y + als.config.regularization * np.eye(5))
    products = y @ inverse @ y.T
    lengths = np.sqrt(np.diag(products))
    item = 3
    with np.errstate(invalid="ignore"):
        cosines = np.nan_to_num(products[item] / (lengths[item] * lengths))
    cosines[item] = 0
    best = np.argsort(-cosines)[:5]
    found = index.similar_items(item, 5)
    assert found.item_indices.tolist() == best.tolist()
    np.testing.assert_allclose(found.similarities, cosines[best], atol=1e-5)


def test_a_book_that_nobody_has_is_like_none_and_speaks_for_none(als: AlsRanker) -> None:
    index = index_of_factors(als)
    assert not len(index.similar_items(7, 5).item_indices)
    assert not index.scores(Profile(np.array([7]), np.array([5]))).any()


def test_only_the_strongest_are_kept_of_many_books(monkeypatch: pytest.MonkeyPatch) -> None:
    """More books than a block and than weights kept."""
    factors = np.random.default_rng(2).normal(size=(700, 4)).astype(np.float32)
    als = AlsRanker.of_factors(AlsConfig(n_factors=4), factors)
    told: list[float] = []
    index = index_of_factors(als, on_progress=lambda stage, done: told.append(done))
    assert told[-1] == 1.0
    assert len(told) == 3
    profile = Profile(np.array([650]), np.array([4]))
    wanted = als.scores(profile)
    wanted[650] = 0.0
    kept = np.argsort(-wanted, kind="stable")[:400]
    kept = kept[wanted[kept] > 0]
    scores = index.scores(profile)
    assert set(np.flatnonzero(scores)) == set(kept)
    np.testing.assert_allclose(scores[kept], wanted[kept], rtol=1e-4)


def test_it_is_kept_and_read_like_any_index(als: AlsRanker) -> None:
    index = index_of_factors(als)
    again = LinearRanker.from_part(index.to_part())
    profile = Profile(np.array([1, 5, 20]), np.array([5, 4, 3]))
    np.testing.assert_array_equal(again.scores(profile), index.scores(profile))
