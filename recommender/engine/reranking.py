"""From a ranked list to the one that a reader asked for: dismissals, variety, hidden gems.

The formulas, and what they cost in accuracy, are in docs/algorithms/reranking.md.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.errors import InputError
from recommender.engine.series import NO_GROUP

# By how much of the whole range of relevance the like of a dismissed book sinks at most.
MAX_SINK: Final = 0.75
# By how much of the whole range of relevance a curator's boost lifts a book, or buries it.
BOOST_LIFT: Final = 0.25
BURY_SINK: Final = 0.5
# The range of relevance that a list shorter than this one's candidates is measured by.
USUAL_LENGTH: Final = 200
# What part rarity has at the end of its slider, and likeness at the end of variety's.
MAX_NOVELTY: Final = 0.5
MAX_DIVERSITY: Final = 0.6
# What part closeness to the book asked for has beside what suits the reader.
CLOSENESS_PART: Final = 0.6
# How alike two books are by their first author alone, or by their main genre alone.
SAME_AUTHOR: Final = 0.6
SAME_GENRE: Final = 0.25


class Reranked(NamedTuple):
    """Places of a ranked list in another order.

    order : int64 array, shape (n,). Places of the list given, from 0; without repeats.
    values : float64 array, shape (n,). What each was chosen by; never ascends.
    """

    order: NDArray[np.int64]
    values: NDArray[np.float64]


def relevance_of_places(n: int) -> NDArray[np.float64]:
    """Return the relevance of the places of a ranked list: 1 for the first, towards 0.

    relevance_r = 1 - log(r) / log(n + 1) for places r = 1..n: scores of lists fall about like
    a power of the place, and rankers whose scores mean different things are treated alike.

    Parameters
    ----------
    n : int >= 0.

    Returns
    -------
    float64 array, shape (n,). Descending, in (0, 1].
    """
    if n < 1:
        return np.empty(0)
    relevance: NDArray[np.float64] = 1.0 - np.log(np.arange(1, n + 1)) / np.log(n + 1)
    return relevance


def likeness(similarities: ArrayLike, usual: float) -> NDArray[np.float64]:
    """Return how alike books are, 0..1, from partial correlations.

    likeness = r^2 / (r^2 + h^2), h a quarter of ``usual``: half for a pair a quarter as similar
    as a book and its most similar one usually are. Monotone; faint similarities, of which a book
    has many, add up to little.

    Parameters
    ----------
    similarities : array_like of float >= 0, any shape. Not modified.
    usual : float >= 0. ``LinearRanker.usual_similarity``; 0: nothing is alike.

    Returns
    -------
    float64 array of the same shape.
    """
    squares = np.square(np.asarray(similarities, dtype=np.float64))
    half = (usual / 4) ** 2
    if half == 0:
        return np.zeros_like(squares)
    alike: NDArray[np.float64] = squares / (squares + half)
    return alike


def nearness(alike: ArrayLike) -> NDArray[np.float64]:
    """Return how near each candidate is to a set of books, 0..1.

    nearness_j = 1 - prod_i (1 - likeness_ij): monotone in every likeness, 0 where all are 0.

    Parameters
    ----------
    alike : array_like of float in 0..1, shape (n_books, n_candidates). Not modified.

    Returns
    -------
    float64 array, shape (n_candidates,). Zeros when there is no book.
    """
    apart: NDArray[np.float64] = np.prod(1.0 - np.asarray(alike, dtype=np.float64), axis=0)
    return 1.0 - apart


def rarity(n_ratings: ArrayLike) -> NDArray[np.float64]:
    """Return how little known each candidate is beside the others, 0..1.

    rarity_j = (log(1 + max n) - log(1 + n_j)) / (log(1 + max n) - log(1 + min n)).

    Parameters
    ----------
    n_ratings : array_like of float >= 0, shape (n,). Not modified.

    Returns
    -------
    float64 array, shape (n,). Zeros when all are known equally well.
    """
    known = np.log1p(np.asarray(n_ratings, dtype=np.float64))
    if not len(known) or known.max() == known.min():
        return np.zeros(len(known))
    rare: NDArray[np.float64] = (known.max() - known) / (known.max() - known.min())
    return rare


def mutual_likeness(
    alike: NDArray[np.float64], authors: NDArray[np.integer], genres: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return how alike candidates are in the eyes of a reader, 0..1.

    1 - (1 - likeness) (1 - .6 [same first author]) (1 - .25 [same main genre]).

    Parameters
    ----------
    alike : float64 array, shape (n, n). As of ``likeness``. Not modified.
    authors, genres : int array, shape (n,). Group of each candidate, -1 for none.

    Returns
    -------
    float64 array, shape (n, n).
    """
    apart = 1.0 - alike
    for groups, part in ((authors, SAME_AUTHOR), (genres, SAME_GENRE)):
        same = (groups[:, np.newaxis] == groups) & (groups != NO_GROUP)
        apart[same] *= 1 - part
    mutual: NDArray[np.float64] = 1.0 - apart
    return mutual


def diversified(
    values: NDArray[np.float64], alike: NDArray[np.float64], *, k: int, weight: float
) -> Reranked:
    """Choose k candidates one after another, each good and unlike those before it (MMR).

    The next one has the highest (1 - weight) * value_j - weight * max over the chosen i of
    alike_ij; ties go to the earlier one. Cost: O(k n).

    Parameters
    ----------
    values : float64 array, shape (n,). Finite.
    alike : float64 array, shape (n, n). 0..1.
    k : int > 0.
    weight : float in 0..1.

    Returns
    -------
    Reranked, of min(k, n) places.

    References
    ----------
    Carbonell, Goldstein, The Use of MMR, Diversity-Based Reranking for Reordering Documents and
    Producing Summaries (SIGIR 1998).
    """
    n_chosen = min(k, len(values))
    order = np.empty(n_chosen, dtype=np.int64)
    chosen_by = np.empty(n_chosen)
    own = (1 - weight) * values
    closest = np.zeros(len(values))
    left = np.ones(len(values), dtype=np.bool_)
    for place in range(n_chosen):
        now = np.where(left, own - weight * closest, -np.inf)
        best = int(np.argmax(now))
        order[place], chosen_by[place] = best, now[best]
        left[best] = False
        np.maximum(closest, alike[best], out=closest)
    return Reranked(order, chosen_by)


def boosted(moved: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return the places of a short ranked list in the order that boosts give it.

    The effect is that of a long list: a boosted book at place r comes to about r / 3.8, a buried
    one to about 14 r, as far as the list goes.

    Parameters
    ----------
    moved : int array, shape (n,). 1: boosted, -1: buried, 0: neither.
    """
    values = relevance_of_places(max(len(moved), USUAL_LENGTH))[: len(moved)]
    return np.argsort(-(values + boost_values(moved)), kind="stable")


def boost_values(moved: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return what boosts add to the values of candidates; ``moved`` is as in ``boosted``."""
    return np.where(moved > 0, BOOST_LIFT, np.where(moved < 0, -BURY_SINK, 0.0))


def rerank(
    n: int,
    *,
    k: int,
    near_dismissed: NDArray[np.float64] | None = None,
    moved: NDArray[np.integer] | None = None,
    rare: NDArray[np.float64] | None = None,
    novelty: float = 0.0,
    closeness: NDArray[np.float64] | None = None,
    alike: NDArray[np.float64] | None = None,
    diversity: float = 0.0,
) -> Reranked:
    """Return the k best of n ranked candidates, as the reader's wishes move them.

    value_r = relevance_r, then
            (1 - .6) value + .6 closeness       near the book asked for,
            (1 - .5 novelty) value + .5 novelty rarity,
            value - .75 near_dismissed,
            value + .25 for a boosted candidate, value - .5 for a buried one,
    and MMR with weight .6 diversity. A wish that is None or 0 changes no value by one bit, and
    without any the places stay as they are.

    Parameters
    ----------
    n : int >= 0. Candidates, ranked.
    k : int > 0.
    near_dismissed : float64 array, shape (n,), 0..1, or None. ``nearness`` to dismissed books.
    moved : int array, shape (n,), or None. 1: boosted by a curator, -1: buried, 0: neither.
    rare : float64 array, shape (n,), 0..1, or None. ``rarity``.
    novelty : float in 0..1.
    closeness : float64 array, shape (n,), 0..1, or None. To the book that more is asked of.
    alike : float64 array, shape (n, n), 0..1, or None. ``mutual_likeness``.
    diversity : float in 0..1.

    Returns
    -------
    Reranked, of min(k, n) places.

    Raises
    ------
    InputError
        On k < 1, or a slider outside 0..1.
    """
    if k < 1:
        raise InputError(f"k is {k}; wanted 1 or more.")
    for name, slider in (("novelty", novelty), ("diversity", diversity)):
        if not 0 <= slider <= 1:
            raise InputError(f"{name} is {slider}; wanted 0 to 1.")
    values = relevance_of_places(n)
    if closeness is not None:
        values = (1 - CLOSENESS_PART) * values + CLOSENESS_PART * closeness
    if rare is not None and novelty:
        part = MAX_NOVELTY * novelty
        values = (1 - part) * values + part * rare
    if near_dismissed is not None:
        values = values - MAX_SINK * near_dismissed
    if moved is not None:
        values = values + boost_values(moved)
    if alike is not None and diversity:
        return diversified(values, alike, k=k, weight=MAX_DIVERSITY * diversity)
    order = np.argsort(-values, kind="stable")[:k]
    return Reranked(order, values[order])
