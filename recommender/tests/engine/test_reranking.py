"""Re-ranking against brute force on matrices small enough to see through."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommender.engine import Interactions
from recommender.engine.errors import InputError
from recommender.engine.linear import LinearRanker
from recommender.engine.reranking import (
    MAX_DIVERSITY,
    MAX_NOVELTY,
    MAX_SINK,
    diversified,
    likeness,
    mutual_likeness,
    nearness,
    rarity,
    relevance_of_places,
    rerank,
)

# A busy machine is no fault of the arrays drawn here.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def brute_force_mmr(values, alike, k, weight) -> list[int]:
    """The definition of Carbonell and Goldstein, one candidate after another, in plain Python."""
    chosen: list[int] = []
    while len(chosen) < min(k, len(values)):
        best, best_value = -1, -np.inf
        for candidate in range(len(values)):
            if candidate in chosen:
                continue
            closest = max((alike[other][candidate] for other in chosen), default=0.0)
            value = (1 - weight) * values[candidate] - weight * closest
            if value > best_value:
                best, best_value = candidate, value
        chosen.append(best)
    return chosen


def random_likeness(rng, n) -> np.ndarray:
    alike = rng.random((n, n))
    alike = (alike + alike.T) / 2
    np.fill_diagonal(alike, 0.0)
    return alike


@pytest.mark.parametrize("seed", range(20))
def test_diversified_is_mmr_by_its_definition(seed) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    values, alike = rng.random(n) - 0.3, random_likeness(rng, n)
    for k, weight in itertools.product((1, 5, 20), (0.0, 0.3, 0.6, 1.0)):
        found = diversified(values, alike, k=k, weight=weight)
        assert found.order.tolist() == brute_force_mmr(values, alike, k, weight)
        assert np.all(np.diff(found.values) <= 1e-12)


def test_two_of_a_kind_are_parted() -> None:
    """Three copies of one book and a fourth, a little worse, of another kind."""
    values = np.array([1.0, 0.99, 0.98, 0.7])
    alike = np.array([[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]], dtype=float)
    assert diversified(values, alike, k=4, weight=0.5).order.tolist() == [0, 3, 1, 2]
    assert diversified(values, alike, k=4, weight=0.0).order.tolist() == [0, 1, 2, 3]


@patient
@given(
    n=st.integers(0, 40),
    k=st.integers(1, 50),
    seed=st.integers(0, 2**16),
)
def test_without_wishes_every_place_stays(n, k, seed) -> None:
    rng = np.random.default_rng(seed)
    plain = rerank(n, k=k)
    assert plain.order.tolist() == list(range(min(n, k)))
    at_zero = rerank(
        n,
        k=k,
        near_dismissed=np.zeros(n),
        rare=rng.random(n),
        alike=random_likeness(rng, n),
        novelty=0.0,
        diversity=0.0,
    )
    assert at_zero.order.tolist() == plain.order.tolist()
    assert at_zero.values.tobytes() == plain.values.tobytes()


@patient
@given(
    n=st.integers(1, 40),
    seed=st.integers(0, 2**16),
    novelty=st.floats(0, 1),
    diversity=st.floats(0, 1),
)
def test_any_wishes_give_a_permutation_in_descending_values(n, seed, novelty, diversity) -> None:
    rng = np.random.default_rng(seed)
    found = rerank(
        n,
        k=n,
        near_dismissed=rng.random(n),
        rare=rng.random(n),
        closeness=rng.random(n),
        alike=random_likeness(rng, n),
        novelty=novelty,
        diversity=diversity,
    )
    assert sorted(found.order.tolist()) == list(range(n))
    assert np.isfinite(found.values).all()
    assert np.all(np.diff(found.values) <= 1e-12)


def test_one_dismissed_book_sinks_its_likes_and_no_other() -> None:
    """Places 0, 2 and 4 are lookalikes of the dismissed book, of 8 candidates."""
    near = np.zeros(8)
    near[[0, 2, 4]] = 0.9
    order = rerank(8, k=8, near_dismissed=near).order.tolist()
    likes, others = [0, 2, 4], [1, 3, 5, 6, 7]
    assert [place for place in order if place in others] == others
    assert [place for place in order if place in likes] == likes
    for like in likes:
        assert order.index(like) > like
    assert order[:2] == [1, 3]


@patient
@given(
    seed=st.integers(0, 2**16),
    place=st.integers(0, 19),
    more=st.floats(0, 1),
)
def test_nearer_to_a_dismissed_book_is_never_higher(seed, place, more) -> None:
    rng = np.random.default_rng(seed)
    near = rng.random(20) * 0.5
    before = rerank(20, k=20, near_dismissed=near).order.tolist().index(place)
    nearer = near.copy()
    nearer[place] += more * (1 - near[place])
    after = rerank(20, k=20, near_dismissed=nearer)
    assert after.order.tolist().index(place) >= before
    # Bounded: at most so much below its own relevance.
    values = dict(zip(after.order.tolist(), after.values, strict=True))
    assert values[place] >= relevance_of_places(20)[place] - MAX_SINK - 1e-12


def test_novelty_raises_the_rare_and_only_by_its_part() -> None:
    n_ratings = np.array([1e6, 1e6, 1e6, 10.0])
    rare = rarity(n_ratings)
    assert rare.tolist() == [0, 0, 0, 1]
    assert rerank(4, k=4, rare=rare, novelty=1.0).order.tolist() == [3, 0, 1, 2]
    found = rerank(4, k=4, rare=rare, novelty=0.5)
    part = MAX_NOVELTY * 0.5
    expected = (1 - part) * relevance_of_places(4) + part * rare
    assert found.order.tolist() == np.argsort(-expected, kind="stable").tolist()
    assert np.allclose(found.values, np.sort(expected)[::-1])
    assert rarity(np.full(3, 7.0)).tolist() == [0, 0, 0]
    assert rarity(np.empty(0)).tolist() == []


def test_closeness_counts_beside_what_suits_the_reader() -> None:
    closeness = np.array([0.0, 0.0, 0.0, 1.0])
    assert rerank(4, k=1, closeness=closeness).order.tolist() == [3]
    assert rerank(4, k=4, closeness=np.zeros(4)).order.tolist() == [0, 1, 2, 3]


def test_nearness_is_bounded_monotone_and_nought_of_nothing() -> None:
    alike = np.array([[0.5, 0.0, 1.0], [0.5, 0.2, 0.3]])
    assert np.allclose(nearness(alike), [0.75, 0.2, 1.0])
    assert nearness(np.empty((0, 3))).tolist() == [0, 0, 0]
    assert np.all(nearness(alike) >= nearness(alike[:1]))


def test_likeness_is_half_at_a_quarter_of_the_usual() -> None:
    alike = likeness([0.0, 0.05, 0.2, 1.0], usual=0.2)
    assert alike[0] == 0
    assert alike[1] == pytest.approx(0.5)
    assert np.all(np.diff(alike) > 0)
    assert alike[-1] < 1
    assert likeness([0.0, 0.3], usual=0.0).tolist() == [0, 0]


def test_the_same_author_and_genre_are_alike_and_none_is_not() -> None:
    found = mutual_likeness(np.zeros((3, 3)), np.array([1, 1, -1]), np.array([-1, 2, -1]))
    assert found[0, 1] == pytest.approx(0.6)
    assert found[0, 2] == found[1, 2] == found[2, 2] == 0
    both = mutual_likeness(np.full((2, 2), 0.5), np.array([1, 1]), np.array([2, 2]))
    assert both[0, 1] == pytest.approx(1 - 0.5 * 0.4 * 0.75)


def test_relevance_falls_with_the_logarithm_of_the_place() -> None:
    found = relevance_of_places(9)
    assert found[0] == 1
    assert found[8] == pytest.approx(1 - np.log(9) / np.log(10))
    assert np.all(np.diff(found) < 0)
    assert relevance_of_places(0).tolist() == []
    assert relevance_of_places(1).tolist() == [1.0]


@pytest.mark.parametrize(
    "wrong", [{"k": 0}, {"novelty": 1.5}, {"diversity": -0.1}, {"diversity": float("nan")}]
)
def test_wishes_outside_their_range_are_refused(wrong) -> None:
    with pytest.raises(InputError):
        rerank(3, **({"k": 3} | wrong))


def test_the_weight_of_variety_is_bounded() -> None:
    """At the end of the slider the most relevant one still comes first."""
    alike = random_likeness(np.random.default_rng(1), 10)
    found = rerank(10, k=10, alike=alike, diversity=1.0)
    expected = brute_force_mmr(relevance_of_places(10), alike, 10, MAX_DIVERSITY)
    assert found.order.tolist() == expected
    assert found.order[0] == 0


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**16))
def test_similarities_between_are_those_of_similar_items(seed) -> None:
    rng = np.random.default_rng(seed)
    users, items = np.nonzero(rng.random((60, 9)) < 0.4)
    interactions = Interactions.from_pairs(
        users, items, rng.integers(1, 6, len(users)), catalog_ids=np.arange(9)
    )
    linear = LinearRanker().fit(interactions)
    expected = np.zeros((9, 9), dtype=np.float32)
    for item in range(9):
        found = linear.similar_items(item, 9)
        expected[item, found.item_indices] = found.similarities
    expected = np.maximum(expected, expected.T)
    rows, columns = np.array([4, 1]), np.array([8, 0, 1])
    everything = np.arange(9)
    assert np.array_equal(linear.similarities_between(everything, everything), expected)
    assert np.array_equal(
        linear.similarities_between(rows, columns), expected[np.ix_(rows, columns)]
    )
    assert linear.usual_similarity == pytest.approx(np.median(expected.max(axis=1)))
