"""All that a reader has said of some books, read and written in bulk.

A state is what `ratings.services` would write one by one, as JSON-ready values by aspect:

    stars       [stars, given at, changed at]
    shelf       [one of ShelfEntry.Shelf, added at]
    own/NAME    [added at]                          a shelf of the reader's own
    read        [finished on, or None]
    note        [text, changed at]
    dismissed   [at]

Times are ISO texts, or None where the time is unknown. An aspect that is missing was never said.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from django.db import connection, models, transaction
from django.db.models import Q

from accounts.models import User
from ratings.models import Dismissal, Note, Rating, Reading, ShelfEntry
from ratings.signals import rating_changed

State = dict[str, list[Any]]

STARS: Final = "stars"
SHELF: Final = "shelf"
OWN: Final = "own/"
READ: Final = "read"
NOTE: Final = "note"
DISMISSED: Final = "dismissed"


def load_states(user: User, book_ids: Iterable[int], *, lock: bool = False) -> dict[int, State]:
    """Return the state of each of the books; an empty one where nothing was said.

    With `lock`, inside a transaction, what is there cannot be changed by others until its end.
    """
    wanted = list(set(book_ids))
    states: dict[int, State] = {book_id: {} for book_id in wanted}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_ALL if lock else _LOAD_ALL, {"user": user.pk, "books": wanted})
        for table, book_id, *values in cursor.fetchall():
            aspect, value = _as_aspect(table, *values)
            states[book_id][aspect] = value
    return states


# One statement, for five of them were most of what a choice by hand costs. Columns beside the
# book: stars, a text, and two times or a day.
_TABLES: Final = (
    ("rating", "stars::integer, NULL::text, created_at, updated_at, NULL::date"),
    ("shelfentry", "NULL, shelf, added_at, NULL, NULL"),
    ("reading", "NULL, NULL, NULL, NULL, finished_on"),
    ("note", "NULL, text, updated_at, NULL, NULL"),
    ("dismissal", "NULL, NULL, created_at, NULL, NULL"),
)
_LOAD_ALL: Final = " UNION ALL ".join(
    f"SELECT '{table}', book_id, {columns} FROM (SELECT * FROM ratings_{table}"  # noqa: S608
    " WHERE user_id = %(user)s AND book_id = ANY(%(books)s)) AS said"
    for table, columns in _TABLES
)
# In the order of the tables, as ever: two that want the same rows do not block each other.
_LOCK_ALL: Final = _LOAD_ALL.replace(") AS said", " FOR UPDATE) AS said")


def save_states(user: User, before: Mapping[int, State], after: Mapping[int, State]) -> None:
    """Write the difference. What others have added since `before` was loaded stays as it is."""
    gone: dict[str, list[int]] = defaultdict(list)
    new: dict[type[models.Model], list[Any]] = defaultdict(list)
    changed: dict[type[models.Model], list[Any]] = defaultdict(list)
    rated: list[tuple[int, int | None]] = []
    for book_id, state in after.items():
        old = before.get(book_id, {})
        for aspect in old.keys() | state.keys():
            was, now = old.get(aspect), state.get(aspect)
            if was == now:
                continue
            # A book leaves one shelf for another: the row goes, and a new one comes.
            if now is None or (was is not None and aspect == SHELF):
                gone[aspect].append(book_id)
            if now is not None:
                row = _as_row(user, book_id, aspect, now)
                is_new = was is None or aspect == SHELF
                (new if is_new else changed)[type(row)].append(row)
            if aspect == STARS:
                rated.append((book_id, now[0] if now else None))
    _delete(user, gone)
    for model, rows in new.items():
        model._default_manager.bulk_create(rows, ignore_conflicts=True)
    for model, rows in changed.items():
        model._default_manager.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["user", "book"],
            update_fields=_FIELDS[model],
        )
    if rated:
        transaction.on_commit(partial(_announce, user.pk, rated))


_FIELDS: Final[Mapping[type[models.Model], list[str]]] = {
    Rating: ["stars", "created_at", "updated_at"],
    Reading: ["finished_on"],
    Note: ["text", "updated_at"],
    Dismissal: ["created_at"],
}
_MODELS: Final[Mapping[str, type[models.Model]]] = {
    STARS: Rating,
    READ: Reading,
    NOTE: Note,
    DISMISSED: Dismissal,
}


def _as_aspect(
    table: str,
    stars: int | None,
    text: str | None,
    first: datetime | None,
    second: datetime | None,
    day: date | None,
) -> tuple[str, list[Any]]:
    match table:
        case "rating":
            return STARS, [stars, _text(first), _text(second)]
        case "shelfentry" if text in ShelfEntry.Shelf.values:
            return SHELF, [text, _text(first)]
        case "shelfentry":
            return f"{OWN}{text}", [_text(first)]
        case "reading":
            return READ, [_text(day)]
        case "note":
            return NOTE, [text, _text(first)]
    return DISMISSED, [_text(first)]


def _as_row(user: User, book_id: int, aspect: str, value: list[Any]) -> models.Model:
    make: Callable[..., models.Model]
    fields: dict[str, Any]
    if aspect == STARS:
        stars, created_at, updated_at = value
        make = Rating
        fields = {"stars": stars, "created_at": _time(created_at), "updated_at": _time(updated_at)}
    elif aspect == SHELF:
        shelf, added_at = value
        make, fields = ShelfEntry, {"shelf": shelf, "added_at": _time(added_at)}
    elif aspect.startswith(OWN):
        name = aspect.removeprefix(OWN)
        make, fields = ShelfEntry, {"shelf": name, "added_at": _time(value[0])}
    elif aspect == READ:
        finished_on = date.fromisoformat(value[0]) if value[0] else None
        make, fields = Reading, {"finished_on": finished_on}
    elif aspect == NOTE:
        text, updated_at = value
        make, fields = Note, {"text": text, "updated_at": _time(updated_at)}
    else:
        make, fields = Dismissal, {"created_at": _time(value[0])}
    return make(user=user, book_id=book_id, **fields)


def _delete(user: User, gone: Mapping[str, list[int]]) -> None:
    """Delete the aspects of the books; entries on all shelves at once."""
    entries = Q()
    for aspect, book_ids in gone.items():
        if aspect == SHELF:
            entries |= Q(shelf__in=ShelfEntry.Shelf.values, book__in=book_ids)
        elif aspect.startswith(OWN):
            entries |= Q(shelf=aspect.removeprefix(OWN), book__in=book_ids)
        else:
            _MODELS[aspect]._default_manager.filter(user=user, book__in=book_ids).delete()
    if entries:
        ShelfEntry.objects.filter(entries, user=user).delete()


def _announce(user_id: int, rated: list[tuple[int, int | None]]) -> None:
    for book_id, stars in rated:
        rating_changed.send_robust(sender=Rating, user_id=user_id, book_id=book_id, stars=stars)


def _text(moment: datetime | date | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
