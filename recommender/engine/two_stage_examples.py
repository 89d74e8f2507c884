"""What the second stage learns from: the most complete readers, split and left out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine.evaluation import RELEVANT_STARS
from recommender.engine.interactions import Interactions
from recommender.engine.left_out import LeftOut
from recommender.engine.linear import input_counts
from recommender.engine.linear_config import LinearConfig
from recommender.engine.linear_solve import Solution
from recommender.engine.progress import OnProgress
from recommender.engine.ranking import top_k
from recommender.engine.readers import Reader
from recommender.engine.two_stage_config import TwoStageConfig
from recommender.engine.two_stage_features import (
    ItemTables,
    first_features,
    other_features,
)

_LEAST_RATED: Final = 5
_SHOWN: Final = 0.8
_COLD: Final = (1, 2, 3, 5, 8, 12, 20, 30)  # ratings shown of a reader who has just come


@dataclass(frozen=True, eq=False)
class Split:
    """One reader's ratings, split at random.

    Parameters
    ----------
    user_index : int.
    rated : int64 array. All his books.
    shown : int64 array. Positions in ``rated`` that the ranker sees.
    hidden : int64 array. Positions in ``rated`` that should be found.
    """

    user_index: int
    rated: NDArray[np.int64]
    stars: NDArray[np.float32]
    shown: NDArray[np.int64]
    hidden: NDArray[np.int64]


def draw_splits(
    interactions: Interactions, user_indices: NDArray[np.int64], config: TwoStageConfig
) -> list[Split]:
    """Split the ratings of some readers, reader by reader.

    Parameters
    ----------
    interactions : Interactions.
    user_indices : int64 array. Readers with fewer than 5 ratings are left out.
    config : TwoStageConfig.

    Returns
    -------
    list of Split. Those of one reader stand together.
    """
    generator = np.random.default_rng(config.seed)
    splits: list[Split] = []
    for user_index in np.sort(user_indices).tolist():
        profile = interactions.profile(user_index)
        n_rated = len(profile.item_indices)
        if n_rated < _LEAST_RATED:
            continue
        n_shown = round(_SHOWN * n_rated)
        for number in range(config.n_splits + config.n_cold_splits):
            order = generator.permutation(n_rated)
            shown, hidden = order[:n_shown], order[n_shown:]
            if number >= config.n_splits:
                shown = shown[: generator.choice(_COLD)]
            splits.append(
                Split(user_index, profile.item_indices, profile.stars, np.sort(shown), hidden)
            )
    return splits


@dataclass(frozen=True, eq=False)
class Examples:
    """What the first stage gives of every split.

    Parameters
    ----------
    splits : list of n Split.
    readers : list of n Reader. What is shown.
    candidates : list of n int64 arrays.
    features : list of n float32 arrays, shape (n_candidates, n_features - 3).
    labels : list of n bool arrays. Whether the reader liked the candidate.
    """

    splits: list[Split]
    readers: list[Reader]
    candidates: list[NDArray[np.int64]]
    features: list[NDArray[np.float32]]
    labels: list[NDArray[np.bool_]]


def first_examples(
    splits: list[Split],
    solution: Solution,
    tables: ItemTables,
    linear: LinearConfig,
    config: TwoStageConfig,
    on_progress: OnProgress | None = None,
) -> Examples:
    """Rank for every split by weights that do not know its reader.

    Parameters
    ----------
    splits : list of Split, those of one reader together.
    solution : Solution of the first stage.
    tables : ItemTables.
    linear : LinearConfig of the solution.
    config : TwoStageConfig.
    on_progress : callable or None. Told ("examples", 0..1).

    Returns
    -------
    Examples. Those without a liked book among the candidates are among them: they tell for
    which readers the first stage is no guide. A reader who has rated every item gives none.
    """
    left_out = LeftOut(solution)
    scale, prior = solution.arrays["score_scale"], solution.arrays["prior"]
    found = Examples([], [], [], [], [])
    n_done = 0
    for user_index, grouped in groupby(splits, key=lambda split: split.user_index):
        own = list(grouped)
        rated, stars = own[0].rated, own[0].stars
        (weights,) = left_out.weights(user_index, rated)
        counts = input_counts(stars, linear).astype(np.float32)
        inputs = np.zeros((len(own), len(rated)), dtype=np.float32)
        for row, split in zip(inputs, own, strict=True):
            row[split.shown] = counts[split.shown]
        for split, scores in zip(own, (inputs @ weights) * scale + prior, strict=True):
            # A split of few ratings still leaves out what the reader is shown in the full one.
            is_candidate = np.ones(len(scores), dtype=np.bool_)
            is_candidate[np.delete(rated, split.hidden)] = False
            unread = np.flatnonzero(is_candidate)
            candidates = unread[top_k(scores[unread], config.n_candidates)]
            if not len(candidates):
                continue
            reader = Reader(rated[split.shown], stars[split.shown], counts[split.shown])
            block = weights[np.ix_(split.shown, candidates)]
            liked = rated[split.hidden[stars[split.hidden] >= RELEVANT_STARS]]
            found.splits.append(split)
            found.readers.append(reader)
            found.candidates.append(candidates)
            found.labels.append(np.isin(candidates, liked))
            found.features.append(
                first_features(tables, reader, candidates, scores[candidates], block)
            )
        n_done += len(own)
        if on_progress:
            on_progress("examples", n_done / len(splits))
    return found


def add_other_features(
    examples: Examples, solution: Solution, on_progress: OnProgress | None = None
) -> NDArray[np.float32]:
    """Return the whole feature matrix, candidate after candidate, split after split.

    Parameters
    ----------
    examples : Examples. Its ``features`` are given up one by one: they are the larger part of
        the memory.
    solution : Solution of the second source.
    on_progress : callable or None. Told ("examples", 0..1).

    Returns
    -------
    float32 array, shape (n_rows, n_features).
    """
    left_out = LeftOut(solution)
    n_rows = sum(map(len, examples.candidates))
    n_first = examples.features[0].shape[1]
    rows = np.empty((n_rows, n_first + 3), dtype=np.float32)
    start = 0
    for number, split in enumerate(examples.splits):
        candidates, reader = examples.candidates[number], examples.readers[number]
        (block,) = left_out.weights(split.user_index, reader.items, [candidates])
        end = start + len(candidates)
        rows[start:end, :n_first] = examples.features[number]
        rows[start:end, n_first:] = other_features(reader, block)
        examples.features[number] = np.empty((0, n_first), dtype=np.float32)
        start = end
        if on_progress and number % 100 == 99:
            on_progress("examples", (number + 1) / len(examples.splits))
    return rows
