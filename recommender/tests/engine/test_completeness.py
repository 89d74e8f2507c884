from __future__ import annotations

import numpy as np
import pytest

from recommender.engine import Catalog, Interactions, Series
from recommender.engine.completeness import estimate_completeness, liked_share, poisson_means
from recommender.tests.engine.conftest import random_interactions


def catalog_with(interactions: Interactions, **known: object) -> Catalog:
    none = np.full(interactions.n_items, -1)
    series = Series.none(interactions.n_items)
    return Catalog(interactions.items, series, none, none, **known)  # type: ignore[arg-type]


def cut_sample() -> tuple[Interactions, Catalog, np.ndarray, np.ndarray]:
    """Return 3,000 readers of 60 books, of which 2,700 lost most of the popular half's ratings.

    The data, the catalog of how many ratings there were, how many of the whole data each reader
    is expected to rate, and which readers kept everything.
    """
    generator = np.random.default_rng(0)
    popularity = np.geomspace(0.6, 0.05, 60)
    drawn = generator.random((3000, 60)) < popularity
    kept_share = np.where(np.arange(60) < 30, 0.15, 1.0)
    is_complete = np.arange(3000) % 10 == 0
    kept = is_complete[:, np.newaxis] | (generator.random(drawn.shape) < kept_share)
    users, items = np.nonzero(drawn & kept)
    interactions = Interactions.from_pairs(
        users, items, np.full(len(users), 4), catalog_ids=np.arange(60)
    )
    n_ratings = 1000 * popularity
    catalog = catalog_with(interactions, n_ratings=n_ratings, n_reviews=n_ratings / 10)
    ids = interactions.user_ids
    return interactions, catalog, popularity, is_complete[ids]


def test_a_sample_cut_book_by_book_is_seen_through() -> None:
    interactions, catalog, popularity, is_complete = cut_sample()
    found = estimate_completeness(interactions, catalog)
    assert found.is_modelled
    assert is_complete[found.complete_users].mean() > 0.85
    held = np.bincount(interactions.ratings.indices, minlength=60) / 3000
    # The catalogue's counts are exact here; complete readers are chosen with some error.
    np.testing.assert_allclose(found.expected, popularity, rtol=0.25)
    np.testing.assert_allclose(found.share, held / popularity, atol=0.2)
    assert found.share[:30].max() < 0.5 < found.share[30:].min()


def test_without_counts_of_the_whole_the_data_is_all_there_is() -> None:
    interactions = random_interactions(0)
    counts = np.bincount(interactions.ratings.indices, minlength=25)
    for catalog in (None, Catalog.bare(interactions.items)):
        found = estimate_completeness(interactions, catalog)
        assert not found.is_modelled
        assert (found.share == 1).all()
        n_raters = np.count_nonzero(np.diff(interactions.ratings.indptr))
        np.testing.assert_allclose(found.expected, np.maximum(counts, 0.5) / n_raters)


def test_the_longest_histories_come_first_where_nothing_is_modelled() -> None:
    interactions = random_interactions(0)
    found = estimate_completeness(interactions)
    lengths = np.diff(interactions.ratings.indptr)
    assert len(found.complete_users) == 8
    assert lengths[found.complete_users].tolist() == sorted(lengths, reverse=True)[:8]


def test_a_book_without_counts_is_judged_by_the_data() -> None:
    interactions, catalog, _, _ = cut_sample()
    assert catalog.n_ratings is not None
    n_ratings = catalog.n_ratings.copy()
    n_ratings[[3, 50]] = [np.nan, 0]
    partly = catalog_with(interactions, n_ratings=n_ratings)
    found = estimate_completeness(interactions, partly)
    assert found.is_modelled
    held = np.bincount(interactions.ratings.indices, minlength=60) / interactions.n_users
    assert found.share[[3, 50]].tolist() == [1, 1]
    np.testing.assert_allclose(found.expected[[3, 50]], held[[3, 50]])


def test_counts_that_are_all_alike_or_all_unknown_do_no_harm() -> None:
    interactions, _, _, _ = cut_sample()
    for n_ratings in (np.full(60, 7.0), np.full(60, np.nan)):
        found = estimate_completeness(interactions, catalog_with(interactions, n_ratings=n_ratings))
        assert np.isfinite(found.expected).all()
        assert ((found.share > 0) & (found.share <= 1)).all()


def test_poisson_regression_finds_the_weights_of_the_data() -> None:
    generator = np.random.default_rng(1)
    columns = np.stack((np.ones(4000), generator.normal(size=4000)), axis=1)
    means = np.exp(columns @ [1.0, 0.5])
    found = poisson_means(columns, generator.poisson(means).astype(float))
    assert found is not None
    # 4,000 draws fix two weights to about one part in a hundred.
    np.testing.assert_allclose(found, means, rtol=0.1)
    # The score equations: with a constant column, the fitted means add up to the counts.
    counts = generator.poisson(means).astype(float)
    again = poisson_means(columns, counts)
    assert again is not None
    assert again.sum() == pytest.approx(counts.sum(), rel=1e-4)
    assert poisson_means(columns, np.zeros(4000)) is None


def test_the_liked_share_follows_mean_and_spread() -> None:
    interactions = random_interactions(0)
    mean = np.full(25, 3.5)
    mean[0], mean[1], mean[2] = 4.5, np.nan, 4.5
    spread = np.full(25, 1.0)
    spread[2] = 0.5
    found = liked_share(interactions, catalog_with(interactions, mean_stars=mean, std_stars=spread))
    assert found[3] == pytest.approx(0.5)
    assert found[0] == pytest.approx(0.8413, abs=1e-4)  # one standard deviation
    assert found[2] == pytest.approx(0.9772, abs=1e-4)  # two
    stars = interactions.ratings.toarray()[:, 1]
    overall = (interactions.ratings.data >= 4).mean()
    wanted = ((stars >= 4).sum() + 5 * overall) / ((stars > 0).sum() + 5)
    assert found[1] == pytest.approx(wanted)
    assert liked_share(interactions, None)[1] == pytest.approx(wanted)
