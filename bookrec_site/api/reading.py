"""Parameters of requests, read with suspicion."""

import re
from collections.abc import Mapping

from rest_framework.exceptions import ValidationError


def whole_number(
    params: Mapping[str, str], name: str, *, low: int, high: int | None, default: int
) -> int:
    """Read a whole number; an empty one is the default, a wrong one is named."""
    text = params.get(name, "")
    if not text:
        return default
    # Digits of ASCII only, and not without end: int() would read others.
    if re.fullmatch(r"-?[0-9]{1,400}", text):
        value = int(text)
        if low <= value and (high is None or value <= high):
            return value
    wanted = f"from {low} to {high}" if high is not None else f"from {low} on"
    raise ValidationError({name: [f"This is a whole number {wanted}."]})
