"""The data that `benchmarks/scale.py` makes: larger, with the marginals of the original."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.scaled_goodbooks import HOME_SHARE, scaled
from recommender.tests.engine.test_two_stage import N_ITEMS, tasteful

SCALE = 3


def test_readers_and_books_have_as_much_as_the_originals() -> None:
    interactions, catalog = tasteful()
    larger, books = scaled(interactions, catalog, SCALE)
    assert (larger.n_users, larger.n_items) == (
        SCALE * interactions.n_users,
        SCALE * interactions.n_items,
    )
    for name in ("ratings", "shelved"):
        original, copies = getattr(interactions, name), getattr(larger, name)
        assert copies.has_canonical_format
        lengths = np.diff(original.indptr)
        np.testing.assert_array_equal(np.diff(copies.indptr), np.tile(lengths, SCALE))
        # All copies of a book together have what the original has, three times.
        n_readers = np.bincount(copies.indices, minlength=larger.n_items).reshape(SCALE, -1)
        original_readers = np.bincount(original.indices, minlength=N_ITEMS)
        np.testing.assert_array_equal(n_readers.sum(axis=0), SCALE * original_readers)
        assert np.abs(n_readers - original_readers).mean() < 0.2 * original_readers.mean()
    np.testing.assert_array_equal(
        np.bincount(larger.ratings.data.astype(int)),
        SCALE * np.bincount(interactions.ratings.data.astype(int)),
    )
    assert books.n_items == larger.n_items
    groups = books.author_index.reshape(SCALE, -1)
    for world in range(1, SCALE):
        assert not np.intersect1d(groups[0][groups[0] >= 0], groups[world]).size
    assert books.tags is not None
    assert catalog.tags is not None
    assert books.tags.shape == (SCALE * N_ITEMS, catalog.tags.shape[1])


def test_most_of_a_readers_books_are_of_their_own_world() -> None:
    interactions, catalog = tasteful()
    larger, _ = scaled(interactions, catalog, SCALE)
    home = np.repeat(np.arange(larger.n_users), np.diff(larger.ratings.indptr))
    home //= interactions.n_users
    is_home = larger.ratings.indices // N_ITEMS == home
    assert is_home.mean() == pytest.approx(HOME_SHARE, abs=0.02)


def test_the_same_seed_gives_the_same_data_and_scale_1_the_original() -> None:
    interactions, catalog = tasteful(n_users=50)
    first, again, other = (
        scaled(interactions, catalog, 2, seed=seed)[0].ratings for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.indices, again.indices)
    assert not np.array_equal(first.indices, other.indices)
    assert scaled(interactions, catalog, 1) == (interactions, catalog)
    with pytest.raises(ValueError, match="scale is 0"):
        scaled(interactions, catalog, 0)
