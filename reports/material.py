"""What a report is made from, read once: the opinions, the active run, and its files."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from catalog.models import Book, DataImport, Genre
from recommender import artifact_store
from recommender.dataset import Dataset, load_dataset
from recommender.engine import Artifact, EngineError
from recommender.held_out import KEY, HeldOutReader, split_off
from recommender.models import TrainingRun

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Material:
    """The live data and what was learned from it."""

    data: Dataset
    # Where the catalogue came from; None for one that was typed in.
    source: str | None
    genres: dict[int, str]
    run: TrainingRun | None
    artifact: Artifact | None
    # Why there are no files of a run.
    without: str
    # The readers whom the run has never seen; none where it is not certain that it has not.
    readers: list[HeldOutReader]
    # Books whose neighbours are asked for; none: some are chosen.
    chosen: list[int] = field(default_factory=list)

    def titles(self, book_ids: Iterable[int]) -> dict[int, str]:
        """Return the titles of visible books; of a hidden one that it is."""
        ids = list(map(int, book_ids))
        known = dict(Book.objects.filter(pk__in=ids, is_hidden=False).values_list("pk", "title"))
        return {pk: known.get(pk, f"hidden book {pk}") for pk in ids}

    @property
    def ratings_of_items(self) -> NDArray[np.int64]:
        """Number of ratings of each item of the data, shape (n_items,)."""
        ratings = self.data.interactions.ratings
        return np.bincount(ratings.indices, minlength=ratings.shape[1])


def gather(chosen: Iterable[int] = ()) -> Material:
    """Read everything that a report is about; an empty database is no error."""
    data = load_dataset()
    run = TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).first()
    artifact, without = None, "No run is active: nothing has been trained yet."
    if run is not None:
        try:
            artifact, without = artifact_store.load(run.artifact), ""
        except (EngineError, OSError) as error:
            logger.warning("a report without the files of run %d: %s", run.pk, error)
            without = f"The files of run {run.pk} cannot be read: {error}"
    imported = DataImport.objects.order_by("-id").values_list("source", flat=True).first()
    return Material(
        data,
        imported,
        dict(Genre.objects.values_list("pk", "name")),
        run,
        artifact,
        without,
        _unseen_readers(data, run),
        list(chosen),
    )


def _unseen_readers(data: Dataset, run: TrainingRun | None) -> list[HeldOutReader]:
    if run is None or run.dataset.get("held_out", {}).get("key") != KEY.decode():
        return []
    return split_off(data.interactions)[1]
