"""The closest readers: what those with the same books liked, and how many stars they gave."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from recommender.engine.artifact import Part
from recommender.engine.biases import BiasesConfig, BiasesPredictor
from recommender.engine.catalog import Catalog
from recommender.engine.errors import ArtifactError, FitError, InputError, NotFittedError
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.predictor import as_pairs, as_predicted_stars
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import Ranker, check_catalog
from recommender.engine.ranking import top_k
from recommender.engine.weights import (
    STAR_WEIGHTS,
    StarWeights,
    as_star_weights,
    interaction_weights,
    profile_weights,
)


@dataclass(frozen=True)
class UserKnnConfig:
    """Hyperparameters of ``UserKnnRanker``.

    Parameters
    ----------
    n_neighbours : int > 0. Nearest readers whose books are ranked.
    n_raters : int > 0. Nearest readers whose stars are averaged.
    shrinkage : float >= 0. Added to the denominator of the cosine: holds back readers with few
        books.
    rater_shrinkage : float >= 0. Similarity of a rater without any deviation who is averaged
        in: how much few or distant raters are believed.
    star_weights : five floats >= 0. Weight of a rating of 1, 2, 3, 4, 5 stars.
    shelf_weight : float >= 0. Weight of a book on the to-read shelf, unrated.
    user_damping, item_damping : as ``BiasesConfig``.
    """

    n_neighbours: int = 50
    n_raters: int = 2000
    shrinkage: float = 5.0
    rater_shrinkage: float = 2.0
    star_weights: StarWeights = STAR_WEIGHTS
    shelf_weight: float = 1.0
    user_damping: float = 3.0
    item_damping: float = 5.0

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        checked = as_star_weights(self.star_weights, self.shelf_weight)
        object.__setattr__(self, "star_weights", checked)
        for name in ("n_neighbours", "n_raters"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; wanted 1 or more.")
        for name in ("shrinkage", "rater_shrinkage"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; wanted a finite number from 0.")
        self.biases()

    def biases(self) -> BiasesConfig:
        """Return the hyperparameters of the biases that the stars deviate from."""
        return BiasesConfig(self.user_damping, self.item_damping)


class Neighbours(NamedTuple):
    """The readers most like a given one, the most similar first.

    ``user_indices`` (int64, rows of the fit) and ``similarities`` (float64, above 0) have shape
    (n,).
    """

    user_indices: NDArray[np.int64]
    similarities: NDArray[np.float64]


class _Rows(NamedTuple):
    """A CSR matrix whose arrays may be memory maps."""

    indptr: NDArray[np.integer]
    indices: NDArray[np.integer]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, matrix: csr_array) -> _Rows:
        """Take over a CSR matrix with columns ascending in a row."""
        return cls(
            matrix.indptr.astype(np.int64),
            matrix.indices.astype(np.int32),
            matrix.data.astype(np.float32),
        )

    def weighted(
        self, rows: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.integer], NDArray[np.float64], NDArray[np.float64]]:
        """Return the columns of some rows, their values, and the weight of each one's row."""
        starts, ends = self.indptr[rows], self.indptr[rows + 1]
        slices = [slice(a, b) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        if not slices:
            return np.empty(0, dtype=np.int32), np.empty(0), np.empty(0)
        columns = np.concatenate([self.indices[one] for one in slices])
        values = np.concatenate([self.values[one] for one in slices])
        return columns, values.astype(np.float64), np.repeat(weights, ends - starts)


_MATRICES: Final = ("books", "readers", "deviations")
_PIECES: Final = ("indptr", "indices", "values")


class UserKnnRanker(Ranker):
    """Ranks by the books of the nearest readers, and predicts stars from theirs.

    With the weights m of ratings and shelf entries, the new reader's own weights m_u and the
    shrinkage s:

        sim_uv = sum_i m_ui m_vi / (|m_u| |m_v| + s)
        score_j = sum over the n_neighbours nearest v of sim_uv m_vj

    and with the biases b_uj = mu + b_u + b_j (``BiasesPredictor``) and the rater shrinkage t

        stars_j = b_uj + sum over v of sim_uv (r_vj - b_vj) / (t + sum over v of sim_uv)

    over those of the ``n_raters`` nearest who rated j. It is a ``RatingPredictor`` too. Unlike
    other rankers it keeps its training readers' books: that is the method. A reader who is
    among them is his own nearest neighbour, which changes no score of a book that he does not
    have, besides taking one neighbour's place.

    Parameters
    ----------
    config : UserKnnConfig or None for the defaults.

    References
    ----------
    Herlocker, Konstan, Borchers and Riedl, An Algorithmic Framework for Performing
    Collaborative Filtering (SIGIR 1999). docs/algorithms/nearest_neighbours.md.
    """

    name: ClassVar[str] = "user_knn"

    def __init__(self, config: UserKnnConfig | None = None) -> None:
        self.config = config or UserKnnConfig()
        self._biases = BiasesPredictor(self.config.biases())
        self._matrices: dict[str, _Rows] = {}
        self._lengths: NDArray[np.float64] | None = None
        self._training: Interactions | None = None

    def _rows(self, name: str) -> _Rows:
        """Return one of the matrices, or raise NotFittedError.

        ``books``: the weights by reader; ``readers``: the same by book; ``deviations``: stars
        minus bias by reader.
        """
        try:
            return self._matrices[name]
        except KeyError:
            raise NotFittedError("user_knn is not fitted; call fit or from_part first.") from None

    @property
    def n_items(self) -> int:
        """Number of items scored."""
        return len(self._rows("readers").indptr) - 1

    @property
    def n_users(self) -> int:
        """Number of training readers."""
        return len(self._rows("books").indptr) - 1

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Keep the readers' books and how their stars deviate; see ``Ranker.fit``.

        Raises
        ------
        FitError
            When there is no rating.
        """
        check_catalog(interactions, catalog)
        if not interactions.ratings.nnz:
            raise FitError("there is no rating; import ratings first.")
        if on_progress:
            on_progress("readers", 0.0)
        config = self.config
        self._biases = BiasesPredictor(config.biases()).fit(interactions)
        ratings = interactions.ratings
        users = np.repeat(np.arange(interactions.n_users), np.diff(ratings.indptr))
        expected = self._biases.raw_pairs(users, ratings.indices.astype(np.int64))
        deviations = csr_array((ratings.data - expected, ratings.indices, ratings.indptr))
        books = interaction_weights(interactions, config.star_weights, config.shelf_weight)
        readers = csr_array(books.T)
        readers.sort_indices()
        self._set(_Rows.of(books), _Rows.of(readers), _Rows.of(deviations))
        self._training = interactions
        if on_progress:
            on_progress("readers", 1.0)
        return self

    def _set(self, books: _Rows, readers: _Rows, deviations: _Rows) -> None:
        """Keep what an artifact keeps, and each reader's length."""
        self._matrices = dict(zip(_MATRICES, (books, readers, deviations), strict=True))
        squares = np.append(books.values.astype(np.float64) ** 2, 0.0)
        sums = np.add.reduceat(squares, books.indptr[:-1])
        sums[books.indptr[:-1] == books.indptr[1:]] = 0.0  # reduceat of an empty run is no sum
        self._lengths = np.sqrt(sums)
        self._training = None

    def neighbours(self, profile: Profile, k: int) -> Neighbours:
        """Return the training readers most like a reader.

        Parameters
        ----------
        profile : Profile. May be empty.
        k : int > 0.

        Returns
        -------
        Neighbours: at most k, similarities above 0 and descending, ties by the lower index.

        Raises
        ------
        InputError
            On k < 1 or a profile of a larger catalog.
        """
        readers, lengths = self._rows("readers"), self._lengths
        if k < 1:
            raise InputError(f"k is {k}; wanted 1 or more.")
        self._check_profile(profile)
        config = self.config
        items, weights = profile_weights(profile, config.star_weights, config.shelf_weight)
        if lengths is None or not len(items):
            return Neighbours(np.empty(0, dtype=np.int64), np.empty(0))
        users, values, weight = readers.weighted(items, weights)
        dots = np.bincount(users, values * weight, minlength=len(lengths))
        own_length = math.sqrt(float(weights @ weights))
        scale = own_length * lengths + config.shrinkage
        similarities = np.zeros(len(lengths))
        np.divide(dots, scale, out=similarities, where=dots > 0)
        # Without the zeros: selecting among mostly equal numbers takes forty times as long.
        similar = np.flatnonzero(similarities)
        nearest = similar[top_k(similarities[similar], k)]
        return Neighbours(nearest, similarities[nearest])

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        """Return the summed similarity of the nearest readers who have a book."""
        near = self.neighbours(profile, self.config.n_neighbours)
        items, values, weight = self._rows("books").weighted(near.user_indices, near.similarities)
        return np.bincount(items, values * weight, minlength=self.n_items).astype(np.float32)

    def _deviation(self, near: Neighbours) -> NDArray[np.float64]:
        """Return by how much the stars of each item should deviate from the biases."""
        items, values, weight = self._rows("deviations").weighted(
            near.user_indices, near.similarities
        )
        total = np.bincount(items, values * weight, minlength=self.n_items)
        believed = np.bincount(items, weight, minlength=self.n_items)
        deviation = np.zeros(self.n_items)
        scale = believed + self.config.rater_shrinkage
        np.divide(total, scale, out=deviation, where=believed > 0)
        return deviation

    def predict_profile(self, profile: Profile) -> NDArray[np.float32]:
        """Return the stars of every item; see ``RatingPredictor.predict_profile``."""
        near = self.neighbours(profile, self.config.n_raters)
        return as_predicted_stars(self._biases.raw_profile(profile) + self._deviation(near))

    def predict(self, user_indices: ArrayLike, item_indices: ArrayLike) -> NDArray[np.float32]:
        """Return the stars of pairs; see ``RatingPredictor.predict``.

        The reader himself is not among his neighbours. Takes 1 to 2 ms for each distinct user.
        """
        n_items = self.n_items
        if self._training is None:
            raise NotFittedError(
                "user_knn comes from an artifact, which keeps no biases of training users; fold "
                "them in with predict_profile."
            )
        users, items = as_pairs(user_indices, item_indices, self.n_users, n_items)
        stars = self._biases.raw_pairs(users, items)
        order = np.argsort(users, kind="stable")
        starts = np.flatnonzero(np.append(True, users[order][1:] != users[order][:-1]))
        for rows in np.split(order, starts[1:]) if len(order) else ():
            user = int(users[rows[0]])
            near = self.neighbours(self._training.profile(user), self.config.n_raters + 1)
            others = near.user_indices != user
            kept = Neighbours(near.user_indices[others], near.similarities[others])
            if len(kept.user_indices) > self.config.n_raters:
                kept = Neighbours(kept.user_indices[:-1], kept.similarities[:-1])
            stars[rows] += self._deviation(kept)[items[rows]]
        return as_predicted_stars(stars)

    def to_part(self) -> Part:
        """Return the training readers' books and deviations, the biases and the config."""
        arrays: dict[str, NDArray[Any]] = {
            f"{name}_{piece}": array
            for name in _MATRICES
            for piece, array in zip(_PIECES, self._rows(name), strict=True)
        }
        arrays |= self._biases.to_part().arrays
        config = asdict(self.config) | {"star_weights": list(self.config.star_weights)}
        return Part(algorithm=self.name, arrays=arrays, config=config)

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the ranker around memory-mapped matrices; see ``Ranker.from_part``."""
        ranker = cls(part.config_as(UserKnnConfig, cls.name))
        biases = Part(BiasesPredictor.name, part.arrays, asdict(ranker.config.biases()))
        ranker._biases = BiasesPredictor.from_part(biases)
        books, readers, deviations = (
            _Rows(*(np.asarray(part.array(f"{name}_{piece}")) for piece in _PIECES))
            for name in _MATRICES
        )
        n_users, n_items = len(books.indptr) - 1, ranker._biases.n_items
        whole = (
            _is_matrix(books, n_users, n_items)
            and _is_matrix(readers, n_items, n_users)
            and _is_matrix(deviations, n_users, n_items)
        )
        if not whole:
            raise ArtifactError("the arrays of user_knn do not fit together; train again.")
        ranker._set(books, readers, deviations)
        return ranker


def _is_matrix(rows: _Rows, n_rows: int, n_columns: int) -> bool:
    """Whether three arrays are a CSR matrix of that shape with finite float32 values."""
    indptr, indices, values = rows
    return (
        n_rows >= 1
        and indptr.shape == (n_rows + 1,)
        and indptr.dtype.kind in "iu"
        and indices.dtype.kind in "iu"
        and values.dtype == np.float32
        and indices.shape == values.shape == (int(indptr[-1]),)
        and int(indptr[0]) == 0
        and not np.any(indptr[1:] < indptr[:-1])
        and (not indices.size or (int(indices.min()) >= 0 and int(indices.max()) < n_columns))
        and bool(np.isfinite(values).all())
    )
