"""Both maps of small sets of books with known neighbours."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.engine import ArtifactError, FitError, InputError, load_artifact, write_artifact
from recommender.engine.artifact import Part
from recommender.engine.book_map import BookMap, BookMapConfig
from recommender.tests.engine.isolated import modules_after

QUICK = BookMapConfig(n_iterations=400, perplexity=10.0)
N_KINDS, N_OF_KIND = 4, 30
KINDS = np.repeat(np.arange(N_KINDS), N_OF_KIND)


def kinds_of_books(seed: int = 0) -> np.ndarray:
    """Four kinds of books, far from one another in eight dimensions."""
    generator = np.random.default_rng(seed)
    centres = 5 * np.eye(N_KINDS, 8)
    return centres[KINDS] + generator.normal(0, 0.3, (len(KINDS), 8))


def share_of_own_kind(places: np.ndarray) -> float:
    """Return how many of the five nearest on a map are of the same kind."""
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :5]
    return float((KINDS[nearest] == KINDS[:, None]).mean())


@pytest.fixture(scope="module")
def book_map() -> BookMap:
    return BookMap.fit(kinds_of_books(), config=QUICK)


def test_books_of_a_kind_are_near_on_the_map(book_map: BookMap) -> None:
    assert share_of_own_kind(book_map.tsne) > 0.99
    # Two components tell at least three of four kinds apart.
    assert share_of_own_kind(book_map.pca) > 0.6
    shuffled = np.random.default_rng(1).permutation(book_map.tsne)
    assert share_of_own_kind(shuffled) < 0.4


def test_principal_components_are_those_of_the_singular_value_decomposition(
    book_map: BookMap,
) -> None:
    vectors = kinds_of_books()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    centred = vectors - vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    wanted = centred @ directions[:2].T
    for axis in range(2):
        got = book_map.pca[:, axis] - book_map.pca[:, axis].mean()
        assert abs(np.corrcoef(got, wanted[:, axis])[0, 1]) == pytest.approx(1, abs=1e-6)
    # Both axes are scaled alike.
    ratio = wanted.std(axis=0)[0] / wanted.std(axis=0)[1]
    got_ratio = book_map.pca.std(axis=0)[0] / book_map.pca.std(axis=0)[1]
    assert got_ratio == pytest.approx(ratio, rel=1e-4)


def test_the_longer_axis_spans_the_square(book_map: BookMap) -> None:
    for places in (book_map.pca, book_map.tsne):
        assert places.dtype == np.float32
        low, high = places.min(axis=0), places.max(axis=0)
        assert (high - low).max() == pytest.approx(2, abs=1e-6)
        np.testing.assert_allclose(low, -high, atol=1e-6)


def test_only_the_direction_of_a_vector_counts(book_map: BookMap) -> None:
    lengths = np.random.default_rng(2).uniform(0.5, 9, (len(KINDS), 1))
    drawn = BookMap.fit(kinds_of_books() * lengths, config=QUICK)
    np.testing.assert_allclose(np.abs(drawn.pca), np.abs(book_map.pca), atol=1e-5)


def test_the_same_seed_draws_the_same_map(book_map: BookMap) -> None:
    vectors = kinds_of_books()
    before = vectors.copy()
    again = BookMap.fit(vectors, config=QUICK)
    assert np.array_equal(again.pca, book_map.pca)
    assert np.array_equal(again.tsne, book_map.tsne)
    assert np.array_equal(vectors, before)


def test_a_book_without_a_vector_stands_by_its_tags() -> None:
    vectors, tags = kinds_of_books(), np.eye(N_KINDS)[KINDS]
    vectors[[0, N_OF_KIND]] = 0
    drawn = BookMap.fit(vectors, tags, config=QUICK)
    assert drawn.placed.all()
    assert share_of_own_kind(drawn.tsne) > 0.99


def test_a_book_of_which_nothing_is_known_is_left_out() -> None:
    vectors, tags = kinds_of_books(), np.eye(N_KINDS)[KINDS]
    vectors[[3, 5, 7]] = 0
    tags[[3, 5]] = 0
    # Of the other books none has this tag.
    tags = np.column_stack((tags, np.zeros(len(tags))))
    tags[7] = [0, 0, 0, 0, 1]
    drawn = BookMap.fit(vectors, tags, config=QUICK)
    assert np.flatnonzero(~drawn.placed).tolist() == [3, 5, 7]
    assert not drawn.tsne[[3, 5, 7]].any()
    without = BookMap.fit(np.delete(vectors, [3, 5, 7], axis=0), config=QUICK)
    np.testing.assert_array_equal(drawn.tsne[drawn.placed], without.tsne)


@pytest.mark.parametrize("n_items", [0, 1, 2, 3, 4, 5])
def test_a_handful_of_books_can_be_drawn(n_items: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(n_items, 3))
    drawn = BookMap.fit(vectors, config=QUICK)
    assert drawn.placed.all()
    assert drawn.n_items == n_items
    for places in (drawn.pca, drawn.tsne):
        assert places.shape == (n_items, 2)
        assert (np.abs(places) <= 1).all()
    if n_items >= 2:
        assert len(np.unique(drawn.pca, axis=0)) == n_items


@pytest.mark.parametrize("width", [1, 3])
def test_books_that_are_all_alike_can_be_drawn(width: int) -> None:
    drawn = BookMap.fit(np.ones((8, width)), config=QUICK)
    assert not drawn.pca.any()
    assert (np.abs(drawn.tsne) <= 1).all()


def test_what_cannot_be_drawn_is_refused() -> None:
    vectors = kinds_of_books()
    with pytest.raises(InputError, match="of 3 items"):
        BookMap.fit(vectors, np.ones((3, 2)))
    vectors[2, 2] = np.nan
    with pytest.raises(FitError, match="not finite"):
        BookMap.fit(vectors)


@pytest.mark.parametrize(
    "changes",
    [{"seed": -1}, {"n_components": 0}, {"perplexity": np.inf}, {"n_iterations": 249}],
)
def test_a_config_that_means_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        dataclasses.replace(QUICK, **changes)


def test_it_reports_its_progress() -> None:
    told: list[tuple[str, float]] = []
    BookMap.fit(
        kinds_of_books()[:20], config=QUICK, on_progress=lambda *report: told.append(report)
    )
    assert {stage for stage, _ in told} == {"book map"}
    done = [part for _, part in told]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0.0, 1.0)


def test_it_survives_save_and_load_bit_by_bit(book_map: BookMap, tmp_path: Path) -> None:
    folder = write_artifact(
        tmp_path / "run", {"map": book_map.to_part()}, created_at=datetime(2030, 1, 1, tzinfo=UTC)
    )
    loaded = BookMap.from_part(load_artifact(folder).part("map"))
    assert np.array_equal(loaded.pca, book_map.pca)
    assert np.array_equal(loaded.tsne, book_map.tsne)
    assert np.array_equal(loaded.placed, book_map.placed)
    assert loaded.config == book_map.config


def test_a_part_that_is_not_whole_is_refused(book_map: BookMap) -> None:
    part = book_map.to_part()

    def load(**changed: Any) -> BookMap:
        return BookMap.from_part(Part("book_map", dict(part.arrays) | changed, part.config))

    load()
    outside, unknown = book_map.tsne * np.float32(1.01), book_map.tsne.copy()
    unknown[0, 0] = np.nan
    for changed in (
        {"pca": book_map.pca[:-1]},
        {"pca": book_map.pca.astype(np.float64)},
        {"tsne": outside},
        {"tsne": unknown},
        {"placed": book_map.placed.astype(np.int8)},
        {"placed": book_map.placed[:, None]},
    ):
        with pytest.raises(ArtifactError, match="fit together"):
            load(**changed)
    with pytest.raises(ArtifactError, match="no array placed"):
        BookMap.from_part(Part("book_map", {"pca": book_map.pca, "tsne": book_map.tsne}))
    with pytest.raises(ArtifactError, match="config"):
        BookMap.from_part(Part("book_map", part.arrays, {"perplexity": 0}))
    with pytest.raises(ArtifactError, match="of linear"):
        BookMap.from_part(Part("linear", part.arrays))


def test_a_web_process_that_serves_it_loads_no_library_of_the_fit(
    book_map: BookMap, tmp_path: Path
) -> None:
    folder = write_artifact(
        tmp_path / "run", {"map": book_map.to_part()}, created_at=datetime(2030, 1, 1, tzinfo=UTC)
    )
    served = """
from recommender.engine.book_map import BookMap
drawn = BookMap.from_part(artifact.part("map"))
assert drawn.tsne[drawn.placed].any()
"""
    assert modules_after(served, folder) == set()
