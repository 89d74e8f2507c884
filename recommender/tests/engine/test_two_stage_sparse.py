"""The second stage of a catalogue that is solved sparsely."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from recommender.engine import FitError, LinearRanker
from recommender.engine.completeness import estimate_completeness
from recommender.engine.left_out import LeftOut, NeverIn, weights_without
from recommender.engine.linear_solve import solve_item_weights
from recommender.engine.two_stage import TwoStageRanker
from recommender.tests.engine.conftest import random_interactions
from recommender.tests.engine.linear_oracle import unscaled_weights
from recommender.tests.engine.test_two_stage import CONFIG, LINEAR, READER, tasteful

SPARSE = dataclasses.replace(LINEAR, solver="sparse", n_support=30)


@pytest.fixture(scope="module")
def fitted() -> TwoStageRanker:
    interactions, catalog = tasteful()
    return TwoStageRanker(CONFIG, linear_config=SPARSE).fit(interactions, catalog)


def test_the_weights_know_nothing_of_whom_the_second_stage_learns_from(
    fitted: TwoStageRanker,
) -> None:
    assert fitted.skipped_because is None
    interactions, catalog = tasteful()
    completeness = estimate_completeness(interactions, catalog, n_complete=CONFIG.n_readers)
    kept = np.ones(interactions.n_users, dtype=np.bool_)
    for user_index in completeness.complete_users:
        kept[user_index] = len(interactions.profile(user_index).item_indices) < 5
    assert 0 < np.count_nonzero(~kept) <= CONFIG.n_readers
    wanted = solve_item_weights(
        interactions.select_users(kept), SPARSE, catalog, completeness=completeness
    )
    for name, array in fitted.linear.to_part().arrays.items():
        np.testing.assert_array_equal(array, wanted.arrays[name])


def test_it_orders_the_candidates_and_is_served_from_its_files(fitted: TwoStageRanker) -> None:
    linear = fitted.linear.recommend(READER, k=20)
    whole = fitted.recommend(READER, k=20)
    assert set(whole) == set(linear)
    assert whole.tolist() != linear.tolist()
    again = TwoStageRanker.from_part(fitted.to_part())
    np.testing.assert_array_equal(again.scores(READER), fitted.scores(READER))
    assert again.linear.path == fitted.linear.path
    assert fitted.to_part().config["linear"]["path"]["solver"] == "sparse"


def test_without_a_second_stage_everybody_is_in_the_weights() -> None:
    interactions = random_interactions(0, n_users=200)
    ranker = TwoStageRanker(linear_config=SPARSE).fit(interactions)
    assert ranker.skipped_because is not None
    linear = LinearRanker(SPARSE).fit(interactions)
    np.testing.assert_array_equal(ranker.scores(READER_OF_25), linear.scores(READER_OF_25))


READER_OF_25 = dataclasses.replace(
    READER, item_indices=np.array([1, 5, 9]), stars=np.array([5, 4, 1]), shelf_indices=np.array([2])
)


def test_weights_of_readers_who_were_never_in_are_those_of_the_fit() -> None:
    interactions = random_interactions(3, density=0.5)
    config = dataclasses.replace(SPARSE, regularization=40.0, n_support=8)
    solution = solve_item_weights(interactions, config)
    dense = unscaled_weights(LinearRanker.of_solution(config, solution))
    without = weights_without(config, solution)
    assert isinstance(without, NeverIn)
    items, some = np.array([0, 3, 4]), np.array([9, 2])
    (everything,) = without.weights(0, items)
    np.testing.assert_allclose(everything, dense[items], rtol=1e-6)
    (block,) = without.weights(1, items, [some])
    np.testing.assert_allclose(block, dense[np.ix_(items, some)], rtol=1e-6)
    with pytest.raises(FitError, match="no inverse"):
        LeftOut(solution)
