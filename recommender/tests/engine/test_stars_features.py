"""Features of a rating made without it, against features made when it is not there."""

from __future__ import annotations

import numpy as np

from recommender.engine import Interactions
from recommender.engine.item_features import reading_vectors
from recommender.engine.star_baseline import row_indices
from recommender.engine.stars_features import (
    ItemFigures,
    closeness,
    closeness_left_out,
    rated_figures,
    rated_figures_left_out,
    reading_total,
    share_figures,
    star_shares,
    user_figures,
    user_figures_left_out,
)
from recommender.tests.engine.conftest import random_interactions


def figures_of(interactions: Interactions) -> ItemFigures:
    return ItemFigures.of(interactions, None, None, np.zeros(interactions.n_items))


def test_figures_left_out_are_those_of_the_other_ratings() -> None:
    interactions = random_interactions(0)
    figures = figures_of(interactions)
    reading = reading_vectors(interactions, 4)
    of_user = user_figures_left_out(interactions, figures.shares)
    of_item = rated_figures_left_out(interactions, figures)
    near = closeness_left_out(reading, interactions)
    users, items = row_indices(interactions), interactions.ratings.indices
    stars = interactions.ratings.data
    for place in range(0, len(users), 37):
        user, item = users[place], items[place]
        others = (users == user) & (np.arange(len(users)) != place)
        shelf = interactions.profile(int(user)).shelf_indices
        shelf = np.flatnonzero(interactions.shelved[[user]].toarray()[0])
        wanted = user_figures(stars[others], len(shelf), figures.shares)
        np.testing.assert_allclose(of_user[place], wanted, rtol=2e-5)
        total = reading_total(reading, items[others], shelf)
        wanted = closeness(reading, total, np.array([item]))[0]
        np.testing.assert_allclose(near[place], wanted, atol=1e-5)
        others = (items == item) & (np.arange(len(users)) != place)
        counts = star_shares(stars[others]).sum(axis=0)[None]
        without = ItemFigures(figures.fixed, (), np.tile(counts, (25, 1)), figures.shares)
        wanted = rated_figures(without, np.array([item]))[0]
        np.testing.assert_allclose(of_item[place], wanted, rtol=2e-5)


def test_share_figures_are_damped_means_and_spreads() -> None:
    counts = np.array([[0, 0, 0, 2, 2], [0, 0, 0, 0, 0]])
    prior = np.array([0, 0, 1, 0, 0])
    told = share_figures(counts, prior, 4.0)
    np.testing.assert_allclose(told[0], [0, 0, 0.5, 0.25, 0.25, 4, 3.75, 0.6875**0.5])
    np.testing.assert_allclose(told[1], [0, 0, 1, 0, 0, 0, 3, 0])


def test_half_stars_count_for_both_levels() -> None:
    np.testing.assert_allclose(
        star_shares(np.array([4.5, 1.0])), [[0, 0, 0, 0.5, 0.5], [1, 0, 0, 0, 0]]
    )
