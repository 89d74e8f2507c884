from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from recommender.engine import Catalog, Series, Vocabulary
from recommender.engine.metadata_gram import group_rows, metadata_rows, tag_profiles, tag_vectors

N_ITEMS = 30


def tagged(counts: np.ndarray, author: np.ndarray | None = None) -> Catalog:
    none = np.full(N_ITEMS, -1)
    return Catalog(
        Vocabulary.of(np.arange(N_ITEMS)),
        Series.none(N_ITEMS),
        none if author is None else author,
        none,
        tags=csr_array(counts.astype(np.float32)),
    )


def test_tags_are_weighted_by_count_and_rarity() -> None:
    counts = np.zeros((N_ITEMS, 4))
    counts[:8, 0] = 3  # 8 of 30 books
    counts[4:9, 1] = 1  # 5 books
    counts[:4, 2] = 9  # 4 books: too few
    counts[:10, 3] = 9  # 10 books: a third of all, too many
    profiles = tag_profiles(tagged(counts))
    assert profiles is not None
    dense = profiles.toarray()
    assert dense.shape == (N_ITEMS, 2)
    both = np.array([np.log(4) * np.log(30 / 8), np.log(2) * np.log(30 / 5)])
    np.testing.assert_allclose(dense[4], both / np.linalg.norm(both), rtol=1e-6)
    np.testing.assert_allclose(dense[0], [1, 0], rtol=1e-6)
    assert not dense[20].any()


def test_a_catalog_without_usable_tags_has_no_profiles() -> None:
    counts = np.zeros((N_ITEMS, 1))
    assert tag_profiles(tagged(counts)) is None
    counts[:2] = 1
    assert tag_profiles(tagged(counts)) is None
    assert metadata_rows(tagged(counts), tag_weight=1, author_weight=1, series_weight=1) == []
    assert metadata_rows(None, tag_weight=1, author_weight=1, series_weight=1) == []


def test_groups_of_one_and_no_group_say_nothing() -> None:
    rows = group_rows(np.array([4, -1, 2, 4, -1, 9, 9, 9])).toarray()
    assert rows.tolist() == [[1, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1]]
    assert group_rows(np.array([-1, 0, -1])).shape == (0, 3)


def test_the_rows_make_the_weighted_sum_of_likenesses() -> None:
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 5, (N_ITEMS, 6)) * (generator.random((N_ITEMS, 6)) < 0.25)
    author = generator.integers(-1, 5, N_ITEMS)
    catalog = tagged(counts, author)
    rows = metadata_rows(catalog, tag_weight=3.0, author_weight=2.0, series_weight=1.0)
    assert len(rows) == 2
    got = sum((matrix.T @ matrix).toarray() for matrix in rows)
    profiles = tag_profiles(catalog)
    assert profiles is not None
    same = (author[:, np.newaxis] == author) & (author >= 0)
    wanted = 3.0 * (profiles @ profiles.T).toarray() + 2.0 * same
    off_diagonal = ~np.eye(N_ITEMS, dtype=bool)
    np.testing.assert_allclose(got[off_diagonal], wanted[off_diagonal], rtol=1e-5, atol=1e-6)
    assert np.diag(got).max() <= 5.0 + 1e-5
    without = metadata_rows(catalog, tag_weight=0.0, author_weight=2.0, series_weight=1.0)
    assert len(without) == 1


def test_tag_vectors_keep_the_likeness_of_the_profiles() -> None:
    generator = np.random.default_rng(1)
    counts = generator.integers(0, 9, (N_ITEMS, 20)) * (generator.random((N_ITEMS, 20)) < 0.25)
    counts[4] = 0
    catalog = tagged(counts)
    profiles = tag_profiles(catalog)
    assert profiles is not None
    exact = (profiles @ profiles.T).toarray()
    n_tags = profiles.shape[1]
    for n_factors in (n_tags + 5, n_tags - 1):
        vectors = tag_vectors(catalog, n_factors)
        assert vectors is not None
        assert vectors.shape[1] <= n_factors
        # One of about twenty directions, the weakest, is missing in the second case.
        np.testing.assert_allclose(vectors @ vectors.T, exact, atol=0.15)
        assert not vectors[4].any()
        again = tag_vectors(catalog, n_factors)
        assert again is not None
        assert np.array_equal(vectors, again)
    assert tag_vectors(tagged(np.zeros((N_ITEMS, 1))), 3) is None


def test_books_with_the_same_tags_have_the_same_vector() -> None:
    """Of many or few factors: exact where all directions of the tags are kept."""
    counts = np.zeros((N_ITEMS, 6))
    for item in range(28):
        counts[item, item % 4] = 10
        counts[item, 4] = 3  # on nearly every book: says nothing
    counts[28, 5] = 9  # the only book with this tag
    for n_factors in (4, 128):
        vectors = tag_vectors(tagged(counts), n_factors)
        assert vectors is not None
        near = vectors @ vectors.T
        np.testing.assert_allclose(near[0, [4, 8, 12]], 1, atol=1e-5)
        np.testing.assert_allclose(near[0, [1, 2, 3]], 0, atol=1e-5)
        assert not vectors[28:].any()


def test_more_tags_and_factors_than_books_keep_every_likeness() -> None:
    generator = np.random.default_rng(4)
    counts = (generator.random((N_ITEMS, 90)) < 0.25) * generator.integers(1, 9, (N_ITEMS, 90))
    counts[7] = 0
    profiles = tag_profiles(tagged(counts))
    vectors = tag_vectors(tagged(counts), 40)
    assert profiles is not None
    assert vectors is not None
    assert profiles.shape[1] > 40
    assert vectors.shape == (N_ITEMS, N_ITEMS)
    np.testing.assert_allclose(vectors @ vectors.T, (profiles @ profiles.T).toarray(), atol=1e-5)
    assert not vectors[7].any()
