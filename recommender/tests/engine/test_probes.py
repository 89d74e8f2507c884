"""Which books to ask a stranger about."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recommender.engine import Catalog, InputError, Interactions, LinearRanker, PopularityRanker
from recommender.engine.probes import OWN_PART, ProbePool, most_telling, taste_similarities


def random_similarities(n: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, n + 2))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors.T


def greedy_by_determinants(similarities, value, k, asked=()):
    """Add the item that makes the determinant of the kernel of all taken largest."""
    kernel = np.diag(value) @ similarities @ np.diag(value)
    taken, chosen = list(asked), []
    while len(chosen) < k:
        left = [item for item in range(len(value)) if item not in taken]
        volumes = [np.linalg.det(kernel[np.ix_([*taken, i], [*taken, i])]) for i in left]
        best = left[int(np.argmax(volumes))]
        taken.append(best)
        chosen.append(best)
    return chosen


@given(seed=st.integers(0, 10_000), n_asked=st.integers(0, 3))
def test_each_choice_makes_the_determinant_largest(seed, n_asked):
    rng = np.random.default_rng(seed)
    similarities, value = random_similarities(8, seed), rng.uniform(0.1, 1, size=8)
    asked = rng.permutation(8)[:n_asked].tolist()
    found = most_telling(similarities, value, k=4, asked=asked)
    assert found.tolist() == greedy_by_determinants(similarities, value, 4, asked)


def test_of_two_clusters_both_are_asked_about_before_any_twice():
    similarities = np.full((6, 6), 0.0)
    similarities[:3, :3] = similarities[3:, 3:] = 0.9
    np.fill_diagonal(similarities, 1.0)
    value = np.array([1.0, 0.95, 0.9, 0.5, 0.45, 0.4])
    assert most_telling(similarities, value, k=2).tolist() == [0, 3]
    # Who was asked about the first cluster is asked about the other.
    assert most_telling(similarities, value, k=1, asked=[0]).tolist() == [3]


def test_without_likeness_the_value_decides_and_ties_go_to_the_lower_item():
    value = np.array([0.2, 0.5, 0.5, 0.9])
    assert most_telling(np.eye(4), value, k=9).tolist() == [3, 1, 2, 0]


def test_of_an_author_one_book_is_chosen_and_none_after_one_asked_about():
    value = np.array([0.9, 0.8, 0.7, 0.6])
    groups = np.array([5, 5, -1, -1])
    assert most_telling(np.eye(4), value, k=4, groups=groups).tolist() == [0, 2, 3]
    assert most_telling(np.eye(4), value, k=4, groups=groups, asked=[1]).tolist() == [2, 3]


def test_what_has_no_value_or_nothing_new_is_not_chosen():
    assert most_telling(np.eye(3), np.array([0.0, 1.0, 0.0]), k=3).tolist() == [1]
    assert most_telling(np.ones((3, 3)), np.ones(3), k=3).tolist() == [0]
    assert most_telling(np.eye(2), np.ones(2), k=0).tolist() == []
    assert most_telling(np.empty((0, 0)), np.empty(0), k=3).tolist() == []


def test_asking_twice_about_the_same_book_counts_once():
    similarities, value = random_similarities(6, 1), np.ones(6)
    once = most_telling(similarities, value, k=3, asked=[2])
    assert most_telling(similarities, value, k=3, asked=[2, 2]).tolist() == once.tolist()


def test_arguments_are_left_as_they_were():
    similarities, value = random_similarities(5, 0), np.ones(5)
    before = similarities.copy(), value.copy()
    most_telling(similarities, value, k=3, asked=[1])
    assert (similarities == before[0]).all()
    assert (value == before[1]).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"similarities": np.eye(2)}, "wanted (3, 3)"),
        ({"value": np.array([1.0, -1.0, 1.0])}, "negative"),
        ({"value": np.array([1.0, np.nan, 1.0])}, "not finite"),
        ({"k": -1}, "wanted 0 or more"),
        ({"asked": [3]}, "wanted 0 to 2"),
        ({"asked": [-1]}, "wanted 0 to 2"),
        ({"groups": np.array([1, 2])}, "groups"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(arguments, said):
    good = {"similarities": np.eye(3), "value": np.ones(3), "k": 1}
    with pytest.raises(InputError, match=said.replace("(", r"\(").replace(")", r"\)")):
        most_telling(**good | arguments)


def test_similarities_are_cosines_of_what_books_say_and_of_the_books_themselves():
    rows = csr_array(np.array([[0, 3, 0, 4], [2, 0, 0, 0], [0, 0, 0, 0]], dtype=np.float32))
    items = np.array([0, 1, 2])
    found = taste_similarities(rows, items, n_directions=3)
    # Rows of length 1 plus 1 in their own column, worked by hand.
    vectors = np.array([[1, 0.6, 0, 0.8], [1, 1, 0, 0], [0, 0, 1, 0]])
    lengths = np.linalg.norm(vectors, axis=1)
    cosines = (1 - OWN_PART) * (vectors @ vectors.T) / np.outer(lengths, lengths)
    np.fill_diagonal(cosines, 1.0)
    np.testing.assert_allclose(found, cosines, atol=1e-12)


def test_similarities_in_few_directions_are_positive_definite():
    rng = np.random.default_rng(0)
    rows = csr_array((rng.random((20, 50)) < 0.2) * rng.random((20, 50)).astype(np.float32))
    before = rows.data.copy()
    found = taste_similarities(rows, np.arange(20), n_directions=4)
    assert np.linalg.eigvalsh(found).min() > OWN_PART / 2
    assert np.diag(found).tolist() == [1.0] * 20
    assert (rows.data == before).all()


@pytest.mark.parametrize(("n_items", "n_directions"), [(2, 3), (3, 0)])
def test_similarities_without_a_row_or_direction_are_refused(n_items, n_directions):
    with pytest.raises(InputError, match="wanted as many"):
        taste_similarities(
            csr_array((3, 5), dtype=np.float32), np.arange(n_items), n_directions=n_directions
        )


@pytest.fixture(scope="module")
def pool() -> ProbePool:
    """Two tastes of six books each; a seventh that nobody rated."""
    rng = np.random.default_rng(0)
    users, books, stars = [], [], []
    for user in range(200):
        taste = user % 2
        for book in rng.permutation(6)[: rng.integers(2, 6)]:
            users.append(user)
            books.append(int(book) + 6 * taste)
            stars.append(int(rng.integers(3, 6)))
    interactions = Interactions.from_pairs(users, books, stars, catalog_ids=list(range(13)))
    catalog = Catalog.bare(interactions.items)
    linear = LinearRanker().fit(interactions, catalog)
    return ProbePool.of(linear, PopularityRanker().fit(interactions, catalog), catalog)


def test_a_pool_holds_what_somebody_rated(pool):
    assert sorted(pool.items.tolist()) == list(range(12))


def test_a_pool_asks_about_both_tastes_in_turn(pool):
    first, second = pool.ask(2).tolist()
    assert {first // 6, second // 6} == {0, 1}
    [third] = pool.ask(1, asked=[first]).tolist()
    assert third // 6 != first // 6


def test_a_pool_asks_nothing_twice_until_it_is_spent(pool):
    asked: list[int] = []
    while found := pool.ask(5, asked=asked).tolist():
        assert not set(found) & set(asked)
        asked += found
    assert sorted(asked) == list(range(12))


def test_a_pool_passes_over_books_that_are_not_its_own(pool):
    assert pool.ask(3, asked=[12, 999]).tolist() == pool.ask(3).tolist()
