"""A map of the books in two dimensions, by principal components and by t-SNE."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from recommender.engine.artifact import Part
from recommender.engine.errors import ArtifactError, FitError, InputError
from recommender.engine.progress import OnProgress
from recommender.engine.sparse_svd import unit_rows

_STAGE: Final = "book map"
_ARRAYS: Final = ("pca", "tsne", "placed")
# t-SNE looks at three times as many neighbours as its perplexity, of which there must be some.
_MIN_TSNE_ITEMS: Final = 4
_MIN_TSNE_ITERATIONS: Final = 250
_TAG_NEIGHBOURS: Final = 10
_NOTHING: Final = 1e-9
_START_SPREAD: Final = 1e-4


@dataclass(frozen=True)
class BookMapConfig:
    """Hyperparameters of ``BookMap``.

    Parameters
    ----------
    seed : int >= 0. Of t-SNE's start where principal components give none.
    n_components : int > 0. Principal components that t-SNE looks at.
    perplexity : float > 0. About how many neighbours a book has for t-SNE.
    n_iterations : int >= 250. Steps of t-SNE's gradient descent.
    """

    seed: int = 0
    n_components: int = 50
    perplexity: float = 30.0
    n_iterations: int = 1000

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        least = {"seed": 0, "n_components": 1, "n_iterations": _MIN_TSNE_ITERATIONS}
        for name, wanted in least.items():
            if getattr(self, name) < wanted:
                raise InputError(f"{name} is {getattr(self, name)}; wanted {wanted} or more.")
        if not (math.isfinite(self.perplexity) and self.perplexity > 0):
            raise InputError(f"perplexity is {self.perplexity}; wanted a finite number above 0.")


@dataclass(frozen=True, eq=False)
class BookMap:
    """Where each book stands on two maps, both of them in the square -1..1.

    On the map by principal components distances are true as far as two dimensions can tell, and
    most books are crowded in the middle. On that by t-SNE near books are near, and distances
    between groups mean little. Figures: docs/algorithms/book_map.md. A fit needs scikit-learn;
    what is loaded from an artifact needs numpy.

    Parameters
    ----------
    pca, tsne : float32 arrays, shape (n_items, 2). In -1..1; 0 for a book that is not placed.
    placed : bool array, shape (n_items,). Whether enough is known of the book to place it.
    config : BookMapConfig.

    References
    ----------
    van der Maaten and Hinton, Visualizing Data using t-SNE (JMLR 2008). van der Maaten,
    Accelerating t-SNE using Tree-Based Algorithms (JMLR 2014). Kobak and Berens, The art of
    using t-SNE for single-cell transcriptomics (Nature Communications 2019): start from
    principal components.
    """

    name: ClassVar[str] = "book_map"

    pca: NDArray[np.float32]
    tsne: NDArray[np.float32]
    placed: NDArray[np.bool_]
    config: BookMapConfig

    @property
    def n_items(self) -> int:
        """Number of books, placed or not."""
        return len(self.placed)

    @classmethod
    def fit(
        cls,
        vectors: NDArray[np.floating],
        tags: NDArray[np.floating] | None = None,
        *,
        config: BookMapConfig | None = None,
        on_progress: OnProgress | None = None,
    ) -> Self:
        """Draw both maps; in one thread, so that the same input gives the same bits.

        Parameters
        ----------
        vectors : float array, shape (n_items, n). Books that go together point the same way:
            only directions count. The item factors of ``dot_product``, or where there are none
            ``item_features.reading_vectors``. Zeros for a book without a vector. Not modified.
        tags : float array, shape (n_items, m), or None. ``metadata_gram.tag_vectors``: a book
            without a vector is given the mean of those of the books with the nearest tags.
        config : BookMapConfig or None for the defaults.
        on_progress : callable or None. Told ("book map", 0..1); t-SNE itself says nothing.

        Returns
        -------
        BookMap. A book without a vector and without tags is not placed.

        Raises
        ------
        FitError
            When scikit-learn is missing, or a vector is not finite.
        InputError
            When ``tags`` is of other items.
        """
        config = config or BookMapConfig()
        try:
            from sklearn.manifold import TSNE
            from threadpoolctl import threadpool_limits
        except ImportError as error:
            raise FitError(
                f"scikit-learn cannot be imported: {error}; install requirements.txt."
            ) from error
        if tags is not None and len(tags) != len(vectors):
            raise InputError(f"tags are of {len(tags)} items and vectors of {len(vectors)}.")
        if not np.isfinite(vectors).all():
            raise FitError("a vector is not finite; check what the book map is drawn from.")

        def report(done: float) -> None:
            if on_progress:
                on_progress(_STAGE, done)

        report(0.0)
        completed = _completed(unit_rows(vectors).astype(np.float64), tags)
        placed = _has_length(completed)
        known = completed[placed]
        # BLAS and OpenMP add up in another order for every number of threads.
        with threadpool_limits(1):
            components = _principal_components(known, config.n_components)
            report(0.1)
            flat = curved = components[:, :2]
            if len(known) >= _MIN_TSNE_ITEMS:
                curved = TSNE(
                    perplexity=min(config.perplexity, (len(known) - 1) / 3),
                    init=_start(flat, config.seed),
                    max_iter=config.n_iterations,
                    random_state=config.seed,
                    n_jobs=1,
                ).fit_transform(components.astype(np.float32))
        places = []
        for known_places in (flat, curved):
            every = np.zeros((len(placed), 2), dtype=np.float32)
            every[placed] = _in_square(known_places)
            places.append(every)
        report(1.0)
        return cls(places[0], places[1], placed, config)

    def to_part(self) -> Part:
        """Return both maps and the config."""
        return Part(
            self.name,
            {"pca": self.pca, "tsne": self.tsne, "placed": self.placed},
            asdict(self.config),
        )

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """Rebuild the map around memory-mapped arrays.

        Raises
        ------
        ArtifactError
            When the part is another algorithm's, or its arrays do not fit together.
        """
        config = part.config_as(BookMapConfig, cls.name)
        pca, tsne, placed = (np.asarray(part.array(name)) for name in _ARRAYS)
        whole = (
            placed.ndim == 1
            and placed.dtype == np.bool_
            and all(a.shape == (len(placed), 2) and a.dtype == np.float32 for a in (pca, tsne))
            # NaN compares false.
            and all(bool((np.abs(a) <= 1).all()) for a in (pca, tsne))
        )
        if not whole:
            raise ArtifactError("the arrays of book_map do not fit together; train again.")
        return cls(pca, tsne, placed, config)


def _has_length(vectors: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which rows are not zeros."""
    has_length: NDArray[np.bool_] = np.linalg.norm(vectors, axis=1) > _NOTHING
    return has_length


def _completed(
    vectors: NDArray[np.float64], tags: NDArray[np.floating] | None
) -> NDArray[np.float64]:
    """Return the vectors, those of zeros replaced by what books of like tags have.

    That is the mean of the ten nearest by the product of their tag vectors, weighted by it; books
    with nothing in common do not count.
    """
    known = _has_length(vectors)
    if tags is None or known.all() or not known.any():
        return vectors
    completed = vectors.copy()
    others = np.flatnonzero(known)
    for item in np.flatnonzero(~known & _has_length(tags)).tolist():
        products = tags[others] @ tags[item]
        nearest = np.argsort(-products, kind="stable")[:_TAG_NEIGHBOURS]
        weights = np.maximum(products[nearest], 0.0)
        if weights.sum() > _NOTHING:
            completed[item] = weights @ vectors[others[nearest]] / weights.sum()
    return completed


def _principal_components(vectors: NDArray[np.float64], n_components: int) -> NDArray[np.float64]:
    """Return the rows along the directions in which they differ most, those first.

    The sign of a direction is such that its entry of largest magnitude is positive.

    Parameters
    ----------
    vectors : float64 array, shape (n, width).
    n_components : int > 0.

    Returns
    -------
    float64 array, shape (n, at most n_components but at least 2): zeros where the vectors have
    fewer directions.
    """
    centred = vectors - vectors.mean(axis=0) if len(vectors) else vectors
    _, directions = np.linalg.eigh(centred.T @ centred)
    directions = directions[:, ::-1][:, :n_components]
    if directions.size:
        largest = np.abs(directions).argmax(axis=0)
        directions = directions * np.sign(directions[largest, np.arange(directions.shape[1])])
    components = centred @ directions
    missing = max(0, 2 - components.shape[1])
    return np.column_stack((components, np.zeros((len(vectors), missing))))


def _start(flat: NDArray[np.float64], seed: int) -> NDArray[np.float32]:
    """Return where t-SNE starts: the principal components, tiny; at random where all are equal."""
    spread = float(flat[:, 0].std())
    if spread > _NOTHING:
        return (flat * (_START_SPREAD / spread)).astype(np.float32)
    generator = np.random.default_rng(seed)
    return generator.normal(0, _START_SPREAD, flat.shape).astype(np.float32)


def _in_square(places: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return places moved and scaled, both axes alike, so that the longer one spans -1..1.

    Raises
    ------
    FitError
        When a place is not finite.
    """
    if not len(places):
        return np.zeros((0, 2), dtype=np.float32)
    if not np.isfinite(places).all():
        raise FitError("a place on the book map is not finite; check the item vectors.")
    low, high = places.min(axis=0).astype(np.float64), places.max(axis=0).astype(np.float64)
    half = float((high - low).max()) / 2
    if half <= _NOTHING:
        return np.zeros(places.shape, dtype=np.float32)
    scaled: NDArray[np.float32] = ((places - (low + high) / 2) / half).astype(np.float32)
    return np.clip(scaled, -1, 1)
