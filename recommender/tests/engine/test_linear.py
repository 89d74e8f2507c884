from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from recommender.engine import (
    ArtifactError,
    CatalogTooLargeError,
    FitError,
    InputError,
    Interactions,
    LinearConfig,
    LinearRanker,
    NotFittedError,
    Part,
    Profile,
)
from recommender.engine.linear_path import choose_path
from recommender.engine.linear_solve import weighted_interactions
from recommender.engine.memory import memory_limit
from recommender.tests.engine.conftest import random_interactions
from recommender.tests.engine.linear_oracle import (
    CONFIG,
    PLAIN,
    dense_weights,
    random_profile,
    stored_weights,
    unscaled_weights,
)


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        dataclasses.replace(CONFIG, n_neighbours=100),
        dataclasses.replace(CONFIG, shelf_weight=0.0, diagonal_scale=1.0),
        dataclasses.replace(CONFIG, star_weights=(1, 1, 1, 1, 1), shelf_weight=0.5),
        dataclasses.replace(CONFIG, popularity_exponent=2.0, diagonal_exponent=1.0),
        dataclasses.replace(CONFIG, reader_weights=(0.5, 2, 3, 4, 5)),
        PLAIN,
        dataclasses.replace(PLAIN, shelf_weight=0.5),
    ],
)
def test_the_weights_are_those_of_a_dense_solve(config: LinearConfig) -> None:
    interactions = random_interactions(3, density=0.5)
    wanted = dense_weights(interactions, config)
    got = unscaled_weights(LinearRanker(config).fit(interactions))
    assert np.array_equal(got != 0, wanted != 0)
    # float32 against float64 on a matrix of condition about 100
    np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=1e-6)
    assert np.count_nonzero(got, axis=0).max() <= config.n_neighbours


def test_scores_are_the_weighted_sum_over_the_rated_books() -> None:
    ranker = LinearRanker(CONFIG).fit(random_interactions(3))
    profile = random_profile(0)
    counts = np.array((np.nan, *CONFIG.input_weights))[profile.stars.astype(int)]
    wanted = counts @ stored_weights(ranker)[profile.item_indices] + ranker.prior
    np.testing.assert_allclose(ranker.scores(profile), wanted, rtol=1e-5, atol=1e-6)


def test_shelved_books_count_what_the_config_says() -> None:
    config = dataclasses.replace(CONFIG, shelf_input=0.7)
    ranker = LinearRanker(config).fit(random_interactions(3))
    profile = random_profile(0, shelf=True)
    weights = stored_weights(ranker)
    counts = np.array((np.nan, *CONFIG.input_weights))[profile.stars.astype(int)]
    wanted = counts @ weights[profile.item_indices] + ranker.prior
    wanted += 0.7 * weights[profile.shelf_indices].sum(axis=0)
    np.testing.assert_allclose(ranker.scores(profile), wanted, rtol=1e-5, atol=1e-6)
    rated_only = Profile(profile.item_indices, profile.stars)
    assert not np.allclose(ranker.scores(profile), ranker.scores(rated_only))


@pytest.mark.parametrize("shelf_input", [0.0, 0.3])
def test_the_contributions_of_every_item_add_up_to_its_score(shelf_input: float) -> None:
    config = dataclasses.replace(CONFIG, shelf_input=shelf_input)
    ranker = LinearRanker(config).fit(random_interactions(5))
    profile = random_profile(1, shelf=True)
    known = set(profile.item_indices) | (set(profile.shelf_indices) if shelf_input else set())
    scores = ranker.scores(profile)
    for item in range(ranker.n_items):
        reasons = ranker.contributions(profile, item)
        # float64 terms, one rounding to float32 at the end
        total = reasons.values.sum() + float(ranker.prior[item])
        assert np.float32(total) == pytest.approx(scores[item], rel=1e-6, abs=1e-9)
        assert reasons.values.all()
        assert set(reasons.item_indices) <= known
        assert np.all(np.diff(reasons.values) <= 0)
        assert item not in reasons.item_indices


def test_the_order_of_the_ratings_does_not_change_a_bit() -> None:
    ranker = LinearRanker(CONFIG).fit(random_interactions(3))
    profile = random_profile(0)
    backwards = Profile(profile.item_indices[::-1], profile.stars[::-1])
    assert np.array_equal(ranker.scores(profile), ranker.scores(backwards))


def test_weights_between_books_are_those_of_the_solution() -> None:
    ranker = LinearRanker(CONFIG).fit(random_interactions(3))
    unscaled = stored_weights(ranker) / ranker.score_scale
    items, candidates = np.array([2, 3, 11, 19]), np.array([20, 0, 5])
    between = ranker.weights_between(items, candidates)
    assert between.dtype == np.float32
    np.testing.assert_allclose(between, unscaled[np.ix_(items, candidates)], rtol=1e-6)
    assert between.any()
    assert ranker.weights_between(items[:0], candidates).shape == (0, 3)


def test_a_batch_gives_the_bits_of_single_scores_and_the_fit_renews_it() -> None:
    ranker = LinearRanker(dataclasses.replace(CONFIG, shelf_input=0.3))
    for seed in (3, 4):
        ranker.fit(random_interactions(seed))
        profiles = [random_profile(number, shelf=number % 2 == 0) for number in range(9)]
        profiles.append(Profile(np.array([], dtype=int), np.array([])))
        batch = ranker.batch_scores(profiles)
        assert batch.dtype == np.float32
        for row, profile in zip(batch, profiles, strict=True):
            assert np.array_equal(row, ranker.scores(profile))
    assert ranker.batch_scores([]).shape == (0, ranker.n_items)


def test_an_item_that_nobody_touched_is_harmless() -> None:
    ranker = LinearRanker(CONFIG).fit(random_interactions(3))
    weights = stored_weights(ranker)
    assert not weights[7].any()
    assert not weights[:, 7].any()
    assert len(ranker.similar_items(7, 5).item_indices) == 0
    assert np.array_equal(ranker.scores(Profile(np.array([7]), np.array([5]))), ranker.prior)


def test_similar_items_are_those_of_highest_partial_correlation_among_the_neighbours() -> None:
    config = dataclasses.replace(CONFIG, n_neighbours=100, n_similar=4)
    interactions = random_interactions(3)
    ranker = LinearRanker(config).fit(interactions)
    # r_ij = sign * sqrt(B_ij B_ji), as B_ij B_ji = P_ij^2 / (P_ii P_jj)
    weights = dense_weights(interactions, config)
    correlation = np.sign(weights) * np.sqrt(np.abs(weights * weights.T))
    for item in range(ranker.n_items):
        similar = ranker.similar_items(item, 4)
        wanted = np.argsort(-correlation[:, item], kind="stable")[:4]
        wanted = wanted[correlation[wanted, item] > 0]
        assert similar.item_indices.tolist() == wanted.tolist()
        np.testing.assert_allclose(similar.similarities, correlation[wanted, item], rtol=1e-3)


def test_progress_rises_from_0_to_1_and_its_exception_ends_the_fit() -> None:
    told: list[tuple[str, float]] = []
    interactions = random_interactions(3)
    LinearRanker(CONFIG).fit(interactions, on_progress=lambda *news: told.append(news))
    parts = [part for _, part in told]
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0.0, 1.0)
    assert {"gram matrix", "inverse", "strongest weights"} <= {stage for stage, _ in told}

    def cancel(stage: str, part: float) -> None:
        raise KeyboardInterrupt(stage)

    with pytest.raises(KeyboardInterrupt):
        LinearRanker(CONFIG).fit(interactions, on_progress=cancel)


def test_a_catalog_that_does_not_fit_into_memory_is_refused_before_the_gram_matrix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def allocate(*args: object) -> None:
        raise AssertionError("the Gram matrix was made")

    monkeypatch.setattr("recommender.engine.linear_solve.gram_upper", allocate)
    dense = dataclasses.replace(CONFIG, solver="dense")
    with pytest.raises(CatalogTooLargeError, match=r"enough for 12 items.*leave out"):
        LinearRanker(dense, memory_limit_bytes=1000).fit(random_interactions(3))


def test_the_default_memory_limit_is_that_of_the_machine() -> None:
    assert 2**28 < memory_limit() < 2**50
    dense = dataclasses.replace(CONFIG, solver="dense")
    with pytest.raises(CatalogTooLargeError, match="20,000,000 items"):
        choose_path(20_000_000, dense)
    assert choose_path(100, dense).solver == "dense"


def test_a_fit_without_items_or_with_weights_that_are_not_finite_is_refused() -> None:
    with pytest.raises(FitError, match="no item"):
        LinearRanker(CONFIG).fit(Interactions.from_pairs([], [], []))
    huge = dataclasses.replace(CONFIG, star_weights=(1e300,) * 5)
    with pytest.raises(FitError, match="not finite"), np.errstate(over="ignore"):
        LinearRanker(huge).fit(random_interactions(3))


def test_a_gram_matrix_that_overflows_is_refused() -> None:
    large = dataclasses.replace(CONFIG, star_weights=(1e30,) * 5)
    with pytest.raises(FitError), np.errstate(over="ignore", invalid="ignore"):
        LinearRanker(large).fit(random_interactions(3))


@pytest.mark.parametrize(
    "wrong",
    [
        {"star_weights": (1, 1, 1, 1)},
        {"star_weights": (1, 1, 1, 1, np.nan)},
        {"star_weights": (0, 1, 1, 1, 1)},
        {"regularization": 0},
        {"regularization": np.inf},
        {"diagonal_scale": 0.5},
        {"n_neighbours": 0},
        {"shelf_weight": -1},
        {"shelf_input": np.nan},
        {"input_weights": (0, 0, 0, 1, np.inf)},
        {"input_weights": (0, 1)},
        {"reader_weights": (0, 1, 1, 1, 1)},
        {"prior_weight": -0.1},
        {"tag_weight": np.nan},
        {"solver": "quick"},
        {"dense_items": 0},
        {"n_support": 0},
    ],
)
def test_a_config_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        LinearConfig(**wrong)  # type: ignore[arg-type]


def test_an_unfitted_ranker_says_so() -> None:
    ranker = LinearRanker()
    for ask in (lambda: ranker.n_items, ranker.to_part, lambda: ranker.similar_items(0, 1)):
        with pytest.raises(NotFittedError, match="call fit"):
            ask()


def test_an_item_index_that_is_no_item_is_refused() -> None:
    ranker = LinearRanker(CONFIG).fit(random_interactions(3))
    for wrong in (-1, 25):
        with pytest.raises(InputError, match="item_index"):
            ranker.contributions(random_profile(0), wrong)
        with pytest.raises(InputError, match="item_index"):
            ranker.similar_items(wrong, 3)
    with pytest.raises(InputError, match="k is 0"):
        ranker.similar_items(0, 0)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("indptr", lambda a: a[::-1]),
        ("indptr", lambda a: a[:-1]),
        ("indices", lambda a: a + np.uint16(25)),
        ("indices", lambda a: a[1:]),
        ("indices", lambda a: a.astype(np.float32)),
        ("indices", lambda a: a[::-1]),
        ("weights", lambda a: a * np.nan),
        ("weights", lambda a: a.astype(np.float64)),
        ("score_scale", lambda a: a[:-1]),
        ("score_scale", lambda a: 0 * a),
        ("prior", lambda a: a - 1),
        ("similar_indices", lambda a: a[:-1]),
        ("similarities", lambda a: a[:, :-1]),
    ],
)
def test_a_part_whose_arrays_do_not_fit_together_is_refused(name: str, spoil: object) -> None:
    part = LinearRanker(CONFIG).fit(random_interactions(3)).to_part()
    spoiled = dict(part.arrays) | {name: spoil(part.arrays[name])}  # type: ignore[operator]
    with pytest.raises(ArtifactError, match="do not fit together"):
        LinearRanker.from_part(Part("linear", spoiled, part.config))


def test_a_part_of_another_algorithm_or_config_is_refused() -> None:
    part = LinearRanker(CONFIG).fit(random_interactions(3)).to_part()
    with pytest.raises(ArtifactError, match="part is of als"):
        LinearRanker.from_part(Part("als", part.arrays, part.config))
    for config in ({"n_neighbors": 3}, {"n_neighbours": -3}):
        with pytest.raises(ArtifactError, match="config"):
            LinearRanker.from_part(Part("linear", part.arrays, config))
    rest = {name: array for name, array in part.arrays.items() if name != "weights"}
    with pytest.raises(ArtifactError, match="no array weights"):
        LinearRanker.from_part(Part("linear", rest, part.config))


def test_a_rated_and_shelved_book_has_the_weight_of_its_stars() -> None:
    interactions = Interactions.from_pairs(
        [1, 2], [10, 20], [1, 5], shelf_user_ids=[1, 1], shelf_item_ids=[10, 20]
    )
    config = LinearConfig(shelf_weight=0.5, shelf_apart=False)
    weights = weighted_interactions(interactions, config).toarray()
    np.testing.assert_allclose(weights, [[0.3, 0.5], [0, 1.2]], rtol=1e-6)
    apart = weighted_interactions(interactions, LinearConfig(shelf_weight=0.5)).toarray()
    np.testing.assert_allclose(apart, [[0.3, 0], [0, 1.2]], rtol=1e-6)
