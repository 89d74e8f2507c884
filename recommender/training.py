"""One attempt to fit a better model: dataset, fit, measurement, publication."""

import logging
import resource
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

import numpy as np
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from catalog.models import DataImport
from recommender.active import holder
from recommender.dataset import load_dataset
from recommender.engine import (
    Holdout,
    Interactions,
    LinearConfig,
    LinearRanker,
    PopularityRanker,
    evaluate,
    split_holdout,
    write_artifact,
)
from recommender.errors import NotEnoughData, Rejected, TrainingUnderWay
from recommender.models import TrainingRun

logger = logging.getLogger(__name__)

# At most so many readers (and a tenth of all) are kept from the fit, to measure it on them.
MAX_HELD_OUT = 1000
MIN_HELD_OUT_RATINGS = 5
KEPT_ARTIFACTS = 5
# Identifies the lock that a fitting process holds for as long as it lives.
ADVISORY_LOCK = 7_166_401

OnStage = Callable[[str, float], None]
"""Called with the stage's name and the part of that stage which is done, 0..1."""


def run_training(
    *, trigger: str, started_by: User | None = None, on_stage: OnStage | None = None
) -> TrainingRun:
    """Fit, measure and publish; readers keep the active model until a better one is in place.

    Whatever ends the run, its row says so: active, rejected or failed, with the reason. The
    model that goes live is the very one that was measured: it is fitted without the held-out
    readers, 2 % of them in goodbooks, and serves them like anybody else, by fold-in.

    Raises
    ------
    TrainingUnderWay
        When another process is fitting.
    NotEnoughData, Rejected, EngineError, OSError
        As recorded in the run.
    """
    with _only_one(trigger, started_by) as run:
        stages = _Stages(run, on_stage)
        try:
            _fit_and_publish(run, stages)
        except BaseException as error:
            rejected = isinstance(error, Rejected)
            run.status = TrainingRun.Status.REJECTED if rejected else TrainingRun.Status.FAILED
            run.reason = f"{type(error).__name__}: {error}"
            run.artifact = ""
            _close(run)
            logger.error("training run %d %s: %s", run.pk, run.status, run.reason)
            raise
    logger.info("training run %d is active after %.1f s", run.pk, sum(run.stage_seconds.values()))
    return run


def is_up_to_date() -> bool:
    """Return whether the active run was fitted on the data import that is in the database."""
    run = TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).first()
    if run is None or holder.state() != "ok":
        return False
    last_import = DataImport.objects.order_by("-id").values_list("id", flat=True).first()
    return bool(run.dataset.get("data_import") == last_import)


class _Stages:
    """Names, times and reports the stages of a run; each report is also its heartbeat."""

    def __init__(self, run: TrainingRun, on_stage: OnStage | None) -> None:
        self._run = run
        self._on_stage = on_stage

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[str, float], None]]:
        self._beat(name)
        started = time.perf_counter()
        self._report(name, 0.0)
        yield lambda detail, done: self._report(name, done)
        self._run.stage_seconds[name] = round(time.perf_counter() - started, 2)
        self._report(name, 1.0)

    def _report(self, name: str, done: float) -> None:
        if self._on_stage:
            self._on_stage(name, done)

    def _beat(self, name: str) -> None:
        self._run.stage = name
        self._run.heartbeat_at = timezone.now()
        self._run.save(update_fields=["stage", "heartbeat_at", "status", "stage_seconds"])


@contextmanager
def _only_one(trigger: str, started_by: User | None) -> Iterator[TrainingRun]:
    """Open the run that this process fits; refuse while another lives.

    The advisory lock is the database session's: a killed process loses it, so a row that says
    "fitting" while the lock is free belongs to a dead process.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        [acquired] = cursor.fetchone() or [False]
    if not acquired:
        raise TrainingUnderWay("Another training run is under way; wait until it has ended.")
    try:
        TrainingRun.objects.filter(status__in=TrainingRun.UNDER_WAY).update(
            status=TrainingRun.Status.FAILED,
            finished_at=timezone.now(),
            reason="The process that fitted it died.",
        )
        try:
            with transaction.atomic():
                run = TrainingRun.objects.create(
                    trigger=trigger, started_by=started_by, heartbeat_at=timezone.now()
                )
        except IntegrityError as error:
            raise TrainingUnderWay("Another training run has just been started.") from error
        yield run
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def _fit_and_publish(run: TrainingRun, stages: _Stages) -> None:
    config = LinearConfig()
    run.hyperparameters = {"linear": asdict(config)}
    with stages.stage("reading"):
        data = load_dataset()
        run.dataset = data.description
        if not data.description["n_ratings"]:
            raise NotEnoughData("There are no ratings yet; import a data set first.")
        train, holdout = _hold_out(data.interactions, seed=run.pk)
        run.save(update_fields=["dataset", "hyperparameters"])
    with stages.stage("fitting") as report:
        popularity = PopularityRanker().fit(train, data.catalog)
        linear = LinearRanker(config).fit(train, data.catalog, on_progress=report)
    run.status = TrainingRun.Status.EVALUATING
    with stages.stage("measuring") as report:
        if holdout:
            run.metrics = {
                "linear": evaluate(linear, holdout, on_progress=report).as_dict(),
                "popularity": evaluate(popularity, holdout).as_dict(),
            }
            _pass_gate(run)
    with stages.stage("publishing"):
        # The folder outlives databases: a number alone may have been used by an earlier one.
        folder = f"run-{run.pk:06d}-{secrets.token_hex(4)}"
        write_artifact(
            settings.ARTIFACTS_DIR / folder,
            {
                "items": data.catalog.to_part(),
                "linear": linear.to_part(),
                "popularity": popularity.to_part(),
            },
            created_at=timezone.now(),
            metrics=run.metrics,
        )
    _activate(run, folder)
    _remove_old_artifacts()


def _hold_out(interactions: Interactions, seed: int) -> tuple[Interactions, Holdout | None]:
    """Keep readers from the fit; None on a young site where nobody has rated enough."""
    wanted = min(MAX_HELD_OUT, interactions.n_users // 10)
    rated = np.diff(interactions.ratings.indptr)
    if not wanted or not (rated >= MIN_HELD_OUT_RATINGS).any():
        logger.warning("too few readers with %d ratings to measure on", MIN_HELD_OUT_RATINGS)
        return interactions, None
    return split_holdout(interactions, n_users=wanted, seed=seed, min_ratings=MIN_HELD_OUT_RATINGS)


def _pass_gate(run: TrainingRun) -> None:
    """Refuse a model that ranks worse than popularity on the held-out readers."""
    measured, floor = run.metrics["linear"], run.metrics["popularity"]
    if measured["ndcg_at_10"] < floor["ndcg_at_10"]:
        raise Rejected(
            f"NDCG@10 on {measured['n_users']} held-out readers is "
            f"{measured['ndcg_at_10']:.4f}, below popularity's {floor['ndcg_at_10']:.4f}."
        )


def _activate(run: TrainingRun, artifact: str) -> None:
    """Move the pointer: from this commit on, web processes load the new artifact."""
    with transaction.atomic():
        # Another run may have declared this one dead after a lost connection.
        under_way = TrainingRun.objects.select_for_update().filter(
            pk=run.pk, status__in=TrainingRun.UNDER_WAY
        )
        if not under_way.exists():
            raise TrainingUnderWay("This run was declared dead while it fitted.")
        TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).update(
            status=TrainingRun.Status.RETIRED
        )
        run.status = TrainingRun.Status.ACTIVE
        run.artifact = artifact
        _close(run)


def _remove_old_artifacts() -> None:
    """Delete the files of retired runs but the last few, which one may want to go back to."""
    retired = TrainingRun.objects.filter(status=TrainingRun.Status.RETIRED).exclude(artifact="")
    for old in retired.order_by("-id")[KEPT_ARTIFACTS:]:
        folder = settings.ARTIFACTS_DIR / old.artifact
        # The row first: a folder that is left over harms less than a run without its files.
        TrainingRun.objects.filter(pk=old.pk).update(artifact="")
        try:
            shutil.rmtree(folder)
        except OSError as error:
            logger.warning("the files of run %d were not removed: %s", old.pk, error)


def _close(run: TrainingRun) -> None:
    run.stage = ""
    run.finished_at = timezone.now()
    run.peak_megabytes = peak_megabytes()
    run.save()


def peak_megabytes() -> int:
    """Return the most memory that this process ever held, in MB of 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6)
