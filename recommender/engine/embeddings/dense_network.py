"""A small dense network in numpy: its stars, their gradient, and the fold-in of a reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine.errors import InputError

_MAX_STEPS: Final = 20
_MAX_HALVINGS: Final = 6
_TOLERANCE: Final = 1e-5


@dataclass(frozen=True, eq=False)
class DenseNetwork:
    """Three layers on a user's and an item's vector: 128 and 32 rectified units, and the stars.

    x = (p, q);         stars = relu(relu(x W1 + b1) W2 + b2) w3 + b3
    x = (p, q, p * q);  stars = relu(relu(x W1 + b1) W2 + b2) w3 + b3 + p . q

    Parameters
    ----------
    weights : three float32 arrays, shapes (2 n or 3 n, h1), (h1, h2) and (h2, 1).
    biases : three float32 arrays, shapes (h1,), (h2,) and (1,).
    n_factors : int. n, the length of p and of q. With 3 n rows, x has the product.

    Raises
    ------
    InputError
        When the shapes do not fit together.
    """

    weights: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]
    n_factors: int

    def __post_init__(self) -> None:
        """Compare the shapes."""
        shapes = [array.shape for array in self.weights]
        ends = [len(bias) for bias in self.biases]
        fits = (
            len(shapes) == len(ends) == 3
            and all(len(shape) == 2 for shape in shapes)
            and shapes[0][0] in (2 * self.n_factors, 3 * self.n_factors)
            and shapes[0][1] == shapes[1][0] == ends[0]
            and shapes[1][1] == shapes[2][0] == ends[1]
            and shapes[2][1] == ends[2] == 1
        )
        if not fits:
            raise InputError(f"layers of shapes {shapes} and {ends} make no network.")

    @property
    def has_product(self) -> bool:
        """Whether the network is given the product of the two vectors, and added to its sum."""
        return len(self.weights[0]) == 3 * self.n_factors

    def _layers(
        self, users: NDArray[np.floating], items: NDArray[np.floating]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the two hidden layers."""
        n = self.n_factors
        first = self.weights[0]
        hidden = items @ first[n : 2 * n] + users @ first[:n] + self.biases[0]
        if self.has_product:
            hidden = hidden + (users * items) @ first[2 * n :]
        first_layer: NDArray[np.floating] = np.maximum(hidden, 0)
        return first_layer, np.maximum(first_layer @ self.weights[1] + self.biases[1], 0)

    def stars(
        self, users: NDArray[np.floating], items: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Return the network's output.

        Parameters
        ----------
        users : float array, shape (n,) or (m, n).
        items : float array, shape (m, n).

        Returns
        -------
        float array, shape (m,).
        """
        _, last = self._layers(users, items)
        output: NDArray[np.floating] = (last @ self.weights[2])[:, 0] + self.biases[2][0]
        if self.has_product:
            output += (users * items).sum(axis=1)
        return output

    def gradient(
        self, user: NDArray[np.floating], items: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """Return the derivative of each item's stars by the user's vector, shape (m, n)."""
        n = self.n_factors
        hidden, last = self._layers(user, items)
        by_last = (last > 0) * self.weights[2][:, 0]
        back = ((by_last @ self.weights[1].T) * (hidden > 0)) @ self.weights[0].T
        by_user: NDArray[np.floating] = back[:, :n]
        if self.has_product:
            by_user += (back[:, 2 * n :] + 1) * items
        return by_user

    def fold_in(
        self,
        items: NDArray[np.floating],
        rests: NDArray[np.floating],
        mean: NDArray[np.floating],
        penalties: NDArray[np.floating],
        bias_penalty: float | None,
    ) -> tuple[NDArray[np.float64], float]:
        """Return the vector and the bias of a reader, the network held fixed.

        Damped Gauss-Newton from ``mean`` on

            sum_i (rest_i - f(p, q_i) - b)^2 + sum_f penalty_f (p_f - mean_f)^2 + bias_penalty b^2

        a step is halved until the sum falls, and the last one kept when it does not any more.

        Parameters
        ----------
        items : float array, shape (n_rated, n). The rated items' vectors; may be empty.
        rests : float array, shape (n_rated,). His stars minus the items' offsets.
        mean, penalties : float arrays, shape (n,). Penalties above 0.
        bias_penalty : float > 0, or None for a network without biases.

        Returns
        -------
        (vector, bias) : float64 array, shape (n,), and stars.
        """
        centre = np.append(mean, 0.0).astype(np.float64)
        weight = np.append(penalties, bias_penalty or 1.0).astype(np.float64)
        if not len(rests):
            return centre[:-1], 0.0
        targets = rests.astype(np.float64)
        vectors = items.astype(np.float64)
        by_bias = 0.0 if bias_penalty is None else 1.0

        def errors(place: NDArray[np.float64]) -> NDArray[np.float64]:
            rest: NDArray[np.float64] = targets - self.stars(place[:-1], vectors) - place[-1]
            return rest

        def loss(place: NDArray[np.float64], rest: NDArray[np.float64]) -> float:
            return float(rest @ rest + weight @ (place - centre) ** 2)

        place = centre.copy()
        rest = errors(place)
        least = loss(place, rest)
        for _ in range(_MAX_STEPS):
            slopes = np.column_stack(
                (self.gradient(place[:-1], vectors), np.full(len(rest), by_bias))
            )
            curvature = slopes.T @ slopes + np.diag(weight)
            step = np.linalg.solve(curvature, slopes.T @ rest - weight * (place - centre))
            for _ in range(_MAX_HALVINGS):
                tried = place + step
                rest_tried = errors(tried)
                if (now := loss(tried, rest_tried)) < least:
                    break
                step = step / 2
            else:
                break
            gained = least - now
            place, rest, least = tried, rest_tried, now
            if gained < _TOLERANCE:
                break
        return place[:-1], float(place[-1])
