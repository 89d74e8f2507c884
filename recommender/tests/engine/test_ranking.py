from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recommender.engine import InputError, Series, rank, rank_batch, rank_places, top_k

# A handful of distinct values, so that ties are the rule.
tied_scores = hnp.arrays(np.float32, st.integers(0, 30), elements=st.sampled_from([-1, 0, 0.5, 2]))


@given(tied_scores, st.integers(0, 35))
def test_top_k_equals_a_stable_sort_of_everything(scores: np.ndarray, k: int) -> None:
    assert top_k(scores, k).tolist() == np.argsort(-scores, kind="stable")[:k].tolist()


def test_top_k_equals_a_sort_on_many_distinct_scores() -> None:
    scores = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    for k in (1, 10, 4999, 5000, 6000):
        assert top_k(scores, k).tolist() == np.argsort(-scores, kind="stable")[:k].tolist()


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([2, 5, 1000]))
def test_top_k_equals_a_sort_where_it_looks_at_groups_first(
    seed: int, k: int, n_levels: int
) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, n_levels, generator.integers(16, 300)).astype(np.float32)
    scores[generator.random(len(scores)) < 0.1] = -np.inf
    assert top_k(scores, k).tolist() == np.argsort(-scores, kind="stable")[:k].tolist()


@given(tied_scores, st.integers(1, 35), st.data())
def test_rank_equals_a_sort_of_what_is_not_excluded(
    scores: np.ndarray, k: int, data: st.DataObject
) -> None:
    n = len(scores)
    indices = st.lists(st.integers(0, n - 1), max_size=n) if n else st.just([])
    excluded = data.draw(indices)
    ranked = rank(scores, k=k, excluded=excluded)
    wanted = sorted(set(range(n)) - set(excluded), key=lambda item: (-scores[item], item))
    assert ranked.tolist() == wanted[:k]


def rank_by_the_rule(
    scores: np.ndarray,
    k: int,
    excluded: set[int],
    index: list[int],
    number: list[float],
    read: set[int],
) -> list[int]:
    """The series rule, said again as plainly as possible."""
    order = sorted(set(range(len(scores))) - excluded, key=lambda item: (-scores[item], item))
    ranked: list[int] = []
    seen: set[int] = set()
    for item in order:
        group = index[item]
        if group == -1:
            ranked.append(item)
            continue
        if group in seen:
            continue
        seen.add(group)
        volumes = {
            other: number[other]
            for other in range(len(scores))
            if index[other] == group and number[other] >= 1 and number[other] % 1 == 0
        }
        if not volumes:
            ranked.append(item)
            continue
        unread = set(volumes.values()) - {volumes[other] for other in read if other in volumes}
        printings = [other for other in order if unread and volumes.get(other) == min(unread)]
        ranked += printings[:1]
    return ranked[:k]


@given(st.data())
def test_rank_keeps_the_series_rule(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 14))
    items = st.sets(st.integers(0, n - 1))
    scores = data.draw(hnp.arrays(np.float32, n, elements=st.sampled_from([-1, 0, 1, 2, 3])))
    index = data.draw(st.lists(st.integers(-1, 3), min_size=n, max_size=n))
    numbers = st.sampled_from([0.0, 1.0, 1.0, 2.0, 2.5, 3.0, float("nan")])
    number = data.draw(st.lists(numbers, min_size=n, max_size=n))
    excluded, read, k = data.draw(items), data.draw(items), data.draw(st.integers(1, 15))
    series = Series(np.array(index), np.array(number))
    ranked = rank(scores, k=k, excluded=sorted(excluded), series=series, read=sorted(read))
    assert ranked.tolist() == rank_by_the_rule(scores, k, excluded, index, number, read)
    assert not excluded & set(ranked.tolist())


def volumes(*numbers: float) -> Series:
    """Item 0 stands alone; the others are one series with these numbers."""
    return Series(np.array([-1] + [0] * len(numbers)), np.array([np.nan, *numbers]))


def test_the_first_volume_takes_the_place_of_the_best_ranked_one() -> None:
    scores = np.array([2.0, 0.5, 1.0, 3.0])
    assert rank(scores, k=10, series=volumes(1, 2, 3)).tolist() == [1, 0]


def test_the_lowest_unread_volume_follows_the_ones_read() -> None:
    scores = np.array([2.0, 0.5, 1.0, 3.0])
    assert rank(scores, k=10, excluded=[1], series=volumes(1, 2, 3), read=[1]).tolist() == [2, 0]


def test_a_boxed_set_and_a_novella_lose_to_the_volume() -> None:
    scores = np.array([0.0, 0.5, 3.0, 2.0, 1.0])
    assert rank(scores, k=10, series=volumes(1, np.nan, 1.5, 0)).tolist() == [1, 0]


def test_a_series_without_any_integer_volume_shows_its_best_ranked_book() -> None:
    assert rank(np.array([0.0, 1.0, 2.0]), k=10, series=volumes(np.nan, 0.5)).tolist() == [2, 0]


def test_a_finished_series_does_not_come_back_as_a_boxed_set() -> None:
    scores = np.array([0.0, 1.0, 2.0, 3.0])
    ranked = rank(scores, k=10, excluded=[1, 2], series=volumes(1, 2, np.nan), read=[1, 2])
    assert ranked.tolist() == [0]


def test_a_series_waits_while_its_next_volume_is_excluded_unread() -> None:
    scores = np.array([0.0, 1.0, 2.0, 3.0])
    assert rank(scores, k=10, excluded=[1], series=volumes(1, 2, 3)).tolist() == [0]


def test_another_printing_of_a_volume_read_is_not_offered() -> None:
    scores = np.array([0.0, 1.0, 5.0, 2.0])
    ranked = rank(scores, k=10, excluded=[1], series=volumes(1, 1, 2), read=[1])
    assert ranked.tolist() == [3, 0]


def test_series_do_not_shorten_a_list_that_others_can_fill() -> None:
    scores = np.arange(20, dtype=np.float32)
    index = np.where(np.arange(20) < 10, -1, 0)
    series = Series(index, np.arange(20))
    assert rank(scores, k=5, series=series).tolist() == [10, 9, 8, 7, 6]


def test_rank_returns_fewer_than_k_when_the_candidates_run_out() -> None:
    assert rank(np.array([1.0, 2.0, 3.0]), k=10, excluded=[1]).tolist() == [2, 0]
    assert rank(np.array([1.0, 2.0]), k=10, excluded=[0, 1]).tolist() == []


def test_rank_does_not_change_its_input() -> None:
    scores = np.array([1.0, 3.0, 2.0])
    rank(scores, k=2, excluded=[1], series=volumes(1, 2), read=[1])
    assert scores.tolist() == [1.0, 3.0, 2.0]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_rank_refuses_a_score_that_is_not_finite(wrong: float) -> None:
    with pytest.raises(InputError, match="item index 1"):
        rank(np.array([1.0, wrong]), k=1)


@pytest.mark.parametrize("wrong", [-1, 2])
def test_rank_refuses_an_excluded_index_that_is_no_item(wrong: int) -> None:
    """-1 would silently exclude the last item."""
    with pytest.raises(InputError, match="excluded"):
        rank(np.array([1.0, 2.0]), k=1, excluded=[wrong])
    with pytest.raises(InputError, match="read"):
        rank(np.array([1.0, 2.0]), k=1, series=Series.none(2), read=[wrong])


def test_rank_refuses_a_cutoff_below_one_and_a_matrix_and_foreign_series() -> None:
    with pytest.raises(InputError, match="k is 0"):
        rank(np.array([1.0]), k=0)
    with pytest.raises(InputError, match="shape"):
        rank(np.ones((2, 2)), k=1)
    with pytest.raises(InputError, match="series has 3"):
        rank(np.array([1.0]), k=1, series=Series.none(3))


def test_rank_batch_ranks_each_row_as_rank_does() -> None:
    scores = np.random.default_rng(1).integers(0, 4, (6, 9)).astype(np.float32)
    series = Series(np.array([0, 0, 0, 1, 1, -1, -1, -1, 2]), np.arange(9))
    excluded = [[0], [], [1, 2], [3], [8, 7], [5]]
    batch = rank_batch(scores, k=4, excluded=excluded, series=series)
    for row, left_out, ranked in zip(scores, excluded, batch, strict=True):
        alone = rank(row, k=4, excluded=left_out, series=series, read=left_out)
        assert ranked.tolist() == alone.tolist()


def test_rank_batch_refuses_sequences_of_other_lengths() -> None:
    with pytest.raises(InputError, match="2 rows"):
        rank_batch(np.ones((2, 3)), k=1, excluded=[[]])


@pytest.mark.parametrize(
    ("index", "number"), [([0, -2], [1, 2]), ([0], [1, 2]), ([0, 0], [1, np.inf]), ([0.5], [1])]
)
def test_series_refuse_arrays_that_mean_nothing(index: list[int], number: list[float]) -> None:
    with pytest.raises(InputError):
        Series(np.array(index), np.array(number))


def test_a_place_is_earned_by_the_best_of_the_series() -> None:
    scores = np.array([0.1, 0.9, 0.5, 0.7], dtype=np.float32)
    series = Series(np.array([0, 0, -1, -1]), np.array([1, 2, np.nan, np.nan]))
    ranked = rank_places(scores, k=3, series=series)
    assert ranked.items.tolist() == [0, 3, 2]
    assert ranked.earned_by.tolist() == [1, 3, 2]
    assert rank(scores, k=3, series=series).tolist() == [0, 3, 2]


@given(st.integers(0, 2**32 - 1))
def test_the_scores_that_earned_the_places_descend(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=30).astype(np.float32)
    series = Series(generator.integers(-1, 5, 30), generator.integers(0, 6, 30).astype(float))
    ranked = rank_places(scores, k=12, excluded=generator.integers(0, 30, 5), series=series)
    assert (np.diff(scores[ranked.earned_by]) <= 0).all()
    same = (ranked.items == ranked.earned_by) | (
        series.index[ranked.items] == series.index[ranked.earned_by]
    )
    assert same.all()
