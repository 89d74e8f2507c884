"""Neighbours against a dense computation, and on readers with known tastes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.engine import (
    ArtifactError,
    InputError,
    Interactions,
    NotFittedError,
    Part,
    Profile,
    load_artifact,
    write_artifact,
)
from recommender.engine.item_features import reading_vectors
from recommender.engine.reader_neighbours import ReaderNeighbours, ReaderNeighboursConfig
from recommender.tests.engine.conftest import random_interactions
from recommender.tests.engine.isolated import modules_after

SMALL = ReaderNeighboursConfig(n_factors=6, least_liked=3)
NOBODY = Profile(np.array([], dtype=np.int64), np.array([]))


@pytest.fixture(scope="module")
def interactions() -> Interactions:
    return random_interactions(3)


@pytest.fixture(scope="module")
def neighbours(interactions: Interactions) -> ReaderNeighbours:
    return ReaderNeighbours(SMALL).fit(interactions)


def dense_vectors(interactions: Interactions, items: np.ndarray) -> np.ndarray:
    """Return every row's vector, straight from the formula, in float64; NaN for no vector."""
    counted = np.array([0, *SMALL.star_weights])
    stars = interactions.ratings.toarray().astype(int)
    total = counted[stars] @ items.astype(np.float64)
    with np.errstate(invalid="ignore"):
        vectors = total / np.linalg.norm(total, axis=1, keepdims=True)
    vectors[(stars > 3).sum(axis=1) < SMALL.least_liked] = np.nan
    return vectors


def test_neighbours_are_those_of_a_dense_computation(
    interactions: Interactions, neighbours: ReaderNeighbours
) -> None:
    vectors = dense_vectors(interactions, reading_vectors(interactions, SMALL.n_factors))
    known = np.isfinite(vectors).all(axis=1)
    assert 0 < (~known).sum() < len(known)
    np.testing.assert_array_equal(neighbours.user_ids, interactions.user_ids[known])
    for user in range(interactions.n_users):
        profile = interactions.profile(user)
        excluded = [interactions.user_ids[user]]
        found = neighbours.nearest(profile, 7, excluded=excluded)
        if not known[user]:
            assert neighbours.vector(profile) is None
            assert not len(found.user_ids)
            continue
        np.testing.assert_allclose(neighbours.vector(profile), vectors[user], atol=1e-5)
        cosines = vectors @ vectors[user]
        cosines[user] = np.nan
        wanted = np.sort(cosines[cosines > 0])[::-1][:7]
        np.testing.assert_allclose(found.similarities, wanted, atol=1e-5)
        # Which reader each of them is.
        rows = interactions.users.indices(found.user_ids)
        np.testing.assert_allclose(cosines[rows], found.similarities, atol=1e-5)


def test_a_training_reader_is_his_own_nearest_neighbour(
    interactions: Interactions, neighbours: ReaderNeighbours
) -> None:
    for user_id in neighbours.user_ids[:10].tolist():
        profile = interactions.profile(int(interactions.users.indices([user_id])[0]))
        found = neighbours.nearest(profile, 1)
        assert found.user_ids.tolist() == [user_id]
        assert found.similarities[0] == pytest.approx(1, abs=1e-5)
        assert found.similarities[0] <= 1


def two_kinds_of_readers() -> Interactions:
    """Even readers read mostly even books, odd readers odd ones; all with four stars."""
    generator = np.random.default_rng(5)
    same = np.arange(60)[:, None] % 2 == np.arange(20) % 2
    users, items = np.nonzero(generator.random((60, 20)) < np.where(same, 0.8, 0.1))
    return Interactions.from_pairs(users, items, np.full(len(users), 4))


def test_readers_of_the_same_books_are_neighbours() -> None:
    found = ReaderNeighbours(SMALL).fit(two_kinds_of_readers())
    evens = Profile(np.array([0, 2, 4, 8]), np.array([5, 5, 5, 5]))
    neighbours = found.nearest(evens, 20)
    assert len(neighbours.user_ids) == 20
    assert (neighbours.user_ids % 2 == 0).all()
    assert (np.diff(neighbours.similarities) <= 0).all()


def test_a_book_counts_by_its_stars() -> None:
    """Three even and three odd books: those with five stars decide."""
    found = ReaderNeighbours(SMALL).fit(two_kinds_of_readers())
    books = np.arange(6)
    for parity in (0, 1):
        stars = np.where(books % 2 == parity, 5, 1)
        nearest = found.nearest(Profile(books, stars), 5)
        assert (nearest.user_ids % 2 == parity).all()


def test_a_reader_who_likes_too_little_has_no_vector(neighbours: ReaderNeighbours) -> None:
    books = np.arange(8)
    assert neighbours.vector(Profile(books, np.array([1, 1, 2, 3, 3, 3, 4, 5]))) is None
    assert neighbours.vector(Profile(books, np.array([1, 1, 2, 3, 3, 4, 4, 5]))) is not None


def test_readers_who_are_excluded_are_not_found(
    interactions: Interactions, neighbours: ReaderNeighbours
) -> None:
    profile = interactions.profile(int(interactions.users.indices(neighbours.user_ids[:1])[0]))
    first = neighbours.nearest(profile, 5).user_ids
    unknown = [-5, 10**12]
    others = neighbours.nearest(profile, 5, excluded=np.append(first[[0, 2]], unknown))
    assert not set(first[[0, 2]].tolist()) & set(others.user_ids.tolist())
    np.testing.assert_array_equal(others.user_ids[:3], first[[1, 3, 4]])
    nobody = neighbours.nearest(profile, 5, excluded=neighbours.user_ids)
    assert not len(nobody.user_ids)


def test_the_order_of_ratings_and_the_shelf_do_not_matter(neighbours: ReaderNeighbours) -> None:
    items, stars = np.array([3, 1, 9, 12, 20]), np.array([5, 4, 1, 4, 3])
    one = neighbours.vector(Profile(items, stars))
    other = neighbours.vector(Profile(items[::-1], stars[::-1], np.array([2, 4])))
    assert one is not None
    np.testing.assert_array_equal(one, other)


def test_item_vectors_that_exist_already_save_their_fit(interactions: Interactions) -> None:
    wide = reading_vectors(interactions, 10)
    found = ReaderNeighbours(SMALL).fit(interactions, wide)
    narrow = ReaderNeighbours(SMALL).fit(interactions, wide[:, :6])
    assert found.to_part().arrays["item_vectors"].shape == (interactions.n_items, 6)
    np.testing.assert_array_equal(
        found.to_part().arrays["reader_vectors"], narrow.to_part().arrays["reader_vectors"]
    )
    with pytest.raises(InputError, match="wanted 25 rows"):
        ReaderNeighbours(SMALL).fit(interactions, wide[1:])


def test_the_same_input_gives_the_same_bits(
    interactions: Interactions, neighbours: ReaderNeighbours
) -> None:
    again = ReaderNeighbours(SMALL).fit(interactions)
    for name, array in again.to_part().arrays.items():
        assert np.array_equal(array, neighbours.to_part().arrays[name])


def test_a_young_site_has_no_neighbours() -> None:
    alone = Interactions.from_pairs([1], [2], [5])
    found = ReaderNeighbours(SMALL).fit(alone)
    assert not len(found.user_ids)
    assert not len(found.nearest(NOBODY, 3).user_ids)
    loaded = ReaderNeighbours.from_part(found.to_part())
    assert not len(loaded.nearest(Profile(np.array([0]), np.array([5])), 3).user_ids)


def test_what_means_nothing_is_refused(neighbours: ReaderNeighbours) -> None:
    with pytest.raises(InputError, match="k is 0"):
        neighbours.nearest(NOBODY, 0)
    with pytest.raises(InputError, match="item index 25"):
        neighbours.nearest(Profile(np.array([25]), np.array([5])), 1)
    for ask in (lambda n: n.nearest(NOBODY, 1), lambda n: n.user_ids, lambda n: n.to_part()):
        with pytest.raises(NotFittedError):
            ask(ReaderNeighbours(SMALL))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": -1},
        {"n_factors": 0},
        {"least_liked": 0},
        {"star_weights": (1.0, 1.0)},
        {"star_weights": (0.0, 0.0, np.nan, 1.0, 1.0)},
        {"star_weights": (0.0,) * 5},
    ],
)
def test_a_config_that_means_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        dataclasses.replace(SMALL, **changes)


def test_it_survives_save_and_load_bit_by_bit(
    interactions: Interactions, neighbours: ReaderNeighbours, tmp_path: Path
) -> None:
    folder = write_artifact(
        tmp_path / "run",
        {"readers": neighbours.to_part()},
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    loaded = ReaderNeighbours.from_part(load_artifact(folder).part("readers"))
    assert loaded.config == SMALL
    for user in range(interactions.n_users):
        wanted = neighbours.nearest(interactions.profile(user), 9)
        got = loaded.nearest(interactions.profile(user), 9)
        assert np.array_equal(got.user_ids, wanted.user_ids)
        assert np.array_equal(got.similarities, wanted.similarities)


def test_a_part_that_is_not_whole_is_refused(neighbours: ReaderNeighbours) -> None:
    part = neighbours.to_part()

    def load(**changed: Any) -> ReaderNeighbours:
        arrays = dict(part.arrays) | changed
        return ReaderNeighbours.from_part(Part("reader_neighbours", arrays, part.config))

    load()
    unknown = part.arrays["item_vectors"].copy()
    unknown[0, 0] = np.nan
    for changed in (
        {"user_ids": part.arrays["user_ids"][:-1]},
        {"user_ids": part.arrays["user_ids"][::-1]},
        {"user_ids": part.arrays["user_ids"].astype(np.int32)},
        {"reader_vectors": part.arrays["reader_vectors"][:, :-1]},
        {"reader_vectors": part.arrays["reader_vectors"] * np.float32(2)},
        {"reader_vectors": part.arrays["reader_vectors"] * np.float32(np.nan)},
        {"reader_vectors": part.arrays["reader_vectors"].astype(np.float16)},
        {"item_vectors": unknown},
    ):
        with pytest.raises(ArtifactError, match="fit together"):
            load(**changed)
    with pytest.raises(ArtifactError, match="config"):
        ReaderNeighbours.from_part(Part("reader_neighbours", part.arrays, {"n_factors": 0}))
    with pytest.raises(ArtifactError, match="of linear"):
        ReaderNeighbours.from_part(Part("linear", part.arrays))


def test_a_web_process_that_serves_it_loads_no_library_of_the_fit(
    neighbours: ReaderNeighbours, tmp_path: Path
) -> None:
    folder = write_artifact(
        tmp_path / "run",
        {"readers": neighbours.to_part()},
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    served = """
import numpy as np
from recommender.engine import Profile
from recommender.engine.reader_neighbours import ReaderNeighbours
readers = ReaderNeighbours.from_part(artifact.part("readers"))
profile = Profile(np.array([0, 2, 5, 9]), np.array([5, 4, 1, 5]))
assert len(readers.nearest(profile, 3).user_ids) == 3
"""
    assert modules_after(served, folder) == set()
