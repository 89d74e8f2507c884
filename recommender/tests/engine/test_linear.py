from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommender.engine import (
    ArtifactError,
    Catalog,
    CatalogTooLargeError,
    FitError,
    InputError,
    Interactions,
    LinearConfig,
    LinearRanker,
    NotFittedError,
    Part,
    Profile,
    Series,
    top_k,
)
from recommender.engine.linear_solve import (
    check_memory,
    gram_upper,
    index_dtype,
    invert_in_place,
    strongest_of_rows,
    weighted_interactions,
)
from recommender.engine.memory import memory_limit
from recommender.tests.engine.conftest import random_interactions

CONFIG = LinearConfig(regularization=4.0, n_neighbours=6, shelf_input=0.0)
PLAIN = dataclasses.replace(
    LinearConfig.prototype_a(), regularization=4.0, n_neighbours=6, shelf_input=0.0
)


def dense_weights(
    interactions: Interactions, config: LinearConfig, metadata: np.ndarray | float = 0.0
) -> np.ndarray:
    """Solve the formula of docs/algorithms/linear.md densely in float64, without scaling.

    ``metadata`` is X^T X.
    """
    ratings, shelved = interactions.ratings.toarray(), interactions.shelved.toarray()
    by_star = np.array((0.0, *config.star_weights))
    matrix = by_star[ratings.astype(int)]
    if not config.shelf_apart:
        matrix = np.where(ratings > 0, matrix, config.shelf_weight * shelved)
    n_rated = (ratings > 0).sum(axis=1)
    class_of_reader = sum((n_rated >= least).astype(int) for least in (15, 30, 60, 100))
    weight = np.array(config.reader_weights)[class_of_reader]
    gram = matrix.T @ (weight[:, np.newaxis] * matrix)
    if config.shelf_apart:
        gram += config.shelf_weight * shelved.T @ shelved
    diagonal = config.diagonal_scale * np.diag(gram) + config.regularization
    gram = gram + metadata
    np.fill_diagonal(gram, diagonal)
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    n_readers = np.maximum((ratings > 0).sum(axis=0), 0.5)
    strength = np.abs(weights) * (n_readers**config.popularity_exponent)[:, np.newaxis]
    kept = np.zeros_like(weights)
    for scored in range(len(weights)):
        strongest = np.argsort(-strength[:, scored], kind="stable")[: config.n_neighbours]
        kept[strongest, scored] = weights[strongest, scored]
    return kept


def unscaled_weights(ranker: LinearRanker) -> np.ndarray:
    """Return B of a fitted ranker, without the scale of its columns."""
    return stored_weights(ranker) / ranker.score_scale


def stored_weights(ranker: LinearRanker) -> np.ndarray:
    """Return the fitted weights as a dense matrix."""
    arrays = ranker.to_part().arrays
    n_items = ranker.n_items
    dense = np.zeros((n_items, n_items))
    rows = np.repeat(np.arange(n_items), np.diff(arrays["indptr"]))
    dense[rows, arrays["indices"]] = arrays["weights"]
    return dense


def random_profile(seed: int, n_items: int = 25, *, shelf: bool = False) -> Profile:
    generator = np.random.default_rng(seed)
    order = generator.permutation(n_items)
    return Profile(order[:8], generator.integers(1, 6, 8), order[8:12] if shelf else order[:0])


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
    with pytest.raises(CatalogTooLargeError, match=r"enough for 12 items.*Leave out"):
        LinearRanker(CONFIG, memory_limit_bytes=1000).fit(random_interactions(3))


def test_the_default_memory_limit_is_that_of_the_machine() -> None:
    assert 2**28 < memory_limit() < 2**50
    with pytest.raises(CatalogTooLargeError, match="20,000,000 items"):
        check_memory(20_000_000, None)
    check_memory(100, None)


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


@pytest.mark.parametrize("n_items", [1, 3, 2500])
def test_the_gram_matrix_is_right_across_its_blocks(n_items: int) -> None:
    from scipy.sparse import random_array

    generator = np.random.default_rng(0)
    matrix = random_array((60, n_items), density=0.05, rng=generator, dtype=np.float32).tocsr()
    wanted = (matrix.T @ matrix).toarray()
    np.testing.assert_allclose(np.triu(gram_upper(matrix)), np.triu(wanted), rtol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 1024, 1100])
def test_the_inverse_in_place_is_symmetric_and_an_inverse(n: int) -> None:
    generator = np.random.default_rng(0)
    factor = generator.normal(size=(n, 8)).astype(np.float32)
    matrix = factor @ factor.T + 5 * np.eye(n, dtype=np.float32)
    inverse = np.triu(matrix)
    invert_in_place(inverse)
    assert np.array_equal(inverse, inverse.T)
    np.testing.assert_allclose(inverse @ matrix, np.eye(n), atol=2e-3)


def test_a_matrix_that_is_not_positive_definite_is_refused() -> None:
    with pytest.raises(FitError, match="positive definite"):
        invert_in_place(np.array([[1, 2], [2, 1]], dtype=np.float32))


@pytest.mark.parametrize("n_kept", [1, 3, 9, 10, 50])
def test_the_strongest_entries_are_those_of_a_stable_sort(n_kept: int) -> None:
    generator = np.random.default_rng(2)
    matrix = generator.integers(-3, 4, (40, 10)).astype(np.float32)
    rows, columns = strongest_of_rows(matrix, n_kept)
    for row in range(40):
        order = np.argsort(-np.abs(matrix[row]), kind="stable")[:n_kept]
        wanted = np.sort(order[matrix[row, order] != 0])
        assert columns[rows == row].tolist() == wanted.tolist()


def test_item_indices_are_stored_in_two_bytes_while_they_fit() -> None:
    assert index_dtype(65_536) is np.uint16
    assert index_dtype(65_537) is np.int32


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
