"""Background front doors to training; they call services and hold no logic."""

from celery import shared_task
from celery.utils.log import get_task_logger

from recommender.errors import TrainingUnderWay
from recommender.training import run_training

logger = get_task_logger(__name__)


@shared_task(name="recommender.train")
def train(trigger: str) -> None:
    """Fit and publish a new model; does nothing while another run is under way."""
    try:
        run_training(trigger=trigger)
    except TrainingUnderWay as reason:
        logger.info("no training run started: %s", reason)
