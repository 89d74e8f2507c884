from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from recommender.engine import Catalog, Interactions, Series, Vocabulary
from recommender.engine.item_features import dense_groups, reading_vectors, tag_vectors


def catalog_of_tags(tags: np.ndarray) -> Catalog:
    items = Vocabulary.of(np.arange(len(tags)))
    none = np.full(len(tags), -1)
    return Catalog(items, Series.none(len(tags)), none, none, tags=csr_array(tags))


def test_books_with_the_same_tags_have_the_same_vector() -> None:
    tags = np.zeros((40, 6), dtype=np.float32)
    for item in range(38):
        tags[item, item % 4] = 10
        tags[item, 4] = 3  # on nearly every book: says nothing
    tags[38, 5] = 9  # the only book with this tag
    vectors = tag_vectors(catalog_of_tags(tags), 4)
    assert vectors is not None
    assert vectors.dtype == np.float32
    near = vectors @ vectors.T
    np.testing.assert_allclose(near[0, [4, 8, 12]], 1, atol=1e-5)
    np.testing.assert_allclose(near[0, [1, 2, 3]], 0, atol=1e-5)
    assert not vectors[38:].any()


def test_without_usable_tags_there_are_no_vectors() -> None:
    assert tag_vectors(None, 4) is None
    assert tag_vectors(Catalog.bare(Vocabulary.of([1, 2])), 4) is None
    assert tag_vectors(catalog_of_tags(np.eye(20, dtype=np.float32)), 4) is None


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
