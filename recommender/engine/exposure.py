"""Which items lists put before readers: how unexpected they are, and how evenly spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.audience import Audience
from recommender.engine.errors import InputError
from recommender.engine.interactions import Interactions
from recommender.engine.vocabulary import as_ids


def self_information(interactions: Interactions) -> NDArray[np.float64]:
    """Return how surprising it is that a training user has an item, in bits.

    -log2(n_j / n_users), where n_j users rated or shelved item j. An item that nobody has counts
    as if one user had it, so that the value is finite: log2(n_users) bits.

    Parameters
    ----------
    interactions : Interactions of at least one user.

    Returns
    -------
    float64 array, shape (n_items,). 0 for an item that everybody has.

    Raises
    ------
    InputError
        Without users.
    """
    if not interactions.n_users:
        raise InputError("there is no training user: self-information is not defined.")
    return information_of(Audience.of(interactions))


def information_of(audience: Audience) -> NDArray[np.float64]:
    """Return ``self_information`` of what was counted elsewhere, of at least one user."""
    n_having = np.maximum(audience.n_having, 1)
    bits: NDArray[np.float64] = np.log2(audience.n_users) - np.log2(n_having)
    return bits


def novelty_at_k(lists: Sequence[ArrayLike], information: NDArray[np.floating], k: int) -> float:
    """Return the mean self-information of the first k places of all lists, in bits.

    The denominator is the number of places filled, over all lists together. Popular items have
    few bits, an item that one user in 1,024 has 10.

    Parameters
    ----------
    lists : sequence of array_like of item indices, best first.
    information : float array, shape (n_items,). See ``self_information``.
    k : int > 0.

    Returns
    -------
    float. 0 when no list has an item.

    Raises
    ------
    InputError
        On k < 1.

    References
    ----------
    Castells, Hurley and Vargas, Novelty and Diversity in Recommender Systems (Recommender
    Systems Handbook, 2015): mean self-information.
    """
    listed = _first_places(lists, k)
    return float(information[listed].mean()) if len(listed) else 0.0


def gini_at_k(lists: Sequence[ArrayLike], k: int, *, n_items: int) -> float:
    """Return the Gini coefficient of how often items are in the first k places.

    With the counts c_1 <= ... <= c_n of all n items, those never listed included:
    G = sum_i (2 i - n - 1) c_i / (n sum_i c_i). 0: every item as often; towards 1: one item
    takes all places.

    Parameters
    ----------
    lists : sequence of array_like of item indices below ``n_items``, best first.
    k : int > 0.
    n_items : int > 0. Size of the catalog.

    Returns
    -------
    float in 0..1. 0 when no list has an item.

    Raises
    ------
    InputError
        On k < 1 or an index that is not below ``n_items``.
    """
    listed = _first_places(lists, k)
    if not len(listed):
        return 0.0
    if listed.max() >= n_items:
        raise InputError(f"a list names item index {listed.max()} of a catalog of {n_items}.")
    counts = np.sort(np.bincount(listed, minlength=n_items))
    place = np.arange(1, n_items + 1)
    return float((2 * place - n_items - 1) @ counts / (n_items * counts.sum()))


def _first_places(lists: Sequence[ArrayLike], k: int) -> NDArray[np.int64]:
    """Return the items of the first k places of all lists, one after another."""
    if k < 1:
        raise InputError(f"k is {k}; wanted 1 or more.")
    listed = [as_ids(ranked, "ranked")[:k] for ranked in lists]
    return np.concatenate(listed) if listed else np.empty(0, dtype=np.int64)
