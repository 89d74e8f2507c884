"""A small network that orders a list of candidates, in numpy: what serving needs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from recommender.engine.errors import ArtifactError
from recommender.engine.threads import small_product

N_KNOTS = 129
_TAIL = 0.001
_LITTLE = np.float32(0.1)  # against division by a spread of 0; normal scores have one of 1


@dataclass(frozen=True, eq=False)
class NormalScores:
    """Moves each feature to the standard normal distribution by its quantiles.

    Between two knots the quantile is interpolated; beyond the outermost the value is theirs: an
    outlier says no more than the last of a thousand does. What a feature says then neither
    depends on its unit nor on the shape of its distribution.

    Parameters
    ----------
    knots : float32 array, shape (n_features, n_knots). Ascending in each row.
    scores : float32 array, same shape. The normal score at each knot.
    is_of_list : bool array, shape (n_features,). Whether it differs inside a list.

    References
    ----------
    B. L. van der Waerden, Order tests for the two-sample problem (1952); the "rank-Gauss"
    scaling of neural networks on tables.
    """

    knots: NDArray[np.float32]
    scores: NDArray[np.float32]
    is_of_list: NDArray[np.bool_]

    @classmethod
    def of_lists(cls, lists: NDArray[np.float32]) -> Self:
        """Take the quantiles of lists of candidates.

        Parameters
        ----------
        lists : float32 array, shape (n_features, n_lists, n_candidates). Finite.
        """
        quantiles = np.linspace(_TAIL, 1 - _TAIL, N_KNOTS)
        from scipy.special import ndtri  # as in linear_solve: not for the web

        normal = ndtri(quantiles)
        knots = np.quantile(lists.reshape(len(lists), -1), quantiles, axis=1).T
        # A value that fills several quantiles has the score in the middle of them.
        scores = np.empty_like(knots)
        for own_knots, own_scores in zip(knots, scores, strict=True):
            _, places, counts = np.unique(own_knots, return_inverse=True, return_counts=True)
            own_scores[:] = (np.bincount(places, normal) / counts)[places]
        made = cls(
            knots.astype(np.float32),
            scores.astype(np.float32),
            np.zeros(len(knots), dtype=np.bool_),
        )
        spread = made.transform(lists).std(axis=2).mean(axis=1)
        return cls(made.knots, made.scores, spread > 0.05)

    def transform(
        self, lists: NDArray[np.floating], features: slice = slice(None)
    ) -> NDArray[np.float32]:
        """Return the normal scores, float32 of the same shape (n_features, n_lists, n).

        Parameters
        ----------
        lists : float array, shape (n_features, n_lists, n).
        features : slice. Which of the features the lists are of.
        """
        result = np.empty(lists.shape, dtype=np.float32)
        # In float64, as interp counts: its own copies would be made at every call.
        values = lists.astype(np.float64, copy=False)
        for own, (knots, scores), column in zip(values, self._grids[features], result, strict=True):
            column[:] = np.interp(own, knots, scores)
        return result

    @cached_property
    def _grids(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """The knots and scores of each feature."""
        both = self.knots.astype(np.float64), self.scores.astype(np.float64)
        return list(zip(*both, strict=True))


def beside_its_list(
    scores: NDArray[np.float32], is_of_list: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return normal scores and, of what differs inside a list, how far from its mean it is.

    Parameters
    ----------
    scores : float32 array, shape (n_features, n_lists, n_candidates).
    is_of_list : bool array, shape (n_features,).

    Returns
    -------
    float32 array, shape (n_features + number of True, n_lists, n_candidates). The further rows
    in units of the list's own standard deviation.
    """
    n_features = len(scores)
    both = np.empty((n_features + int(is_of_list.sum()), *scores.shape[1:]), dtype=np.float32)
    both[:n_features] = scores
    own = both[n_features:]
    np.compress(is_of_list, scores, axis=0, out=own)
    own -= own.mean(axis=2, keepdims=True)
    own /= np.sqrt(np.square(own).mean(axis=2, keepdims=True)) + _LITTLE
    return both


# What of a `ListNetwork` is none of the weights that an artifact keeps.
_NO_WEIGHTS: Final = ("normal", "losses")


@dataclass(frozen=True, eq=False)
class ListNetwork:
    """Dense networks of two hidden layers, alike but for their seed; their mean orders a list.

        x = normal scores of the features, and what of them differs from the list's mean
        s = mean over members of  silu(silu(x W1 + b1) W2 + b2) w3,   silu(z) = z / (1 + e^-z)

    Each candidate is judged by itself, but knows by the second half of x how it stands among the
    others. Learned by ``list_network_fit.fit_list_network``.

    Parameters
    ----------
    normal : NormalScores.
    first, first_bias : float32 arrays, shapes (n_members, n_inputs, h1) and (n_members, h1).
    second, second_bias : float32 arrays, shapes (n_members, h1, h2) and (n_members, h2).
    last : float32 array, shape (n_members, h2).
    losses : tuple of each member's losses, epoch by epoch; empty unless it was fitted here.

    References
    ----------
    Z. Cao et al., Learning to Rank: From Pairwise Approach to Listwise Approach (2007);
    Z. Qin et al., Are Neural Rankers still Outperformed by Gradient Boosted Decision Trees?
    (2021), for normal scores and for features of the list beside the candidate's own.
    """

    normal: NormalScores
    first: NDArray[np.float32]
    first_bias: NDArray[np.float32]
    second: NDArray[np.float32]
    second_bias: NDArray[np.float32]
    last: NDArray[np.float32]
    losses: tuple[tuple[float, ...], ...] = field(default=(), kw_only=True)

    def predict(self, lists: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of every candidate; only differences inside a list mean something.

        Parameters
        ----------
        lists : float32 array, shape (n_features, n_lists, n_candidates), n_candidates > 0.

        Returns
        -------
        float32 array, shape (n_lists, n_candidates).
        """
        return self.judge(self.normal.transform(lists))

    def judge(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what ``predict`` does, for normal scores of the features."""
        inputs = beside_its_list(scores, self.normal.is_of_list)
        total = np.empty(scores.shape[1:], dtype=np.float32)
        # One product per list: a list's bits do not depend on the lists beside it.
        for number, own_total in enumerate(total):
            hidden = _silu(small_product(inputs[:, number].T, self._all_first) + self._all_biases)
            said = [
                _silu(small_product(own, second) + bias) @ last
                for own, second, bias, last in zip(
                    np.split(hidden, len(self.last), axis=1),
                    self.second,
                    self.second_bias,
                    self.last,
                    strict=True,
                )
            ]
            np.divide(sum(said), np.float32(len(self.last)), out=own_total)
        return total

    @cached_property
    def _all_first(self) -> NDArray[np.float32]:
        """The first layers side by side: one product for all members."""
        return np.concatenate(self.first, axis=1)

    @cached_property
    def _all_biases(self) -> NDArray[np.float32]:
        return np.concatenate(self.first_bias)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what an artifact keeps."""
        own = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in _NO_WEIGHTS
        }
        normal = {each.name: getattr(self.normal, each.name) for each in fields(NormalScores)}
        return {f"network_{name}": array for name, array in (own | normal).items()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_features: int) -> Self:
        """Rebuild from ``arrays``.

        Raises
        ------
        ArtifactError
            When they do not fit together.
        KeyError
            When one is missing.
        """
        normal = NormalScores(
            *(np.asarray(arrays[f"network_{each.name}"]) for each in fields(NormalScores))
        )
        network = cls(
            normal,
            *(
                np.asarray(arrays[f"network_{each.name}"])
                for each in fields(cls)
                if each.name not in _NO_WEIGHTS
            ),
        )
        numbers = (
            *(normal.knots, normal.scores, network.first, network.first_bias),
            *(network.second, network.second_bias, network.last),
        )
        whole = (
            network.first.ndim == network.second.ndim == 3
            and normal.knots.shape == normal.scores.shape
            and normal.knots.ndim == 2
            and len(normal.knots) == n_features
            and normal.knots.shape[1] > 0
            and normal.is_of_list.shape == (n_features,)
            and normal.is_of_list.dtype == np.bool_
            and network.first.shape[1] == n_features + int(normal.is_of_list.sum())
            and len(network.first) > 0
            and network.first_bias.shape == network.second.shape[:2]
            and network.first_bias.shape == (len(network.first), network.first.shape[2])
            and network.second_bias.shape == network.last.shape
            and network.last.shape == (len(network.first), network.second.shape[2])
            and all(array.dtype == np.float32 for array in numbers)
            and all(bool(np.isfinite(array).all()) for array in numbers)
            and bool((np.diff(normal.knots, axis=1) >= 0).all())
        )
        if not whole:
            raise ArtifactError("the network of the second stage does not fit; train again.")
        return network


def _silu(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return z / (1 + e^-z); e^-z may overflow to infinity, and the quotient is then 0."""
    with np.errstate(over="ignore"):
        result: NDArray[np.float32] = values / (1 + np.exp(-values))
    return result
