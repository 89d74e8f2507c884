"""How good ranked lists are. Every docstring states its denominator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.errors import InputError
from recommender.engine.vocabulary import as_ids


def _hits(ranked: ArrayLike, relevant: ArrayLike, k: int) -> tuple[NDArray[np.bool_], int]:
    """Return which of the first k ranked items are relevant, and how many items are."""
    if k < 1:
        raise InputError(f"k is {k}; wanted 1 or more.")
    wanted = np.unique(as_ids(relevant, "relevant"))
    if not len(wanted):
        raise InputError("there is no relevant item: the metric is not defined; skip this user.")
    listed = as_ids(ranked, "ranked")[:k]
    if len(np.unique(listed)) != len(listed):
        raise InputError("a ranked list names an item twice; its hits would count twice.")
    return np.isin(listed, wanted), len(wanted)


def ndcg_at_k(ranked: ArrayLike, relevant: ArrayLike, k: int) -> float:
    """Return the normalized discounted cumulative gain of the first k items.

    NDCG@k = (sum over hits at place p of 1 / log2(p + 1)) / (the same sum over the places
    1 .. min(k, number of relevant items)): gains are binary and the ideal list is cut at k.

    Parameters
    ----------
    ranked : array_like of int. Items, best first; may be shorter than k. No repeats.
    relevant : array_like of int. In any order, at least one.
    k : int > 0.

    Returns
    -------
    float in 0..1.

    Raises
    ------
    InputError
        When there is no relevant item (skip such users), a repeat in ``ranked``, or k < 1.
    """
    hits, n_relevant = _hits(ranked, relevant, k)
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    return float(discounts[: len(hits)][hits].sum() / discounts[: min(k, n_relevant)].sum())


def recall_at_k(
    ranked: ArrayLike,
    relevant: ArrayLike,
    k: int,
    *,
    denominator: Literal["reachable", "relevant"],
) -> float:
    """Return the share of the relevant items that are among the first k.

    ``denominator="reachable"``: hits / min(k, number of relevant items), so that 1 can be
    reached (Recall@20 in the project's tables). ``denominator="relevant"``: hits / number of
    relevant items (Recall@100).

    Parameters
    ----------
    ranked, relevant, k : as ``ndcg_at_k``.
    denominator : "reachable" or "relevant".

    Returns
    -------
    float in 0..1.

    Raises
    ------
    InputError
        As ``ndcg_at_k``, and on another denominator.
    """
    if denominator not in ("reachable", "relevant"):
        raise InputError(f"denominator is {denominator!r}; wanted 'reachable' or 'relevant'.")
    hits, n_relevant = _hits(ranked, relevant, k)
    most = min(k, n_relevant) if denominator == "reachable" else n_relevant
    return float(np.count_nonzero(hits) / most)


def coverage_at_k(lists: Iterable[ArrayLike], k: int) -> int:
    """Return how many distinct items are in the first k places of all lists together.

    A count, not a share: divide by the number of items for catalog coverage.

    Parameters
    ----------
    lists : iterable of array_like of int.
    k : int > 0.

    Returns
    -------
    int. 0 without lists.
    """
    if k < 1:
        raise InputError(f"k is {k}; wanted 1 or more.")
    listed = [as_ids(ranked, "ranked")[:k] for ranked in lists]
    return len(np.unique(np.concatenate(listed))) if listed else 0


class Interval(NamedTuple):
    """A confidence interval, both ends included."""

    low: float
    high: float


def bootstrap_interval(
    values: ArrayLike, *, seed: int, level: float = 0.95, n_resamples: int = 1000
) -> Interval:
    """Return the percentile bootstrap interval of a mean over users.

    Parameters
    ----------
    values : array_like of float, shape (n_users,). One finite value per user, at least one.
    seed : int. Seeds the resampling: the same seed gives the same interval.
    level : float in 0..1, exclusive. Confidence.
    n_resamples : int > 0.

    Returns
    -------
    Interval of the mean.

    Raises
    ------
    InputError
        Without values, with one that is not finite, or with a level outside 0..1.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not len(sample) or not np.isfinite(sample).all():
        raise InputError(f"got values of shape {sample.shape}; wanted one finite value per user.")
    if not 0 < level < 1 or n_resamples < 1:
        raise InputError(
            f"level {level}, n_resamples {n_resamples}: wanted 0 < level < 1 and >= 1."
        )
    generator = np.random.default_rng(seed)
    means = np.array(
        [
            sample[generator.integers(len(sample), size=len(sample))].mean()
            for _ in range(n_resamples)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
