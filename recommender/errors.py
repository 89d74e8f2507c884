"""What can go wrong with a training run."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recommender.models import TrainingRun


class TrainingError(Exception):
    """Base of this app's errors; the message is written for the operator."""


class TrainingUnderWay(TrainingError):
    """Another run is queued or being fitted; one at a time."""

    def __init__(self, message: str, run: "TrainingRun | None" = None) -> None:
        super().__init__(message)
        # The one that is in the way, where it is known.
        self.run = run


class NotEnoughData(TrainingError):
    """There is nothing to learn from."""


class Rejected(TrainingError):
    """The fitted model did not pass the gate; the active one stays."""


class Cancelled(TrainingError):
    """Somebody asked the run to stop."""


class RunLost(TrainingError):
    """The run was closed by another process while this one worked at it."""


class NotPossible(TrainingError):
    """What was asked for does not fit the state of the run."""


class ExportError(TrainingError):
    """A run's predicted stars cannot be written as a SavedModel."""


class NoSuchList(Exception):
    """The id is that of no list that its sender was shown lately; the message is for programs."""

    def __init__(self, message: str = "No list that was made for you has this id.") -> None:
        super().__init__(message)
