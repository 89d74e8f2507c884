"""What the second stage learns from: the most complete readers, split and left out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine.evaluation import RELEVANT_STARS
from recommender.engine.interactions import Interactions
from recommender.engine.left_out import weights_without
from recommender.engine.linear import input_counts
from recommender.engine.linear_config import LinearConfig
from recommender.engine.linear_solve import Solution
from recommender.engine.progress import OnProgress
from recommender.engine.ranking import top_k
from recommender.engine.readers import Reader, Readers
from recommender.engine.two_stage_config import TwoStageConfig
from recommender.engine.two_stage_features import (
    FEATURES,
    FIRST,
    OTHER,
    ItemTables,
    first_columns,
    other_columns,
    write_columns,
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
    """Lists by a first stage that does not know the reader, and what he liked of them.

    Parameters
    ----------
    user_indices : int64 array, shape (n_lists,). Lists of one reader stand together.
    readers : list of n_lists Reader. What is shown.
    candidates : int64 array, shape (n_lists, n_candidates).
    liked : bool array, same shape. Whether the reader liked the candidate.
    features : float32 array, shape (n_features, n_lists, n_candidates). ``OTHER``, the last of
        them, are not filled in yet.
    """

    user_indices: NDArray[np.int64]
    readers: list[Reader]
    candidates: NDArray[np.int64]
    liked: NDArray[np.bool_]
    features: NDArray[np.float32]


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
    solution : Solution of the first stage. Of the sparse path: one without these readers.
    tables : ItemTables.
    linear : LinearConfig of the solution.
    config : TwoStageConfig.
    on_progress : callable or None. Told ("examples", 0..1).

    Returns
    -------
    Examples. Of splits without a liked book among the candidates as well. A split that leaves
    fewer than ``n_candidates`` books unread gives none.
    """
    left_out = weights_without(linear, solution)
    scale, prior = solution.arrays["score_scale"], solution.arrays["prior"]
    shape = (len(splits), config.n_candidates)
    all_candidates = np.empty(shape, dtype=np.int64)
    liked = np.empty(shape, dtype=np.bool_)
    features = np.empty((len(FEATURES), *shape), dtype=np.float32)
    found: list[tuple[int, Reader]] = []
    n_done = 0
    for user_index, grouped in groupby(splits, key=lambda split: split.user_index):
        own = list(grouped)
        rated, stars = own[0].rated, own[0].stars
        (weights,) = left_out.weights(user_index, rated)
        counts = input_counts(stars, linear).astype(np.float32)
        inputs = np.zeros((len(own), len(rated)), dtype=np.float32)
        for row, split in zip(inputs, own, strict=True):
            row[split.shown] = counts[split.shown]
        readers: list[Reader] = []
        blocks: list[NDArray[np.float32]] = []
        proposed: list[NDArray[np.floating]] = []
        start = len(found)
        for split, scores in zip(own, (inputs @ weights) * scale + prior, strict=True):
            # A split of few ratings still leaves out what the reader is shown in the full one.
            is_candidate = np.ones(len(scores), dtype=np.bool_)
            is_candidate[np.delete(rated, split.hidden)] = False
            unread = np.flatnonzero(is_candidate)
            candidates = unread[top_k(scores[unread], config.n_candidates)]
            if len(candidates) < config.n_candidates:
                continue
            place = start + len(readers)
            all_candidates[place] = candidates
            wanted = rated[split.hidden[stars[split.hidden] >= RELEVANT_STARS]]
            liked[place] = np.isin(candidates, wanted)
            readers.append(Reader(rated[split.shown], stars[split.shown], counts[split.shown]))
            blocks.append(weights[np.ix_(split.shown, candidates)])
            proposed.append(scores[candidates])
        if readers:
            lists = slice(start, start + len(readers))
            columns = first_columns(
                tables,
                Readers.of(readers),
                all_candidates[lists],
                np.stack(proposed),
                np.concatenate(blocks),
            )
            write_columns(columns, FIRST, features[: len(FIRST), lists])
            found += [(user_index, reader) for reader in readers]
        n_done += len(own)
        if on_progress:
            on_progress("examples", n_done / len(splits))
    n_lists = len(found)
    return Examples(
        np.array([user_index for user_index, _ in found], dtype=np.int64),
        [reader for _, reader in found],
        all_candidates[:n_lists],
        liked[:n_lists],
        features[:, :n_lists],
    )


def add_other_features(
    examples: Examples,
    solution: Solution,
    linear: LinearConfig,
    on_progress: OnProgress | None = None,
) -> None:
    """Fill in what the second source says.

    Parameters
    ----------
    examples : Examples. Its ``features`` are completed in place.
    solution : Solution of the second source.
    linear : LinearConfig of the solution.
    on_progress : callable or None. Told ("examples", 0..1).
    """
    left_out = weights_without(linear, solution)
    n_lists = len(examples.readers)
    for user_index, grouped in groupby(
        range(n_lists), key=lambda place: int(examples.user_indices[place])
    ):
        places = list(grouped)
        readers = [examples.readers[place] for place in places]
        blocks = [
            left_out.weights(user_index, reader.items, [examples.candidates[place]])[0]
            for place, reader in zip(places, readers, strict=True)
        ]
        columns = other_columns(Readers.of(readers), np.concatenate(blocks))
        lists = slice(places[0], places[-1] + 1)
        write_columns(columns, OTHER, examples.features[len(FIRST) :, lists])
        if on_progress:
            on_progress("examples", (places[-1] + 1) / n_lists)
