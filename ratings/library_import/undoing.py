"""Taking back what rows have changed, but never what the reader has said since."""

from typing import Any, Final

from ratings.models import ImportRow
from ratings.states import DISMISSED, NOTE, READ, SHELF, STARS, State

# By aspect: what was there before a row, and what the row made of it.
Changes = dict[str, list[list[Any] | None]]

# Put back only when nothing that contradicts them stays.
_LAST: Final = (SHELF, DISMISSED)


def changes_between(before: State, after: State) -> Changes:
    """Return what a row has to remember to be taken back."""
    return {
        aspect: [before.get(aspect), _mark(aspect, after.get(aspect))]
        for aspect in sorted(before.keys() | after.keys())
        if before.get(aspect) != after.get(aspect)
    }


def taken_back(row: ImportRow, now: State) -> tuple[State, list[str]]:
    """Return the state without the row, and the aspects that stay as they are now.

    An aspect that is not what the row made of it was changed by the reader since, and is left.
    """
    changes: Changes = row.changes
    result = dict(now)
    kept = []
    for aspect in sorted(changes, key=lambda aspect: aspect in _LAST):
        was, made = changes[aspect]
        contradicted = was is not None and aspect in _LAST and _has_opinion_since(result, changes)
        if _mark(aspect, now.get(aspect)) != made or contradicted:
            kept.append(aspect)
        elif was is None:
            result.pop(aspect, None)
        else:
            result[aspect] = was
    return result, kept


def _has_opinion_since(state: State, changes: Changes) -> bool:
    """Whether stars, or a reading, stay that the row found not there."""
    return any(
        aspect in state and changes.get(aspect, [None])[0] is None for aspect in (STARS, READ)
    )


def _mark(aspect: str, value: list[Any] | None) -> list[Any] | None:
    """A note is known again by its time; its text need not be kept twice."""
    return value[1:] if aspect == NOTE and value is not None else value
