"""Readers like a given one: a short vector for each, compared by cosine."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from recommender.engine.artifact import Part
from recommender.engine.biases import check_profile
from recommender.engine.errors import ArtifactError, FitError, InputError, NotFittedError
from recommender.engine.interactions import MAX_STARS, MIN_STARS, Interactions, Profile
from recommender.engine.item_features import reading_vectors
from recommender.engine.progress import OnProgress
from recommender.engine.ranking import top_k
from recommender.engine.sparse_svd import unit_rows
from recommender.engine.vocabulary import Vocabulary

_STAGE: Final = "reader neighbours"
_ARRAYS: Final = ("item_vectors", "reader_vectors", "user_ids")
_LENGTH_TOLERANCE: Final = 1e-3


class Neighbours(NamedTuple):
    """Readers like a given one, the most alike first.

    ``user_ids`` (int64, database keys) and ``similarities`` (float32, cosines in 0..1) have
    shape (n,).
    """

    user_ids: NDArray[np.int64]
    similarities: NDArray[np.float32]


@dataclass(frozen=True)
class ReaderNeighboursConfig:
    """Hyperparameters of ``ReaderNeighbours``.

    Parameters
    ----------
    seed : int >= 0. Of the item vectors.
    n_factors : int > 0. Length of a vector.
    least_liked : int > 0. A reader with fewer ratings that count something has no vector, as a
        training reader or later.
    star_weights : five floats >= 0. What a rating of 1 to 5 stars counts; linear in between.
    """

    seed: int = 0
    n_factors: int = 64
    least_liked: int = 5
    star_weights: tuple[float, ...] = (0.0, 0.0, 0.0, 0.7, 1.0)

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        for name, wanted in {"seed": 0, "n_factors": 1, "least_liked": 1}.items():
            if getattr(self, name) < wanted:
                raise InputError(f"{name} is {getattr(self, name)}; wanted {wanted} or more.")
        weights = tuple(self.star_weights)
        object.__setattr__(self, "star_weights", weights)
        if len(weights) != MAX_STARS or not all(math.isfinite(w) and w >= 0 for w in weights):
            raise InputError(f"star_weights are {weights}; wanted five finite numbers from 0.")
        if not any(weights):
            raise InputError("star_weights are all 0; then nobody has a vector.")

    def weights(self, stars: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what ratings count, float32, the shape of ``stars``."""
        levels = np.arange(MIN_STARS, MAX_STARS + 1)
        counted: NDArray[np.float32] = np.interp(stars, levels, self.star_weights).astype(
            np.float32
        )
        return counted


class ReaderNeighbours:
    """Finds the training readers who like what a reader likes.

    A book's vector says who reads it (``item_features.reading_vectors``). A reader's is the sum
    of those of the books he liked, each times what his stars count, scaled to length 1:

        x_u = sum_i w(stars_ui) z_i / | sum_i w(stars_ui) z_i |

    Any reader is folded in by that formula from his ratings of today, a training reader too; the
    similarity of two readers is x_u . x_v. One product of all vectors with one: a millisecond or
    two for 50,000 readers. Who of those found may be shown is the caller's to decide, when he
    shows them: the fit knows nothing of privacy settings, nor of who has left since.

    Figures and attempts: docs/algorithms/reader_neighbours.md.

    Parameters
    ----------
    config : ReaderNeighboursConfig or None for the defaults.
    """

    name: ClassVar[str] = "reader_neighbours"

    def __init__(self, config: ReaderNeighboursConfig | None = None) -> None:
        self.config = config or ReaderNeighboursConfig()
        self._item_vectors: NDArray[np.float32] | None = None
        self._reader_vectors = np.empty((0, 0), dtype=np.float32)
        self._users = Vocabulary(np.empty(0, dtype=np.int64))

    def _items(self) -> NDArray[np.float32]:
        """Return the item vectors, or raise NotFittedError."""
        if self._item_vectors is None:
            raise NotFittedError("reader_neighbours is not fitted; call fit or from_part first.")
        return self._item_vectors

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self._items())

    @property
    def user_ids(self) -> NDArray[np.int64]:
        """Database keys of the readers with a vector, ascending, int64 (n_readers,)."""
        self._items()
        return self._users.ids

    def fit(
        self,
        interactions: Interactions,
        item_vectors: NDArray[np.float32] | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Make the vectors of all readers who liked enough books.

        Parameters
        ----------
        interactions : Interactions. Not modified.
        item_vectors : float32 array, shape (n_items, at least n_factors), or None. What
            ``item_features.reading_vectors`` gave for these interactions, with as many factors
            or more, to save its time: the first ``n_factors`` are used. None: made here.
        on_progress : callable or None. Told ("reader neighbours", 0..1).

        Returns
        -------
        self.

        Raises
        ------
        InputError
            When ``item_vectors`` is of other items.
        FitError
            When a vector is not finite.
        """
        config = self.config

        def report(done: float) -> None:
            if on_progress:
                on_progress(_STAGE, done)

        report(0.0)
        if item_vectors is None:
            item_vectors = reading_vectors(interactions, config.n_factors, seed=config.seed)
        elif item_vectors.ndim != 2 or len(item_vectors) != interactions.n_items:
            raise InputError(
                f"item_vectors have shape {item_vectors.shape}; wanted {interactions.n_items} rows."
            )
        items = unit_rows(item_vectors[:, : config.n_factors])
        report(0.8)
        ratings = interactions.ratings
        weights = csr_array(
            (config.weights(ratings.data), ratings.indices, ratings.indptr), shape=ratings.shape
        )
        readers = unit_rows(np.asarray(weights @ items))
        if not np.isfinite(readers).all():
            raise FitError("a reader's vector is not finite; check the item vectors.")
        n_liked = np.bincount(
            np.repeat(np.arange(len(readers)), np.diff(ratings.indptr)),
            weights.data > 0,
            len(readers),
        )
        kept = (n_liked >= config.least_liked) & readers.any(axis=1)
        self._item_vectors = items
        self._reader_vectors = np.ascontiguousarray(readers[kept])
        self._users = Vocabulary(interactions.user_ids[kept])
        report(1.0)
        return self

    def vector(self, profile: Profile) -> NDArray[np.float32] | None:
        """Fold a reader in.

        Parameters
        ----------
        profile : Profile. The shelf is not looked at.

        Returns
        -------
        float32 array, shape (n_factors,), of length 1. None for a reader who has liked fewer
        books than ``least_liked``, or only such as nothing is known of.

        Raises
        ------
        InputError
            When the profile has an index that is not below ``n_items``.
        NotFittedError
            Before fit.
        """
        items = self._items()
        check_profile(profile, len(items))
        weights = self.config.weights(profile.stars)
        if np.count_nonzero(weights) < self.config.least_liked:
            return None
        total = weights @ items[profile.item_indices]
        folded: NDArray[np.float32] = unit_rows(total[np.newaxis])[0]
        return folded if folded.any() else None

    def nearest(self, profile: Profile, k: int, *, excluded: ArrayLike = ()) -> Neighbours:
        """Return the training readers most like a reader.

        Parameters
        ----------
        profile : Profile. His ratings of today.
        k : int > 0.
        excluded : array_like of int. Database keys of readers who are not wanted: himself, and
            whoever may not be shown. Those without a vector are ignored.

        Returns
        -------
        Neighbours, by descending similarity, ties by the lower key; at most k, and only readers
        with a similarity above 0. None at all for a reader who has no vector.

        Raises
        ------
        InputError
            When k < 1, or as ``vector``.
        NotFittedError
            Before fit.
        """
        if k < 1:
            raise InputError(f"k is {k}; wanted 1 or more.")
        folded = self.vector(profile)
        if folded is None or not len(self._reader_vectors):
            return Neighbours(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
        similarities = self._reader_vectors @ folded
        similarities[self._users.known_indices(excluded)] = -1
        found = top_k(similarities, k)
        found = found[similarities[found] > 0]
        return Neighbours(self._users.ids[found], np.minimum(similarities[found], 1))

    def to_part(self) -> Part:
        """Return the vectors, the keys and the config. Raises NotFittedError before fit."""
        arrays: dict[str, NDArray[Any]] = {
            "item_vectors": self._items(),
            "reader_vectors": self._reader_vectors,
            "user_ids": self._users.ids,
        }
        config = {**asdict(self.config), "star_weights": list(self.config.star_weights)}
        return Part(self.name, arrays, config)

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild it around memory-mapped vectors.

        Raises
        ------
        ArtifactError
            When the part is another algorithm's, or its arrays do not fit together.
        """
        found = cls(part.config_as(ReaderNeighboursConfig, cls.name))
        items, readers, user_ids = (np.asarray(part.array(name)) for name in _ARRAYS)
        whole = (
            items.ndim == readers.ndim == 2
            and len(items) > 0
            and items.shape[1] == readers.shape[1] <= found.config.n_factors
            and items.dtype == readers.dtype == np.float32
            and user_ids.dtype == np.int64
            and user_ids.shape == readers.shape[:1]
            and bool((user_ids[1:] > user_ids[:-1]).all())
            and _are_of_length_one(readers)
            and bool(np.isfinite(items).all())
        )
        if not whole:
            raise ArtifactError("the arrays of reader_neighbours do not fit together; train again.")
        found._item_vectors, found._reader_vectors = items, readers
        found._users = Vocabulary(user_ids)
        return found


def _are_of_length_one(vectors: NDArray[np.float32]) -> bool:
    """Return whether all rows are; NaN compares false."""
    squares = np.einsum("if,if->i", vectors, vectors)
    return bool((np.abs(squares - 1) < _LENGTH_TOLERANCE).all())
