"""The contract that every ranker keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.artifact import Part
from recommender.engine.catalog import Catalog
from recommender.engine.errors import InputError
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.progress import OnProgress
from recommender.engine.ranking import rank
from recommender.engine.series import Series
from recommender.engine.vocabulary import as_ids


class Ranker(ABC):
    """Scores every item for a reader it has never seen.

    A ranker is fitted once, keeps nothing of any reader, and is not changed by scoring: one
    instance may serve many threads. The same input and config give bit-equal scores on one
    machine.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def n_items(self) -> int:
        """Number of items scored. Raises NotFittedError before fit."""

    @abstractmethod
    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Learn from all interactions, replacing what an earlier fit learned.

        Parameters
        ----------
        interactions : Interactions. Not modified.
        catalog : Catalog or None. Metadata of the same items; what a ranker uses of it is
            written in its docstring, and every ranker must do without.
        on_progress : callable or None. Called with (stage, part done 0..1); an exception that
            it raises (a cancelled run) ends the fit.

        Returns
        -------
        self.

        Raises
        ------
        FitError
            When the fit fails or gives a value that is not finite.
        InputError
            When ``catalog`` is of other items.
        """

    @abstractmethod
    def scores(self, profile: Profile) -> NDArray[np.float32]:
        """Return the affinity of one reader to every item (fold-in).

        Parameters
        ----------
        profile : Profile. May be empty.

        Returns
        -------
        float32 array, shape (n_items,). Finite, writable, the caller's own. Higher is better;
        comparable within one call only. Rated items are scored too: ``rank`` leaves them out.

        Raises
        ------
        InputError
            When the profile has an index that is not below ``n_items``.
        NotFittedError
            Before fit.
        """

    def batch_scores(self, profiles: Sequence[Profile]) -> NDArray[np.float32]:
        """Return the scores of several readers, row by row bit-equal to ``scores``.

        Parameters
        ----------
        profiles : sequence of Profile, length n. Pass a few hundred at a time: the result
            takes n * n_items * 4 bytes.

        Returns
        -------
        float32 array, shape (n, n_items).
        """
        result = np.empty((len(profiles), self.n_items), dtype=np.float32)
        for row, profile in enumerate(profiles):
            result[row] = self.scores(profile)
        return result

    def recommend(
        self,
        profile: Profile,
        *,
        k: int,
        excluded: ArrayLike = (),
        series: Series | None = None,
    ) -> NDArray[np.int64]:
        """Return the reader's list: the k best items that he neither rated nor shelved.

        Parameters
        ----------
        profile : Profile.
        k : int > 0. Cutoff.
        excluded : array_like of int. Further item indices to leave out (dismissed, hidden).
        series : Series or None. Given, the series rule of ``rank`` applies.

        Returns
        -------
        int64 array of item indices, best first, at most k and never padded.
        """
        left_out = np.concatenate(
            (profile.item_indices, profile.shelf_indices, as_ids(excluded, "excluded"))
        )
        return rank(
            self.scores(profile), k=k, excluded=left_out, series=series, read=profile.item_indices
        )

    @abstractmethod
    def to_part(self) -> Part:
        """Return what an artifact keeps of this ranker. Raises NotFittedError before fit."""

    @classmethod
    @abstractmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the ranker from its part, without copying the memory-mapped arrays.

        Raises
        ------
        ArtifactError
            When an array or hyperparameter is missing, or the arrays do not fit together.
        """

    def _check_profile(self, profile: Profile) -> None:
        """Raise InputError when a profile is of a larger catalog (indices are sorted)."""
        for indices in (profile.item_indices, profile.shelf_indices):
            if len(indices) and indices[-1] >= self.n_items:
                raise InputError(
                    f"the profile names item index {indices[-1]}, the ranker has {self.n_items} "
                    "items; build the profile with the vocabulary of the ranker's artifact."
                )


def check_catalog(interactions: Interactions, catalog: Catalog | None) -> None:
    """Raise InputError unless the catalog, where there is one, is of the same items."""
    if catalog is not None and not np.array_equal(catalog.items.ids, interactions.item_ids):
        raise InputError(
            f"the catalog has {catalog.n_items} items and the interactions have "
            f"{interactions.n_items}, or other ids; pass catalog_ids=catalog.items.ids to "
            "Interactions.from_pairs."
        )
