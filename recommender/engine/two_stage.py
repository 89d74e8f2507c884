"""The default ranker: the similarity index proposes, a small network orders."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.artifact import Part
from recommender.engine.catalog import Catalog
from recommender.engine.completeness import estimate_completeness
from recommender.engine.errors import ArtifactError, InputError, NotFittedError
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.linear import Contributions, LinearRanker, SimilarItems
from recommender.engine.linear_config import LinearConfig
from recommender.engine.linear_path import SPARSE, choose_path
from recommender.engine.linear_solve import Solution, solve_item_weights
from recommender.engine.list_network_fit import fit_list_network
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import Ranker, check_catalog
from recommender.engine.ranking import rank, top_k
from recommender.engine.second_stage import SecondStage
from recommender.engine.series import Series
from recommender.engine.threads import in_threads, n_cores
from recommender.engine.two_stage_config import SECOND_SOURCE, TwoStageConfig
from recommender.engine.two_stage_examples import (
    Split,
    add_other_features,
    draw_splits,
    first_examples,
)
from recommender.engine.two_stage_features import FEATURES, ItemTables
from recommender.engine.vocabulary import as_ids

logger = logging.getLogger(__name__)

_LINEAR_PREFIX: Final = "linear_"
_CANDIDATES_AT_ONCE: Final = 4096
_PROGRESS: Final = {  # part of the fit -> from and to which part of the whole it lasts
    "first": (0.0, 0.3),
    "first examples": (0.3, 0.45),
    "second": (0.45, 0.75),
    "second examples": (0.75, 0.8),
    "network": (0.8, 1.0),
}


class TwoStageRanker(Ranker):
    """Candidates by ``linear``, ordered by a network that sees more than weights.

    The network is learned from the most complete readers, each left out of the weights exactly,
    to tell which candidates a reader liked (of a catalogue that is solved sparsely, they have no
    part in the weights at all): from what his books say for each, by stars and by
    two sources of weights, from authors, series, tags, popularity and year, and from what kind
    of reader he is. With too little to learn from there is no second stage, the reason is in
    ``skipped_because``, and the ranker is ``linear``.

    The reasons of a list are those of ``linear``: ``contributions``.

    Parameters
    ----------
    config : TwoStageConfig or None for the defaults.
    linear_config : LinearConfig of the first stage, or None for its defaults.
    memory_limit_bytes : int or None. As for ``LinearRanker``.
    n_threads : int > 0 or None. Of ``batch_scores``; None: one for each core of this process.
    log_folder : Path or None. Where a fit writes TensorBoard's logs of its networks.
    """

    name: ClassVar[str] = "two_stage"

    def __init__(
        self,
        config: TwoStageConfig | None = None,
        *,
        linear_config: LinearConfig | None = None,
        memory_limit_bytes: int | None = None,
        n_threads: int | None = None,
        log_folder: Path | None = None,
    ) -> None:
        self.config = config or TwoStageConfig()
        self.log_folder = log_folder
        self.n_threads = n_threads or n_cores()
        self._memory_limit_bytes = memory_limit_bytes
        self._linear_config = linear_config or LinearConfig()
        self._linear: LinearRanker | None = None
        self._second: SecondStage | None = None
        self.skipped_because: str | None = None

    @classmethod
    def of_first_stage(cls, linear: LinearRanker, because: str) -> Self:
        """Return a ranker that orders by a fitted first stage alone, and says why."""
        ranker = cls(linear_config=linear.config)
        ranker._linear = linear
        ranker.skipped_because = because
        return ranker

    @property
    def linear(self) -> LinearRanker:
        """The first stage. Raises NotFittedError before fit."""
        if self._linear is None:
            raise NotFittedError("two_stage is not fitted; call fit or from_part first.")
        return self._linear

    @property
    def losses(self) -> tuple[tuple[float, ...], ...]:
        """The losses of each network of the second stage by epoch; empty unless fitted here."""
        return self._second.network.losses if self._second else ()

    @property
    def n_items(self) -> int:
        """Number of items scored."""
        return self.linear.n_items

    @property
    def prior(self) -> NDArray[np.float32]:
        """That of the first stage, float32 (n_items,)."""
        return self.linear.prior

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Learn both stages; see ``Ranker.fit``.

        Raises
        ------
        CatalogTooLargeError, FitError
            As ``LinearRanker.fit``, and when TensorFlow is not installed.
        """
        check_catalog(interactions, catalog)
        if on_progress:
            on_progress("completeness", 0.0)
        completeness = estimate_completeness(
            interactions, catalog, n_complete=self.config.n_readers
        )
        splits = draw_splits(interactions, completeness.complete_users, self.config)
        path = choose_path(interactions.n_items, self._linear_config, self._memory_limit_bytes)
        # Nobody can be taken out of sparse weights afterwards.
        is_apart = path.solver == SPARSE
        known = _without(interactions, splits) if is_apart else interactions

        def solve(config: LinearConfig, rows: Interactions, part: str) -> Solution:
            return solve_item_weights(
                rows,
                config,
                catalog,
                completeness=completeness,
                memory_limit_bytes=self._memory_limit_bytes,
                on_progress=_part_of(on_progress, part),
            )

        solution = solve(self._linear_config, known, "first")
        self._linear = LinearRanker.of_solution(self._linear_config, solution)
        self._second = None
        tables = ItemTables.build(interactions, catalog, completeness)
        examples = first_examples(
            splits,
            solution,
            tables,
            self._linear_config,
            self.config,
            _part_of(on_progress, "first examples"),
        )
        del solution
        n_useful = int(examples.liked.any(axis=1).sum())
        if n_useful < self.config.least_examples:
            self.skipped_because = (
                f"{n_useful} lists with a liked book among the candidates, fewer than "
                f"{self.config.least_examples}"
            )
            logger.info("no second stage: %s", self.skipped_because)
            if is_apart:
                solution = solve(self._linear_config, interactions, "second")
                self._linear = LinearRanker.of_solution(self._linear_config, solution)
            if on_progress:
                on_progress("second stage", 1.0)
            return self
        second_config = replace(
            SECOND_SOURCE, solver=path.solver, n_support=self._linear_config.n_support
        )
        second = solve(second_config, known, "second")
        add_other_features(
            examples, second, second_config, _part_of(on_progress, "second examples")
        )
        source = LinearRanker.of_solution(second_config, second)
        del second
        report = _part_of(on_progress, "network")
        network = fit_list_network(
            examples.features,
            examples.liked,
            self.config.network,
            log_folder=self.log_folder,
            on_progress=None if report is None else lambda done: report("second stage", done),
        )
        self._second = SecondStage(tables, source, network)
        self.skipped_because = None
        return self

    def scores(
        self,
        profile: Profile,
        excluded: ArrayLike = (),
        *,
        first: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return the score of every item; see ``Ranker.scores``.

        A candidate's score is the second stage's probability that a book which the reader likes
        next, one of the candidates, is this one (above 0; 1 together). All others follow in the
        order of the first stage, their linear score less the highest of them: 0 or below. Without
        a second stage, or for a reader without ratings, the scores are those of ``linear``.

        Parameters
        ----------
        profile : Profile. What is rated or shelved in it is never a candidate.
        excluded : array_like of int. Further items that are no candidates (dismissed, hidden):
            without them here, they take the places of candidates that could be shown.
        first : float32 array or None, shape (n_items,). What ``linear`` scored this profile, where
            it is known. Not modified.
        """
        left_out = as_ids(excluded, "excluded")
        if len(left_out) and not (left_out.min() >= 0 and left_out.max() < self.n_items):
            raise InputError(
                f"excluded spans {left_out.min()}..{left_out.max()}; wanted item indices "
                f"0..{self.n_items - 1}."
            )
        scores = self.linear.scores(profile) if first is None else first.copy()
        self._score([profile], left_out, scores[np.newaxis])
        return scores

    def batch_scores(self, profiles: Sequence[Profile]) -> NDArray[np.float32]:
        """Return the scores of several readers; see ``Ranker.batch_scores``.

        Blocks of readers are shared by ``n_threads`` threads. Beside the result a thread takes
        20 MB or so.
        """
        scores = np.empty((len(profiles), self.n_items), dtype=np.float32)
        at_once = max(1, _CANDIDATES_AT_ONCE // self.config.n_candidates)
        blocks = [slice(first, first + at_once) for first in range(0, len(profiles), at_once)]
        nothing = np.empty(0, dtype=np.int64)

        def score(block: slice) -> None:
            for profile, own in zip(profiles[block], scores[block], strict=True):
                own[:] = self.linear.scores(profile)
            self._score(profiles[block], nothing, scores[block])

        in_threads(score, blocks, self.n_threads)
        return scores

    def _score(
        self,
        profiles: Sequence[Profile],
        left_out: NDArray[np.int64],
        scores: NDArray[np.float32],
    ) -> None:
        """Turn the first stage's scores of a block of readers, (n_readers, n_items), into all."""
        by_length: dict[int, list[tuple[int, NDArray[np.int64]]]] = {}
        for row, profile in enumerate(profiles):
            if self._second is not None and len(profile.item_indices):
                candidates = self._candidates(profile, left_out, scores[row])
                by_length.setdefault(len(candidates), []).append((row, candidates))
        for n_candidates, listed in by_length.items():
            if self._second is not None and n_candidates:
                candidates = np.stack([found for _, found in listed])
                self._order(self._second, profiles, [row for row, _ in listed], candidates, scores)

    def _candidates(
        self, profile: Profile, left_out: NDArray[np.int64], scores: NDArray[np.float32]
    ) -> NDArray[np.int64]:
        """Return what the first stage proposes, best first; fewer where little is unread."""
        unread = scores.copy()
        for items in (profile.item_indices, profile.shelf_indices, left_out):
            unread[items] = -np.inf
        best = top_k(unread, self.config.n_candidates)
        return best[unread[best] > -np.inf]

    def _order(
        self,
        second: SecondStage,
        profiles: Sequence[Profile],
        rows: Sequence[int],
        candidates: NDArray[np.int64],
        scores: NDArray[np.float32],
    ) -> None:
        """Put the probabilities in place of the candidates' scores, the others below."""
        proposed = np.stack([scores[row, own] for row, own in zip(rows, candidates, strict=True)])
        probabilities = second.probabilities(
            self.linear, [profiles[row] for row in rows], candidates, proposed
        )
        for row, own, values in zip(rows, candidates, probabilities, strict=True):
            if len(own) < self.n_items:
                scores[row, own] = -np.inf
                scores[row] -= scores[row].max()
            scores[row, own] = values

    def recommend(
        self,
        profile: Profile,
        *,
        k: int,
        excluded: ArrayLike = (),
        series: Series | None = None,
    ) -> NDArray[np.int64]:
        """Return the reader's list, the candidates taken after the exclusions; see ``Ranker``."""
        left_out = as_ids(excluded, "excluded")
        return rank(
            self.scores(profile, left_out),
            k=k,
            excluded=np.concatenate((profile.item_indices, profile.shelf_indices, left_out)),
            series=series,
            read=profile.item_indices,
        )

    def contributions(self, profile: Profile, item_index: int) -> Contributions:
        """Return what each of the reader's books adds to the first stage's score of an item."""
        return self.linear.contributions(profile, item_index)

    def similar_items(self, item_index: int, k: int) -> SimilarItems:
        """Return the items most like one item; see ``LinearRanker.similar_items``."""
        return self.linear.similar_items(item_index, k)

    def to_part(self) -> Part:
        """Return both stages."""
        linear = self.linear.to_part()
        arrays = {f"{_LINEAR_PREFIX}{name}": array for name, array in linear.arrays.items()}
        if self._second is not None:
            arrays |= self._second.arrays()
        config = {
            "two_stage": asdict(self.config),
            "linear": dict(linear.config),
            "features": list(FEATURES),
            "skipped_because": self.skipped_because,
        }
        return Part(algorithm=self.name, arrays=arrays, config=config)

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the ranker around memory-mapped arrays; see ``Ranker.from_part``."""
        if part.algorithm != cls.name:
            raise ArtifactError(f"the part is of {part.algorithm}; wanted one of {cls.name}.")
        try:
            ranker = cls(TwoStageConfig(**part.config["two_stage"]))
            linear_config, skipped = part.config["linear"], part.config["skipped_because"]
            features = part.config["features"]
        except (KeyError, TypeError, InputError) as error:
            raise ArtifactError(f"the config of two_stage is not usable: {error}") from error
        arrays = {
            name.removeprefix(_LINEAR_PREFIX): array
            for name, array in part.arrays.items()
            if name.startswith(_LINEAR_PREFIX)
        }
        ranker._linear = LinearRanker.from_part(Part(LinearRanker.name, arrays, linear_config))
        ranker._linear_config = ranker._linear.config
        ranker.skipped_because = skipped
        if skipped is not None:
            return ranker
        if features != list(FEATURES):
            raise ArtifactError("two_stage was fitted with other features; train again.")
        ranker._second = SecondStage.of_arrays(part.arrays, ranker.n_items)
        return ranker


def _without(interactions: Interactions, splits: Sequence[Split]) -> Interactions:
    """Return the rows of everybody who is not among the splits."""
    kept = np.ones(interactions.n_users, dtype=np.bool_)
    kept[[split.user_index for split in splits]] = False
    return interactions.select_users(kept)


def _part_of(on_progress: OnProgress | None, part: str) -> Callable[[str, float], None] | None:
    """Return what reports the progress of a part of the fit as that of the whole."""
    if on_progress is None:
        return None
    start, end = _PROGRESS[part]

    def report(stage: str, done: float) -> None:
        on_progress(stage, end if done >= 1 else start + (end - start) * done)

    return report
