"""The similarity index: a sparse linear item-item model (EASE with the EDLAE diagonal)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.artifact import Part
from recommender.engine.catalog import Catalog
from recommender.engine.errors import ArtifactError, InputError, NotFittedError
from recommender.engine.interactions import MAX_STARS, MIN_STARS, Interactions, Profile
from recommender.engine.linear_arrays import ARRAYS, fit_together, joined
from recommender.engine.linear_config import LinearConfig
from recommender.engine.linear_path import SolvePath
from recommender.engine.linear_solve import Solution, solve_item_weights
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import Ranker, check_catalog


class Contributions(NamedTuple):
    """Which of the reader's books make up one score, the strongest first.

    ``item_indices`` (int64) and ``values`` (float64) have shape (n,); the values add up to the
    score less the ranker's prior. Books without any weight towards the scored one, and ratings
    that count nothing, are left out.
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


class LinearRanker(Ranker):
    """Score of a book: the sum, over the reader's books, of liking times a learned weight.

    The formulas are in ``linear_solve`` and docs/algorithms/linear.md. A prior of popularity is
    added, so that readers with few ratings are given books that many like. Uses the catalog's
    tags, first authors and series for what books have in common, and its counts and mean stars
    for their popularity; does without any of them. Cost: a dense fit takes O(n_items^3) time and
    n_items^2 * 4 bytes, a sparse one, of large catalogues, O(n_items * n_support^3) and O(n_items
    * n_support) (``linear_path``, ``linear_sparse``); a score vector takes time proportional to
    the weights stored of the rated books (0.2 to 0.5 ms for 100).

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
        # How the fit was solved; None before it, and of an artifact from when there was one way.
        self.path: SolvePath | None = None

    @property
    def n_items(self) -> int:
        """Number of items scored."""
        return len(self._array("indptr")) - 1

    @property
    def prior(self) -> NDArray[np.float32]:
        """What every reader's scores have in common, float32 (n_items,), >= 0, read-only.

        A score less the prior is what the reader's own books say.
        """
        prior = self._array("prior").view()
        prior.flags.writeable = False
        return prior

    @property
    def score_scale(self) -> NDArray[np.float32]:
        """By what each column of B was multiplied, float32 (n_items,), > 0, read-only."""
        scale = self._array("score_scale").view()
        scale.flags.writeable = False
        return scale

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
            When the fit does not fit into memory; nothing has been allocated then.
        FitError
            When there is no item, or a weight is not finite.
        """
        check_catalog(interactions, catalog)
        solution = solve_item_weights(
            interactions,
            self.config,
            catalog,
            memory_limit_bytes=self._memory_limit_bytes,
            on_progress=on_progress,
        )
        self._set(solution.arrays)
        self.path = solution.path
        return self

    @classmethod
    def of_solution(cls, config: LinearConfig, solution: Solution) -> Self:
        """Return the ranker of a solution that was made with this config."""
        ranker = cls(config)
        ranker._set(solution.arrays)
        ranker.path = solution.path
        return ranker

    def _set(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Keep fitted arrays."""
        self._arrays = arrays

    def inputs(self, profile: Profile) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the reader's books and what each counts, ascending by item index.

        The counts are float32 numbers in float64: times a float32 weight they are exact, so
        that every way of adding them up in the same order gives the same bits.

        Returns
        -------
        (items, counts) : int64 and float64 arrays, shape (n,).
        """
        self._check_profile(profile)
        liking = input_counts(profile.stars, self.config)
        if not self.config.shelf_input or not len(profile.shelf_indices):
            return profile.item_indices, liking
        items = np.concatenate((profile.item_indices, profile.shelf_indices))
        shelf = np.full(len(profile.shelf_indices), float(np.float32(self.config.shelf_input)))
        order = np.argsort(items, kind="stable")
        counts: NDArray[np.float64] = np.concatenate((liking, shelf))[order]
        return items[order], counts

    def weights_between(
        self, items: NDArray[np.int64], candidates: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return what some of the reader's books say for some items: B_ij, 0 where none is kept.

        Parameters
        ----------
        items : int64 array, shape (n,). Item indices.
        candidates : int64 array, shape (n_candidates,). Without repeats.

        Returns
        -------
        float32 array, shape (n, n_candidates). Not multiplied by ``score_scale``.
        """
        indptr, indices, weights = (self._array(name) for name in ARRAYS[:3])
        starts, ends = indptr[items], indptr[items + 1]
        is_wanted = np.zeros(self.n_items, dtype=np.bool_)
        is_wanted[candidates] = True
        column_of = np.empty(self.n_items, dtype=np.intp)
        column_of[candidates] = np.arange(len(candidates))
        columns = joined(indices, starts, ends)
        found = np.flatnonzero(is_wanted.take(columns))  # faster than by brackets
        after = np.cumsum(ends - starts)
        rows = np.searchsorted(after, found, side="right")
        between = np.zeros((len(items), len(candidates)), dtype=np.float32)
        between[rows, column_of[columns[found]]] = weights[found + (ends - after)[rows]]
        between /= self._array("score_scale")[candidates]
        return between

    def weight_rows(self, items: NDArray[np.int64]) -> csr_array:
        """Return what some items say for all items: their rows of B, (len(items), n_items).

        Parameters
        ----------
        items : int64 array, shape (n,). Item indices.

        Returns
        -------
        CSR float32, a copy. Not multiplied by ``score_scale``.
        """
        indptr, indices, weights = (self._array(name) for name in ARRAYS[:3])
        starts, ends = indptr[items], indptr[items + 1]
        columns = joined(indices, starts, ends)
        between = joined(weights, starts, ends) / self._array("score_scale")[columns]
        after = np.concatenate(([0], np.cumsum(ends - starts)))
        rows: csr_array = csr_array((between, columns, after), shape=(len(items), self.n_items))
        return rows

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        """Return the score of every item; see ``Ranker.scores``.

        score_j = prior_j + sum over rated i of input_weight(stars_i) * B_ij
                + sum over shelved i of shelf_input * B_ij, accumulated in float64.
        """
        items, liking = self.inputs(profile)
        indptr, indices, weights = (self._array(name) for name in ARRAYS[:3])
        starts, ends = indptr[items], indptr[items + 1]
        terms = joined(weights, starts, ends, np.float64)
        terms *= np.repeat(liking, ends - starts)
        sums = np.bincount(joined(indices, starts, ends), terms, minlength=self.n_items)
        scores: NDArray[np.float32] = (sums + self._array("prior")).astype(np.float32)
        return scores

    def contributions(self, profile: Profile, item_index: int) -> Contributions:
        """Return what each of the reader's books adds to the score of one item.

        The reasons of a list: all of a score but its ``prior``.

        Parameters
        ----------
        profile : Profile.
        item_index : int. The scored item.

        Returns
        -------
        Contributions, by descending value, ties by item index. Their sum is the item's score
        less its prior, up to the rounding to float32. Negative values speak against the item.

        Raises
        ------
        InputError
            When ``item_index`` is no item, or as ``scores``.
        """
        self._check_item(item_index)
        items, liking = self.inputs(profile)
        indptr, indices, weights = (self._array(name) for name in ARRAYS[:3])
        found: list[int] = []
        values: list[float] = []
        for item, likes in zip(items.tolist(), liking.tolist(), strict=True):
            start, end = int(indptr[item]), int(indptr[item + 1])
            place = start + int(np.searchsorted(indices[start:end], item_index))
            if likes and place < end and indices[place] == item_index:
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

    def similarities_between(
        self, items: NDArray[np.int64], others: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the similarities kept between two sets of items, 0 where neither keeps one.

        Of every item only the ``n_similar`` most similar are kept; a pair counts when one of the
        two keeps the other. Cost: O((n + n_others) * n_similar).

        Parameters
        ----------
        items : int64 array, shape (n,). Item indices without repeats.
        others : int64 array, shape (n_others,). Likewise.

        Returns
        -------
        float32 array, shape (n, n_others). Partial correlations, 0..1; an item has 0 with itself.
        """
        kept = self._kept_similarities(items, others)
        return np.maximum(kept, self._kept_similarities(others, items).T)

    def _kept_similarities(
        self, items: NDArray[np.int64], others: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return those of the similarities kept of the items that are to one of the others."""
        column_of = np.full(self.n_items, -1, dtype=np.intp)
        column_of[others] = np.arange(len(others))
        columns = column_of[self._array("similar_indices")[items]]
        values = self._array("similarities")[items]
        rows, places = np.nonzero((columns >= 0) & (values > 0))
        between = np.zeros((len(items), len(others)), dtype=np.float32)
        between[rows, columns[rows, places]] = values[rows, places]
        return between

    @property
    def usual_similarity(self) -> float:
        """Median over the items of the similarity to the most similar one; 0 when none has any."""
        strongest = self._array("similarities").max(axis=1, initial=0.0)
        return float(np.median(strongest))

    def _check_item(self, item_index: int) -> None:
        """Raise InputError when an index is no item."""
        if not 0 <= item_index < self.n_items:
            raise InputError(f"item_index is {item_index}; wanted 0 to {self.n_items - 1}.")

    def to_part(self) -> Part:
        """Return the weights and the config."""
        arrays = {name: self._array(name) for name in ARRAYS}
        config = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self.config).items()
        }
        if self.path is not None:
            config["path"] = self.path.as_dict()
        return Part(algorithm=self.name, arrays=arrays, config=config)

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the ranker around memory-mapped weights; see ``Ranker.from_part``."""
        if part.algorithm != cls.name:
            raise ArtifactError(f"the part is of {part.algorithm}; wanted one of {cls.name}.")
        config = dict(part.config)
        path = SolvePath.of_config(config.pop("path", None))
        try:
            ranker = cls(LinearConfig(**config))
        except (TypeError, InputError) as error:
            raise ArtifactError(f"the config of linear is not usable: {error}") from error
        ranker.path = path
        arrays = {name: part.array(name) for name in ARRAYS}
        if not fit_together(arrays):
            raise ArtifactError("the arrays of linear do not fit together; train again.")
        # Kept as memory maps' base arrays: np.memmap's slicing is several times slower.
        ranker._set({name: np.asarray(array) for name, array in arrays.items()})
        return ranker


def input_counts(stars: NDArray[np.float32], config: LinearConfig) -> NDArray[np.float64]:
    """Return what ratings count when scoring, float32 numbers in float64; see ``LinearConfig``."""
    counts = np.interp(stars, np.arange(MIN_STARS, MAX_STARS + 1), config.input_weights)
    return counts.astype(np.float32).astype(np.float64)
