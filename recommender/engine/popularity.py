"""Popular and good: the ranking for a reader of whom nothing is known."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.artifact import Part
from recommender.engine.audience import Audience
from recommender.engine.catalog import Catalog
from recommender.engine.errors import ArtifactError, FitError, InputError, NotFittedError
from recommender.engine.interactions import MAX_STARS, MIN_STARS, Interactions, Profile
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import Ranker, check_catalog
from recommender.engine.ranking import rank
from recommender.engine.series import NO_GROUP, Series, as_groups


@dataclass(frozen=True)
class PopularityConfig:
    """Hyperparameters of ``PopularityRanker``.

    Parameters
    ----------
    prior_ratings : float >= 0 or None. Ratings that the global mean counts for. None: the median
        of the books' counts, so that half of the books are judged more by the others than by
        their own ratings.
    audience_exponent : float >= 0. 0 ranks by stars alone, a large one by counts alone.
    """

    prior_ratings: float | None = None
    audience_exponent: float = 2.0

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        for name in ("prior_ratings", "audience_exponent"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; wanted a finite number from 0.")


def _counts_and_means(
    audience: Audience, catalog: Catalog | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each item's count and mean stars (0 without ratings), the catalog's first.

    The catalog's pair is taken where both are known: an import may hold a sample of the ratings
    that no longer says which book has many.
    """
    counts = audience.n_ratings.astype(np.float64)
    means = np.divide(audience.stars, counts, out=np.zeros(len(counts)), where=counts > 0)
    if catalog is not None and catalog.n_ratings is not None and catalog.mean_stars is not None:
        known = ~np.isnan(catalog.n_ratings) & ~np.isnan(catalog.mean_stars)
        counts[known] = catalog.n_ratings[known]
        means[known] = catalog.mean_stars[known]
    return counts, means


class PopularityRanker(Ranker):
    """The same ranking for everybody: Bayesian mean of the stars times audience.

    With n_j ratings of mean x_j, the global mean mu = sum n_j x_j / sum n_j, and m prior
    ratings:

        mean_j  = (m mu + n_j x_j) / (m + n_j)              Bayesian mean, stars 1..5
        score_j = (mean_j - 1) / 4 * (log(1 + n_j) / log(1 + max n))^audience_exponent

    The score is in 0..1, 0 for a book without ratings. Uses the catalog's ``n_ratings`` and
    ``mean_stars`` where given (see docs/algorithms/popularity.md), else counts the interactions.

    Parameters
    ----------
    config : PopularityConfig or None for the defaults.
    """

    name: ClassVar[str] = "popularity"

    def __init__(self, config: PopularityConfig | None = None) -> None:
        self.config = config or PopularityConfig()
        self._scores: NDArray[np.float32] | None = None
        self._mean_stars: NDArray[np.float32] | None = None

    @property
    def n_items(self) -> int:
        """Number of items scored."""
        return len(self._fitted(self._scores))

    @property
    def mean_stars(self) -> NDArray[np.float32]:
        """Bayesian mean of each item's stars, float32 (n_items,), read-only."""
        return self._fitted(self._mean_stars)

    @staticmethod
    def _fitted(array: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Return a fitted array, or raise NotFittedError."""
        if array is None:
            raise NotFittedError("popularity is not fitted; call fit or from_part first.")
        return array

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Count; see ``Ranker.fit``.

        Raises
        ------
        FitError
            When there is no item, or not one rating, own or in the catalog.
        """
        check_catalog(interactions, catalog)
        if on_progress:
            on_progress("popularity", 0.0)
        self.fit_audience(Audience.of(interactions), catalog)
        if on_progress:
            on_progress("popularity", 1.0)
        return self

    def fit_audience(self, audience: Audience, catalog: Catalog | None = None) -> Self:
        """Rank by what was counted elsewhere, of the catalog's items; raises as ``fit``."""
        counts, means = _counts_and_means(audience, catalog)
        rated = counts > 0
        if not rated.any():
            raise FitError("no item has a rating; import ratings first.")
        overall = float(counts @ means / counts.sum())
        prior = self.config.prior_ratings
        if prior is None:
            prior = float(np.median(counts[rated]))
        # With a prior of 0 a book without ratings would be 0 / 0: it has the global mean.
        weight = np.where(rated, counts, 1.0)
        bayesian = (prior * overall + weight * np.where(rated, means, overall)) / (prior + weight)
        quality = (bayesian - MIN_STARS) / (MAX_STARS - MIN_STARS)
        reach = np.log1p(counts) / np.log1p(counts.max())
        scores = np.where(rated, quality * reach**self.config.audience_exponent, 0.0)
        self._set(scores.astype(np.float32), bayesian.astype(np.float32))
        return self

    def _set(self, scores: NDArray[np.float32], mean_stars: NDArray[np.float32]) -> None:
        """Keep the fitted arrays, read-only."""
        for array in (scores, mean_stars):
            array.flags.writeable = False
        self._scores, self._mean_stars = scores, mean_stars

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        """Return the score of every item, whoever the reader is; see ``Ranker.scores``."""
        self._check_profile(profile)
        return self._fitted(self._scores).copy()

    def diverse_top(
        self,
        k: int,
        *,
        series: Series | None = None,
        authors: ArrayLike | None = None,
        genres: ArrayLike | None = None,
        excluded: ArrayLike = (),
        read: ArrayLike = (),
        genre_penalty: float = 0.15,
    ) -> NDArray[np.int64]:
        """Return a popular yet varied list for cold start.

        Greedy: each place goes to the item of highest
        ``score * (1 - genre_penalty) ** (items of its genre already listed)`` among those whose
        author is not in the list yet; series are ranked by the series rule of ``rank``, so that
        of each at most one volume appears and an unknown reader is given the first.

        Parameters
        ----------
        k : int > 0.
        series : Series or None.
        authors, genres : int array, shape (n_items,), or None. Group of each item, -1 for none.
        excluded, read : array_like of int. Item indices, as for ``rank``.
        genre_penalty : float in 0..1. 0: genres do not matter; 1: one item a genre while there
            are others with a score.

        Returns
        -------
        int64 array of item indices, the first chosen first, at most k and never padded. Ties
        go to the lower item index.

        Raises
        ------
        InputError
            On k < 1, a penalty outside 0..1 or groups of another length.
        """
        scores = self._fitted(self._scores)
        if not 0 <= genre_penalty <= 1:
            raise InputError(f"genre_penalty is {genre_penalty}; wanted 0 to 1.")
        none = np.full(self.n_items, NO_GROUP)
        author = as_groups(none if authors is None else authors, self.n_items, "authors")
        genre = as_groups(none if genres is None else genres, self.n_items, "genres")
        if k < 1:
            raise InputError(f"k is {k}; wanted 1 or more.")
        ranked = rank(scores, k=self.n_items, excluded=excluded, series=series, read=read)
        left = np.sort(ranked)
        value = scores[left].astype(np.float64)
        chosen: list[int] = []
        while len(left) and len(chosen) < k:
            place = int(np.argmax(value))
            item = int(left[place])
            chosen.append(item)
            if genre[item] != NO_GROUP:
                value[genre[left] == genre[item]] *= 1 - genre_penalty
            remains = left != item
            if author[item] != NO_GROUP:
                remains &= author[left] != author[item]
            left, value = left[remains], value[remains]
        return np.array(chosen, dtype=np.int64)

    def to_part(self) -> Part:
        """Return the scores, the means and the config."""
        arrays = {"scores": self._fitted(self._scores), "mean_stars": self.mean_stars}
        return Part(algorithm=self.name, arrays=arrays, config=asdict(self.config))

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the ranker; see ``Ranker.from_part``."""
        ranker = cls(part.config_as(PopularityConfig, cls.name))
        scores, mean_stars = (np.asarray(part.array(name)) for name in ("scores", "mean_stars"))
        whole = (
            scores.ndim == 1
            and len(scores) > 0
            and scores.shape == mean_stars.shape
            and scores.dtype == mean_stars.dtype == np.float32
            and bool(np.isfinite(scores).all() and np.isfinite(mean_stars).all())
        )
        if not whole:
            raise ArtifactError("the arrays of popularity do not fit together; train again.")
        ranker._set(scores, mean_stars)
        return ranker
