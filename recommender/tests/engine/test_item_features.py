from __future__ import annotations

import numpy as np

from recommender.engine import Interactions
from recommender.engine.item_features import dense_groups, reading_vectors


def test_books_of_the_same_readers_are_near_each_other() -> None:
    """Two circles of readers with a little in common: the first direction tells them apart."""
    generator = np.random.default_rng(0)
    same_circle = np.arange(60)[:, None] % 2 == np.arange(20)[None, :] % 2
    users, items = np.nonzero(generator.random((60, 20)) < np.where(same_circle, 0.7, 0.05))
    interactions = Interactions.from_pairs(users, items, np.full(len(users), 3))
    signs = np.sign(reading_vectors(interactions, 1)[:, 0])
    assert (signs[::2] == signs[0]).all()
    assert (signs[1::2] == -signs[0]).all()


def test_a_book_that_nobody_touched_has_no_direction() -> None:
    interactions = Interactions.from_pairs([1, 1, 2], [1, 2, 2], [5, 4, 1], catalog_ids=[1, 2, 3])
    vectors = reading_vectors(interactions, 3)
    assert vectors[:2].any()
    assert not vectors[2].any()


def test_groups_are_numbered_without_gaps() -> None:
    groups, n_groups = dense_groups(np.array([7, -1, 3, 7], dtype=np.int32))
    assert groups.tolist() == [1, -1, 0, 1]
    assert n_groups == 2
