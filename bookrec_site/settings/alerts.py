"""ALERT_…: who is told by e-mail when something needs an operator, and from when on."""

from django.core.exceptions import ValidationError as InvalidAddress
from django.core.validators import validate_email
from environs import ValidationError, validate

from bookrec_site.settings.env import env


def _addresses(values: list[str]) -> None:
    for value in values:
        try:
            validate_email(value)
        except InvalidAddress as error:
            raise ValidationError(f"{value!r} is no e-mail address") from error


_POSITIVE = validate.Range(1, 100_000)

EMAILS: list[str] = env.list("ALERT_EMAILS", default=[], validate=_addresses)
# The active run may be so old.
MODEL_HOURS: int = env.int("ALERT_MODEL_HOURS", default=48, validate=_POSITIVE)
# So many runs in a row may end without a model, less one.
FAILED_RUNS: int = env.int("ALERT_FAILED_RUNS", default=2, validate=_POSITIVE)
# A task may wait for so long.
QUEUE_MINUTES: int = env.int("ALERT_QUEUE_MINUTES", default=15, validate=_POSITIVE)
# So many of a hundred lists may be empty, or popular books where the reader's own were meant.
FALLBACK_PERCENT: int = env.int(
    "ALERT_FALLBACK_PERCENT", default=80, validate=validate.Range(1, 100)
)
