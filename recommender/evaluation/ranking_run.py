"""Fit one ranker, rank for every reader, measure the lists."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.engine import (
    EvaluationReport,
    OnProgress,
    PopularityRanker,
    Profile,
    Ranker,
    measure_lists,
    rank_batch,
)
from recommender.engine.evaluation import CUTOFF
from recommender.engine.exposure import gini_at_k, novelty_at_k, self_information
from recommender.engine.metrics import coverage_at_k
from recommender.engine.registry import Algorithm
from recommender.evaluation.peak_memory import peak_megabytes, reset_peak
from recommender.evaluation.ranking_data import RankingData

_SCORES_AT_ONCE: Final = 4_000_000  # 16 MB: 400 readers of 10,000 books


class Scorer(Protocol):
    """What lists are made from: a ``Ranker``, or another library behind the same two names."""

    @property
    def n_items(self) -> int:
        """Number of items scored."""

    def batch_scores(self, profiles: Sequence[Profile]) -> NDArray[np.float32]:
        """Return finite scores, shape (number of profiles, n_items)."""


@dataclass(frozen=True, eq=False)
class RankingResult:
    """What one algorithm did.

    Parameters
    ----------
    algorithm : str.
    config : dict. Its hyperparameters.
    lists : list of int64 arrays of item indices, one for each reader, best first, at most k.
    n_fallback : int. Readers to whom the ranker gives the same score for every book, and who
        were given the popular list instead.
    report : EvaluationReport of the readers with a relevant book, or None without a target.
    coverage, novelty, gini : of the first ten places of all lists; see ``exposure``.
    fit_seconds, milliseconds_per_list, peak_megabytes : float. The peak is of the whole process
        while fitting and ranking, in MB of 10^6 bytes.
    cold_start : dict of n to the report when only n ratings of each reader are known.
    """

    algorithm: str
    config: dict[str, Any]
    lists: list[NDArray[np.int64]]
    n_fallback: int
    report: EvaluationReport | None
    coverage: int
    novelty: float
    gini: float
    fit_seconds: float
    milliseconds_per_list: float
    peak_megabytes: float
    cold_start: dict[int, EvaluationReport] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the lists as JSON values."""
        quality = self.report.as_dict() if self.report else {}
        for name in ("n_users", "n_items", "coverage_at_10"):
            quality.pop(name, None)
        return {
            "algorithm": self.algorithm,
            "options": self.config,
            "n_lists": len(self.lists),
            "n_measured": self.report.n_users if self.report else 0,
            "n_fallback": self.n_fallback,
            **quality,
            "coverage_at_10": self.coverage,
            "novelty_at_10": self.novelty,
            "gini_at_10": self.gini,
            "fit_seconds": self.fit_seconds,
            "milliseconds_per_list": self.milliseconds_per_list,
            "peak_megabytes": self.peak_megabytes,
            "cold_start": [
                {"n_ratings": n, **report.as_dict()} for n, report in self.cold_start.items()
            ],
        }


def run_ranker(
    algorithm: Algorithm,
    config: Any,
    data: RankingData,
    *,
    k: int = CUTOFF,
    limits: Sequence[int] = (),
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> RankingResult:
    """Fit and measure one algorithm; its config is an instance of its ``config_type``.

    The parameters and the result are those of ``measure``.
    """

    def fit() -> Ranker:
        return algorithm.ranker(config).fit(
            data.interactions, data.catalog, on_progress=on_progress
        )

    return measure(
        algorithm.name,
        asdict(config),
        fit,
        data,
        k=k,
        limits=limits,
        seed=seed,
        on_progress=on_progress,
    )


def measure(
    name: str,
    options: dict[str, Any],
    fit: Callable[[], Scorer],
    data: RankingData,
    *,
    k: int = CUTOFF,
    limits: Sequence[int] = (),
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> RankingResult:
    """Fit anything that scores, rank for every reader and measure the lists.

    Parameters
    ----------
    name, options : what to call the result, and its hyperparameters.
    fit : callable. Its time is the fit's.
    data : RankingData.
    k : int > 0. Length of the lists; the metrics look at the first 100 places in any case.
    limits : sequence of int > 0. For the cold-start curve, which needs a target.
    seed : int. Of the bootstrap and of which ratings are known in the cold-start curve.
    on_progress : callable or None.

    Returns
    -------
    RankingResult.

    Raises
    ------
    EngineError
        When the fit fails.
    """
    reset_peak()
    started = time.perf_counter()
    ranker = fit()
    fitted = time.perf_counter()
    fallback = _Fallback(data)
    cutoff = max(k, CUTOFF)
    lists, n_fallback = _lists(ranker, fallback, data.profiles, data.profiles, cutoff, on_progress)
    ranked = time.perf_counter()
    peak = peak_megabytes()
    curve: dict[int, EvaluationReport] = {}
    for n in limits:
        known = tuple(
            first_ratings(profile, n, seed=seed, user_id=user_id)
            for profile, user_id in zip(data.profiles, data.user_ids.tolist(), strict=True)
        )
        short, _ = _lists(ranker, fallback, known, data.profiles, CUTOFF, on_progress)
        curve[n] = _report(short, data, seed)
    return RankingResult(
        algorithm=name,
        config=options,
        lists=[ranked_items[:k] for ranked_items in lists],
        n_fallback=n_fallback,
        report=_report(lists, data, seed) if data.relevant else None,
        coverage=coverage_at_k(lists, 10),
        novelty=novelty_at_k(lists, self_information(data.interactions), 10),
        gini=gini_at_k(lists, 10, n_items=ranker.n_items),
        fit_seconds=fitted - started,
        milliseconds_per_list=1000 * (ranked - fitted) / len(lists),
        peak_megabytes=peak,
        cold_start=curve,
    )


def first_ratings(profile: Profile, n: int, *, seed: int, user_id: int) -> Profile:
    """Return n of a reader's ratings, drawn at random, or all when there are fewer.

    The draw depends on the seed, the reader and his ratings alone, and that of a smaller n is
    part of that of a larger one.
    """
    order = np.random.default_rng([seed, abs(user_id)]).permutation(len(profile.item_indices))
    shown = order[:n]
    return Profile(profile.item_indices[shown], profile.stars[shown])


class _Fallback:
    """The popular list for readers of whom the ranker knows nothing; fitted when needed."""

    def __init__(self, data: RankingData) -> None:
        self._data = data
        self._ranker: PopularityRanker | None = None

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        if self._ranker is None:
            self._ranker = PopularityRanker().fit(self._data.interactions, self._data.catalog)
        return self._ranker.scores(profile)


def _lists(
    ranker: Scorer,
    fallback: _Fallback,
    profiles: Sequence[Profile],
    left_out: Sequence[Profile],
    k: int,
    on_progress: OnProgress | None,
) -> tuple[list[NDArray[np.int64]], int]:
    """Return the readers' lists without the books of ``left_out``, and how many fell back."""
    lists: list[NDArray[np.int64]] = []
    n_fallback = 0
    at_once = max(1, _SCORES_AT_ONCE // ranker.n_items)
    for first in range(0, len(profiles), at_once):
        batch = profiles[first : first + at_once]
        scores = ranker.batch_scores(batch)
        for row in np.flatnonzero(scores.max(axis=1) == scores.min(axis=1)).tolist():
            scores[row] = fallback.scores(batch[row])
            n_fallback += 1
        excluded = [profile.item_indices for profile in left_out[first : first + at_once]]
        lists += rank_batch(scores, k=k, excluded=excluded)
        if on_progress:
            on_progress("lists", len(lists) / len(profiles))
    return lists, n_fallback


def _report(lists: Sequence[NDArray[np.int64]], data: RankingData, seed: int) -> EvaluationReport:
    """Measure the lists of the readers with a relevant book, which may be an unknown one."""
    pairs = [
        (data.interactions.item_ids[ranked], books)
        for ranked, books in zip(lists, data.relevant or (), strict=True)
        if len(books)
    ]
    return measure_lists(
        [ranked for ranked, _ in pairs],
        [books for _, books in pairs],
        n_items=data.interactions.n_items,
        seed=seed,
    )
