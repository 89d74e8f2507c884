"""The active artifact in this process's memory: loaded once, swapped when the pointer moves."""

import logging
import threading
import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from recommender.engine import (
    ArtifactError,
    Catalog,
    LinearRanker,
    PopularityRanker,
    load_artifact,
)
from recommender.models import TrainingRun

logger = logging.getLogger(__name__)

# A broken artifact is tried again after this many seconds, not on every request.
RETRY_SECONDS = 30.0
# Enough for the longest list of a reader who has rated or shelved most of the popular books.
POPULAR_ITEMS = 400


@dataclass(frozen=True, eq=False)
class ActiveModel:
    """Everything that one training run left for serving; its parts were fitted together."""

    run_id: int
    catalog: Catalog
    linear: LinearRanker
    popularity: PopularityRanker

    @cached_property
    def popular(self) -> NDArray[np.int64]:
        """Item indices for a reader of whom nothing is known: well liked yet diverse."""
        return self.popularity.diverse_top(
            POPULAR_ITEMS,
            series=self.catalog.series,
            authors=self.catalog.author_index,
            genres=self.catalog.genre_index,
        )


class _Holder:
    """Keeps the model that is served, and what is wrong with the one that should be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._model: ActiveModel | None = None
        self._failed_run: int | None = None
        self._failed_at = 0.0

    def current(self) -> ActiveModel | None:
        """Return the active run's model; when it cannot be loaded, the one served before.

        The pointer is read from the database each time: one index look-up, and every process
        serves the new run from the next request on.
        """
        wanted = (
            TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE)
            .values_list("id", "artifact")
            .first()
        )
        if wanted is None:
            self._model, self._failed_run = None, None
            return None
        run_id, artifact = wanted
        model = self._model
        if model is not None and model.run_id == run_id:
            self._failed_run = None
            return model
        with self._lock:
            if self._model is not None and self._model.run_id == run_id:
                return self._model
            if self._failed_run == run_id and time.monotonic() - self._failed_at < RETRY_SECONDS:
                return self._model
            try:
                self._model = _load(run_id, artifact)
            except (ArtifactError, OSError) as error:
                self._failed_run, self._failed_at = run_id, time.monotonic()
                logger.error(
                    "artifact %s of run %d cannot be served (%s); serving run %s instead",
                    artifact,
                    run_id,
                    error,
                    self._model.run_id if self._model else "popular books",
                )
            else:
                self._failed_run = None
                logger.info("serving run %d from artifact %s", run_id, artifact)
            return self._model

    def state(self) -> str:
        """Return "ok", "missing" (no run was ever published) or "stale" (it cannot be loaded)."""
        model = self.current()
        if self._failed_run is not None:
            return "stale"
        return "missing" if model is None else "ok"

    def forget(self) -> None:
        """Drop what is loaded; the next request loads it again."""
        with self._lock:
            self._model, self._failed_run = None, None


def _load(run_id: int, artifact: str) -> ActiveModel:
    loaded = load_artifact(settings.ARTIFACTS_DIR / artifact)
    return ActiveModel(
        run_id,
        Catalog.from_part(loaded.part("items")),
        LinearRanker.from_part(loaded.part("linear")),
        PopularityRanker.from_part(loaded.part("popularity")),
    )


holder = _Holder()
