"""The linear fit of large catalogues: against the dense solve, and within its memory."""

from __future__ import annotations

import dataclasses
import logging
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine import (
    ArtifactError,
    Catalog,
    CatalogTooLargeError,
    FitError,
    Interactions,
    LinearConfig,
    LinearRanker,
    Part,
    Series,
    linear_sparse,
    rank,
)
from recommender.engine.gram_inverse import gram_upper
from recommender.engine.linear_path import choose_path, dense_bytes, sparse_bytes
from recommender.engine.linear_solve import weighted_interactions
from recommender.engine.linear_supports import Supports, shared_blocks, strongest_supports
from recommender.tests.engine.conftest import random_interactions
from recommender.tests.engine.linear_oracle import (
    CONFIG,
    dense_weights,
    random_profile,
    unscaled_weights,
)

N_ITEMS = 300
SPARSE = dataclasses.replace(CONFIG, solver="sparse", n_neighbours=40, regularization=40.0)


def readers(n_users: int = 400, n_items: int = N_ITEMS) -> Interactions:
    return random_interactions(5, n_users=n_users, n_items=n_items, density=0.04)


def catalog_of(interactions: Interactions) -> Catalog:
    """Return a catalog with authors, series and tags for most books."""
    generator = np.random.default_rng(1)
    n_items = interactions.n_items
    tags = generator.integers(1, 9, (n_items, 20)) * (generator.random((n_items, 20)) < 0.15)
    return Catalog(
        interactions.items,
        Series(generator.integers(-1, 60, n_items), np.full(n_items, np.nan)),
        generator.integers(-1, 80, n_items),
        np.full(n_items, -1),
        tags=csr_array(tags.astype(np.float32)),
    )


@pytest.mark.parametrize(
    "config",
    [
        SPARSE,
        dataclasses.replace(SPARSE, n_neighbours=1000),
        dataclasses.replace(
            SPARSE, tag_weight=1.0, author_weight=1.0, series_weight=1.0, shelf_apart=False
        ),
        dataclasses.replace(SPARSE, reader_weights=(0.5, 2, 3, 4, 5), diagonal_scale=1.5),
    ],
)
def test_a_support_of_all_books_gives_the_dense_solve(config: LinearConfig) -> None:
    interactions = readers()
    catalog = catalog_of(interactions)
    every = dataclasses.replace(config, n_support=N_ITEMS - 1)
    sparse = LinearRanker(every).fit(interactions, catalog)
    dense = LinearRanker(dataclasses.replace(config, solver="dense")).fit(interactions, catalog)
    wanted, got = unscaled_weights(dense), unscaled_weights(sparse)
    # Of two weights of one strength but for rounding, either may be kept.
    differs = (got != 0) != (wanted != 0)
    assert np.count_nonzero(differs) <= 0.001 * np.count_nonzero(wanted)
    np.testing.assert_allclose(got[~differs], wanted[~differs], rtol=2e-3, atol=2e-6)
    similarities = [ranker.to_part().arrays["similarities"] for ranker in (sparse, dense)]
    np.testing.assert_allclose(*similarities, rtol=2e-3, atol=2e-6)
    np.testing.assert_array_equal(sparse.score_scale, dense.score_scale)
    np.testing.assert_array_equal(sparse.prior, dense.prior)


def test_without_metadata_it_is_the_formula_in_float64() -> None:
    interactions = random_interactions(3, density=0.5)
    config = dataclasses.replace(CONFIG, solver="sparse", n_support=24)
    got = unscaled_weights(LinearRanker(config).fit(interactions))
    np.testing.assert_allclose(got, dense_weights(interactions, config), rtol=2e-4, atol=1e-6)


def test_each_column_is_a_ridge_regression_on_its_support(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_sparse, "BLOCK_ITEMS", 60)  # many blocks, of few columns
    interactions = readers()
    config = dataclasses.replace(
        SPARSE, n_support=12, n_neighbours=12, tag_weight=0.0, author_weight=0.0, series_weight=0.0
    )
    got = unscaled_weights(LinearRanker(config).fit(interactions))
    rows = weighted_interactions(interactions, config).toarray().astype(np.float64)
    gram = rows.T @ rows
    gram += config.shelf_weight * (interactions.shelved.T @ interactions.shelved).toarray()
    diagonal = config.diagonal_scale * np.diag(gram) + config.regularization
    strength = np.abs(gram) / np.sqrt(diagonal)[:, np.newaxis]
    np.fill_diagonal(strength, 0.0)
    np.fill_diagonal(gram, diagonal)
    for column in range(N_ITEMS):
        support = np.argsort(-strength[:, column], kind="stable")[: config.n_support]
        support = support[strength[support, column] > 0]
        wanted = np.zeros(N_ITEMS)
        wanted[support] = np.linalg.solve(gram[np.ix_(support, support)], gram[support, column])
        np.testing.assert_allclose(got[:, column], wanted, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("config", "limit", "solver", "because"),
    [
        (LinearConfig(), 10**10, "dense", "10,000 items are at most dense_items, 15,000"),
        (LinearConfig(dense_items=9_999), 10**10, "sparse", "more than dense_items, 9,999"),
        (LinearConfig(), 500_000_000, "sparse", "a dense fit needs 0.6 GB of memory and may take"),
        (LinearConfig(solver="sparse"), 10**10, "sparse", "solver says so"),
        (LinearConfig(solver="dense", dense_items=1), 10**10, "dense", "solver says so"),
    ],
)
def test_the_path_follows_settings_and_memory(
    config: LinearConfig, limit: int, solver: str, because: str
) -> None:
    path = choose_path(10_000, config, limit)
    assert path.solver == solver
    assert because in path.because


def test_a_catalogue_for_which_no_path_has_memory_is_refused() -> None:
    with pytest.raises(CatalogTooLargeError, match=r"sparse fit.*Lower n_support"):
        choose_path(10_000, LinearConfig(), 10_000_000)
    with pytest.raises(CatalogTooLargeError, match=r"dense fit.*enough for 1,290 items"):
        choose_path(10_000, LinearConfig(solver="dense"), 10_000_000)


def test_what_a_sparse_fit_needs_grows_with_the_books_and_not_with_their_square() -> None:
    assert sparse_bytes(200_000, 200) < 2.1 * sparse_bytes(100_000, 200)
    assert sparse_bytes(100_000, 200) < dense_bytes(100_000) / 30


def test_the_path_is_logged_and_kept_with_the_run(caplog: pytest.LogCaptureFixture) -> None:
    interactions = readers()
    with caplog.at_level(logging.INFO, logger="recommender.engine.linear_solve"):
        ranker = LinearRanker(LinearConfig(dense_items=299)).fit(interactions)
    why = "300 items are more than dense_items, 299"
    assert f"linear is solved by the sparse path: {why}" in caplog.text
    part = ranker.to_part()
    assert part.config["path"] == {"solver": "sparse", "because": why}
    assert LinearRanker.from_part(part).path == ranker.path


def test_no_array_of_books_times_books_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    n_items, most = 3000, 200
    shapes: list[tuple[int, ...]] = []

    def recorded(matrix: csr_array) -> NDArray[np.float32]:
        gram = gram_upper(matrix)
        shapes.append(gram.shape)
        return gram

    monkeypatch.setattr(linear_sparse, "BLOCK_ITEMS", most)
    monkeypatch.setattr(linear_sparse, "gram_upper", recorded)
    interactions = random_interactions(5, n_users=600, n_items=n_items, density=0.003)
    config = dataclasses.replace(SPARSE, n_support=10, n_neighbours=10, n_similar=10)
    tracemalloc.start()
    try:
        LinearRanker(config).fit(interactions)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert shapes
    assert max(max(shape) for shape in shapes) <= most
    assert peak < n_items**2 * np.dtype(np.float32).itemsize / 2


def test_equal_weights_give_equal_lists() -> None:
    interactions = readers()
    config = dataclasses.replace(SPARSE, n_support=50)
    first, again = (LinearRanker(config).fit(interactions) for _ in range(2))
    for seed in range(5):
        profile = random_profile(seed, N_ITEMS, shelf=True)
        lists = [
            rank(ranker.scores(profile), k=20, excluded=profile.item_indices)
            for ranker in (first, again, LinearRanker.from_part(first.to_part()))
        ]
        np.testing.assert_array_equal(lists[0], lists[1])
        np.testing.assert_array_equal(lists[0], lists[2])


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("indptr", lambda a: a[:-1]),
        ("indices", lambda a: a + np.uint16(N_ITEMS)),
        ("indices", lambda a: np.concatenate((a[1::-1], a[2:]))),
        ("indices", lambda a: np.concatenate((a[:1], a[:1], a[2:]))),
        ("weights", lambda a: a * np.nan),
        ("weights", lambda a: a[:-1]),
        ("similarities", lambda a: a[:-1]),
    ],
)
def test_spoiled_arrays_are_refused(
    name: str, spoil: Callable[[NDArray[np.generic]], NDArray[np.generic]]
) -> None:
    part = LinearRanker(dataclasses.replace(SPARSE, n_support=10)).fit(readers()).to_part()
    assert part.array("indptr")[1] > 1
    spoiled = dict(part.arrays) | {name: spoil(part.arrays[name])}
    with pytest.raises(ArtifactError, match="do not fit together"):
        LinearRanker.from_part(Part("linear", spoiled, part.config))


@pytest.mark.parametrize(
    "path", [{"solver": "magic", "because": "so"}, {"solver": "dense"}, "sparse", {"because": 1}]
)
def test_a_path_that_is_none_is_refused(path: object) -> None:
    part = LinearRanker(dataclasses.replace(SPARSE, n_support=10)).fit(readers()).to_part()
    spoiled = dict(part.config) | {"path": path}
    with pytest.raises(ArtifactError, match="path of linear"):
        LinearRanker.from_part(Part("linear", part.arrays, spoiled))
    older = {key: value for key, value in part.config.items() if key != "path"}
    assert LinearRanker.from_part(Part("linear", part.arrays, older)).path is None


def test_a_rating_is_folded_in_and_explains_all_of_a_score() -> None:
    ranker = LinearRanker(dataclasses.replace(SPARSE, n_support=20)).fit(readers())
    profile = random_profile(2, N_ITEMS)
    scores = ranker.scores(profile)
    for item in (0, 1, 2, 100):
        terms = ranker.contributions(profile, item)
        assert terms.values.sum() + ranker.prior[item] == pytest.approx(scores[item], abs=1e-6)


def test_a_gram_matrix_that_is_not_positive_definite_is_refused() -> None:
    interactions = readers()
    with pytest.raises(FitError), np.errstate(over="ignore", invalid="ignore"):
        LinearRanker(dataclasses.replace(SPARSE, star_weights=(1e30,) * 5)).fit(interactions)
    same = np.zeros(N_ITEMS, dtype=int)
    catalog = Catalog(
        interactions.items, Series(same, np.full(N_ITEMS, np.nan)), same, np.full(N_ITEMS, -1)
    )
    heavy = dataclasses.replace(SPARSE, regularization=1.0, author_weight=900.0, n_support=30)
    with pytest.raises(FitError, match="together"):
        LinearRanker(heavy).fit(interactions, catalog)


def test_ties_go_to_the_lower_item_and_what_has_nothing_in_common_is_left_out() -> None:
    rows = csr_array(np.array([[1, 1, 1, 1, 0], [0, 0, 0, 1, 0]], dtype=np.float32))
    supports = strongest_supports(rows, np.array([1.0, 1, 1, 4, 1]), 2, lambda done: None)
    assert [supports.of(item).tolist() for item in range(5)] == [[1, 2], [0, 2], [0, 1], [0, 1], []]


@pytest.mark.parametrize("most", [1, 30, 1000])
def test_every_column_is_in_one_block_with_all_of_its_support(most: int) -> None:
    generator = np.random.default_rng(0)
    own = [np.sort(generator.permutation(200)[: item % 17]) for item in range(200)]
    supports = Supports(
        np.concatenate(([0], np.cumsum([len(items) for items in own]))),
        np.concatenate(own).astype(np.int32),
    )
    seen: list[int] = []
    for columns, items in shared_blocks(supports, most):
        seen += columns.tolist()
        wanted = {*columns.tolist(), *(i for column in columns for i in own[column].tolist())}
        assert items.tolist() == sorted(wanted)
        assert len(items) <= most or len(columns) == 1
    assert sorted(seen) == list(range(200))
