"""Whether a fitted model may go live: rules over numbers that were measured elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine import bootstrap_interval

MARGIN: Final = 0.02
MAX_SHRINKAGE: Final = 0.05
# With fewer readers the interval is wider than the margin, and would reject what is as good.
MIN_READERS_FOR_INTERVAL: Final = 200
# With fewer still, means say nothing either.
MIN_READERS: Final = 20
_SEED: Final = 0


@dataclass(frozen=True)
class Rule:
    """One rule's answer; `passed` is None where it could not be checked."""

    name: str
    passed: bool | None
    detail: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    # Whether a curator's --force is above it.
    can_be_forced: bool = True


@dataclass(frozen=True)
class Verdict:
    """All rules together."""

    rules: tuple[Rule, ...]
    forced: bool

    @property
    def failed(self) -> list[Rule]:
        """The rules that were broken."""
        return [rule for rule in self.rules if rule.passed is False]

    @property
    def overruled(self) -> list[Rule]:
        """The broken rules that do not count, because the run was forced."""
        return [rule for rule in self.failed if self.forced and rule.can_be_forced]

    @property
    def passed(self) -> bool:
        """Whether the model may go live."""
        return len(self.failed) == len(self.overruled)

    @property
    def why_not(self) -> str:
        """What is wrong with a model that did not pass, in one sentence a rule."""
        overruled = self.overruled
        return " ".join(rule.detail for rule in self.failed if rule not in overruled)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, for `TrainingRun.verdict`."""
        return {
            "passed": self.passed,
            "forced": self.forced,
            "overruled": [rule.name for rule in self.overruled],
            "rules": [asdict(rule) for rule in self.rules],
        }


@dataclass(frozen=True, eq=False)
class Measured:
    """NDCG@10 of each held-out reader, in the same order for every model.

    `active` is None where there is nothing to compare with; `why_no_active` says why.
    """

    candidate: NDArray[np.float64]
    popularity: NDArray[np.float64]
    active: NDArray[np.float64] | None = None
    why_no_active: str = "No run is active."


def judge(
    measured: Measured,
    *,
    not_finite: Iterable[str],
    shown_though_rated: int,
    n_sampled: int,
    dataset: Mapping[str, Any],
    active_dataset: Mapping[str, Any] | None,
    forced: bool = False,
) -> Verdict:
    """Apply every rule.

    `not_finite` names the arrays with a value that is no number, `shown_though_rated` counts the
    readers of the sample whose list held a book of theirs, and the datasets are the snapshots of
    the two runs.
    """
    return Verdict(
        (
            finite_rule(not_finite),
            nothing_rated_rule(shown_though_rated, n_sampled),
            floor_rule(measured),
            comparison_rule(measured),
            *shrinkage_rules(dataset, active_dataset),
        ),
        forced,
    )


def finite_rule(not_finite: Iterable[str]) -> Rule:
    """Refuse weights and factors that are no numbers; nobody can force these live."""
    names = sorted(not_finite)
    detail = (
        f"Not finite: {', '.join(names)}." if names else "Every weight and every factor is finite."
    )
    return Rule("finite", not names, detail, {"n_arrays": len(names)}, can_be_forced=False)


def nothing_rated_rule(shown_though_rated: int, n_sampled: int) -> Rule:
    """Refuse a model that recommends what was read; nobody can force it live."""
    return Rule(
        "nothing_rated_is_shown",
        None if not n_sampled else not shown_though_rated,
        f"{shown_though_rated} of {n_sampled} sampled readers would be shown a book that they "
        "have rated or shelved.",
        {"n_readers": n_sampled, "n_shown": shown_though_rated},
        can_be_forced=False,
    )


def floor_rule(measured: Measured) -> Rule:
    """Refuse a model that ranks worse than popularity."""
    n = len(measured.candidate)
    if n < MIN_READERS:
        return Rule("popularity_floor", None, _too_few(n), {"n_readers": n})
    mean, floor = float(measured.candidate.mean()), float(measured.popularity.mean())
    relation = "below" if mean < floor else "not below"
    return Rule(
        "popularity_floor",
        mean >= floor,
        f"NDCG@10 on {n} held-out readers is {mean:.4f}, {relation} popularity's {floor:.4f}.",
        {"n_readers": n, "candidate": mean, "popularity": floor},
    )


def comparison_rule(measured: Measured) -> Rule:
    """Refuse a model that may be worse than the active one by more than the margin.

    The interval is of the mean difference over readers (paired bootstrap), divided by the active
    run's mean.
    """
    name, n = "not_worse_than_active", len(measured.candidate)
    if measured.active is None:
        return Rule(name, None, measured.why_no_active, {"n_readers": n})
    if n < MIN_READERS:
        return Rule(name, None, _too_few(n), {"n_readers": n})
    mean = float(measured.active.mean())
    if mean <= 0:
        return Rule(name, None, "The active run found nothing.", {"n_readers": n, "active": mean})
    differences = measured.candidate - measured.active
    interval = bootstrap_interval(differences, seed=_SEED)
    relative = float(differences.mean()) / mean
    low, high = interval.low / mean, interval.high / mean
    is_wide = n < MIN_READERS_FOR_INTERVAL
    decisive = relative if is_wide else low
    detail = (
        f"NDCG@10 differs from the active run's {mean:.4f} by {relative:+.1%} "
        f"({low:+.1%} to {high:+.1%}) on {n} held-out readers; allowed is {-MARGIN:.0%}"
        + (
            f" in the mean, because the interval of fewer than {MIN_READERS_FOR_INTERVAL} is wide."
            if is_wide
            else " at the lower end."
        )
    )
    numbers = {
        "n_readers": n,
        "candidate": float(measured.candidate.mean()),
        "active": mean,
        "relative": relative,
        "low": low,
        "high": high,
    }
    return Rule(name, decisive >= -MARGIN, detail, numbers)


def shrinkage_rules(
    dataset: Mapping[str, Any], active_dataset: Mapping[str, Any] | None
) -> Iterable[Rule]:
    """Refuse a model of far fewer books or ratings than the active one: an import went wrong."""
    for key, what in (("n_books", "books"), ("n_ratings", "ratings")):
        now, before = dataset[key], (active_dataset or {}).get(key)
        name = f"no_fewer_{what}"
        if not before:
            yield Rule(name, None, f"There is no earlier number of {what} to compare with.")
            continue
        change = now / before - 1
        yield Rule(
            name,
            before - now <= MAX_SHRINKAGE * before,
            f"{now:,} {what}, {change:+.1%} against the active run's {before:,}; allowed is "
            f"{-MAX_SHRINKAGE:.0%}.",
            {"now": now, "before": before, "change": change},
        )


def _too_few(n: int) -> str:
    return f"{n} held-out readers are too few to measure on; {MIN_READERS} are wanted."
