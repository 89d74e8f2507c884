"""The one code path of a training run: read, fit, measure, judge, publish, go live."""

import getpass
import logging
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import numpy as np
from celery.exceptions import SoftTimeLimitExceeded
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
)
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from recommender import artifact_store, gate, measuring, runs
from recommender.dataset import Dataset, load_dataset, load_sample
from recommender.engine import (
    Artifact,
    ArtifactError,
    Interactions,
    OnProgress,
    write_artifact,
)
from recommender.engine.artifact import MANIFEST_NAME, read_manifest
from recommender.errors import Cancelled, NotEnoughData, Rejected, RunLost, TrainingUnderWay
from recommender.fitting import AlsEngine, Fitted, fit_parts
from recommender.held_out import KEY, HeldOutReader, split_off
from recommender.models import TrainingRun
from recommender.pulse import RETRY_SECONDS, Pulse, some_process_lives
from recommender.training_logs import log_folder

logger = logging.getLogger(__name__)

# A database that restarts is waited for: hours of fitting are worth it.
_PATIENCE_SECONDS: Final = 120.0
_READ_BACK: Final = 20

_T = TypeVar("_T")

OnStage = Callable[[str, float], None]
"""Called with the stage's name and the part of that stage which is done, 0..1."""


def run_training(
    *,
    trigger: str,
    kind: str = TrainingRun.Kind.QUICK,
    force: bool = False,
    started_by: User | None = None,
    on_stage: OnStage | None = None,
    als: AlsEngine | None = None,
) -> TrainingRun:
    """Request a run and work at it in this process; return it when it is live.

    A run that is queued and that no worker has begun gives way to this one. With an engine of
    `als` that one makes the lists, and the run has to be a quick one.

    Raises
    ------
    TrainingUnderWay
        When another process is fitting.
    NotEnoughData, Rejected, Cancelled, RunLost, EngineError, OSError
        As recorded in the run.
    """
    if some_process_lives():
        raise TrainingUnderWay("Another training run is under way; wait until it has ended.")
    for queued in TrainingRun.objects.filter(status=TrainingRun.Status.QUEUED):
        runs.cancel_run(queued.pk, by=f"a run that began at once ({trigger})")
    _wait_for_a_dead_run()
    run = runs.request_run(
        trigger=trigger, started_by=started_by, kind=kind, force=force, send=False
    )
    try:
        return execute(run.pk, on_stage, als)
    except TrainingUnderWay:
        runs.cancel_run(run.pk, by="another process that began first")
        raise


def execute(
    run_id: int, on_stage: OnStage | None = None, als: AlsEngine | None = None
) -> TrainingRun:
    """Work at a queued run until it has ended, and return it; its row says why it ended.

    Readers keep the active run until a better one is in its place. The model that goes live is the
    very one that was measured: it is fitted without the held-out readers, who are served like
    anybody else, by fold-in. A run that is not queued (any more) is left alone: a task may be
    delivered twice.

    Raises
    ------
    TrainingUnderWay
        When another living process works at a run; this one stays queued.
    NotEnoughData, Rejected, Cancelled, RunLost, EngineError, OSError
        As recorded in the run.
    """
    run = TrainingRun.objects.get(pk=run_id)
    if run.status != TrainingRun.Status.QUEUED:
        logger.info("training run %d is %s: nothing to do", run_id, run.status)
        return run
    with Pulse(run_id) as pulse:
        begun = TrainingRun.objects.filter(pk=run_id, status=TrainingRun.Status.QUEUED).update(
            status=TrainingRun.Status.FITTING, started_at=Now(), heartbeat_at=Now()
        )
        if not begun:
            run.refresh_from_db()
            logger.info("training run %d is %s: nothing to do", run_id, run.status)
            return run
        run.refresh_from_db()
        work = _Work(run, pulse, on_stage, als)
        try:
            work.do()
        except BaseException as error:
            work.end(error)
            raise
    run.refresh_from_db()
    logger.info("training run %d is active after %.1f s", run_id, sum(run.stage_seconds.values()))
    _clean_up()
    return run


class _Work:
    """One process's work at one run, and what it writes about it."""

    def __init__(
        self, run: TrainingRun, pulse: Pulse, on_stage: OnStage | None, als: AlsEngine | None
    ) -> None:
        self.run = run
        self._als = als
        self._pulse = pulse
        self._on_stage = on_stage
        self._name = artifact_store.new_name(run.pk)
        self._seconds: dict[str, float] = {}

    def do(self) -> None:
        data, train, readers = self._read()
        fitted = fit_parts(
            self.run.kind,
            train,
            data.catalog,
            stage=self.stage,
            log_folder=log_folder(self._name),
            als=self._als,
        )
        self.write(
            status=TrainingRun.Status.EVALUATING,
            history=fitted.history,
            hyperparameters=fitted.hyperparameters,
            skipped_parts=fitted.skipped,
        )
        metrics = self._measure_and_judge(data, fitted, readers)
        with self.stage("publishing"):
            # Known before it exists: whoever finds this run dead knows what to delete.
            self.write(artifact=self._name)
            artifact = self._publish(fitted, metrics)
            _check_read_back(artifact, fitted, train)
        _patiently(
            lambda: runs.activate(
                self.run.pk,
                artifact_bytes=artifact_store.size(self._name),
                checksums=_checksums_of(artifact),
                stage_seconds=self._seconds,
                peak_megabytes=peak_megabytes(),
            )
        )

    def _publish(self, fitted: Fitted, metrics: dict[str, Any]) -> Artifact:
        """Put the parts into the store, all of them or nothing, and return what is there."""
        with artifact_store.draft(self._name) as folder:
            write_artifact(folder, fitted.parts, created_at=timezone.now(), metrics=metrics)
            artifact_store.publish(folder, self._name)
        return artifact_store.load(self._name)

    def _read(self) -> tuple[Dataset, Interactions, list[HeldOutReader]]:
        with self.stage("reading"):
            data = (
                load_sample(self._als.snapshot)
                if self._als and self._als.is_elsewhere
                else load_dataset()
            )
            train, readers = split_off(data.interactions)
            n_withheld = data.n_withheld
            if n_withheld is None:
                n_withheld = data.interactions.n_users - train.n_users
            data.description["held_out"] = {
                "key": KEY.decode(),
                "n_withheld": n_withheld,
                "n_measured": len(readers),
            }
            if self._als:
                data.description["als_by"] = self._als.name
            self.write(dataset=data.description)
            if not train.ratings.nnz:
                raise NotEnoughData("There are no ratings yet; import a data set first.")
        return data, train, readers

    def _measure_and_judge(
        self, data: Dataset, fitted: Fitted, readers: list[HeldOutReader]
    ) -> dict[str, Any]:
        items = data.interactions.items
        with self.stage("measuring") as report:
            active = TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).first()
            metrics, measured = measuring.compare(
                fitted.ranker,
                fitted.popularity,
                items,
                readers,
                active,
                audience=fitted.audience,
                kind=self.run.kind,
                on_progress=report,
            )
            n_shown, n_sampled = measuring.shown_though_rated(
                fitted.ranker, data.interactions, data.catalog.series
            )
            if fitted.stars and readers:
                metrics["stars"] = measuring.measure_stars(fitted.stars, items, readers)
        verdict = gate.judge(
            measured,
            not_finite=measuring.not_finite(fitted.parts),
            shown_though_rated=n_shown,
            n_sampled=n_sampled,
            dataset=data.description,
            active_dataset=active.dataset if active else None,
            forced=self.run.forced,
        )
        self.write(metrics=metrics, verdict=verdict.as_dict() | self._forced_by())
        for rule in verdict.overruled:
            logger.warning(
                "training run %d: %s overruled %s: %s",
                self.run.pk,
                self._forced_by()["forced_by"],
                rule.name,
                rule.detail,
            )
        if not verdict.passed:
            raise Rejected(verdict.why_not)
        return metrics

    def _forced_by(self) -> dict[str, str]:
        if not self.run.forced:
            return {}
        by = self.run.started_by
        return {
            "forced_by": by.get_username() if by else f"{getpass.getuser()} ({self.run.trigger})"
        }

    @contextmanager
    def stage(self, name: str) -> Iterator[OnProgress]:
        """Name, time and report one stage; the run is stopped here when it is to stop."""
        started = time.perf_counter()
        self.write(stage=name, progress=0.0)
        self._report(name, 0.0)
        yield lambda detail, done: self._report(name, done)
        self._seconds[name] = round(time.perf_counter() - started, 2)
        self._report(name, 1.0)

    def _report(self, name: str, done: float) -> None:
        self._pulse.tell(name, done)
        if self._on_stage:
            self._on_stage(name, done)

    def write(self, **fields: Any) -> None:
        """Write fields of the run, unless another process has closed it."""
        own = TrainingRun.objects.filter(pk=self.run.pk, status__in=TrainingRun.WORKED_AT)
        fields |= {"heartbeat_at": Now(), "stage_seconds": self._seconds}
        if not _patiently(lambda: own.update(**fields)):
            raise RunLost(f"Run {self.run.pk} was closed by another process.")

    def end(self, error: BaseException) -> None:
        """Record how a run ended that does not go live, and delete what it has published."""
        status, reason = _ending_of(error)
        if status == TrainingRun.Status.CANCELLED and isinstance(error, Cancelled):
            # Who cancelled it stands there already.
            reason = TrainingRun.objects.values_list("reason", flat=True).get(pk=self.run.pk)
        own = TrainingRun.objects.filter(pk=self.run.pk, status__in=TrainingRun.WORKED_AT)
        try:
            _patiently(
                lambda: own.update(
                    status=status,
                    reason=reason,
                    artifact="",
                    finished_at=Now(),
                    stage_seconds=self._seconds,
                    peak_megabytes=peak_megabytes(),
                )
            )
            live = [TrainingRun.Status.ACTIVE, TrainingRun.Status.RETIRED]
            is_kept = TrainingRun.objects.filter(pk=self.run.pk, status__in=live).exists()
        except (DatabaseError, InterfaceError) as lasting:
            # The reaper closes it, and deletes its files, when the database is back.
            logger.error("the end of training run %d is not recorded: %s", self.run.pk, lasting)
            return
        # It went live, and what failed came after.
        if not is_kept:
            runs.delete_files(self._name)
        logger.error("training run %d %s: %s", self.run.pk, status, reason)


def _check_read_back(artifact: Artifact, fitted: Fitted, train: Interactions) -> None:
    """Compare what was published with what was measured, bit by bit, on a few readers."""
    ranker, _ = measuring.ranker_of(artifact)
    for row in range(min(_READ_BACK, train.n_users)):
        profile = train.profile(row)
        if not np.array_equal(ranker.scores(profile), fitted.ranker.scores(profile)):
            raise ArtifactError(f"{artifact.folder} does not rank as what was measured did.")


def _checksums_of(artifact: Artifact) -> dict[str, str]:
    manifest, digest = read_manifest(artifact.folder)
    files = {name: str(entry["sha256"]) for name, entry in manifest["files"].items()}
    return files | {MANIFEST_NAME: digest}


def _ending_of(error: BaseException) -> tuple[str, str]:
    """Return the status and the reason of a run that ended by an exception."""
    if isinstance(error, Rejected):
        return TrainingRun.Status.REJECTED, str(error)
    if isinstance(error, Cancelled):
        return TrainingRun.Status.CANCELLED, str(error)
    if isinstance(error, KeyboardInterrupt):
        return TrainingRun.Status.CANCELLED, "Interrupted by Ctrl-C."
    if isinstance(error, SoftTimeLimitExceeded):
        return TrainingRun.Status.FAILED, "It took longer than TRAINING_TIME_LIMIT allows."
    return TrainingRun.Status.FAILED, f"{type(error).__name__}: {error}"


def _patiently(write: Callable[[], _T]) -> _T:
    """Write to the database, waiting for it while it is away."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            if not connection.in_atomic_block:
                close_old_connections()
            return write()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() > deadline:
                raise
            logger.warning("the database does not answer; waiting: %s", error)
            connection.close()
            threading.Event().wait(RETRY_SECONDS)


def _wait_for_a_dead_run() -> None:
    """Wait until it is certain that a run which nobody works at is dead, and close it."""
    deadline = time.monotonic() + 2 * runs.STALE_AFTER.total_seconds()
    while TrainingRun.objects.filter(status__in=TrainingRun.WORKED_AT).exists():
        if runs.reap_stale_runs() or some_process_lives() or time.monotonic() > deadline:
            return
        threading.Event().wait(RETRY_SECONDS)


def _clean_up() -> None:
    try:
        runs.clean_artifacts()
    except (OSError, DatabaseError) as error:
        # The run is live; the scheduled clean-up comes again.
        logger.warning("old artifacts were not deleted: %s", error)


def peak_megabytes() -> int:
    """Return the most memory that this process ever held, in MB of 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6)
