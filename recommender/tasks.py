"""Background front doors to training; they call services and hold no logic.

Numbers of runs are passed, never runs. Every task may be delivered twice: the second time there is
nothing left to do.
"""

from celery import shared_task
from celery.utils.log import get_task_logger

from recommender import runs
from recommender.demand import why_train
from recommender.errors import Cancelled, NotEnoughData, Rejected, RunLost, TrainingUnderWay
from recommender.feedback.rollup import forget_events, roll_up_open_days
from recommender.models import TrainingRun
from recommender.training import execute

logger = get_task_logger(__name__)


@shared_task(name=runs.TRAIN_TASK)
def train(run_id: int) -> None:
    """Work at a queued run; any other is left alone."""
    try:
        execute(run_id)
    except TrainingRun.DoesNotExist:
        logger.warning("training run %d was deleted before it began", run_id)
    except (Cancelled, NotEnoughData, Rejected, RunLost, TrainingUnderWay) as reason:
        # As recorded in the run: nothing that the worker should report as its own failure.
        logger.info("training run %d: %s", run_id, reason)


@shared_task(name="recommender.retrain")
def retrain(kind: str = TrainingRun.Kind.FULL) -> None:
    """Request the nightly run."""
    try:
        runs.request_scheduled_run(kind=kind)
    except TrainingUnderWay as reason:
        logger.info("no training run requested: %s", reason)


@shared_task(name="recommender.train_when_needed")
def train_when_needed(min_new_ratings: int = 1000) -> None:
    """Request a full run when enough is new since the last one."""
    reason = why_train(min_new_ratings)
    if reason is None:
        return
    try:
        run = runs.request_run(trigger="need")
    except TrainingUnderWay as other:
        logger.info("no training run requested: %s", other)
    else:
        logger.info("training run %d requested: %s", run.pk, reason)


@shared_task(name="recommender.tend_runs")
def tend_runs() -> None:
    """Close runs whose process died, and send those again that nobody has taken up."""
    runs.reap_stale_runs()
    runs.send_queued_again()


@shared_task(name="recommender.clean_artifacts")
def clean_artifacts(keep: int = runs.KEPT_ARTIFACTS) -> None:
    """Delete the files of old runs."""
    runs.clean_artifacts(keep)


@shared_task(name="recommender.roll_up_feedback")
def roll_up_feedback() -> None:
    """Make the sums of the last days' events anew."""
    roll_up_open_days()


@shared_task(name="recommender.forget_feedback")
def forget_feedback(keep_days: int = 90) -> None:
    """Forget events of old lists; their sums stay."""
    forget_events(keep_days)
