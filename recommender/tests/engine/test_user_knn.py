from __future__ import annotations

import numpy as np
import pytest

from recommender.engine import ArtifactError, FitError, InputError, Interactions, Part, Profile
from recommender.engine.biases import BiasesConfig, BiasesPredictor
from recommender.engine.user_knn import UserKnnConfig, UserKnnRanker
from recommender.engine.weights import STAR_WEIGHTS, interaction_weights
from recommender.tests.engine.conftest import random_interactions

READER = Profile(np.array([0, 2, 5]), np.array([5, 4, 1]), np.array([9]))
CONFIG = UserKnnConfig(n_neighbours=10, n_raters=15, shrinkage=2.0, rater_shrinkage=0.3)


def dense_similarities(interactions: Interactions, own: np.ndarray) -> np.ndarray:
    m = interaction_weights(interactions, STAR_WEIGHTS, 1.0).toarray().astype(np.float64)
    return m @ own / (np.linalg.norm(m, axis=1) * np.linalg.norm(own) + CONFIG.shrinkage)


def own_row() -> np.ndarray:
    own = np.zeros(25)
    own[[0, 2, 5, 9]] = np.array([1.2, 1.0, 0.3, 1.0], dtype=np.float32)
    return own


def test_neighbours_are_those_of_a_dense_product() -> None:
    interactions = random_interactions(0)
    ranker = UserKnnRanker(CONFIG).fit(interactions)
    similarities = dense_similarities(interactions, own_row())
    nearest = np.argsort(-similarities, kind="stable")
    for k in (1, 10, 1000):
        found = ranker.neighbours(READER, k)
        wanted = [user for user in nearest[:k] if similarities[user] > 0]
        assert found.user_indices.tolist() == wanted
        np.testing.assert_allclose(found.similarities, similarities[wanted], rtol=1e-12)


def test_scores_sum_the_neighbours_books_by_similarity() -> None:
    interactions = random_interactions(0)
    ranker = UserKnnRanker(CONFIG).fit(interactions)
    near = ranker.neighbours(READER, 10)
    m = interaction_weights(interactions, STAR_WEIGHTS, 1.0).toarray().astype(np.float64)
    wanted = near.similarities @ m[near.user_indices]
    np.testing.assert_allclose(ranker.scores(READER), wanted, rtol=1e-6)


def deviation(interactions: Interactions, users: np.ndarray, sims: np.ndarray) -> np.ndarray:
    """The formula of the docstring, user by user and item by item."""
    biases = BiasesPredictor(BiasesConfig(3.0, 5.0)).fit(interactions)
    stars = interactions.ratings.toarray()
    result = np.zeros(interactions.n_items)
    for item in range(interactions.n_items):
        total = believed = 0.0
        for user, similarity in zip(users, sims, strict=True):
            if stars[user, item]:
                expected = biases.raw_pairs(np.array([user]), np.array([item]))[0]
                total += similarity * (stars[user, item] - expected)
                believed += similarity
        result[item] = total / (believed + CONFIG.rater_shrinkage) if believed else 0.0
    return result


def test_predicted_stars_of_a_new_reader_are_those_of_the_formula() -> None:
    """Deviations are kept in float32: hence the tolerance."""
    interactions = random_interactions(0)
    ranker = UserKnnRanker(CONFIG).fit(interactions)
    near = ranker.neighbours(READER, CONFIG.n_raters)
    baseline = BiasesPredictor(BiasesConfig(3.0, 5.0)).fit(interactions).raw_profile(READER)
    wanted = baseline + deviation(interactions, *near)
    np.testing.assert_allclose(ranker.predict_profile(READER), np.clip(wanted, 1, 5), rtol=1e-5)


def test_a_training_reader_is_not_his_own_neighbour() -> None:
    interactions = random_interactions(0)
    ranker = UserKnnRanker(CONFIG).fit(interactions)
    biases = BiasesPredictor(BiasesConfig(3.0, 5.0)).fit(interactions)
    items = np.arange(interactions.n_items)
    for user in (0, 17, 79):
        own = interaction_weights(interactions, STAR_WEIGHTS, 1.0).toarray()[user]
        similarities = dense_similarities(interactions, own.astype(np.float64))
        similarities[user] = 0
        nearest = np.argsort(-similarities, kind="stable")[: CONFIG.n_raters]
        nearest = nearest[similarities[nearest] > 0]
        wanted = biases.raw_pairs(np.full(25, user), items)
        wanted += deviation(interactions, nearest, similarities[nearest])
        found = ranker.predict(np.full(25, user), items)
        np.testing.assert_allclose(found, np.clip(wanted, 1, 5), rtol=1e-5)


def test_a_reader_with_a_shelf_alone_is_among_the_training_readers() -> None:
    interactions = Interactions.from_pairs(
        [1, 1, 2], [1, 2, 2], [5, 4, 3], shelf_user_ids=[3], shelf_item_ids=[2]
    )
    ranker = UserKnnRanker().fit(interactions)
    assert ranker.n_users == 3
    near = ranker.neighbours(Profile(np.array([1]), np.array([5])), 5)
    assert sorted(near.user_indices.tolist()) == [0, 1, 2]
    assert ranker.predict([2], [0]).shape == (1,)


def test_the_last_and_the_first_reader_may_be_without_any_weight() -> None:
    """Empty rows at either end, whose sum of squares must be 0 and not that of another row."""
    interactions = Interactions.from_pairs([1, 2, 3, 4], [1, 1, 2, 2], [1, 5, 5, 1])
    config = UserKnnConfig(star_weights=(0, 0, 0, 1, 1))
    near = (
        UserKnnRanker(config)
        .fit(interactions)
        .neighbours(Profile(np.array([0, 1]), np.array([5, 5])), 9)
    )
    assert near.user_indices.tolist() == [1, 2]
    np.testing.assert_allclose(near.similarities, 1 / (np.sqrt(2) + config.shrinkage))


def test_nonsense_is_refused() -> None:
    ranker = UserKnnRanker().fit(random_interactions(0))
    with pytest.raises(InputError, match="k is 0"):
        ranker.neighbours(READER, 0)
    with pytest.raises(FitError, match="no rating"):
        UserKnnRanker().fit(
            Interactions.from_pairs([], [], [], shelf_user_ids=[1], shelf_item_ids=[1])
        )


@pytest.mark.parametrize(
    "broken",
    [
        {"books_indptr": np.array([0, 1])},
        {"readers_indices": np.array([10**6])},
        {"deviations_values": np.array([np.inf], dtype=np.float32)},
        {"item_biases": np.ones(3)},
    ],
)
def test_a_part_that_does_not_fit_together_is_refused(broken: dict[str, np.ndarray]) -> None:
    part = UserKnnRanker().fit(random_interactions(0)).to_part()
    arrays = dict(part.arrays)
    for name, array in broken.items():
        arrays[name] = array if len(array) > 1 else np.resize(array, len(arrays[name]))
    with pytest.raises(ArtifactError, match="fit together"):
        UserKnnRanker.from_part(Part("user_knn", arrays, part.config))
    with pytest.raises(ArtifactError, match="config"):
        UserKnnRanker.from_part(Part("user_knn", part.arrays, {"n_raters": 0}))


@pytest.mark.parametrize(
    "changes",
    [
        {"n_neighbours": 0},
        {"n_raters": 0},
        {"shrinkage": -1},
        {"rater_shrinkage": float("inf")},
        {"shelf_weight": -1},
        {"user_damping": -1},
    ],
)
def test_hyperparameters_that_mean_nothing_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        UserKnnConfig(**changes)  # type: ignore[arg-type]
