from __future__ import annotations

import numpy as np
import pytest

from recommender.engine import Catalog, FitError, Interactions, Series
from recommender.engine.star_baseline import fit_baseline, standardized
from recommender.tests.engine.conftest import random_interactions


def test_without_a_catalog_the_biases_are_damped_means() -> None:
    """One reader rates everything 2: what is left of the items is worked by hand."""
    interactions = Interactions.from_pairs([1, 2, 3], [1, 1, 2], [5, 5, 2])
    baseline = fit_baseline(interactions, None, user_damping=1e12, item_damping=2.0)
    assert baseline.mean == pytest.approx(4.0)
    np.testing.assert_allclose(baseline.item_biases, [2 / 4, -2 / 3], rtol=1e-6)
    assert not baseline.prior.any()


def test_an_item_without_ratings_has_what_the_catalog_lets_expect() -> None:
    generator = np.random.default_rng(0)
    n_items = 60
    quality = generator.uniform(3, 4.8, n_items)
    users, items = np.nonzero(generator.random((400, n_items)) < 0.6)
    stars = np.clip(np.round(quality[items] + generator.normal(0, 0.7, len(items))), 1, 5)
    unseen = items != 11
    interactions = Interactions.from_pairs(
        users[unseen], items[unseen], stars[unseen].astype(int), catalog_ids=np.arange(n_items)
    )
    none = np.full(n_items, -1)
    catalog = Catalog(
        interactions.items, Series.none(n_items), none, none, mean_stars=quality.astype(np.float32)
    )
    with_prior = fit_baseline(interactions, catalog)
    assert with_prior.item_biases[11] == pytest.approx(with_prior.prior[11])
    assert with_prior.mean + with_prior.prior[11] == pytest.approx(quality[11], abs=0.15)
    assert fit_baseline(interactions, None).item_biases[11] == 0


def test_figures_that_are_all_unknown_are_as_none() -> None:
    interactions = random_interactions(0)
    unknown = np.full(interactions.n_items, np.nan, dtype=np.float32)
    none = np.full(interactions.n_items, -1)
    catalog = Catalog(
        interactions.items, Series.none(interactions.n_items), none, none, mean_stars=unknown
    )
    np.testing.assert_array_equal(
        fit_baseline(interactions, catalog).item_biases,
        fit_baseline(interactions, None).item_biases,
    )


def test_without_ratings_there_is_no_baseline() -> None:
    with pytest.raises(FitError, match="no rating"):
        fit_baseline(Interactions.from_pairs([], [], [], catalog_ids=[1]), None)


def test_unknown_and_equal_values_are_standardized_to_0() -> None:
    np.testing.assert_allclose(standardized(np.array([1.0, np.nan, 3.0])), [-1, 0, 1])
    assert not standardized(np.array([2.0, 2.0])).any()
    assert not standardized(np.array([np.nan])).any()
