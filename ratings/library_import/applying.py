"""What a row does to what the reader has said of its book on this site.

The site's own word stands: a file fills gaps and moves a book forward (to read, reading now, did
not finish, read), and replaces stars only where the reader asks for it. So a file that is uploaded
again changes nothing.
"""

from datetime import UTC, date, datetime, time
from typing import Final

from django.utils.translation import gettext as _

from ratings.library_import.entries import Entry
from ratings.models import ShelfEntry
from ratings.states import DISMISSED, NOTE, OWN, READ, SHELF, STARS, State

_READ_RANK: Final = 4
_RANKS: Final = {
    ShelfEntry.Shelf.TO_READ: 1,
    ShelfEntry.Shelf.READING: 2,
    ShelfEntry.Shelf.ABANDONED: 3,
}


def applied(
    entry: Entry, before: State, *, now: datetime, replace_stars: bool
) -> tuple[State, list[str]]:
    """Return the state after the row, and what was not taken from it, for the reader."""
    after = dict(before)
    remarks: list[str] = []
    _apply_stars(entry, after, now, replace_stars, remarks)
    _apply_reading(entry, after, remarks)
    brings_shelves = entry.shelf or entry.own_shelves
    if DISMISSED in after and brings_shelves:
        remarks.append(_("You are not interested in this book here; it was put on no shelf."))
    elif brings_shelves:
        _apply_shelf(entry, before, after, now, remarks)
        for name in entry.own_shelves:
            after.setdefault(OWN + name, [_noon(entry.added_on, now)])
    if entry.note and NOTE not in after:
        after[NOTE] = [entry.note, now.isoformat()]
    elif entry.note and entry.note not in after[NOTE][0]:
        remarks.append(_("Your note here was kept; the one in the file was not taken."))
    return after, remarks


def _apply_stars(
    entry: Entry, after: State, now: datetime, replace: bool, remarks: list[str]
) -> None:
    if entry.stars is None:
        return
    if STARS not in after:
        given = _noon(entry.finished_on or entry.added_on, now)
        after[STARS] = [entry.stars, given, given]
    elif after[STARS][0] == entry.stars:
        return
    elif replace:
        after[STARS] = [entry.stars, after[STARS][1], now.isoformat()]
    else:
        remarks.append(
            _("Your stars here were kept: %(here)s, not the file’s %(file)s.")
            % {"here": after[STARS][0], "file": entry.stars}
        )
        return
    # As when a book is rated by hand.
    after.pop(SHELF, None)
    after.pop(DISMISSED, None)


def _apply_reading(entry: Entry, after: State, remarks: list[str]) -> None:
    if not entry.is_read:
        return
    day = entry.finished_on.isoformat() if entry.finished_on else None
    if READ not in after:
        after[READ] = [day]
        after.pop(SHELF, None)
    elif day and after[READ][0] is None:
        after[READ] = [day]
    elif day and after[READ][0] != day:
        remarks.append(
            _("The day you finished it was kept: %(here)s, not the file’s %(file)s.")
            % {"here": after[READ][0], "file": day}
        )


def _apply_shelf(
    entry: Entry, before: State, after: State, now: datetime, remarks: list[str]
) -> None:
    if not entry.shelf:
        return
    was = before.get(SHELF)
    if was is not None and was[0] == entry.shelf:
        after[SHELF] = was
    elif _rank(before) > _RANKS[ShelfEntry.Shelf(entry.shelf)]:
        remarks.append(
            _("It was not put on “%(shelf)s”: you are further with it here.")
            % {"shelf": ShelfEntry.Shelf(entry.shelf).label}
        )
    else:
        after[SHELF] = [entry.shelf, _noon(entry.added_on, now)]


def _rank(state: State) -> int:
    if STARS in state or READ in state:
        return _READ_RANK
    return _RANKS[ShelfEntry.Shelf(state[SHELF][0])] if SHELF in state else 0


def _noon(day: date | None, now: datetime) -> str:
    """The file knows days only; noon of one is the same day nearly everywhere."""
    if day is None or day >= now.date():
        return now.isoformat()
    return datetime.combine(day, time(12), UTC).isoformat()
