"""The gate on numbers made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from recommender.gate import (
    MIN_READERS,
    MIN_READERS_FOR_INTERVAL,
    Measured,
    Rule,
    Verdict,
    comparison_rule,
    finite_rule,
    floor_rule,
    judge,
    nothing_rated_rule,
    shrinkage_rules,
)

MANY = MIN_READERS_FOR_INTERVAL


def measured(candidate: list[float], active: list[float] | None = None) -> Measured:
    return Measured(
        np.array(candidate),
        np.full(len(candidate), 0.1),
        None if active is None else np.array(active),
    )


def test_a_constant_difference_has_an_interval_of_no_width() -> None:
    rule = comparison_rule(measured([0.297] * MANY, [0.3] * MANY))
    assert rule.passed is True
    assert rule.numbers["relative"] == pytest.approx(-0.01)
    assert rule.numbers["low"] == pytest.approx(-0.01)
    assert rule.numbers["high"] == pytest.approx(-0.01)


@pytest.mark.parametrize(("candidate", "passed"), [(0.2941, True), (0.2939, False), (0.35, True)])
def test_two_percent_less_is_the_most(candidate: float, passed: bool) -> None:
    assert comparison_rule(measured([candidate] * MANY, [0.3] * MANY)).passed is passed


def test_the_interval_is_paired() -> None:
    """Readers differ widely from each other, but hardly between the two models."""
    active = np.linspace(0.01, 0.99, MANY)
    rule = comparison_rule(measured((active - 0.001).tolist(), active.tolist()))
    assert rule.passed is True
    assert rule.numbers["high"] - rule.numbers["low"] < 1e-9


def test_the_lower_end_decides_where_there_are_many_readers() -> None:
    """As good in the mean, but who knows: half lose .2, half win .2, of .3."""
    active = [0.3] * MANY
    candidate = [0.1, 0.5] * (MANY // 2)
    rule = comparison_rule(measured(candidate, active))
    assert rule.numbers["relative"] == pytest.approx(0)
    # The mean of 200 coin flips of .2 each, over .3: 1.96 * .2 / sqrt(200) / .3 = 9 %.
    assert rule.numbers["low"] == pytest.approx(-0.092, abs=0.01)
    assert rule.passed is False


def test_the_mean_decides_where_readers_are_few() -> None:
    few = MIN_READERS_FOR_INTERVAL - 2
    rule = comparison_rule(measured([0.1, 0.5] * (few // 2), [0.3] * few))
    assert rule.passed is True
    assert "the interval of fewer than 200 is wide" in rule.detail
    assert comparison_rule(measured([0.1, 0.48] * (few // 2), [0.3] * few)).passed is False


def test_too_few_readers_are_told_not_guessed_from() -> None:
    rule = comparison_rule(measured([0.0] * (MIN_READERS - 1), [0.3] * (MIN_READERS - 1)))
    assert rule.passed is None
    assert "19 held-out readers are too few" in rule.detail
    assert floor_rule(measured([0.0] * (MIN_READERS - 1))).passed is None


def test_without_an_active_run_there_is_nothing_to_compare() -> None:
    rule = comparison_rule(measured([0.2] * MANY))
    assert (rule.passed, rule.detail) == (None, "No run is active.")


@pytest.mark.parametrize(("ndcg", "passed"), [(0.1, True), (0.0999, False)])
def test_popularity_is_the_floor_of_the_first_run_too(ndcg: float, passed: bool) -> None:
    rule = floor_rule(measured([ndcg] * MIN_READERS))
    assert rule.passed is passed


@pytest.mark.parametrize(("now", "passed"), [(950, True), (949, False), (2000, True)])
def test_books_and_ratings_may_shrink_by_five_percent(now: int, passed: bool) -> None:
    before = {"n_books": 1000, "n_ratings": 1000}
    rules = {rule.name: rule for rule in shrinkage_rules(before | {"n_books": now}, before)}
    assert rules["no_fewer_books"].passed is passed
    assert rules["no_fewer_ratings"].passed is True


def test_without_an_earlier_run_nothing_shrinks() -> None:
    rules = shrinkage_rules({"n_books": 1, "n_ratings": 1}, None)
    assert [rule.passed for rule in rules] == [None, None]


def verdict(*rules: Rule, forced: bool = False) -> Verdict:
    return Verdict(rules, forced)


def test_one_broken_rule_is_enough_and_an_unchecked_one_is_not_broken() -> None:
    good, bad, unknown = (Rule(f"r{p}", p, f"because {p}") for p in (True, False, None))
    assert verdict(good, unknown).passed
    assert not verdict(good, bad, unknown).passed
    assert verdict(good, bad).why_not == "because False"


def test_force_is_above_comparisons_only() -> None:
    bad = Rule("comparison", False, "worse")
    assert verdict(bad, forced=True).passed
    assert verdict(bad, forced=True).overruled == [bad]
    never = replace(bad, name="finite", detail="not finite", can_be_forced=False)
    both = verdict(bad, never, forced=True)
    assert not both.passed
    assert both.why_not == "not finite"
    assert not verdict(bad).passed


def test_what_nobody_can_force() -> None:
    rules = {
        rule.name: rule.can_be_forced
        for rule in judge(
            measured([0.2] * MANY, [0.2] * MANY),
            not_finite=[],
            shown_though_rated=0,
            n_sampled=10,
            dataset={"n_books": 1, "n_ratings": 1},
            active_dataset=None,
        ).rules
    }
    assert [name for name, can in rules.items() if not can] == ["finite", "nothing_rated_is_shown"]
    assert finite_rule(["b", "a"]).detail == "Not finite: a, b."
    assert nothing_rated_rule(1, 10).passed is False
    assert nothing_rated_rule(0, 0).passed is None


def test_a_verdict_is_plain_json() -> None:
    found = verdict(Rule("a", False, "no", {"x": 1.0}), forced=True).as_dict()
    assert found == {
        "passed": True,
        "forced": True,
        "overruled": ["a"],
        "rules": [
            {
                "name": "a",
                "passed": False,
                "detail": "no",
                "numbers": {"x": 1.0},
                "can_be_forced": True,
            }
        ],
    }
