from __future__ import annotations

import math

import numpy as np
import pytest

from recommender.engine import ArtifactError, FitError, InputError, Interactions, Part, Profile
from recommender.engine.item_knn import ItemKnnConfig, ItemKnnRanker, bm25_weights
from recommender.engine.weights import STAR_WEIGHTS, interaction_weights
from recommender.tests.engine.conftest import random_interactions

READER = Profile(np.array([0, 2, 5]), np.array([5, 4, 1]), np.array([9]))


def reader_row(n_items: int, shelf_input: float) -> np.ndarray:
    row = np.zeros(n_items)
    row[[0, 2, 5, 9]] = np.array([1.2, 1.0, 0.3, shelf_input], dtype=np.float32)
    return row


def test_cosines_are_those_of_a_dense_product() -> None:
    """All neighbours kept; in float32 sums of at most 80 products, hence the tolerance."""
    interactions = random_interactions(0)
    config = ItemKnnConfig("cosine", n_neighbours=25, shrinkage=3.0, shelf_input=0.25)
    m = interaction_weights(interactions, STAR_WEIGHTS, 1.0).toarray().astype(np.float64)
    lengths = np.linalg.norm(m, axis=0)
    similarity = m.T @ m / (np.outer(lengths, lengths) + 3.0)
    np.fill_diagonal(similarity, 0)
    scores = ItemKnnRanker(config).fit(interactions).scores(READER)
    np.testing.assert_allclose(scores, reader_row(25, 0.25) @ similarity, rtol=1e-5)


def test_only_the_most_similar_items_of_each_scored_item_are_kept() -> None:
    interactions = random_interactions(0)
    whole = ItemKnnRanker(ItemKnnConfig(n_neighbours=25)).fit(interactions)
    cut = ItemKnnRanker(ItemKnnConfig(n_neighbours=3)).fit(interactions)

    def columns(ranker: ItemKnnRanker) -> np.ndarray:
        return np.stack([ranker.weights.scores(np.array([i]), np.array([1.0])) for i in range(25)])

    similarity, kept = columns(whole), columns(cut)
    for item in range(25):
        strongest = np.argsort(-similarity[:, item], kind="stable")[:3]
        wanted = np.zeros(25)
        wanted[strongest] = similarity[strongest, item]
        np.testing.assert_array_equal(kept[:, item], wanted)


def test_bm25_weights_by_hand() -> None:
    """Two users, three items; user 0 has items 0 and 1, user 1 item 0; audiences 2, 1, 0."""
    interactions = Interactions.from_pairs([0, 0, 1], [0, 1, 0], [4, 4, 4], catalog_ids=[0, 1, 2])
    matrix = interaction_weights(interactions, STAR_WEIGHTS, 1.0)
    weights = bm25_weights(matrix, 1.5, 0.5).toarray()
    idf = [math.log(3) - math.log(3), math.log(3) - math.log(2)]
    length = [0.5 + 0.5 * audience / 1 for audience in (2, 1)]
    wanted = [
        [idf[0] * 2.5 / (1 + 1.5 * length[0]), idf[0] * 2.5 / (1 + 1.5 * length[1]), 0],
        [idf[1] * 2.5 / (1 + 1.5 * length[0]), 0, 0],
    ]
    np.testing.assert_allclose(weights, wanted, rtol=1e-6)


def test_bm25_similarity_is_the_inner_product_of_weighted_columns() -> None:
    interactions = random_interactions(0)
    config = ItemKnnConfig(weighting="bm25", n_neighbours=25, shelf_input=0.0)
    w = bm25_weights(interaction_weights(interactions, STAR_WEIGHTS, 1.0), 1.2, 0.75).toarray()
    similarity = w.T.astype(np.float64) @ w
    np.fill_diagonal(similarity, 0)
    scores = ItemKnnRanker(config).fit(interactions).scores(READER)
    np.testing.assert_allclose(scores, reader_row(25, 0) @ similarity, rtol=1e-5)


def test_shrinkage_holds_back_items_with_few_readers() -> None:
    """Items 0 and 1 share one reader and have no other; 2 and 3 share nine of ten."""
    pairs = [(0, 0), (0, 1), *((user, item) for user in range(1, 10) for item in (2, 3)), (10, 2)]
    users, items = (np.array(column) for column in zip(*pairs, strict=True))
    interactions = Interactions.from_pairs(users, items, np.full(len(users), 4))

    def similarity(shrinkage: float, one: int, other: int) -> float:
        config = ItemKnnConfig("cosine", shrinkage=shrinkage)
        ranker = ItemKnnRanker(config).fit(interactions)
        return float(ranker.weights.scores(np.array([one]), np.array([1.0]))[other])

    assert similarity(0.0, 0, 1) == 1.0
    assert similarity(0.0, 0, 1) > similarity(0.0, 2, 3)
    assert similarity(2.0, 0, 1) < similarity(2.0, 2, 3)


def test_without_items_there_is_nothing_to_fit() -> None:
    with pytest.raises(FitError, match="no item"):
        ItemKnnRanker().fit(Interactions.from_pairs([], [], []))


@pytest.mark.parametrize(
    "broken",
    [
        {"weights": np.array([np.nan], dtype=np.float32)},
        {"indices": np.array([99], dtype=np.uint16)},
        {"indptr": np.array([0, 5])},
    ],
)
def test_a_part_that_does_not_fit_together_is_refused(broken: dict[str, np.ndarray]) -> None:
    part = ItemKnnRanker().fit(random_interactions(0)).to_part()
    arrays = dict(part.arrays)
    for name, array in broken.items():
        arrays[name] = np.resize(array, len(arrays[name])) if name != "indptr" else array
    with pytest.raises(ArtifactError, match="fit together"):
        ItemKnnRanker.from_part(Part("item_knn", arrays, part.config))
    with pytest.raises(ArtifactError, match="config"):
        ItemKnnRanker.from_part(Part("item_knn", part.arrays, {"weighting": "tf"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"weighting": "tf"},
        {"n_neighbours": 0},
        {"shrinkage": -1},
        {"shelf_input": -1},
        {"bm25_k1": 0},
        {"bm25_b": 2},
        {"star_weights": (1, 1, 1, 1, float("inf"))},
    ],
)
def test_hyperparameters_that_mean_nothing_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        ItemKnnConfig(**changes)  # type: ignore[arg-type]
