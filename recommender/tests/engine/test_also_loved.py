"""Counts against loops over the readers, and the order against scipy's test."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from recommender.engine import (
    ArtifactError,
    InputError,
    Interactions,
    Part,
    load_artifact,
    write_artifact,
)
from recommender.engine.also_loved import AlsoLoved, AlsoLovedConfig
from recommender.tests.engine.conftest import random_interactions
from recommender.tests.engine.isolated import modules_after

CONFIG = AlsoLovedConfig(least_stars=4, least_readers=2, n_kept=6)


@pytest.fixture(scope="module")
def interactions() -> Interactions:
    return random_interactions(11, n_users=120)


@pytest.fixture(scope="module")
def also_loved(interactions: Interactions) -> AlsoLoved:
    return AlsoLoved.fit(interactions, CONFIG)


def test_it_is_what_loops_over_the_readers_count(
    interactions: Interactions, also_loved: AlsoLoved
) -> None:
    loved = interactions.ratings.toarray() >= 4
    n_people = int(loved.any(axis=1).sum())
    for item in range(interactions.n_items):
        wanted = []
        for other in range(interactions.n_items):
            both = int((loved[:, item] & loved[:, other]).sum())
            one, two = int(loved[:, item].sum()), int(loved[:, other].sum())
            if other == item or both < 2 or both * n_people <= one * two:
                continue
            table = [[both, one - both], [two - both, n_people - one - two + both]]
            surprise = chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
            wanted.append((-surprise, other, both, both / one))
        wanted.sort()
        found = also_loved.of(item, 6)
        assert found.item_indices.tolist() == [other for _, other, _, _ in wanted[:6]]
        assert found.n_both.tolist() == [both for _, _, both, _ in wanted[:6]]
        np.testing.assert_allclose(found.shares, [share for *_, share in wanted[:6]], rtol=1e-6)
        assert len(also_loved.of(item, 2).item_indices) == min(2, len(wanted))


def test_the_interactions_stay_as_they_are(interactions: Interactions) -> None:
    kept = interactions.ratings.copy()
    AlsoLoved.fit(interactions, CONFIG)
    for name in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(interactions.ratings, name), getattr(kept, name))


def test_a_book_that_everybody_loves_says_nothing() -> None:
    """Book 0 is loved by all; books 1 and 2 by the same half."""
    users = np.arange(20)
    half = users[:10]
    interactions = Interactions.from_pairs(
        np.concatenate((users, half, half)),
        np.repeat([0, 1, 2], [20, 10, 10]),
        np.full(40, 5),
    )
    also_loved = AlsoLoved.fit(interactions)
    assert also_loved.of(1, 5).item_indices.tolist() == [2]
    assert also_loved.of(1, 5).shares.tolist() == [1.0]
    assert not len(also_loved.of(0, 5).item_indices)


def test_two_readers_are_not_told_of_where_three_are_wanted() -> None:
    interactions = Interactions.from_pairs(
        [1, 1, 2, 2, 3, 4, 5], [1, 2, 1, 2, 3, 3, 3], np.full(7, 5)
    )
    assert not len(AlsoLoved.fit(interactions).of(0, 5).item_indices)
    two = AlsoLoved.fit(interactions, AlsoLovedConfig(least_readers=2))
    assert two.of(0, 5).item_indices.tolist() == [1]


def test_a_site_where_nobody_loves_anything_is_counted() -> None:
    interactions = Interactions.from_pairs([1, 2], [1, 2], [1, 2])
    told: list[float] = []
    also_loved = AlsoLoved.fit(interactions, on_progress=lambda _, done: told.append(done))
    assert not len(also_loved.of(1, 5).item_indices)
    assert (told[0], told[-1]) == (0.0, 1.0)


def test_what_means_nothing_is_refused(also_loved: AlsoLoved) -> None:
    with pytest.raises(InputError, match="item_index is 25"):
        also_loved.of(25, 1)
    with pytest.raises(InputError, match="k is 0"):
        also_loved.of(0, 0)
    for changes in ({"least_stars": 6}, {"least_readers": 0}, {"n_kept": 0}):
        with pytest.raises(InputError, match=next(iter(changes))):
            dataclasses.replace(CONFIG, **changes)


def test_it_is_served_after_save_and_load(also_loved: AlsoLoved, tmp_path: Path) -> None:
    folder = write_artifact(
        tmp_path / "run",
        {"also_loved": also_loved.to_part()},
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    loaded = AlsoLoved.from_part(load_artifact(folder).part("also_loved"))
    assert loaded.config == CONFIG
    for item in range(also_loved.n_items):
        for got, wanted in zip(loaded.of(item, 6), also_loved.of(item, 6), strict=True):
            np.testing.assert_array_equal(got, wanted)
    served = """
from recommender.engine.also_loved import AlsoLoved
loved = AlsoLoved.from_part(artifact.part("also_loved"))
assert len(loved.of(0, 5).item_indices)
"""
    assert modules_after(served, folder) == set()


def test_a_part_that_is_not_whole_is_refused(also_loved: AlsoLoved) -> None:
    part = also_loved.to_part()

    def load(**changed: Any) -> AlsoLoved:
        return AlsoLoved.from_part(Part("also_loved", dict(part.arrays) | changed, part.config))

    load()
    for changed in (
        {"item_indices": part.arrays["item_indices"] + np.int32(25)},
        {"item_indices": part.arrays["item_indices"] - np.int32(25)},
        {"item_indices": part.arrays["item_indices"][:, :-1]},
        {"n_both": part.arrays["n_both"] + np.int32(1000)},
        {"n_both": part.arrays["n_both"].astype(np.int64)},
        {"n_readers": part.arrays["n_readers"][:-1]},
    ):
        with pytest.raises(ArtifactError, match="fit together"):
            load(**changed)
    with pytest.raises(ArtifactError, match="config"):
        AlsoLoved.from_part(Part("also_loved", part.arrays, {"n_kept": 0}))
    with pytest.raises(ArtifactError, match="of linear"):
        AlsoLoved.from_part(Part("linear", part.arrays))
