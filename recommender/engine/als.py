"""Implicit-feedback matrix factorization by alternating least squares, with exact fold-in."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import ThreadpoolController

from recommender.engine.artifact import Part
from recommender.engine.catalog import Catalog
from recommender.engine.errors import ArtifactError, FitError, InputError, NotFittedError
from recommender.engine.interactions import MAX_STARS, MIN_STARS, Interactions, Profile
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import Ranker, check_catalog
from recommender.engine.weights import (
    STAR_WEIGHTS,
    StarWeights,
    as_star_weights,
    interaction_weights,
    profile_weights,
)


@dataclass(frozen=True)
class AlsConfig:
    """Hyperparameters of ``AlsRanker``.

    Parameters
    ----------
    n_factors : int > 0.
    regularization : float > 0, added to the diagonal of the normal equations: once, or with
        ``scaled_regularization`` as often as the user or item has a preference of 1.
    alpha : float > 0. Confidence c = 1 + alpha * r of a rating or shelf entry of weight r.
    n_iterations : int > 0. An iteration solves all users and then all items.
    star_weights : five floats >= 0. Weight r of a rating of 1, 2, 3, 4, 5 stars; 0: as if the
        book were not rated.
    shelf_weight : float >= 0. Weight r of a book on the to-read shelf, unrated.
    positive_threshold : int in 1..5. Fewer stars are a preference of 0, known with confidence c.
    seed : int >= 0. Of the factors that the fit starts from.
    scaled_regularization : bool. What Spark's ALS fits (``of_factors``); ``fit`` cannot.
    """

    n_factors: int = 256
    regularization: float = 5.0
    alpha: float = 2.0
    n_iterations: int = 10
    star_weights: StarWeights = STAR_WEIGHTS
    shelf_weight: float = 1.0
    positive_threshold: int = 1
    seed: int = 0
    scaled_regularization: bool = False

    def __post_init__(self) -> None:
        """Refuse values that would make the fit fail or mean nothing."""
        checked = as_star_weights(self.star_weights, self.shelf_weight)
        object.__setattr__(self, "star_weights", checked)
        for name in ("regularization", "alpha"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} is {value}; wanted a finite number above 0.")
        for name, least in (("n_factors", 1), ("n_iterations", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; wanted {least} or more.")
        if not MIN_STARS <= self.positive_threshold <= MAX_STARS:
            raise InputError(f"positive_threshold is {self.positive_threshold}; wanted 1 to 5.")


_ARRAYS: Final = ("item_factors", "gram")


class AlsRanker(Ranker):
    """Score of an item: the inner product of its factors and the reader's.

    With preference p_ui (1 for a rating from ``positive_threshold`` on or a shelf entry, else
    0), confidence c_ui = 1 + alpha * r_ui (1 where there is neither) and the user and item
    factors x_u and y_i, the fit minimizes

        sum over all u, i of c_ui (p_ui - x_u . y_i)^2
            + regularization * (sum s_u |x_u|^2 + sum s_i |y_i|^2)

    with s = 1, or with ``scaled_regularization`` the number of the user's, of the item's
    preferences of 1. A reader's factors are the exact minimum for him with the item factors held
    fixed (fold-in):

        (YtY + Yt (C_u - I) Y + regularization * s_u * I) x = Yt C_u p_u

    solved in float64 by Cholesky in O(n_rated n_factors^2 + n_factors^3). The ``implicit``
    library fits; it takes the confidence c itself, not r, and -c for a preference of 0. Uses
    nothing of the catalog.

    Parameters
    ----------
    config : AlsConfig or None for the defaults.

    References
    ----------
    Hu, Koren and Volinsky, Collaborative Filtering for Implicit Feedback Datasets (ICDM 2008);
    the scaled penalty: Zhou, Wilkinson, Schreiber and Pan, Large-Scale Parallel Collaborative
    Filtering for the Netflix Prize (AAIM 2008). docs/algorithms/als.md.
    """

    name: ClassVar[str] = "als"

    def __init__(self, config: AlsConfig | None = None) -> None:
        self.config = config or AlsConfig()
        self._item_factors: NDArray[np.float32] | None = None
        self._gram: NDArray[np.float64] | None = None
        self._user_factors: NDArray[np.float32] | None = None
        self._threads: ThreadpoolController | None = None

    @property
    def n_items(self) -> int:
        """Number of items scored."""
        return len(self.item_factors)

    @property
    def item_factors(self) -> NDArray[np.float32]:
        """Factors of each item, float32 (n_items, n_factors), read-only; 0 for an unused item."""
        if self._item_factors is None:
            raise NotFittedError("als is not fitted; call fit or from_part first.")
        return self._item_factors

    @property
    def user_factors(self) -> NDArray[np.float32]:
        """Factors of each training user, float32 (n_users, n_factors), by the library's solver.

        They belong to ``item_factors``: the fit ends with a step of the users. An artifact
        keeps none of them.
        """
        if self._user_factors is None:
            raise NotFittedError("als has no training users: it is not fitted in this process.")
        return self._user_factors

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Learn the factors; see ``Ranker.fit``.

        Raises
        ------
        FitError
            When there is no interaction of positive weight, a factor is not finite, the
            library is not installed, or the config asks for ``scaled_regularization``.
        """
        check_catalog(interactions, catalog)
        if self.config.scaled_regularization:
            raise FitError("implicit has no scaled regularization; Spark fits als with it.")
        # Loaded here: the web process folds in and has no use for the library.
        try:
            from implicit.cpu.als import AlternatingLeastSquares
        except ImportError as error:
            raise FitError(
                f"als needs the library implicit, which does not load ({error}); install "
                "requirements.txt."
            ) from error
        matrix = csr_matrix(self._signed_confidence(interactions))
        if not matrix.nnz:
            raise FitError("there is no interaction to fit; import ratings first.")
        n_iterations = self.config.n_iterations

        def tell(iteration: int, *_: object) -> None:
            if on_progress:
                on_progress("factors", (iteration + 1) / (n_iterations + 1))

        # The library's own threads and those of the BLAS would wait for each other.
        with self._one_thread():
            model = AlternatingLeastSquares(
                factors=self.config.n_factors,
                regularization=self.config.regularization,
                alpha=1.0,
                iterations=n_iterations,
                random_state=self.config.seed,
            )
            model.fit(matrix, show_progress=False, callback=tell)
            users = model.recalculate_user(np.arange(matrix.shape[0]), matrix)
        items = np.ascontiguousarray(model.item_factors, dtype=np.float32)
        if not (np.isfinite(items).all() and np.isfinite(users).all()):
            raise FitError("a factor is not finite; raise regularization.")
        exact = items.astype(np.float64)
        self._set(items, exact.T @ exact)
        users.flags.writeable = False
        self._user_factors = users
        if on_progress:
            on_progress("factors", 1.0)
        return self

    @classmethod
    def of_factors(cls, config: AlsConfig, item_factors: NDArray[np.float32]) -> Self:
        """Return the ranker of item factors that were fitted elsewhere with this config.

        Parameters
        ----------
        config : AlsConfig. That of the objective which the factors minimize.
        item_factors : float32 array, shape (n_items, config.n_factors). Kept, made read-only.

        Raises
        ------
        FitError
            When the shape is another, or a factor is not finite.
        """
        if item_factors.ndim != 2 or item_factors.shape[1] != config.n_factors:
            raise FitError(
                f"the item factors have shape {item_factors.shape}; wanted (n_items, "
                f"{config.n_factors})."
            )
        if not np.isfinite(item_factors).all():
            raise FitError("a factor is not finite; raise regularization.")
        ranker = cls(config)
        exact = item_factors.astype(np.float64)
        ranker._set(item_factors, exact.T @ exact)
        return ranker

    def _one_thread(self) -> AbstractContextManager[object]:
        """Keep the BLAS to one thread: its matrices are small here, and waiting costs more."""
        if self._threads is None:
            self._threads = ThreadpoolController()
        limited: AbstractContextManager[object] = self._threads.limit(limits=1, user_api="blas")
        return limited

    def _signed_confidence(self, interactions: Interactions) -> csr_array:
        """Return c for a preference of 1 and -c for one of 0: the library's convention."""
        config = self.config
        signed = interaction_weights(interactions, config.star_weights, config.shelf_weight)
        signed.data = np.float32(1) + np.float32(config.alpha) * signed.data
        if config.positive_threshold > MIN_STARS:
            disliked = interactions.ratings.copy()
            disliked.data = (disliked.data < config.positive_threshold).astype(np.float32)
            signed = csr_array(signed - 2 * signed.multiply(disliked))
        return signed

    def _set(self, item_factors: NDArray[np.float32], gram: NDArray[np.float64]) -> None:
        """Keep what an artifact keeps, read-only."""
        for array in (item_factors, gram):
            array.flags.writeable = False
        self._item_factors, self._gram, self._user_factors = item_factors, gram, None

    def fold_in(self, profile: Profile) -> NDArray[np.float64]:
        """Return the factors of one reader, item factors held fixed.

        Parameters
        ----------
        profile : Profile. May be empty.

        Returns
        -------
        float64 array, shape (n_factors,). Zeros for a reader of whom nothing counts, or who liked
        nothing.
        """
        factors, gram = self.item_factors, self._gram
        self._check_profile(profile)
        config = self.config
        items, weights = profile_weights(profile, config.star_weights, config.shelf_weight)
        if gram is None or not len(items):
            return np.zeros(factors.shape[1])
        confidence = 1.0 + config.alpha * weights
        places = np.searchsorted(profile.item_indices, items)
        stars = np.append(profile.stars, 0.0)[places]
        is_rated = np.append(profile.item_indices, -1)[places] == items
        preference = ~is_rated | (stars >= config.positive_threshold)
        if not preference.any():
            return np.zeros(factors.shape[1])
        penalty = config.regularization
        if config.scaled_regularization:
            penalty *= np.count_nonzero(preference)
        known = factors[items].astype(np.float64)
        # Not for a web process whose run has other lists.
        from scipy.linalg import cho_factor, cho_solve

        with self._one_thread():
            # YtY + Yt (C - I) Y + regularization * s * I
            matrix = gram + known.T @ ((confidence - 1.0)[:, np.newaxis] * known)
            matrix[np.diag_indices_from(matrix)] += penalty
            solution: NDArray[np.float64] = cho_solve(
                cho_factor(matrix, overwrite_a=True), known.T @ (confidence * preference)
            )
        return solution

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        """Return the inner product of each item's factors and the reader's."""
        folded = self.fold_in(profile).astype(np.float32)
        with self._one_thread():
            scores: NDArray[np.float32] = self.item_factors @ folded
        return scores

    def to_part(self) -> Part:
        """Return the item factors, their Gram matrix and the config."""
        arrays: dict[str, NDArray[Any]] = {"item_factors": self.item_factors}
        if self._gram is not None:
            arrays["gram"] = self._gram
        config = asdict(self.config) | {"star_weights": list(self.config.star_weights)}
        return Part(algorithm=self.name, arrays=arrays, config=config)

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the ranker around memory-mapped factors; see ``Ranker.from_part``."""
        ranker = cls(part.config_as(AlsConfig, cls.name))
        factors, gram = (np.asarray(part.array(name)) for name in _ARRAYS)
        n_factors = ranker.config.n_factors
        whole = (
            factors.ndim == 2
            and len(factors) > 0
            and factors.shape[1] == n_factors
            and gram.shape == (n_factors, n_factors)
            and factors.dtype == np.float32
            and gram.dtype == np.float64
            and bool(np.isfinite(factors).all() and np.isfinite(gram).all())
        )
        if not whole:
            raise ArtifactError("the arrays of als do not fit together; train again.")
        ranker._set(factors, gram)
        return ranker
