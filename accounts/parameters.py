"""Parameters of requests, read with suspicion."""

import re
from collections.abc import Iterable, Mapping

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request


def read_params(request: Request, parameters: Iterable[OpenApiParameter]) -> dict[str, str]:
    """Return those of the parameters that are in the address, each as it is described: once.

    Of a text, "" is one; of anything else it is nothing at all. Others are left alone.
    """
    params: dict[str, str] = {}
    errors: dict[str, list[str]] = {}
    for parameter in parameters:
        name = parameter.name
        given = request.query_params.getlist(name)
        is_text = parameter.type is str and not parameter.enum
        if len(given) > 1:
            errors[name] = ["This is given more than once."]
        elif given == [""] and not is_text:
            errors[name] = ["This is empty."]
        elif given:
            params[name] = given[0]
        elif parameter.required:
            errors[name] = ["This is needed."]
    if errors:
        raise ValidationError(errors)
    return params


def whole_number(
    params: Mapping[str, str], name: str, *, low: int, high: int | None, default: int
) -> int:
    """Read a whole number; one that is not given is the default, a wrong one is named."""
    text = params.get(name)
    if text is None:
        return default
    # Digits of ASCII only, and not without end: int() would read others.
    if re.fullmatch(r"-?[0-9]{1,400}", text):
        value = int(text)
        if low <= value and (high is None or value <= high):
            return value
    wanted = f"from {low} to {high}" if high is not None else f"from {low} on"
    raise ValidationError({name: [f"This is a whole number {wanted}."]})


def one_of(params: Mapping[str, str], name: str, values: Iterable[str]) -> str | None:
    """Read a parameter that is one of few values; None when it is not given."""
    value, values = params.get(name), list(values)
    if value is not None and value not in values:
        raise ValidationError({name: [f"This is one of {', '.join(values)}."]})
    return value
