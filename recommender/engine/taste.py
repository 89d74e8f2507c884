"""A reader's taste as a Gaussian process over the books: what his stars say of other books."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.errors import InputError
from recommender.engine.padded_rows import padded_rows

PART_NAMES: Final = ("constant", "author", "series", "vectors")
"""What the predicted rest of a book is the sum of; the order of the columns of ``parts``."""


class LeftOut(NamedTuple):
    """Each rating's rest as its user's other ratings predict it.

    ``parts`` (float32, shape (n_ratings, 4)) add up to the predicted rest in stars; ``variance``
    (float32, shape (n_ratings,)) is that of the rating itself, noise included, in stars squared.
    """

    parts: NDArray[np.float32]
    variance: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TasteKernel:
    """Prior covariance of one reader's deviations from what a book is worth to everybody.

    The rest of his stars, y_ui = r_ui - (mu + b_i), is taken as f_u(i) + noise with

        cov(f_u(i), f_u(j)) = constant + author [same author] + series [same series] + x_i . x_j

    so that a reader's generosity (constant), his liking of an author, of a series and of a kind
    of book (vectors) are learned together, each as far as his ratings support it.

    Parameters
    ----------
    vectors : float32 array, shape (n_items, n). x_i, its length the square root of the prior
        standard deviation times itself: in stars.
    author_index, series_index : int32 array, shape (n_items,). -1 for none.
    constant, author, series : float >= 0. Variances, stars squared.
    noise : float > 0. Variance of a rating around f_u(i), stars squared.

    Raises
    ------
    InputError
        On unequal lengths or a variance out of range.

    References
    ----------
    Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), eq. 2.23 to 2.26
    (prediction) and 5.10 to 5.12 (leave-one-out in closed form).
    """

    vectors: NDArray[np.float32]
    author_index: NDArray[np.int32]
    series_index: NDArray[np.int32]
    constant: float
    author: float
    series: float
    noise: float

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if not len(self.vectors) == len(self.author_index) == len(self.series_index):
            raise InputError("vectors, author_index and series_index are not of as many items.")
        for name in ("constant", "author", "series", "noise"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0) or (name == "noise" and value == 0):
                raise InputError(f"{name} is {value}; wanted a finite variance.")

    def _parts(
        self, left: NDArray[np.integer], right: NDArray[np.integer]
    ) -> list[NDArray[np.float32]]:
        """Return the covariances of items, each part (..., n_left, n_right), but the constant."""
        same = []
        for index, weight in (
            (self.author_index, self.author),
            (self.series_index, self.series),
        ):
            of_left, of_right = index[left][..., :, None], index[right][..., None, :]
            is_same = (of_left == of_right) & (of_left >= 0)
            same.append(is_same.astype(np.float32) * np.float32(weight))
        vectors = self.vectors[left] @ np.swapaxes(self.vectors[right], -1, -2)
        return [*same, vectors]

    def leave_one_out(self, rests: csr_array) -> LeftOut:
        """Predict every rating from all others of its user, in closed form.

        With K the covariance of a user's ratings, noise included, a = K^-1 y and d the diagonal
        of K^-1, the other ratings predict y_j by y_j - a_j / d_j with variance 1 / d_j; a part
        with covariance C contributes (C a)_j - (C K^-1)_jj a_j / d_j.

        Parameters
        ----------
        rests : CSR float32, shape (n_users, n_items). Not modified.

        Returns
        -------
        LeftOut, a row for each stored entry, in the order of ``rests.data``.
        """
        parts = np.zeros((rests.nnz, len(PART_NAMES)), dtype=np.float32)
        variance = np.zeros(rests.nnz, dtype=np.float32)
        width = self.vectors.shape[1]
        for _, positions, is_entry in padded_rows(rests.indptr, width=width):
            items = rests.indices[positions]
            kernels = self._parts(items, items)
            pairs = is_entry[:, :, None] & is_entry[:, None, :]
            covariance = (sum(kernels) + np.float32(self.constant)) * pairs
            diagonal = np.arange(covariance.shape[1])
            covariance[:, diagonal, diagonal] += np.where(is_entry, self.noise, 1)
            inverse = np.linalg.inv(covariance)
            weights = (inverse @ (rests.data[positions] * is_entry)[:, :, None])[:, :, 0]
            own = inverse[:, diagonal, diagonal]
            removed = weights / own
            places = positions[is_entry]
            variance[places] = (1 / own)[is_entry]
            total = weights.sum(axis=1, keepdims=True) - inverse.sum(axis=1) * removed
            parts[places, 0] = (self.constant * total)[is_entry]
            for column, kernel in enumerate(kernels, start=1):
                # Padding has weight 0 and a row of the identity in the inverse.
                through = (kernel @ weights[:, :, None])[:, :, 0]
                through -= np.einsum("uij,uji->ui", kernel, inverse) * removed
                parts[places, column] = through[is_entry]
        return LeftOut(parts, variance)

    def posterior(
        self, item_indices: NDArray[np.integer], rests: NDArray[np.floating]
    ) -> TastePosterior:
        """Return what one reader's ratings say of every book.

        Parameters
        ----------
        item_indices : int array, shape (n_rated,). May be empty.
        rests : float array, shape (n_rated,). y_ui, stars.

        Returns
        -------
        TastePosterior.
        """
        covariance = np.full((len(item_indices), len(item_indices)), self.constant)
        for part in self._parts(item_indices, item_indices):
            covariance += part
        covariance[np.diag_indices_from(covariance)] += self.noise
        inverse = np.linalg.inv(covariance)
        return TastePosterior(self, item_indices, inverse @ rests.astype(np.float64), inverse)


@dataclass(frozen=True, eq=False)
class TastePosterior:
    """One reader's taste after his ratings: made by ``TasteKernel.posterior``."""

    kernel: TasteKernel
    item_indices: NDArray[np.integer]
    weights: NDArray[np.float64]
    inverse: NDArray[np.float64]

    def predict(self, items: NDArray[np.integer]) -> LeftOut:
        """Return the parts of the predicted rests of some items, and the ratings' variances.

        Parameters
        ----------
        items : int array, shape (n,).

        Returns
        -------
        LeftOut with n rows: nothing is left out of it but the ratings to be predicted. An item
        that the reader has rated is predicted with that rating.
        """
        kernel = self.kernel
        parts = np.zeros((len(items), len(PART_NAMES)), dtype=np.float32)
        prior = np.full(len(items), kernel.constant + kernel.noise)
        prior += np.where(kernel.author_index[items] >= 0, kernel.author, 0)
        prior += np.where(kernel.series_index[items] >= 0, kernel.series, 0)
        vectors = kernel.vectors[items]
        prior += np.einsum("if,if->i", vectors, vectors)
        if not len(self.item_indices):
            return LeftOut(parts, prior.astype(np.float32))
        kernels = kernel._parts(items, self.item_indices)
        weights = self.weights.astype(np.float32)
        parts[:, 0] = kernel.constant * self.weights.sum()
        for column, covariance in enumerate(kernels, start=1):
            parts[:, column] = covariance @ weights
        crossed = sum(kernels) + np.float32(kernel.constant)
        explained = np.einsum("ij,ij->i", crossed @ self.inverse.astype(np.float32), crossed)
        return LeftOut(parts, np.maximum(prior - explained, kernel.noise).astype(np.float32))
