"""A reader's vector from his ratings, the item vectors held fixed: ridge regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.errors import InputError
from recommender.engine.padded_rows import padded_rows


@dataclass(frozen=True, eq=False)
class UserRidge:
    """Closed-form fold-in towards the average reader.

    For a reader with the rated items' vectors X, shape (n_rated, n), and the rests y of his
    stars, the vector w that minimizes

        |y - X w|^2 + sum_f penalty_f (w_f - mean_f)^2

    is, with D = diag(penalties), solved in the smaller of its two forms:

        w = mean + D^-1 X^T (X D^-1 X^T + I)^-1 (y - X mean)

    Parameters
    ----------
    vectors : float32 array, shape (n_items, n).
    mean : float32 array, shape (n,). The vector of a reader without ratings.
    penalties : float32 array, shape (n,). Above 0, in squared stars.

    Raises
    ------
    InputError
        When shapes disagree or a penalty is not above 0.
    """

    vectors: NDArray[np.float32]
    mean: NDArray[np.float32]
    penalties: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Compare the shapes."""
        wanted = (self.vectors.shape[1],)
        if not self.mean.shape == self.penalties.shape == wanted:
            raise InputError(
                f"mean and penalties have shapes {self.mean.shape} and {self.penalties.shape}; "
                f"wanted {wanted}."
            )
        if not (self.penalties > 0).all():
            raise InputError("a penalty of the fold-in is not above 0.")

    def solve(
        self, item_indices: NDArray[np.integer], rests: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Return one reader's vector.

        Parameters
        ----------
        item_indices : int array, shape (n_rated,). May be empty.
        rests : float array, shape (n_rated,). His stars minus the items' offsets.

        Returns
        -------
        float64 array, shape (n,).
        """
        mean, penalties = self.mean.astype(np.float64), self.penalties.astype(np.float64)
        rated = self.vectors[item_indices].astype(np.float64)
        rest = rests.astype(np.float64) - rated @ mean
        n_rated, n_factors = rated.shape
        scaled = rated / penalties
        if n_rated <= n_factors:
            kernel = scaled @ rated.T + np.eye(n_rated)
            solved: NDArray[np.float64] = mean + scaled.T @ np.linalg.solve(kernel, rest)
            return solved
        solved = mean + np.linalg.solve(rated.T @ rated + np.diag(penalties), rated.T @ rest)
        return solved

    def solve_all(self, rests: csr_array) -> NDArray[np.float32]:
        """Return the vectors of many readers, as ``solve`` up to rounding.

        Parameters
        ----------
        rests : CSR float array, shape (n_users, n_items). Stars minus the items' offsets.

        Returns
        -------
        float32 array, shape (n_users, n). ``mean`` for a row without entries.
        """
        scale = 1 / np.sqrt(self.penalties)
        scaled = self.vectors * scale
        centre = self.mean / scale
        users = np.tile(self.mean, (rests.shape[0], 1))
        for rows, positions, is_entry in padded_rows(rests.indptr, width=scaled.shape[1]):
            rated = scaled[rests.indices[positions]] * is_entry[:, :, None]
            rest = rests.data[positions] * is_entry - rated @ centre
            kernel = rated @ rated.transpose(0, 2, 1)
            diagonal = np.arange(kernel.shape[1])
            kernel[:, diagonal, diagonal] += 1
            solved = np.linalg.solve(kernel, rest[:, :, None])
            users[rows] += (rated.transpose(0, 2, 1) @ solved)[:, :, 0] * scale
        return users


def prior_of_users(
    users: NDArray[np.float32], regularization: float, error: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return towards what, and how strongly, a reader's vector is to be folded in.

    Trained with a penalty, the same penalty towards 0: the objective of the training. Trained
    without, the users' mean, and the penalty that makes ridge regression the Bayesian one when
    users are drawn with their observed variances: error / variance of each factor.

    Parameters
    ----------
    users : float32 array, shape (n_users, n). Trained vectors.
    regularization : float >= 0. The L2 penalty they were trained with.
    error : float > 0. Mean squared error of the training, squared stars.

    Returns
    -------
    (mean, penalties) : float32 arrays, shape (n,).
    """
    n_factors = users.shape[1]
    if regularization > 0:
        penalties = np.full(n_factors, regularization, dtype=np.float32)
        return np.zeros(n_factors, dtype=np.float32), penalties
    variance = np.maximum(users.var(axis=0), 1e-6)
    mean: NDArray[np.float32] = users.mean(axis=0)
    return mean, np.maximum(error / variance, 1e-3).astype(np.float32)
