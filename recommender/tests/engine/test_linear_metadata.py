"""What the linear ranker learns from metadata and from the prior."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommender.engine import (
    Catalog,
    FitError,
    Interactions,
    LinearConfig,
    LinearRanker,
    Profile,
    Series,
    top_k,
)
from recommender.tests.engine.conftest import random_interactions
from recommender.tests.engine.linear_oracle import (
    CONFIG,
    PLAIN,
    dense_weights,
    random_profile,
    stored_weights,
    unscaled_weights,
)


def catalog_of(interactions: Interactions, **known: object) -> Catalog:
    """Return a catalog in which items 5, 6 and 7 have one author, and 6 and 7 one series."""
    n_items = interactions.n_items
    author = np.full(n_items, -1)
    author[[5, 6, 7]] = 3
    series = np.full(n_items, -1)
    series[[6, 7]] = 0
    return Catalog(
        interactions.items,
        Series(series, np.full(n_items, np.nan)),
        author,
        np.full(n_items, -1),
        **known,  # type: ignore[arg-type]
    )


def one_author_and_series(weights: tuple[float, float, float], regularization: float) -> None:
    """Fit the worst case: books that nobody has rated, the same in all that is known of them."""
    interactions = Interactions.from_pairs([1], [0], [5], catalog_ids=np.arange(25))
    same = np.zeros(25, dtype=int)
    tags = np.zeros((25, 1), dtype=np.float32)
    tags[:7] = 1
    catalog = Catalog(
        interactions.items,
        Series(same, np.full(25, np.nan)),
        same,
        np.full(25, -1),
        tags=csr_array(tags),
    )
    tag_weight, author_weight, series_weight = weights
    config = LinearConfig(
        tag_weight=tag_weight,
        author_weight=author_weight,
        series_weight=series_weight,
        regularization=regularization,
    )
    LinearRanker(config).fit(interactions, catalog)


@pytest.mark.parametrize("weights", [(15.0, 10.0, 10.0), (0.0, 35.0, 0.0), (34.0, 1.0, 0.0)])
def test_metadata_weights_below_the_regularization_always_fit(
    weights: tuple[float, float, float],
) -> None:
    one_author_and_series(weights, 36.0)
    with pytest.raises(FitError, match="series_weight are together 35 and regularization is 30"):
        one_author_and_series(weights, 30.0)


def test_metadata_stands_in_the_gram_matrix_but_not_on_its_diagonal() -> None:
    interactions = random_interactions(3)
    config = dataclasses.replace(CONFIG, author_weight=2.0, series_weight=1.0, n_neighbours=100)
    author, series = np.zeros(25), np.zeros(25)
    author[[5, 6, 7]], series[[6, 7]] = 1.0, 1.0
    metadata = 2.0 * np.outer(author, author) + np.outer(series, series)
    ranker = LinearRanker(config).fit(interactions, catalog_of(interactions))
    wanted = dense_weights(interactions, config, metadata)
    np.testing.assert_allclose(unscaled_weights(ranker), wanted, rtol=2e-3, atol=1e-6)


def test_a_book_that_nobody_rated_is_ranked_through_its_metadata() -> None:
    interactions = random_interactions(3)
    catalog = catalog_of(interactions)
    config = dataclasses.replace(
        CONFIG, author_weight=1.5, series_weight=1.5, n_neighbours=25, prior_weight=0.0
    )
    ranker = LinearRanker(config).fit(interactions, catalog)
    # Item 7 shares author and series with 6, the author with 5, and nothing with 0.
    fan, stranger = (Profile(np.array([item]), np.array([5])) for item in (6, 0))
    assert ranker.scores(fan)[7] > 5 * abs(ranker.scores(stranger)[7])
    assert 7 in ranker.recommend(fan, k=5)
    similar = ranker.similar_items(7, 5)
    assert similar.item_indices[:2].tolist() == [6, 5]
    assert similar.similarities[0] > similar.similarities[1] > 0
    # And it speaks for others when a reader rates it.
    newest = Profile(np.array([7]), np.array([5]))
    assert ranker.recommend(newest, k=1).tolist() == [6]


def test_without_ratings_the_order_is_that_of_the_prior() -> None:
    interactions = random_interactions(3)
    n_ratings = np.linspace(1000, 10, 25)
    catalog = catalog_of(interactions, n_ratings=n_ratings, mean_stars=np.full(25, 4.0))
    config = dataclasses.replace(CONFIG, author_weight=1.0, series_weight=1.0)
    ranker = LinearRanker(config).fit(interactions, catalog)
    nobody = Profile(np.array([], dtype=int), np.array([]))
    assert np.array_equal(ranker.scores(nobody), ranker.prior)
    assert ranker.prior.max() == pytest.approx(CONFIG.prior_weight)
    ranked = ranker.recommend(nobody, k=5)
    assert ranked.tolist() == top_k(ranker.prior, 5).tolist()
    assert ranker.prior[ranked[0]] > 0
    with pytest.raises(ValueError, match="read-only"):
        ranker.prior[0] = 1.0


def test_the_prior_fades_as_ratings_come() -> None:
    ranker = LinearRanker(CONFIG).fit(random_interactions(3))
    parts = []
    for n_rated in (1, 4, 16):
        profile = Profile(np.arange(n_rated), np.full(n_rated, 5))
        own = np.abs(ranker.scores(profile) - ranker.prior).sum()
        parts.append(ranker.prior.sum() / own)
    assert parts == sorted(parts, reverse=True)


def test_the_first_prototype_needs_no_catalog_and_has_no_prior() -> None:
    interactions = random_interactions(3)
    with_catalog = LinearRanker(PLAIN).fit(interactions, catalog_of(interactions))
    without = LinearRanker(PLAIN).fit(interactions)
    assert not with_catalog.prior.any()
    assert np.array_equal(stored_weights(with_catalog), stored_weights(without))
    profile = random_profile(0)
    wanted = (profile.stars - 1.5) @ stored_weights(without)[profile.item_indices]
    np.testing.assert_allclose(without.scores(profile), wanted, rtol=1e-5, atol=1e-6)
