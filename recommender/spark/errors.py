"""What can go wrong between a run and its cluster."""

from recommender.errors import TrainingError


class SparkError(TrainingError):
    """Spark did not do what it was asked; the message says what and what to do."""
