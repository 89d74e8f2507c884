"""The active artifact in this process's memory: loaded once, swapped when the pointer moves."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from recommender import artifact_store
from recommender.engine import (
    AlsoLoved,
    Artifact,
    ArtifactError,
    BookMap,
    Catalog,
    EngineError,
    LinearRanker,
    Part,
    PopularityRanker,
    Profile,
    ReaderNeighbours,
    TwoStageRanker,
)
from recommender.engine.als import AlsRanker
from recommender.engine.embeddings.dot_product import DotProductPredictor
from recommender.engine.memory import give_back_freed
from recommender.engine.probes import ProbePool
from recommender.engine.stars import StarsPredictor
from recommender.metrics import model_metrics
from recommender.models import TrainingRun

logger = logging.getLogger(__name__)

# A broken artifact is tried again after this many seconds, not on every request.
RETRY_SECONDS = 30.0
# Enough for the longest list of a reader who has rated or shelved most of the popular books.
POPULAR_ITEMS = 400
# Beside them no more unrated books than a curator adds by hand: a whole catalogue of those has
# nothing that could tell them apart.
UNTOUCHED_BOOKS = 200

_Part = TypeVar("_Part")


@dataclass(frozen=True, eq=False)
class ActiveModel:
    """Everything that one training run left for serving; its parts were fitted together."""

    run_id: int
    artifact: str
    catalog: Catalog
    # Orders lists; an artifact from before there was a second stage has the first alone.
    ranker: TwoStageRanker | LinearRanker | AlsRanker
    popularity: PopularityRanker
    # What `als` has beside it; the others have their own.
    index: LinearRanker | None = None
    # A quick run, or one with too little data, does without these.
    stars: StarsPredictor | None = None
    embeddings: DotProductPredictor | None = None
    book_map: BookMap | None = None
    readers: ReaderNeighbours | None = None
    also_loved: AlsoLoved | None = None

    @property
    def linear(self) -> LinearRanker:
        """The similarity index, which gives reasons and similar books."""
        if isinstance(self.ranker, LinearRanker):
            return self.ranker
        if isinstance(self.ranker, TwoStageRanker):
            return self.ranker.linear
        if self.index is None:
            raise ArtifactError(f"run {self.run_id} has no similarity index; train again.")
        return self.index

    def scores(
        self,
        profile: Profile,
        excluded: NDArray[np.int64],
        *,
        first: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Score every item; those excluded take no candidate's place.

        `first`: what `linear` scored the profile, where that is known.
        """
        if isinstance(self.ranker, TwoStageRanker):
            return self.ranker.scores(profile, excluded, first=first)
        if first is not None and self.ranker is self.linear:
            return first
        return self.ranker.scores(profile)

    @cached_property
    def newest_book(self) -> int:
        """The highest id of a book that the fit knew; 0 without any."""
        return int(self.catalog.items.ids.max(initial=0))

    @cached_property
    def untouched(self) -> tuple[int, ...]:
        """Ids of the books that nobody had rated anywhere at the fit, the latest first; a few."""
        nobody = Profile.from_ids(self.catalog.items, (), ())
        unrated = np.flatnonzero(self.popularity.scores(nobody) == 0)
        latest: list[int] = self.catalog.items.ids[unrated[::-1][:UNTOUCHED_BOOKS]].tolist()
        return tuple(latest)

    @cached_property
    def usual_similarity(self) -> float:
        """How similar a book and the one most like it usually are (`LinearRanker`)."""
        return self.linear.usual_similarity

    @cached_property
    def probes(self) -> ProbePool:
        """The books to choose from when a stranger is asked what they have read."""
        pool = ProbePool.of(self.linear, self.popularity, self.catalog)
        give_back_freed()
        return pool

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
    """Keeps the model that is served, and what is wrong with the one that should be.

    One thread of its own loads; requests go on with the model that is there. Only while there is
    none, and none has failed, they wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._model: ActiveModel | None = None
        self._failed_run: int | None = None
        self._failed_at = 0.0
        # What the files looked like when they were right, and when they were found wrong.
        self._sound = ""
        self._damaged: str | None = None

    def current(self) -> ActiveModel | None:
        """Return the active run's model; until it is loaded, or if it cannot be, the one before.

        The pointer is read from the database each time: one index look-up.
        """
        return self.serving(_pointer())

    def serving(self, run: tuple[int, str] | None) -> ActiveModel | None:
        """Return the same for a pointer that was just read: id and artifact of the active run."""
        if run is None:
            self._drop()
            return None
        return self._serve(*run)

    def held(self) -> ActiveModel | None:
        """Return the model that is loaded, whether it is the active run's or not."""
        return self._model

    def state(self) -> str:
        """Return how it is with the active run in this process.

        "ok"; "missing": no run was ever published; "stale": it cannot be loaded, lists come
        from the one before or by popularity; "damaged": it is served from memory, its files
        have changed since, and a process that starts now could not load them.
        """
        wanted = _pointer()
        if wanted is None:
            self._drop()
            return "missing"
        run_id, artifact = wanted
        model = self._serve(run_id, artifact)
        if self._failed_run == run_id:
            return "stale"
        if model is not None and model.run_id == run_id and not self._is_sound(model):
            return "damaged"
        return "ok"

    def settle(self, timeout: float | None = None) -> None:
        """Wait until what is being loaded or checked is done."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def forget(self) -> None:
        """Drop what is loaded; the next request loads it again."""
        self.settle()
        with self._lock:
            self._failed_run, self._damaged = None, None
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            if self._model is not None:
                model_metrics.set_served(None)
            self._model, self._failed_run = None, None

    def _serve(self, run_id: int, artifact: str) -> ActiveModel | None:
        while True:
            model = self._model
            if model is not None and model.run_id == run_id:
                return model
            failed_before = self._failed_run == run_id
            thread = self._start_to_load(run_id, artifact)
            if model is not None or thread is None or failed_before:
                return self._model
            thread.join()

    def _start_to_load(self, run_id: int, artifact: str) -> threading.Thread | None:
        """Return the thread that is at work, a new one if there is none; None: it is too early."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return self._thread
            if self._model is not None and self._model.run_id == run_id:
                return None
            if self._failed_run == run_id and time.monotonic() - self._failed_at < RETRY_SECONDS:
                return None
            return self._start(lambda: self._load(run_id, artifact), f"load run {run_id}")

    def _start(self, work: Callable[[], None], name: str) -> threading.Thread:
        # Called with the lock. A process that ends does not wait for a download.
        self._thread = threading.Thread(target=work, name=name, daemon=True)
        self._thread.start()
        return self._thread

    def _load(self, run_id: int, artifact: str) -> None:
        started = time.perf_counter()
        facts = {"run_id": run_id, "artifact": artifact}
        try:
            model = load_model(run_id, artifact)
            sound = artifact_store.look_at(artifact)
        except Exception as error:  # the top of a thread: there is no caller to tell
            with self._lock:
                self._failed_run, self._failed_at = run_id, time.monotonic()
                served = self._model
            model_metrics.count_failed_load()
            logger.error(
                "artifact %s of run %d cannot be served (%s: %s); serving %s instead",
                artifact,
                run_id,
                type(error).__name__,
                error,
                f"run {served.run_id}" if served else "popular books",
                exc_info=not isinstance(error, EngineError | OSError),
                extra=facts | {"served_run_id": served.run_id if served else None},
            )
            return
        with self._lock:
            self._model, self._sound = model, sound
            self._failed_run, self._damaged = None, None
        model_metrics.set_served(run_id)
        give_back_freed()
        seconds = time.perf_counter() - started
        logger.info(
            "serving run %d from artifact %s, loaded in %.1f s",
            run_id,
            artifact,
            seconds,
            extra=facts | {"seconds": seconds},
        )

    def _is_sound(self, model: ActiveModel) -> bool:
        """Return whether the files are as they were; when not, have them checked by and by."""
        try:
            seen = artifact_store.look_at(model.artifact)
        except OSError as error:
            seen = str(error)
        with self._lock:
            if seen == self._sound:
                return True
            idle = self._thread is None or not self._thread.is_alive()
            if idle and seen != self._damaged:
                self._start(lambda: self._check(model, seen), f"check run {model.run_id}")
            return False

    def _check(self, model: ActiveModel, seen: str) -> None:
        """Compare files that have changed with their checksums; a cache is mended by it."""
        try:
            artifact_store.fetch(model.artifact)
            sound = artifact_store.look_at(model.artifact)
        except (EngineError, OSError) as error:
            with self._lock:
                self._damaged = seen
            model_metrics.count_failed_load()
            logger.error(
                "artifact %s of run %d has been damaged since it was loaded (%s); it is served "
                "from memory until this process ends",
                model.artifact,
                model.run_id,
                error,
                extra={"run_id": model.run_id, "artifact": model.artifact},
            )
            return
        with self._lock:
            self._sound, self._damaged = sound, None


# One row at most. Every list asks: a queryset would take longer to put together than to answer.
ACTIVE_RUN = "SELECT id, artifact FROM recommender_trainingrun WHERE status = %(active)s"
ACTIVE_RUN_VALUES = {"active": TrainingRun.Status.ACTIVE.value}


def _pointer() -> tuple[int, str] | None:
    with connection.cursor() as cursor:
        cursor.execute(ACTIVE_RUN, ACTIVE_RUN_VALUES)
        found: tuple[int, str] | None = cursor.fetchone()
    return found


def load_model(run_id: int, artifact: str) -> ActiveModel:
    """Load the model of a published run; readers are not served from it.

    Raises
    ------
    EngineError, OSError
        When its files are not all there, or are not what they were.
    """
    # In memory: mapped files would kill this process when one is truncated.
    loaded = artifact_store.load(artifact, in_memory=True)
    ranker: TwoStageRanker | LinearRanker | AlsRanker
    index = None
    if "two_stage" in loaded.parts:
        ranker = TwoStageRanker.from_part(loaded.part("two_stage"))
    elif "als" in loaded.parts:
        ranker = AlsRanker.from_part(loaded.part("als"))
        index = LinearRanker.from_part(loaded.part("linear"))
    else:
        ranker = LinearRanker.from_part(loaded.part("linear"))
    model = ActiveModel(
        run_id,
        artifact,
        Catalog.from_part(loaded.part("items"), with_links=False),
        ranker,
        PopularityRanker.from_part(loaded.part("popularity")),
        index=index,
        stars=_optional(loaded, "stars", StarsPredictor.from_part),
        embeddings=_optional(loaded, "embeddings", DotProductPredictor.from_part),
        book_map=_optional(loaded, "map", BookMap.from_part),
        readers=_optional(loaded, "readers", ReaderNeighbours.from_part),
        also_loved=_optional(loaded, "also_loved", AlsoLoved.from_part),
    )
    _check_items(model)
    return model


def _optional(loaded: Artifact, name: str, rebuild: Callable[[Part], _Part]) -> _Part | None:
    return rebuild(loaded.part(name)) if name in loaded.parts else None


def _check_items(model: ActiveModel) -> None:
    """Raise ArtifactError when a part is of other items than the catalog lists."""
    for part in (
        model.ranker,
        model.index,
        model.popularity,
        model.stars,
        model.embeddings,
        model.book_map,
        model.readers,
        model.also_loved,
    ):
        if part is not None and part.n_items != len(model.catalog.items):
            raise ArtifactError(
                f"{part.name} is of {part.n_items} items, the catalog of "
                f"{len(model.catalog.items)}; train again."
            )


holder = _Holder()
