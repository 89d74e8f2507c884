"""Writes about training runs: request, cancel, close the dead ones, activate, roll back, clean."""

import logging
from datetime import timedelta
from functools import partial
from typing import Any, Final

from celery import current_app
from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, Func
from django.db.models.functions import Greatest, Now
from kombu.exceptions import OperationalError

from accounts.models import User
from recommender import artifact_store
from recommender.engine import EngineError
from recommender.errors import NotPossible, RunLost, TrainingUnderWay
from recommender.measuring import ranker_of
from recommender.models import TrainingRun
from recommender.pulse import some_process_lives
from recommender.training_logs import delete_log, keep_logs

logger = logging.getLogger(__name__)

TRAIN_TASK: Final = "recommender.train"
KEPT_ARTIFACTS: Final = 5
# A process beats every three seconds, and is back a second after the database is.
STALE_AFTER: Final = timedelta(seconds=10)
# A queued run is sent again: the broker may have been away, or have lost it.
SEND_AGAIN_AFTER: Final = timedelta(minutes=2)
SCHEDULE: Final = "schedule"
# Two beats that fire at the same time are one wish.
_SAME_WISH_WITHIN: Final = timedelta(minutes=10)


class _ServerStart(Func):
    """When the database server was started; no process can have beaten while it was down."""

    function = "pg_postmaster_start_time"
    output_field = DateTimeField()


def request_run(
    *,
    trigger: str,
    started_by: User | None = None,
    kind: str = TrainingRun.Kind.FULL,
    force: bool = False,
    send: bool = True,
) -> TrainingRun:
    """Queue a run; once that is committed its number is sent to the training worker.

    With `send` false the caller works at it in its own process.

    Raises
    ------
    TrainingUnderWay
        With the run that is queued or being fitted already: there is never a second one.
    """
    reap_stale_runs()
    # Looked for first, because every refused row costs a number; the constraint decides a race.
    refuse_a_second_run()
    try:
        with transaction.atomic():
            run = TrainingRun.objects.create(
                trigger=trigger, started_by=started_by, kind=kind, forced=force
            )
    except IntegrityError as error:
        refuse_a_second_run()
        raise TrainingUnderWay("Another training run was just under way.") from error
    logger.info(
        "training run %d (%s%s) requested by %s",
        run.pk,
        kind,
        ", forced" if force else "",
        started_by.get_username() if started_by else trigger,
    )
    if send:
        transaction.on_commit(partial(_send, run.pk))
    return run


def refuse_a_second_run() -> None:
    """Raise TrainingUnderWay when a run is queued or worked at."""
    other = TrainingRun.objects.filter(status__in=TrainingRun.UNDER_WAY).first()
    if other is not None:
        raise TrainingUnderWay(
            f"Training run {other.pk} is {other.status} already; one at a time.", other
        )


def request_scheduled_run(kind: str = TrainingRun.Kind.FULL) -> TrainingRun:
    """Queue the run that the schedule asks for, unless it has just asked for one.

    A second beat asks at the same time, and a small site's run may have ended by then.
    """
    lately = TrainingRun.objects.filter(
        trigger=SCHEDULE, requested_at__gt=Now() - _SAME_WISH_WITHIN
    ).first()
    if lately is not None:
        raise TrainingUnderWay(f"The schedule has just started run {lately.pk}.", lately)
    return request_run(trigger=SCHEDULE, kind=kind)


def send_queued_again() -> int:
    """Send the number of a run that has been queued for long; return how many were sent.

    A task that comes twice does nothing the second time.
    """
    waiting = TrainingRun.objects.filter(
        status=TrainingRun.Status.QUEUED, requested_at__lt=Now() - SEND_AGAIN_AFTER
    )
    ids = list(waiting.values_list("pk", flat=True))
    for run_id in ids:
        _send(run_id)
    return len(ids)


def _send(run_id: int) -> None:
    try:
        current_app.send_task(TRAIN_TASK, args=[run_id])
    except OperationalError as error:
        logger.error("run %d stays queued, because the broker does not answer: %s", run_id, error)


def cancel_run(run_id: int, *, by: str) -> str:
    """Stop a run: a queued one at once, one that is worked at where it next reports.

    Returns its status.

    Raises
    ------
    NotPossible
        When it is not under way.
    """
    reason = f"Cancelled by {by}."
    run = TrainingRun.objects.filter(pk=run_id)
    if run.filter(status=TrainingRun.Status.QUEUED).update(
        status=TrainingRun.Status.CANCELLED, reason=reason, finished_at=Now()
    ):
        logger.info("training run %d was cancelled by %s before it began", run_id, by)
        return TrainingRun.Status.CANCELLED
    if run.filter(status__in=TrainingRun.WORKED_AT).update(cancel_requested=True, reason=reason):
        logger.info("training run %d is to stop: cancelled by %s", run_id, by)
        return run.values_list("status", flat=True)[0]
    raise NotPossible(f"Training run {run_id} is not under way: there is nothing to cancel.")


def reap_stale_runs() -> list[int]:
    """Close the runs whose process died; return their numbers.

    Dead is a run that does not beat, by the database's clock, while no process holds the lock: a
    clock that jumps alone, or a fit that is too busy to beat, closes nothing.
    """
    stale = (
        TrainingRun.objects.filter(status__in=TrainingRun.WORKED_AT)
        .annotate(sign_of_life=Greatest("heartbeat_at", _ServerStart()))
        # One in the future was written before the server's clock was set back.
        .exclude(sign_of_life__range=(Now() - STALE_AFTER, Now() + STALE_AFTER))
    )
    found = list(stale)
    if not found or some_process_lives():
        return []
    closed = []
    for run in found:
        status = TrainingRun.Status.CANCELLED if run.cancel_requested else TrainingRun.Status.FAILED
        reason = f"{run.reason} The process that worked at it died ({run.stage}).".strip()
        same = TrainingRun.objects.filter(
            pk=run.pk, status=run.status, heartbeat_at=run.heartbeat_at
        )
        if same.update(status=status, reason=reason, finished_at=Now(), artifact=""):
            logger.error("training run %d %s: %s", run.pk, status, reason)
            closed.append(run.pk)
            if run.artifact:
                delete_files(run.artifact)
    return closed


@transaction.atomic
def activate(run_id: int, **fields: Any) -> None:
    """Move the pointer: from this commit on, web processes load the run's artifact.

    May be repeated: when the database went away, nobody knows whether it had committed.

    Raises
    ------
    RunLost
        When the run was closed meanwhile.
    """
    if TrainingRun.objects.filter(pk=run_id, status=TrainingRun.Status.ACTIVE).exists():
        return
    under_way = TrainingRun.objects.select_for_update().filter(
        pk=run_id, status__in=TrainingRun.WORKED_AT
    )
    if not under_way.exists():
        raise RunLost(f"Run {run_id} was declared dead while it was worked at.")
    TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).update(
        status=TrainingRun.Status.RETIRED, reason=f"Run {run_id} took its place."
    )
    TrainingRun.objects.filter(pk=run_id).update(
        status=TrainingRun.Status.ACTIVE, finished_at=Now(), stage="", progress=1.0, **fields
    )


def rollback_run(run_id: int | None = None, *, by: str) -> TrainingRun:
    """Serve an earlier run again: the given one, or the one before the active one.

    Nothing is trained. Its artifact is read and compared with its checksums first.

    Raises
    ------
    NotPossible
        When there is no such run, it was never live, or its artifact cannot be loaded.
    """
    target = _rollback_target(run_id)
    try:
        ranker_of(artifact_store.load(target.artifact))
    except (EngineError, OSError) as error:
        raise NotPossible(f"Run {target.pk} cannot be served: {error}") from error
    with transaction.atomic():
        locked = {
            run.pk: run
            for run in TrainingRun.objects.select_for_update()
            .filter(status__in=[TrainingRun.Status.ACTIVE, TrainingRun.Status.RETIRED])
            .order_by("pk")
        }
        now = locked.get(target.pk)
        if now is None or now.artifact != target.artifact or now.status != target.status:
            raise NotPossible(f"Run {target.pk} has changed meanwhile; look again.")
        for run in locked.values():
            if run.status == TrainingRun.Status.ACTIVE:
                run.status = TrainingRun.Status.RETIRED
                run.reason = f"Rolled back to run {target.pk} by {by}."
                run.was_rolled_back = True
                run.save(update_fields=["status", "reason", "was_rolled_back"])
        target.status = TrainingRun.Status.ACTIVE
        target.reason = f"Brought back by {by}."
        target.was_rolled_back = False
        target.save(update_fields=["status", "reason", "was_rolled_back"])
    logger.warning("rolled back to run %d by %s", target.pk, by)
    return target


def _rollback_target(run_id: int | None) -> TrainingRun:
    if run_id is None:
        # Not one from which somebody has rolled back already: there was a reason.
        earlier = TrainingRun.objects.filter(
            status=TrainingRun.Status.RETIRED, was_rolled_back=False
        ).exclude(artifact="")
        active = TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).first()
        if active is not None:
            earlier = earlier.filter(pk__lt=active.pk)
        previous = earlier.order_by("-pk").first()
        if previous is None:
            raise NotPossible("There is no earlier run whose files are still there.")
        return previous
    run = TrainingRun.objects.filter(pk=run_id).first()
    if run is None:
        raise NotPossible(f"There is no training run {run_id}.")
    if run.status != TrainingRun.Status.RETIRED or not run.artifact:
        raise NotPossible(
            f"Run {run_id} is {run.status}{'' if run.artifact else ' and has no files'}; only a "
            "retired run with its files can be brought back."
        )
    return run


def clean_artifacts(keep: int = KEPT_ARTIFACTS) -> list[str]:
    """Delete the files of all retired runs but the last few, and what belongs to no run.

    The active run's files and those of a run under way are never touched. Returns what was
    deleted.
    """
    retired = TrainingRun.objects.filter(status=TrainingRun.Status.RETIRED).exclude(artifact="")
    deleted = []
    for old in retired.order_by("-pk")[keep:]:
        # The row first: files that are left over harm less than a run without its files. And not
        # when somebody rolls back to it at this moment.
        if retired.filter(pk=old.pk).update(artifact="", artifact_bytes=None):
            delete_files(old.artifact)
            deleted.append(old.artifact)
    known = set(TrainingRun.objects.exclude(artifact="").values_list("artifact", flat=True))
    for name in artifact_store.orphans(known):
        artifact_store.delete(name)
        deleted.append(name)
    if not TrainingRun.objects.filter(status__in=TrainingRun.WORKED_AT).exists():
        keep_logs(known)
    if deleted:
        logger.info("deleted artifacts: %s", ", ".join(deleted))
    return deleted


def delete_files(name: str) -> None:
    """Delete an artifact and its log; either may be gone."""
    artifact_store.delete(name)
    delete_log(name)
