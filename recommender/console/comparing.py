"""Two runs side by side: their figures, and what chosen readers would get from each."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from accounts.models import User
from ratings.opinions import opinions_of
from recommender.active import ActiveModel, holder, load_model
from recommender.engine import EngineError
from recommender.errors import NotPossible
from recommender.models import TrainingRun
from recommender.serving import RecommendationList, recommendations_by

LENGTH: Final = 10
# A run that is not active is read into this process for the moment: one at a time.
_ONE_AT_A_TIME = threading.Lock()

# Name in the metrics, what people call it, decimals.
_FIGURES: Final = (
    ("ndcg_at_10", "NDCG@10", 4),
    ("recall_at_20", "Recall@20", 4),
    ("recall_at_100", "Recall@100", 4),
    ("coverage_at_10", "Books in first tens", 0),
    ("novelty_at_10", "Novelty of first tens, bits", 2),
    ("n_users", "Held-out readers", 0),
)


@dataclass(frozen=True)
class FigureRow:
    """One figure of two runs as people read it; "-" where a run has none."""

    name: str
    first: str
    second: str


@dataclass(frozen=True)
class ListsOfReader:
    """What one reader would get from each of two runs."""

    reader: User
    first: RecommendationList
    second: RecommendationList

    @property
    def in_both(self) -> frozenset[int]:
        """The ids of the books that both list."""
        first, second = ({item.book.pk for item in one.items} for one in (self.first, self.second))
        return frozenset(first & second)


def ranker_figures(run: TrainingRun) -> dict[str, Any]:
    """Return the figures of what orders the run's lists; empty when nothing was measured."""
    found: dict[str, Any] = run.own_metrics
    return found


def figures_beside(first: TrainingRun, second: TrainingRun) -> list[FigureRow]:
    """Return the figures of both runs, each with its interval where it has one."""
    own, other = ranker_figures(first), ranker_figures(second)
    rows = [
        FigureRow(title, _told(own, name, decimals), _told(other, name, decimals))
        for name, title, decimals in _FIGURES
    ]
    stars = [run.metrics.get("stars", {}) for run in (first, second)]
    rows.append(
        FigureRow(
            "Squared error of predicted stars", *(_told(s, "mse_of_reader", 4) for s in stars)
        )
    )
    for place in range(max(len(own.get("cold_start", [])), len(other.get("cold_start", [])))):
        points = [_point(figures, place) for figures in (own, other)]
        n = next(point["n_ratings"] for point in points if point)
        title = f"NDCG@10 with {n} rating{'' if n == 1 else 's'} known"
        rows.append(FigureRow(title, *(_told(point, "ndcg_at_10", 4) for point in points)))
    return rows


def same_readers(first: TrainingRun, second: TrainingRun) -> bool:
    """Return whether both runs were measured on readers drawn the same way from as many."""
    drawn = [run.dataset.get("held_out") for run in (first, second)]
    return drawn[0] is not None and drawn[0] == drawn[1]


def lists_beside(
    first: TrainingRun, second: TrainingRun, readers: Sequence[User]
) -> list[ListsOfReader]:
    """Return each reader's list by either run, from what the reader thinks now.

    Raises
    ------
    NotPossible
        When the files of a run are gone or cannot be served.
    """
    opinions = [opinions_of(reader) for reader in readers]
    lists = []
    for run in (first, second):
        # Only as long as its lists are made: the second run takes the first one's place.
        with _ONE_AT_A_TIME:
            model = _model_of(run)
            lists.append([recommendations_by(model, one, LENGTH) for one in opinions])
            del model
    return [ListsOfReader(*row) for row in zip(readers, *lists, strict=True)]


def _model_of(run: TrainingRun) -> ActiveModel:
    served = holder.current()
    if served is not None and served.run_id == run.pk:
        return served
    if not run.artifact:
        raise NotPossible(f"Run {run.pk} has no files (any more): there are no lists by it.")
    try:
        return load_model(run.pk, run.artifact)
    except (EngineError, OSError) as error:
        raise NotPossible(f"Run {run.pk} cannot be served: {error}") from error


def _told(figures: dict[str, Any], name: str, decimals: int) -> str:
    if name not in figures:
        return "-"
    text = f"{figures[name]:,.{decimals}f}"
    if interval := figures.get(f"{name}_interval"):
        text += f" ({interval[0]:.{decimals}f} to {interval[1]:.{decimals}f})"
    return text


def _point(figures: dict[str, Any], place: int) -> dict[str, Any]:
    curve = figures.get("cold_start", [])
    return curve[place] if place < len(curve) else {}
