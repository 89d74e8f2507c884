"""From a vector of scores to a list: exclusions, ties, the series rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.errors import InputError
from recommender.engine.series import NO_GROUP, Series
from recommender.engine.vocabulary import UNKNOWN, as_ids


def top_k(scores: NDArray[np.floating], k: int) -> NDArray[np.int64]:
    """Return the positions of the k highest scores, ties by the lower position.

    Equal to ``np.argsort(-scores, kind="stable")[:k]`` in O(n + k log k).

    Parameters
    ----------
    scores : float array, shape (n,). No NaN. Not modified.
    k : int >= 0.

    Returns
    -------
    int64 array, shape (min(k, n),).
    """
    n = len(scores)
    if k <= 0 or n == 0:
        return np.empty(0, dtype=np.int64)
    if k >= n:
        return np.argsort(-scores, kind="stable")
    n_groups = 2 * k
    if n >= 8 * n_groups:
        # At least k scores reach the k-th largest of any groups' maxima: the others are out.
        whole = n - n % n_groups
        maxima = scores[:whole].reshape(-1, n_groups).max(axis=0)
        reach = np.flatnonzero(scores >= np.partition(maxima, n_groups - k)[n_groups - k])
        if len(reach) < n:
            return reach[top_k(scores[reach], k)]
    threshold = np.partition(scores, n - k)[n - k]
    above = np.flatnonzero(scores > threshold)
    level = np.flatnonzero(scores == threshold)[: k - len(above)]
    # Positions ascend inside `above` and inside `level`, and every score in `above` is higher:
    # a stable sort of the two in a row keeps ties by position.
    chosen = np.concatenate((above, level))
    return chosen[np.argsort(-scores[chosen], kind="stable")]


def _mask(indices: ArrayLike, n_items: int, name: str) -> NDArray[np.bool_]:
    """Return the bool vector of some item indices, or raise InputError when one is no item."""
    array = as_ids(indices, name)
    if len(array) and not (array.min() >= 0 and array.max() < n_items):
        raise InputError(
            f"{name} spans {array.min()}..{array.max()}; wanted item indices 0..{n_items - 1}. "
            "Drop unknown books with Vocabulary.known_indices."
        )
    mask = np.zeros(n_items, dtype=np.bool_)
    mask[array] = True
    return mask


class Ranked(NamedTuple):
    """A list, and what each of its places was earned by.

    items : int64 array, shape (n,). Item indices, best first.
    earned_by : int64 array, shape (n,). The item whose score gave the place: the item itself, or
        the best-ranked candidate of its series. Their scores descend.
    """

    items: NDArray[np.int64]
    earned_by: NDArray[np.int64]


def rank(
    scores: NDArray[np.floating],
    *,
    k: int,
    excluded: ArrayLike = (),
    series: Series | None = None,
    read: ArrayLike = (),
) -> NDArray[np.int64]:
    """Return the items of ``rank_places``: the list alone."""
    return rank_places(scores, k=k, excluded=excluded, series=series, read=read).items


def rank_places(
    scores: NDArray[np.floating],
    *,
    k: int,
    excluded: ArrayLike = (),
    series: Series | None = None,
    read: ArrayLike = (),
) -> Ranked:
    """Rank items by score and return the list, with what earned each place.

    Exclusions are dropped before ranking, never masked by a low score: when fewer than k items
    are left, the list is shorter. Ties go to the lower item index.

    With ``series``, at most one volume of each series appears: the lowest integer volume
    (1, 2, ...) of which no edition is read, in the place of the series' best-ranked candidate.
    Boxed sets, novellas and prequels (no number, a fraction, 0) appear only for a series that
    has no integer volume at all, and then the best-ranked one does. A series of which the next
    volume is excluded but not read (on the to-read shelf, dismissed, hidden), or of which every
    integer volume is read, does not appear: a later volume or a boxed set of what the reader
    knows would be worse than nothing.

    Parameters
    ----------
    scores : float array, shape (n_items,). Finite. Not modified.
    k : int > 0. Cutoff.
    excluded : array_like of int. Item indices that may not appear; repeats allowed.
    series : Series or None. None: no series rule.
    read : array_like of int. Item indices that the reader has read (rated), for the series
        rule. They are not excluded by this alone.

    Returns
    -------
    Ranked, of at most k places.

    Raises
    ------
    InputError
        On k < 1, a score that is not finite, an index that is no item, or a series of other
        length.
    """
    scores = np.asarray(scores)
    if scores.ndim != 1:
        raise InputError(f"scores have shape {scores.shape}; wanted (n_items,).")
    if k < 1:
        raise InputError(f"k is {k}; wanted 1 or more.")
    if not np.isfinite(scores).all():
        place = int(np.argmin(np.isfinite(scores)))
        raise InputError(f"the score of item index {place} is {scores[place]}; wanted finite.")
    n_items = len(scores)
    candidate = ~_mask(excluded, n_items, "excluded")
    open_scores = np.where(candidate, scores, -np.inf)
    if series is None:
        best = top_k(open_scores, k)
        best = best[candidate[best]]
        return Ranked(best, best)
    if len(series) != n_items:
        raise InputError(f"series has {len(series)} items, scores have {n_items}.")
    is_read = _mask(read, n_items, "read")
    shown: list[int] = []
    earned_by: list[int] = []
    met: set[int] = set()
    for item, number in _best_first(open_scores, series.index, 4 * k):
        volume = item
        if number != NO_GROUP:
            if number in met:
                continue
            met.add(number)
            volume = series.next_volume(item, open_scores, is_read)
        if volume != UNKNOWN:
            shown.append(volume)
            earned_by.append(item)
            if len(shown) == k:
                break
    return Ranked(np.array(shown, dtype=np.int64), np.array(earned_by, dtype=np.int64))


def _best_first(
    scores: NDArray[np.floating], numbers: NDArray[np.int32], n_first: int
) -> Iterator[tuple[int, int]]:
    """Yield the items of finite score and their numbers, by descending score.

    So many are sorted at first, and more when they are not enough: a list is short, and the
    series of all others need not be looked through.
    """
    done, n = 0, n_first
    while done < len(scores):
        best = top_k(scores, n)[done:]
        best = best[scores[best] > -np.inf]
        yield from zip(best.tolist(), numbers[best].tolist(), strict=True)
        if done + len(best) < n:
            break
        done, n = n, 4 * n


def rank_batch(
    scores: NDArray[np.floating],
    *,
    k: int,
    excluded: Sequence[ArrayLike],
    series: Series | None = None,
    read: Sequence[ArrayLike] | None = None,
) -> list[NDArray[np.int64]]:
    """Rank the rows of a score matrix; each row as ``rank`` does.

    Parameters
    ----------
    scores : float array, shape (n_readers, n_items).
    k : int > 0.
    excluded : sequence of array_like, length n_readers.
    series : Series or None.
    read : sequence of array_like, length n_readers, or None: as ``excluded``.

    Returns
    -------
    list of int64 arrays, one a reader, each of at most k items.

    Raises
    ------
    InputError
        As ``rank``, and when the sequences are of other lengths.
    """
    read = excluded if read is None else read
    if not len(scores) == len(excluded) == len(read):
        raise InputError(
            f"got {len(scores)} rows of scores, {len(excluded)} of excluded and {len(read)} of "
            "read; wanted as many."
        )
    return [
        rank(row, k=k, excluded=left_out, series=series, read=known)
        for row, left_out, known in zip(scores, excluded, read, strict=True)
    ]
