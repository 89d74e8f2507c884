"""Measuring a ranker on readers it was not fitted on (strong generalization)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine.errors import InputError
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.metrics import (
    Interval,
    bootstrap_interval,
    coverage_at_k,
    ndcg_at_k,
    recall_at_k,
)
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import Ranker
from recommender.engine.ranking import rank_batch

RELEVANT_STARS: Final = 4
CUTOFF: Final = 100  # the longest list that a metric needs
_READERS_AT_ONCE: Final = 256  # 10 MB of scores for 10,000 items


@dataclass(frozen=True, eq=False)
class Holdout:
    """Readers withheld from a fit: what is shown of them, and what must be found.

    Parameters
    ----------
    user_ids : int64 array, shape (n,).
    profiles : tuple of n Profile. The fold-in: the only input.
    relevant : tuple of n int64 arrays. Item indices to be found, at least one each.

    Raises
    ------
    InputError
        On unequal lengths, no reader at all, or a reader without a relevant item.
    """

    user_ids: NDArray[np.int64]
    profiles: tuple[Profile, ...]
    relevant: tuple[NDArray[np.int64], ...]

    def __post_init__(self) -> None:
        """Compare the lengths."""
        if not len(self.user_ids) == len(self.profiles) == len(self.relevant):
            raise InputError(
                f"a holdout has {len(self.user_ids)} users, {len(self.profiles)} profiles and "
                f"{len(self.relevant)} targets; wanted as many."
            )
        if not len(self.user_ids):
            raise InputError("a holdout without readers measures nothing; withhold at least one.")
        if not all(len(items) for items in self.relevant):
            raise InputError("a reader of the holdout has no relevant item; leave him out.")


@dataclass(frozen=True)
class EvaluationReport:
    """The figures of one evaluation; see ``metrics`` for their definitions.

    Means over users. ``recall_at_20`` divides by min(20, relevant), ``recall_at_100`` by
    relevant. ``coverage_at_10`` counts distinct items in all first ten places.
    """

    n_users: int
    n_items: int
    ndcg_at_10: float
    ndcg_at_10_interval: Interval
    recall_at_20: float
    recall_at_100: float
    coverage_at_10: int

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return asdict(self) | {"ndcg_at_10_interval": list(self.ndcg_at_10_interval)}


def split_holdout(
    interactions: Interactions,
    *,
    n_users: int,
    seed: int,
    min_ratings: int = 10,
    target_share: float = 0.2,
) -> tuple[Interactions, Holdout]:
    """Withhold some users and split each one's ratings into fold-in and target.

    Parameters
    ----------
    interactions : Interactions. Not modified.
    n_users : int > 0. Users to withhold; fewer when fewer qualify.
    seed : int.
    min_ratings : int > 1. A user with fewer ratings is never withheld.
    target_share : float in 0..1, exclusive. Share of a user's ratings, at least one and never
        all, that becomes the target; rated 4 or 5 they are relevant.

    Returns
    -------
    (train, holdout). ``train`` has no row of a withheld user, not even of his shelf; the items
    stay the same. Withheld users without a relevant target are in neither.

    Raises
    ------
    InputError
        When an argument is out of range or no user qualifies.
    """
    if n_users < 1 or min_ratings < 2 or not 0 < target_share < 1:
        raise InputError(
            f"got n_users {n_users}, min_ratings {min_ratings}, target_share {target_share}; "
            "wanted at least 1, at least 2, and between 0 and 1."
        )
    counts = np.diff(interactions.ratings.indptr)
    eligible = np.flatnonzero(counts >= min_ratings)
    if not len(eligible):
        raise InputError(
            f"no user has {min_ratings} ratings, the most is {counts.max(initial=0)}; lower "
            "min_ratings or import more ratings."
        )
    generator = np.random.default_rng(seed)
    withheld = np.sort(generator.permutation(eligible)[:n_users])
    user_ids: list[int] = []
    profiles: list[Profile] = []
    relevant: list[NDArray[np.int64]] = []
    for user_index in withheld.tolist():
        whole = interactions.profile(user_index)
        n_rated = len(whole.item_indices)
        n_target = min(max(1, round(target_share * n_rated)), n_rated - 1)
        is_target = np.zeros(n_rated, dtype=np.bool_)
        is_target[generator.permutation(n_rated)[:n_target]] = True
        wanted = whole.item_indices[is_target & (whole.stars >= RELEVANT_STARS)]
        if len(wanted):
            user_ids.append(int(interactions.user_ids[user_index]))
            profiles.append(Profile(whole.item_indices[~is_target], whole.stars[~is_target]))
            relevant.append(wanted)
    kept = np.ones(interactions.n_users, dtype=np.bool_)
    kept[withheld] = False
    holdout = Holdout(np.array(user_ids, dtype=np.int64), tuple(profiles), tuple(relevant))
    return interactions.select_users(kept), holdout


def lists_for(
    ranker: Ranker,
    profiles: Sequence[Profile],
    *,
    k: int,
    excluded: Sequence[NDArray[np.int64]] | None = None,
    on_progress: OnProgress | None = None,
) -> list[NDArray[np.int64]]:
    """Return the list of each reader: the whole catalog ranked, rated items left out.

    Parameters
    ----------
    ranker : Ranker, fitted.
    profiles : sequence of Profile.
    k : int > 0.
    excluded : sequence of int64 arrays of item indices, one for each profile, or None: what each
        profile has rated.
    on_progress : callable or None. Told ("lists", 0..1).

    Returns
    -------
    list of int64 arrays of item indices, best first, at most k each. No series rule, and books
    on the shelf may appear: this measures the scores.
    """
    left_out = [profile.item_indices for profile in profiles] if excluded is None else excluded
    lists: list[NDArray[np.int64]] = []
    for first in range(0, len(profiles), _READERS_AT_ONCE):
        batch = profiles[first : first + _READERS_AT_ONCE]
        rated = left_out[first : first + _READERS_AT_ONCE]
        lists += rank_batch(ranker.batch_scores(batch), k=k, excluded=rated)
        if on_progress:
            on_progress("lists", len(lists) / len(profiles))
    return lists


def measure_lists(
    lists: Sequence[NDArray[np.int64]],
    relevant: Sequence[NDArray[np.int64]],
    *,
    n_items: int,
    seed: int = 0,
) -> EvaluationReport:
    """Return the figures of ranked lists.

    Parameters
    ----------
    lists : sequence of int arrays, best first; 100 long for Recall@100 to mean something.
    relevant : sequence of int arrays, as many, none empty.
    n_items : int. Size of the catalog.
    seed : int. Of the bootstrap.

    Returns
    -------
    EvaluationReport.

    Raises
    ------
    InputError
        On unequal lengths, no list, or as the metrics do.
    """
    if len(lists) != len(relevant):
        raise InputError(f"got {len(lists)} lists and {len(relevant)} targets; wanted as many.")
    pairs = list(zip(lists, relevant, strict=True))
    ndcg = [ndcg_at_k(ranked, wanted, 10) for ranked, wanted in pairs]
    interval = bootstrap_interval(ndcg, seed=seed)
    return EvaluationReport(
        n_users=len(pairs),
        n_items=n_items,
        ndcg_at_10=float(np.mean(ndcg)),
        ndcg_at_10_interval=interval,
        recall_at_20=float(
            np.mean([recall_at_k(a, b, 20, denominator="reachable") for a, b in pairs])
        ),
        recall_at_100=float(
            np.mean([recall_at_k(a, b, CUTOFF, denominator="relevant") for a, b in pairs])
        ),
        coverage_at_10=coverage_at_k(lists, 10),
    )


def evaluate(
    ranker: Ranker,
    holdout: Holdout,
    *,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> EvaluationReport:
    """Rank for every withheld reader and return the figures.

    Parameters
    ----------
    ranker : Ranker, fitted without the readers of the holdout.
    holdout : Holdout.
    seed : int. Of the bootstrap.
    on_progress : callable or None. Told ("lists", 0..1).

    Returns
    -------
    EvaluationReport.
    """
    lists = lists_for(ranker, holdout.profiles, k=CUTOFF, on_progress=on_progress)
    return measure_lists(lists, holdout.relevant, n_items=ranker.n_items, seed=seed)
