from __future__ import annotations

import numpy as np
import pytest

from recommender.engine import Profile
from recommender.engine.weights import STAR_WEIGHTS, interaction_weights, profile_weights
from recommender.tests.engine.conftest import random_interactions


def test_a_rated_book_counts_by_its_stars_and_a_shelved_one_when_unrated() -> None:
    interactions = random_interactions(0)
    weights = (0.0, 0.4, 0.7, 1.0, 1.2)
    matrix = interaction_weights(interactions, weights, 0.5)
    stars, shelved = interactions.ratings.toarray(), interactions.shelved.toarray()
    wanted = np.where(
        stars > 0,
        np.array([0, *weights], dtype=np.float32)[stars.astype(int)],
        np.float32(0.5) * shelved,
    )
    np.testing.assert_array_equal(matrix.toarray(), wanted)
    assert matrix.nnz == np.count_nonzero(wanted)
    assert matrix.dtype == np.float32


@pytest.mark.parametrize("shelf_weight", [0.0, 0.5])
def test_a_profile_has_the_bits_of_its_row(shelf_weight: float) -> None:
    interactions = random_interactions(0)
    matrix = interaction_weights(interactions, STAR_WEIGHTS, shelf_weight)
    for user in range(interactions.n_users):
        items, weights = profile_weights(interactions.profile(user), STAR_WEIGHTS, shelf_weight)
        row = slice(*matrix.indptr[user : user + 2])
        np.testing.assert_array_equal(items, matrix.indices[row])
        np.testing.assert_array_equal(weights, matrix.data[row])


def test_a_fraction_of_a_star_is_interpolated() -> None:
    profile = Profile(np.array([3]), np.array([3.5]))
    assert profile_weights(profile, STAR_WEIGHTS, 0)[1] == pytest.approx([0.85])
