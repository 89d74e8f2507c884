"""The second stage of the default ranker: features of candidates, judged by a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from recommender.engine.artifact import Part
from recommender.engine.errors import ArtifactError
from recommender.engine.interactions import Profile
from recommender.engine.linear import LinearRanker, input_counts
from recommender.engine.list_network import ListNetwork
from recommender.engine.readers import Reader, Readers
from recommender.engine.two_stage_config import SECOND_SOURCE
from recommender.engine.two_stage_features import (
    FEATURES,
    HEAD,
    ITEM,
    MAIN,
    PAIR,
    USER,
    ItemTables,
    first_columns,
    other_columns,
    write_columns,
)

_SOURCE_PREFIX: Final = "second_"
# Places among FEATURES.
_N_BY_CANDIDATE: Final = len(HEAD) + len(MAIN) + len(PAIR)
_OF_ITEM: Final = slice(_N_BY_CANDIDATE, _N_BY_CANDIDATE + len(ITEM))
_OF_USER: Final = slice(_OF_ITEM.stop, _OF_ITEM.stop + len(USER))
_BY_CANDIDATE: Final = (slice(0, _OF_ITEM.start), slice(_OF_USER.stop, len(FEATURES)))


@dataclass(frozen=True, eq=False)
class SecondStage:
    """What was learned to order candidates.

    Parameters
    ----------
    tables : ItemTables.
    source : LinearRanker. The second source of weights.
    network : ListNetwork. Orders a list by ``FEATURES``.
    """

    tables: ItemTables
    source: LinearRanker
    network: ListNetwork

    def probabilities(
        self,
        linear: LinearRanker,
        profiles: Sequence[Profile],
        candidates: NDArray[np.int64],
        scores: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """Return how likely a book that its reader likes next is each one of the candidates.

        Several readers at once are cheaper, and each one's are the same to the last bit.

        Parameters
        ----------
        linear : LinearRanker. The first stage.
        profiles : sequence of n_readers Profile, each with at least one rating.
        candidates : int64 array, shape (n_readers, n), n > 0. Rows by descending score.
        scores : float32 array, same shape. Of the first stage.

        Returns
        -------
        float64 array, same shape. Above 0; the sum of each row is 1.
        """
        features = self.features(linear, profiles, candidates, scores)
        found = self.network.judge(self._normal_scores(features, candidates))
        likely: NDArray[np.float64] = np.exp(
            found.astype(np.float64) - found.max(axis=1, keepdims=True)
        )
        likely /= likely.sum(axis=1, keepdims=True)
        return likely

    def _normal_scores(
        self, features: NDArray[np.float32], candidates: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the network's normal scores of all features, to the bit.

        Those of ``ITEM`` were worked out for every item; those of ``USER`` are one for a list.
        """
        normal = self.network.normal
        scores = np.empty(features.shape, dtype=np.float32)
        for part in _BY_CANDIDATE:
            scores[part] = normal.transform(features[part], part)
        scores[_OF_ITEM] = np.moveaxis(self._item_scores[candidates], 2, 0)
        scores[_OF_USER] = normal.transform(features[_OF_USER, :, :1], _OF_USER)
        return scores

    @cached_property
    def _item_scores(self) -> NDArray[np.float32]:
        """Normal scores of ``ITEM`` for every item, float32 (n_items, number of ``ITEM``)."""
        columns = self.tables.items.T[:, np.newaxis]
        scores = self.network.normal.transform(columns, _OF_ITEM)[:, 0]
        return np.ascontiguousarray(scores.T)

    def features(
        self,
        linear: LinearRanker,
        profiles: Sequence[Profile],
        candidates: NDArray[np.int64],
        scores: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return ``FEATURES``, shape (n_features, n_readers, n); see ``probabilities``."""
        readers = Readers.of(
            [
                Reader(
                    profile.item_indices,
                    profile.stars,
                    input_counts(profile.stars, linear.config).astype(np.float32),
                )
                for profile in profiles
            ]
        )
        weights = np.empty((len(readers.items), candidates.shape[1]), dtype=np.float32)
        others = np.empty_like(weights)
        for (start, end), own in zip(readers.spans, candidates, strict=True):
            items = readers.items[start:end]
            weights[start:end] = linear.weights_between(items, own)
            others[start:end] = self.source.weights_between(items, own)
        columns = first_columns(self.tables, readers, candidates, scores, weights)
        columns |= other_columns(readers, others)
        table = np.empty((len(FEATURES), *candidates.shape), dtype=np.float32)
        write_columns(columns, FEATURES, table)
        return table

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what an artifact keeps."""
        source = self.source.to_part().arrays
        return {
            **self.tables.arrays(),
            **self.network.arrays(),
            **{f"{_SOURCE_PREFIX}{name}": array for name, array in source.items()},
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_items: int) -> Self:
        """Rebuild from ``arrays``.

        Raises
        ------
        ArtifactError
            When one is missing, or they do not fit together.
        """
        try:
            tables = ItemTables.of_arrays(arrays, n_items)
            network = ListNetwork.of_arrays(arrays, len(FEATURES))
        except KeyError as error:
            raise ArtifactError(f"two_stage has no array {error}; train again.") from error
        own = {
            name.removeprefix(_SOURCE_PREFIX): array
            for name, array in arrays.items()
            if name.startswith(_SOURCE_PREFIX)
        }
        source = LinearRanker.from_part(Part(LinearRanker.name, own, asdict(SECOND_SOURCE)))
        if source.n_items != n_items:
            raise ArtifactError("the sources of two_stage do not fit together; train again.")
        return cls(tables, source, network)
