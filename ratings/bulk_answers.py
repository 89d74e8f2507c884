"""What the API's doors for many rows at once share: each row has a result of its own."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from rest_framework import serializers
from rest_framework.exceptions import ValidationError


class _Row(Protocol):
    @property
    def book_id(self) -> int | None: ...


class RowTold(Protocol):
    """What became of a row."""

    @property
    def row(self) -> _Row: ...
    @property
    def result(self) -> str: ...
    @property
    def reason(self) -> str: ...


class RowAnswer(serializers.Serializer):
    """Described with the `result`s that there are by who derives from it."""

    # Place among the rows that were sent, from 0.
    index = serializers.IntegerField()
    # Null when the row names none.
    book = serializers.IntegerField(allow_null=True)
    # Of errors only.
    reason = serializers.CharField(required=False)


def rows_sent(body: object, name: str, most: int, example: str) -> list[object]:
    """Return the rows of a body, unread, so that a bad one spoils no other.

    Raises
    ------
    ValidationError
        By the name, when they are no list, none, or too many.
    """
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= most:
        raise ValidationError({name: [f"A list of 1 to {most} rows like {example}."]})
    return rows


def rows_answered(told: Iterable[RowTold], results: Sequence[str]) -> dict[str, Any]:
    """Return how many rows had each of the results, how many failed, and each row's own."""
    told = list(told)
    counts = Counter(one.result for one in told)
    return {
        **{result: counts[result] for result in results},
        "failed": counts["error"],
        "results": [
            {"index": index, "book": one.row.book_id, "result": one.result}
            | ({"reason": one.reason} if one.reason else {})
            for index, one in enumerate(told)
        ],
    }
