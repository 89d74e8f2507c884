"""Which parts a run fits, in which order, and what each of them says about itself."""

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from django.conf import settings

from recommender.engine import (
    AlsoLoved,
    Catalog,
    Interactions,
    LinearConfig,
    LinearRanker,
    OnProgress,
    Part,
    PopularityRanker,
    TwoStageRanker,
)
from recommender.engine.als import AlsConfig, AlsRanker
from recommender.engine.audience import Audience
from recommender.engine.book_map import BookMap
from recommender.engine.embeddings.dot_product import DotProductPredictor
from recommender.engine.factor_index import index_of_factors
from recommender.engine.item_features import reading_vectors
from recommender.engine.metadata_gram import tag_vectors
from recommender.engine.reader_neighbours import ReaderNeighbours, ReaderNeighboursConfig
from recommender.engine.stars import StarsConfig, StarsPredictor
from recommender.models import TrainingRun

logger = logging.getLogger(__name__)

# With fewer ratings predicted stars are noise; lists by similar books need none of them.
LEAST_RATINGS_FOR_STARS: Final = 1000
# The embeddings as a column of the stack are worth .0007 of squared error, and four fits of them:
# docs/algorithms/stars.md.
STARS: Final = StarsConfig(embeddings=False)
QUICK: Final = "a quick run orders by the similarity index alone"

Stage = Callable[[str], AbstractContextManager[OnProgress]]
"""Opens a named stage; gives what its progress is told to."""


class AlsEngine(Protocol):
    """Fits `als` for the lists of a run: in this process, or on other machines."""

    @property
    def name(self) -> str:
        """For the run's row."""

    @property
    def is_elsewhere(self) -> bool:
        """Whether the opinions are elsewhere, and this process is to read a sample of them."""

    @property
    def snapshot(self) -> str | None:
        """Of the database, for that sample; None: as it is now."""

    def fit(self, train: Interactions, on_progress: OnProgress) -> tuple[AlsRanker, Audience]:
        """Fit the items of `train`, on its users or on those who are elsewhere."""


class LocalAls:
    """By the library `implicit`, in this process."""

    name = "als"
    is_elsewhere = False
    snapshot = None

    def __init__(self, config: AlsConfig | None = None) -> None:
        self.config = config or AlsConfig()

    def fit(self, train: Interactions, on_progress: OnProgress) -> tuple[AlsRanker, Audience]:
        return AlsRanker(self.config).fit(train, on_progress=on_progress), Audience.of(train)


@dataclass
class Fitted:
    """Everything that one run has fitted."""

    catalog: Catalog
    ranker: TwoStageRanker | AlsRanker
    popularity: PopularityRanker
    audience: Audience
    # Of `als`, which has none of its own.
    index: LinearRanker | None = None
    stars: StarsPredictor | None = None
    embeddings: DotProductPredictor | None = None
    readers: ReaderNeighbours | None = None
    book_map: BookMap | None = None
    also_loved: AlsoLoved | None = None
    parts: dict[str, Part] = field(default_factory=dict)
    # Part and why there was too little data for it.
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def history(self) -> dict[str, Any]:
        """The errors of the embeddings and of the second stage by epoch, as JSON values."""
        found: dict[str, Any] = {}
        if self.embeddings and self.embeddings.history:
            found["embeddings"] = asdict(self.embeddings.history)
        if isinstance(self.ranker, TwoStageRanker) and self.ranker.losses:
            found["second_stage"] = {"training": [list(losses) for losses in self.ranker.losses]}
        return found

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Those of every part, as JSON values."""
        return {name: dict(part.config) for name, part in self.parts.items()}


def fit_parts(
    kind: str,
    train: Interactions,
    catalog: Catalog,
    *,
    stage: Stage,
    log_folder: Path,
    als: AlsEngine | None = None,
) -> Fitted:
    """Fit what a run of this kind holds; with an engine of `als` its lists, and nothing else.

    A quick run ends when lists can be made. A full one goes on with the second stage, the
    embeddings, the predicted stars, readers who are alike and the map of the books; a part for
    which there is too little data is left out, and why is in `skipped`. Each fit of Keras writes
    its log into a folder of its own in `log_folder`.
    """
    if als is not None:
        return _fit_als(als, train, catalog, stage)
    config = LinearConfig(
        dense_items=settings.LINEAR_DENSE_BOOKS, n_support=settings.LINEAR_SUPPORT_BOOKS
    )
    with stage("lists") as report:
        ranker = (
            TwoStageRanker.of_first_stage(
                LinearRanker(config).fit(train, catalog, on_progress=report), QUICK
            )
            if kind == TrainingRun.Kind.QUICK
            else TwoStageRanker(linear_config=config, log_folder=log_folder / "second_stage").fit(
                train, catalog, on_progress=report
            )
        )
    with stage("popularity") as report:
        popularity = PopularityRanker().fit(train, catalog, on_progress=report)
    fitted = Fitted(catalog, ranker, popularity, Audience.of(train))
    if ranker.skipped_because:
        fitted.skipped["second stage"] = ranker.skipped_because
    if kind == TrainingRun.Kind.FULL:
        _fit_stars(fitted, train, stage, log_folder)
        _fit_likeness(fitted, train, stage)
    fitted.parts = _parts_of(fitted)
    for name, reason in fitted.skipped.items():
        logger.info("without %s: %s", name, reason)
    return fitted


def _fit_als(als: AlsEngine, train: Interactions, catalog: Catalog, stage: Stage) -> Fitted:
    with stage("lists") as report:
        ranker, audience = als.fit(train, report)
    with stage("similar books") as report:
        index = index_of_factors(ranker, on_progress=report)
    with stage("popularity"):
        popularity = PopularityRanker().fit_audience(audience, catalog)
    fitted = Fitted(catalog, ranker, popularity, audience, index)
    fitted.skipped["second stage"] = f"{als.name} orders lists itself"
    fitted.parts = _parts_of(fitted)
    return fitted


def _fit_stars(fitted: Fitted, train: Interactions, stage: Stage, log_folder: Path) -> None:
    n_ratings = train.ratings.nnz
    if n_ratings < LEAST_RATINGS_FOR_STARS:
        few = f"{n_ratings} ratings, fewer than {LEAST_RATINGS_FOR_STARS}"
        fitted.skipped |= {"embeddings": few, "stars": few}
        return
    with stage("embeddings") as report:
        fitted.embeddings = DotProductPredictor(log_folder=log_folder / "embeddings").fit(
            train, fitted.catalog, on_progress=report
        )
    with stage("stars") as report:
        fitted.stars = StarsPredictor(STARS).fit(train, fitted.catalog, on_progress=report)


def _fit_likeness(fitted: Fitted, train: Interactions, stage: Stage) -> None:
    """Fit which books are loved together, which readers are alike, and the map of the books."""
    n_factors = ReaderNeighboursConfig().n_factors
    with stage("loved together") as report:
        fitted.also_loved = AlsoLoved.fit(train, on_progress=report)
    with stage("readers") as report:
        reading = reading_vectors(train, n_factors)
        if not reading.shape[1]:
            few = f"{train.n_users} readers and {train.n_items} books show no two kinds of taste"
            fitted.skipped |= {"readers": few, "map": few}
            return
        fitted.readers = ReaderNeighbours().fit(train, reading, on_progress=report)
    with stage("map") as report:
        vectors = fitted.embeddings.item_factors if fitted.embeddings else reading
        tags = tag_vectors(fitted.catalog, STARS.n_vector_factors)
        fitted.book_map = BookMap.fit(vectors, tags, on_progress=report)


def _parts_of(fitted: Fitted) -> dict[str, Part]:
    parts: Mapping[str, Part | None] = {
        "items": fitted.catalog.to_part(),
        fitted.ranker.name: fitted.ranker.to_part(),
        "linear": fitted.index.to_part() if fitted.index else None,
        "popularity": fitted.popularity.to_part(),
        "embeddings": fitted.embeddings.to_part() if fitted.embeddings else None,
        "stars": fitted.stars.to_part() if fitted.stars else None,
        "readers": fitted.readers.to_part() if fitted.readers else None,
        "map": fitted.book_map.to_part() if fitted.book_map else None,
        "also_loved": fitted.also_loved.to_part() if fitted.also_loved else None,
    }
    return {name: part for name, part in parts.items() if part is not None}
