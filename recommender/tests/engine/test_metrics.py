from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.engine import (
    InputError,
    bootstrap_interval,
    coverage_at_k,
    ndcg_at_k,
    recall_at_k,
)


def test_ndcg_of_hits_at_places_1_and_3_of_three_relevant() -> None:
    # gains 1/log2(2) + 1/log2(4) = 1.5; ideal 1 + 1/log2(3) + 1/2
    wanted = 1.5 / (1.5 + 1 / math.log2(3))
    assert ndcg_at_k([7, 1, 8, 2], [7, 8, 9], 4) == pytest.approx(wanted, rel=1e-12)


def test_the_ideal_list_of_ndcg_is_cut_at_k() -> None:
    # Four relevant items, two places, both hit: as good as a list of two can be.
    assert ndcg_at_k([1, 2], [1, 2, 3, 4], 2) == 1.0
    # One hit at place 2 of 2: (1 / log2 3) / (1 + 1 / log2 3)
    gain = 1 / math.log2(3)
    assert ndcg_at_k([9, 2], [1, 2, 3, 4], 2) == pytest.approx(gain / (1 + gain), rel=1e-12)


def test_ndcg_does_not_look_beyond_k_and_is_1_only_for_the_ideal_order() -> None:
    assert ndcg_at_k([5, 6, 1], [1], 2) == 0.0
    assert ndcg_at_k([1, 5, 6], [1], 10) == 1.0


def test_a_short_list_is_judged_against_the_full_ideal() -> None:
    assert ndcg_at_k([1], [1, 2], 10) == pytest.approx(1 / (1 + 1 / math.log2(3)), rel=1e-12)


def test_recall_has_the_denominator_that_was_asked_for() -> None:
    ranked, relevant = [1, 2, 3, 4], [1, 3, 9, 10, 11, 12]
    assert recall_at_k(ranked, relevant, 4, denominator="reachable") == 2 / 4
    assert recall_at_k(ranked, relevant, 4, denominator="relevant") == 2 / 6
    assert recall_at_k(ranked, [1, 9], 4, denominator="reachable") == 1 / 2


def test_recall_refuses_another_denominator() -> None:
    with pytest.raises(InputError, match="denominator"):
        recall_at_k([1], [1], 1, denominator="k")  # type: ignore[arg-type]


@given(
    st.lists(st.integers(0, 20), unique=True, max_size=20),
    st.sets(st.integers(0, 20), min_size=1),
    st.integers(1, 20),
)
def test_metrics_stay_in_0_to_1_and_adding_a_hit_in_front_never_lowers_them(
    ranked: list[int], relevant: set[int], k: int
) -> None:
    better = [next(iter(relevant)), *(item for item in ranked if item != next(iter(relevant)))]
    for metric in (
        lambda items: ndcg_at_k(items, sorted(relevant), k),
        lambda items: recall_at_k(items, sorted(relevant), k, denominator="reachable"),
        lambda items: recall_at_k(items, sorted(relevant), k, denominator="relevant"),
    ):
        assert 0 <= metric(ranked) <= 1 + 1e-12
        if ranked[:1] and ranked[0] not in relevant:
            assert metric(better) >= metric(ranked) - 1e-12


def test_metrics_refuse_what_they_are_not_defined_for() -> None:
    with pytest.raises(InputError, match="no relevant"):
        ndcg_at_k([1], [], 10)
    with pytest.raises(InputError, match="twice"):
        ndcg_at_k([1, 1], [1], 10)
    with pytest.raises(InputError, match="k is 0"):
        ndcg_at_k([1], [1], 0)


def test_coverage_counts_distinct_items_of_the_first_k_places() -> None:
    assert coverage_at_k([[1, 2, 3], [2, 4]], 2) == 3
    assert coverage_at_k([], 10) == 0
    with pytest.raises(InputError, match="k is 0"):
        coverage_at_k([[1]], 0)


def test_the_bootstrap_interval_is_that_of_the_normal_approximation_on_many_users() -> None:
    values = np.random.default_rng(0).normal(0.4, 0.25, 4000)
    low, high = bootstrap_interval(values, seed=1)
    half_width = 1.96 * values.std() / math.sqrt(len(values))
    # The quantiles of 1,000 resamples are themselves uncertain by a few percent of the width.
    assert low == pytest.approx(values.mean() - half_width, abs=0.15 * half_width)
    assert high == pytest.approx(values.mean() + half_width, abs=0.15 * half_width)
    assert bootstrap_interval(values, seed=1) == (low, high)
    assert bootstrap_interval(values, seed=2) != (low, high)


def test_the_bootstrap_interval_of_equal_values_is_that_value() -> None:
    assert bootstrap_interval([0.25, 0.25, 0.25], seed=0) == (0.25, 0.25)


@pytest.mark.parametrize("wrong", [[], [np.nan], [[0.5]]])
def test_the_bootstrap_refuses_values_without_a_mean(wrong: list[float]) -> None:
    with pytest.raises(InputError, match="finite value per user"):
        bootstrap_interval(wrong, seed=0)


def test_the_bootstrap_refuses_a_level_outside_0_to_1() -> None:
    with pytest.raises(InputError, match="level"):
        bootstrap_interval([0.5], seed=0, level=95)
