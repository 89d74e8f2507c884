"""What a gate judges by: lists of held-out readers, and a look for what must never happen."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender import artifact_store
from recommender.engine import (
    Artifact,
    Catalog,
    EngineError,
    EvaluationReport,
    Interactions,
    Interval,
    LinearRanker,
    OnProgress,
    Part,
    Profile,
    Ranker,
    Series,
    TwoStageRanker,
    Vocabulary,
    bootstrap_interval,
    lists_for,
    measure_lists,
    ndcg_at_k,
)
from recommender.engine.als import AlsRanker
from recommender.engine.audience import Audience
from recommender.engine.evaluation import CUTOFF
from recommender.engine.exposure import information_of, novelty_at_k
from recommender.engine.stars import StarsPredictor
from recommender.gate import Measured
from recommender.held_out import KEY, HeldOutReader
from recommender.models import TrainingRun

logger = logging.getLogger(__name__)

SAMPLE: Final = 200
# Of a reader's ratings so many are known, on the cold-start curve.
NEWCOMERS_KNOWN: Final = (1, 3, 5, 10)
_SHOWN_AT_MOST: Final = 50
# What is known of books may have gaps, and a tree's missing nodes are at infinity: their parts
# check these when they are loaded. What was fitted may not have any such value.
_FACTS: Final = ("items.", "stars.figures")
_MAY_BE_INFINITE: Final = "forest_thresholds"


@dataclass(frozen=True, eq=False)
class Measurement:
    """One ranker on the held-out readers: its figures, NDCG@10 of each of them, their lists."""

    report: EvaluationReport
    ndcg: NDArray[np.float64]
    # Book ids, best first.
    lists: list[NDArray[np.int64]]


def measure(
    ranker: Ranker,
    items: Vocabulary,
    readers: Sequence[HeldOutReader],
    *,
    on_progress: OnProgress | None = None,
) -> Measurement:
    """Rank for every held-out reader; `items` are the ranker's own, so any two runs compare.

    A book that the ranker does not know cannot be found by it, and counts as not found.
    """
    profiles = [reader.profile(items) for reader in readers]
    ranked = lists_for(ranker, profiles, k=CUTOFF, on_progress=on_progress)
    lists = [items.ids[places] for places in ranked]
    relevant = [reader.relevant_ids for reader in readers]
    return Measurement(
        measure_lists(lists, relevant, n_items=len(items)),
        np.array([ndcg_at_k(a, b, 10) for a, b in zip(lists, relevant, strict=True)]),
        lists,
    )


def measure_newcomers(
    ranker: Ranker, items: Vocabulary, readers: Sequence[HeldOutReader]
) -> list[dict[str, Any]]:
    """Return the cold-start curve: NDCG@10 when only so many ratings of each reader are known.

    Which ones depends on the reader alone, and fewer are a part of more; the shelf is not known.
    As in `evaluate_ranking`, the lists leave out all that the reader has shown.
    """
    curve = []
    for limit in NEWCOMERS_KNOWN:
        known = [reader for reader in readers if len(reader.shown_ids) >= limit]
        if not known:
            break
        profiles = [
            Profile.from_ids(items, reader.shown_ids[:limit], reader.shown_stars[:limit])
            for reader in known
        ]
        shown = [items.known_indices(reader.shown_ids) for reader in known]
        lists = lists_for(ranker, profiles, k=CUTOFF, excluded=shown)
        report = measure_lists(
            [items.ids[places] for places in lists],
            [reader.relevant_ids for reader in known],
            n_items=len(items),
        )
        curve.append({"n_ratings": limit} | report.as_dict())
    return curve


def compare(
    candidate: Ranker,
    popularity: Ranker,
    items: Vocabulary,
    readers: Sequence[HeldOutReader],
    active: TrainingRun | None,
    *,
    audience: Audience,
    kind: str,
    on_progress: OnProgress | None = None,
) -> tuple[dict[str, Any], Measured]:
    """Measure the candidate, popularity and the active run on the same readers.

    `audience` is of what the candidate was fitted on: how many readers a book has, for novelty.
    Returns the figures for `TrainingRun.metrics`, and what the gate judges by. A quick run only
    bridges the time until a full one, the candidate's `kind`, takes its place: it is measured, but
    the full one need not reach it (docs/adr/0007).
    """
    if not readers:
        none = np.empty(0)
        why = "There is no held-out reader with enough ratings."
        return {}, Measured(none, none, why_no_active=why)
    information = information_of(audience)
    own = measure(candidate, items, readers, on_progress=on_progress)
    popular = measure(popularity, items, readers)
    metrics: dict[str, Any] = {
        candidate.name: _figures(own, items, information)
        | {"cold_start": measure_newcomers(candidate, items, readers)},
        popularity.name: _figures(popular, items, information),
    }
    if active is None:
        return metrics, Measured(own.ndcg, popular.ndcg)
    if active.dataset.get("held_out", {}).get("key") != KEY.decode():
        why = f"Run {active.pk} was fitted with these readers; nothing fair can be said."
        return metrics, Measured(own.ndcg, popular.ndcg, why_no_active=why)
    try:
        ranker, active_items = ranker_of(artifact_store.load(active.artifact))
    except (EngineError, OSError) as error:
        logger.error("the active run %d cannot be measured: %s", active.pk, error)
        why = f"The files of run {active.pk} cannot be read: {error}"
        return metrics, Measured(own.ndcg, popular.ndcg, why_no_active=why)
    other = measure(ranker, active_items, readers, on_progress=on_progress)
    metrics["active"] = _figures(other, items, information) | {"run": active.pk}
    if (kind, active.kind) == (TrainingRun.Kind.FULL, TrainingRun.Kind.QUICK):
        why = f"Run {active.pk} holds lists only, until a full run takes its place."
        return metrics, Measured(own.ndcg, popular.ndcg, why_no_active=why)
    return metrics, Measured(own.ndcg, popular.ndcg, other.ndcg)


def _figures(
    measured: Measurement, items: Vocabulary, information: NDArray[np.float64]
) -> dict[str, Any]:
    """Return a measurement as JSON values, with the novelty of its first ten places."""
    known = [items.known_indices(books) for books in (row[:10] for row in measured.lists)]
    novelty = novelty_at_k(known, information, 10)
    return measured.report.as_dict() | {"novelty_at_10": novelty}


def measure_stars(
    stars: StarsPredictor, items: Vocabulary, readers: Sequence[HeldOutReader]
) -> dict[str, Any]:
    """Return the squared error of the predicted stars, with its interval over readers."""
    errors: list[float] = []
    n_ratings = 0
    for reader in readers:
        predicted = stars.predict_items(reader.profile(items), items.indices(reader.target_ids))
        errors.append(float(np.mean((predicted - reader.target_stars) ** 2)))
        n_ratings += len(predicted)
    interval: Interval = bootstrap_interval(errors, seed=0)
    return {
        "n_users": len(readers),
        "n_ratings": n_ratings,
        "mse_of_reader": float(np.mean(errors)),
        "mse_of_reader_interval": list(interval),
    }


def ranker_of(artifact: Artifact) -> tuple[Ranker, Vocabulary]:
    """Return what orders the lists of a published run, and its items.

    Artifacts of before the second stage hold the first alone.
    """
    items = Catalog.from_part(artifact.part("items")).items
    if "two_stage" in artifact.parts:
        return TwoStageRanker.from_part(artifact.part("two_stage")), items
    if "als" in artifact.parts:
        return AlsRanker.from_part(artifact.part("als")), items
    return LinearRanker.from_part(artifact.part("linear")), items


def shown_though_rated(
    ranker: Ranker, interactions: Interactions, series: Series
) -> tuple[int, int]:
    """Return how many of a sample of readers would be shown what they know, and its size.

    The sample is spread evenly over all readers, and so is the same for the same readers.
    """
    n_sampled = min(SAMPLE, interactions.n_users)
    rows = np.linspace(0, interactions.n_users - 1, n_sampled).astype(int).tolist()
    n_shown = 0
    for row in rows:
        places = ranker.recommend(interactions.profile(row), k=_SHOWN_AT_MOST, series=series)
        known = (interactions.ratings[[row]].indices, interactions.shelved[[row]].indices)
        n_shown += bool(np.isin(places, np.concatenate(known)).any())
    return n_shown, n_sampled


def not_finite(parts: Mapping[str, Part]) -> list[str]:
    """Return the names of the fitted arrays that hold a value which is no number."""
    found = []
    for part_name, part in parts.items():
        for array_name, array in part.arrays.items():
            name = f"{part_name}.{array_name}"
            if array.dtype.kind != "f" or name.startswith(_FACTS):
                continue
            is_wrong = np.isnan if array_name.endswith(_MAY_BE_INFINITE) else _is_not_finite
            if is_wrong(array).any():
                found.append(name)
    return found


def _is_not_finite(array: NDArray[Any]) -> NDArray[np.bool_]:
    wrong: NDArray[np.bool_] = ~np.isfinite(array)
    return wrong
