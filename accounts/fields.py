"""Fields of JSON that take what is written in them and nothing that looks like it."""

from typing import Any

from rest_framework import serializers


def as_whole_number(value: object) -> int | None:
    """Return a number of JSON that is whole; None for everything else, texts and True included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # 4.0 is whole to JSON; infinity and NaN are not.
    return int(value) if isinstance(value, int) or value.is_integer() else None


class WholeNumberField(serializers.IntegerField):
    """A number, not a text that looks like one: DRF would take "4.0" and Arabic digits too."""

    def to_internal_value(self, data: Any) -> int:
        number = as_whole_number(data)
        if number is None:
            self.fail("invalid")
        return number


class TextField(serializers.CharField):
    """A text: DRF would take a number too."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text


class SwitchField(serializers.BooleanField):
    """true or false: DRF would take "on" and 1 too."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data
