"""What can go wrong with a training run."""


class TrainingError(Exception):
    """Base of this app's errors; the message is written for the operator."""


class TrainingUnderWay(TrainingError):
    """Another run is being fitted; one at a time."""


class NotEnoughData(TrainingError):
    """There is nothing to learn from."""


class Rejected(TrainingError):
    """The fitted model did not pass; the active one stays."""
