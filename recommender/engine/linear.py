"""The similarity index: a sparse linear item-item model (EASE with the EDLAE diagonal)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.artifact import Part
from recommender.engine.catalog import Catalog
from recommender.engine.errors import ArtifactError, InputError, NotFittedError
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.linear_solve import LinearConfig, solve_item_weights
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import Ranker, check_catalog


class Contributions(NamedTuple):
    """Which of the reader's books make up one score, the strongest first.

    ``item_indices`` (int64) and ``values`` (float64) have shape (n,); the values add up to the
    score. Books without any weight towards the scored one are left out.
    """

    item_indices: NDArray[np.int64]
    values: NDArray[np.float64]


class SimilarItems(NamedTuple):
    """Items like a given one, the most similar first.

    ``item_indices`` (int64) and ``similarities`` (float32, partial correlations in 0..1) have
    shape (n,).
    """

    item_indices: NDArray[np.int64]
    similarities: NDArray[np.float32]


_ARRAYS: Final = ("indptr", "indices", "weights", "similar_indices", "similarities")


class LinearRanker(Ranker):
    """Score of a book: the sum, over the reader's books, of liking times a learned weight.

    The formulas are in ``linear_solve`` and docs/algorithms/linear.md. Uses nothing of the
    catalog. Cost: a fit takes O(n_items^3) time and n_items^2 * 4 bytes; a score vector takes
    time proportional to the weights stored of the rated books (0.1 to 0.3 ms for 100).

    Parameters
    ----------
    config : LinearConfig or None for the defaults.
    memory_limit_bytes : int or None. A fit that needs more is refused before it allocates.
        None: the physical memory of the machine or container.

    References
    ----------
    Steck, Embarrassingly Shallow Autoencoders for Sparse Data (WWW 2019), arXiv:1905.03375.
    Steck, Autoencoders that don't overfit towards the Identity (NeurIPS 2020).
    """

    name: ClassVar[str] = "linear"

    def __init__(
        self, config: LinearConfig | None = None, *, memory_limit_bytes: int | None = None
    ) -> None:
        self.config = config or LinearConfig()
        self._memory_limit_bytes = memory_limit_bytes
        self._arrays: dict[str, NDArray[Any]] = {}
        self._batch_weights: csr_array | None = None

    @property
    def n_items(self) -> int:
        """Number of items scored."""
        return len(self._array("indptr")) - 1

    def _array(self, name: str) -> NDArray[Any]:
        """Return a fitted array, or raise NotFittedError."""
        try:
            return self._arrays[name]
        except KeyError:
            raise NotFittedError("linear is not fitted; call fit or from_part first.") from None

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Learn the weights; see ``Ranker.fit``.

        Raises
        ------
        CatalogTooLargeError
            When n_items^2 floats do not fit into memory; nothing has been allocated then.
        FitError
            When there is no item, or a weight is not finite.
        """
        check_catalog(interactions, catalog)
        self._batch_weights = None
        self._arrays = solve_item_weights(
            interactions, self.config, self._memory_limit_bytes, on_progress
        )
        return self

    def _inputs(self, profile: Profile) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the reader's books and what each counts, ascending by item index.

        The counts are float32 numbers in float64: times a float32 weight they are exact, so
        that every way of adding them up in the same order gives the same bits.
        """
        self._check_profile(profile)
        liking = (profile.stars - np.float32(self.config.stars_offset)).astype(np.float64)
        if not self.config.shelf_input or not len(profile.shelf_indices):
            return profile.item_indices, liking
        items = np.concatenate((profile.item_indices, profile.shelf_indices))
        shelf = np.full(len(profile.shelf_indices), float(np.float32(self.config.shelf_input)))
        order = np.argsort(items, kind="stable")
        counts: NDArray[np.float64] = np.concatenate((liking, shelf))[order]
        return items[order], counts

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        """Return the score of every item; see ``Ranker.scores``.

        score_j = sum over rated i of (stars_i - stars_offset) * B_ij
                + sum over shelved i of shelf_input * B_ij, accumulated in float64.
        """
        items, liking = self._inputs(profile)
        indptr, indices, weights = (self._array(name) for name in _ARRAYS[:3])
        if not len(items):
            return np.zeros(self.n_items, dtype=np.float32)
        starts, ends = indptr[items], indptr[items + 1]
        rows = list(zip(starts.tolist(), ends.tolist(), strict=True))
        columns = np.concatenate([indices[start:end] for start, end in rows])
        values = np.concatenate([weights[start:end] for start, end in rows])
        products = values * np.repeat(liking, ends - starts)
        return np.bincount(columns, products, minlength=self.n_items).astype(np.float32)

    def batch_scores(self, profiles: Sequence[Profile]) -> NDArray[np.float32]:
        """Return the scores of several readers; see ``Ranker.batch_scores``.

        One sparse product, which adds the same float64 products in the same order as
        ``scores``. The first call copies the weights (24 MB for 2 million).
        """
        inputs = [self._inputs(profile) for profile in profiles]
        if not inputs:
            return np.empty((0, self.n_items), dtype=np.float32)
        ends = np.cumsum([len(items) for items, _ in inputs])
        liking = csr_array(
            (
                np.concatenate([values for _, values in inputs]),
                np.concatenate([items for items, _ in inputs]),
                np.concatenate(([0], ends)),
            ),
            shape=(len(inputs), self.n_items),
        )
        if self._batch_weights is None:
            indptr, indices, weights = (self._array(name) for name in _ARRAYS[:3])
            self._batch_weights = csr_array(
                (weights.astype(np.float64), indices.astype(np.int32), indptr),
                shape=(self.n_items, self.n_items),
            )
        scores: NDArray[np.float64] = (liking @ self._batch_weights).toarray()
        return scores.astype(np.float32)

    def contributions(self, profile: Profile, item_index: int) -> Contributions:
        """Return what each of the reader's books adds to the score of one item.

        Parameters
        ----------
        profile : Profile.
        item_index : int. The scored item.

        Returns
        -------
        Contributions, by descending value, ties by item index. Their sum is the item's score
        up to the rounding to float32. Negative values speak against the item.

        Raises
        ------
        InputError
            When ``item_index`` is no item, or as ``scores``.
        """
        self._check_item(item_index)
        items, liking = self._inputs(profile)
        indptr, indices, weights = (self._array(name) for name in _ARRAYS[:3])
        found: list[int] = []
        values: list[float] = []
        for item, likes in zip(items.tolist(), liking.tolist(), strict=True):
            start, end = int(indptr[item]), int(indptr[item + 1])
            place = start + int(np.searchsorted(indices[start:end], item_index))
            if place < end and indices[place] == item_index:
                found.append(item)
                values.append(likes * float(weights[place]))
        by_item, by_value = np.array(found, dtype=np.int64), np.array(values, dtype=np.float64)
        order = np.argsort(-by_value, kind="stable")
        return Contributions(by_item[order], by_value[order])

    def similar_items(self, item_index: int, k: int) -> SimilarItems:
        """Return the items most like one item, by partial correlation.

        Parameters
        ----------
        item_index : int.
        k : int > 0. At most ``n_similar`` of the config are kept.

        Returns
        -------
        SimilarItems with positive similarity only: empty for an item that nobody touched.

        Raises
        ------
        InputError
            When ``item_index`` is no item or k < 1.
        """
        self._check_item(item_index)
        if k < 1:
            raise InputError(f"k is {k}; wanted 1 or more.")
        similarities = self._array("similarities")[item_index, :k]
        kept = similarities > 0
        items = self._array("similar_indices")[item_index, :k][kept].astype(np.int64)
        return SimilarItems(items, np.array(similarities[kept]))

    def _check_item(self, item_index: int) -> None:
        """Raise InputError when an index is no item."""
        if not 0 <= item_index < self.n_items:
            raise InputError(f"item_index is {item_index}; wanted 0 to {self.n_items - 1}.")

    def to_part(self) -> Part:
        """Return the weights and the config."""
        arrays = {name: self._array(name) for name in _ARRAYS}
        config = asdict(self.config) | {"star_weights": list(self.config.star_weights)}
        return Part(algorithm=self.name, arrays=arrays, config=config)

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the ranker around memory-mapped weights; see ``Ranker.from_part``."""
        if part.algorithm != cls.name:
            raise ArtifactError(f"the part is of {part.algorithm}; wanted one of {cls.name}.")
        try:
            ranker = cls(LinearConfig(**part.config))
        except (TypeError, InputError) as error:
            raise ArtifactError(f"the config of linear is not usable: {error}") from error
        arrays = {name: part.array(name) for name in _ARRAYS}
        indptr, indices, weights, similar_indices, similarities = arrays.values()
        n_items = len(indptr) - 1
        whole = (
            n_items >= 1
            and all(a.dtype.kind in "iu" for a in (indptr, indices, similar_indices))
            and all(a.dtype == np.float32 for a in (weights, similarities))
            and indices.shape == weights.shape == (int(indptr[-1]),)
            and int(indptr[0]) == 0
            and not np.any(indptr[1:] < indptr[:-1])
            and similar_indices.shape == similarities.shape
            and similar_indices.ndim == 2
            and len(similar_indices) == n_items
            and all(
                not a.size or (int(a.min()) >= 0 and int(a.max()) < n_items)
                for a in (indices, similar_indices)
            )
            and bool(np.isfinite(weights).all() and np.isfinite(similarities).all())
        )
        if not whole:
            raise ArtifactError("the arrays of linear do not fit together; train again.")
        # Kept as memory maps' base arrays: np.memmap's slicing is several times slower.
        ranker._arrays = {name: np.asarray(array) for name, array in arrays.items()}
        return ranker
