"""Neighbourhoods of items: what readers of the same books read, by cosine or BM25."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from recommender.engine.artifact import Part
from recommender.engine.catalog import Catalog
from recommender.engine.errors import FitError, InputError, NotFittedError
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.linear_solve import strongest_of_rows
from recommender.engine.neighbour_weights import NeighbourWeights
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import Ranker, check_catalog
from recommender.engine.weights import (
    STAR_WEIGHTS,
    StarWeights,
    as_star_weights,
    interaction_weights,
    profile_weights,
)

_ROWS_AT_ONCE: Final = 500  # rows of similarities made at a time: 20 MB for 10,000 items


@dataclass(frozen=True)
class ItemKnnConfig:
    """Hyperparameters of ``ItemKnnRanker``.

    Parameters
    ----------
    weighting : "cosine" or "bm25". How the similarity of two items is measured.
    n_neighbours : int > 0. Most similar items kept per item.
    shrinkage : float >= 0. Added to the denominator of the cosine: holds back items with few
        readers; of cosine only.
    bm25_k1 : float > 0, and bm25_b : float in 0..1. Saturation, and how much an item's
        audience counts against it; of bm25 only.
    star_weights : five floats >= 0. Weight of a rating of 1, 2, 3, 4, 5 stars.
    shelf_weight : float >= 0. Weight in the fit of a book on the to-read shelf, unrated.
    shelf_input : float >= 0. What a book on the reader's own shelf counts when scoring.
    """

    weighting: Literal["cosine", "bm25"] = "bm25"
    n_neighbours: int = 30
    shrinkage: float = 5.0
    bm25_k1: float = 1.2
    bm25_b: float = 0.75
    star_weights: StarWeights = STAR_WEIGHTS
    shelf_weight: float = 1.0
    shelf_input: float = 0.5

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        checked = as_star_weights(self.star_weights, self.shelf_weight)
        object.__setattr__(self, "star_weights", checked)
        if self.weighting not in ("cosine", "bm25"):
            raise InputError(f"weighting is {self.weighting!r}; wanted 'cosine' or 'bm25'.")
        if self.n_neighbours < 1:
            raise InputError(f"n_neighbours is {self.n_neighbours}; wanted 1 or more.")
        for name in ("shrinkage", "shelf_input"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; wanted a finite number from 0.")
        if not (math.isfinite(self.bm25_k1) and self.bm25_k1 > 0 and 0 <= self.bm25_b <= 1):
            raise InputError(
                f"bm25_k1 is {self.bm25_k1} and bm25_b {self.bm25_b}; wanted above 0, and 0 to 1."
            )


def bm25_weights(matrix: csr_array, k1: float, b: float) -> csr_array:
    """Return the BM25 weight of every interaction, items as documents and users as terms.

    With the weight m_ui, N items, n_u items of user u, and the audience L_i = sum_u m_ui:

        w_ui = idf_u * m_ui (k1 + 1) / (m_ui + k1 (1 - b + b L_i / mean L))
        idf_u = max(0, log(N) - log(1 + n_u))

    Parameters
    ----------
    matrix : CSR float32, shape (n_users, n_items). Not modified.
    k1 : float > 0.
    b : float in 0..1.

    Returns
    -------
    CSR float32, shape (n_users, n_items).

    References
    ----------
    Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), as
    the library ``implicit`` applies it to items.
    """
    n_users, n_items = matrix.shape
    per_user = np.diff(matrix.indptr)
    idf = np.maximum(math.log(n_items) - np.log1p(per_user), 0.0)
    audience = np.bincount(matrix.indices, matrix.data, minlength=n_items)
    mean = audience.mean()
    length = 1.0 - b + b * audience / (mean or 1.0)
    values = matrix.data.astype(np.float64)
    weights = values * (k1 + 1.0) / (values + k1 * length[matrix.indices])
    weights *= np.repeat(idf, per_user)
    return csr_array((weights.astype(np.float32), matrix.indices, matrix.indptr), matrix.shape)


class ItemKnnRanker(Ranker):
    """Score of an item: the sum of its similarities to the reader's items, times their weights.

    Cosine, with the weights m_ui of readers u and the shrinkage s:

        sim_ij = sum_u m_ui m_uj / (|m_i| |m_j| + s),  sim_ii = 0

    BM25: the inner product of the items' columns of ``bm25_weights``. Of each item j the
    ``n_neighbours`` largest sim_ij are kept. Uses nothing of the catalog.

    Parameters
    ----------
    config : ItemKnnConfig or None for the defaults.

    References
    ----------
    Deshpande and Karypis, Item-Based Top-N Recommendation Algorithms (ACM TOIS 2004).
    docs/algorithms/nearest_neighbours.md.
    """

    name: ClassVar[str] = "item_knn"

    def __init__(self, config: ItemKnnConfig | None = None) -> None:
        self.config = config or ItemKnnConfig()
        self._weights: NeighbourWeights | None = None

    @property
    def weights(self) -> NeighbourWeights:
        """The similarities kept: row i, the reader's item; columns, the items it speaks for."""
        if self._weights is None:
            raise NotFittedError("item_knn is not fitted; call fit or from_part first.")
        return self._weights

    @property
    def n_items(self) -> int:
        """Number of items scored."""
        return self.weights.n_items

    def fit(
        self,
        interactions: Interactions,
        catalog: Catalog | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Find each item's neighbours; see ``Ranker.fit``.

        Raises
        ------
        FitError
            When there is no item, or a similarity is not finite.
        """
        check_catalog(interactions, catalog)
        n_items = interactions.n_items
        if not n_items:
            raise FitError("there is no item to fit; import books first.")
        config = self.config
        matrix = interaction_weights(interactions, config.star_weights, config.shelf_weight)
        lengths = np.zeros(n_items)
        if config.weighting == "bm25":
            matrix = bm25_weights(matrix, config.bm25_k1, config.bm25_b)
        else:
            squares = matrix.data.astype(np.float64) ** 2
            lengths = np.sqrt(np.bincount(matrix.indices, squares, minlength=n_items))
        by_item = csr_array(matrix.T)
        found: list[tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]] = []
        for first in range(0, n_items, _ROWS_AT_ONCE):
            block: NDArray[np.float32] = (by_item[first : first + _ROWS_AT_ONCE] @ matrix).toarray()
            places = np.arange(len(block))
            block[places, first + places] = 0.0
            if config.weighting == "cosine":
                # Two items without readers: 0 / 0, which the product of 0 leaves at 0.
                scale = np.outer(lengths[first : first + len(block)], lengths) + config.shrinkage
                block /= np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32)
            rows, columns = strongest_of_rows(block, config.n_neighbours)
            counts = np.bincount(rows, minlength=len(block))
            found.append((columns, block[rows, columns], counts))
            if on_progress:
                on_progress("similarities", (first + len(block)) / n_items)
        neighbours, values, per_item = (np.concatenate(part) for part in zip(*found, strict=True))
        if not np.isfinite(values).all():
            raise FitError("a similarity is not finite; check the ratings and the config.")
        ends = np.concatenate(([0], np.cumsum(per_item)))
        # Column j holds the neighbours of item j; turned round, row i says whom i speaks for.
        by_scored = csc_array((values, neighbours, ends), shape=(n_items, n_items))
        self._weights = NeighbourWeights.of(csr_array(by_scored.tocsr()))
        return self

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        """Return the score of every item; see ``Ranker.scores``."""
        weights = self.weights
        self._check_profile(profile)
        items, counts = profile_weights(profile, self.config.star_weights, self.config.shelf_input)
        return weights.scores(items, counts)

    def to_part(self) -> Part:
        """Return the similarities kept and the config."""
        config = asdict(self.config) | {"star_weights": list(self.config.star_weights)}
        return Part(algorithm=self.name, arrays=self.weights.arrays(), config=config)

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the ranker around memory-mapped similarities; see ``Ranker.from_part``."""
        ranker = cls(part.config_as(ItemKnnConfig, cls.name))
        ranker._weights = NeighbourWeights.from_part(part)
        return ranker
