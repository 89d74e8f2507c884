"""Rows of an export of The StoryGraph."""

import re
from datetime import date
from typing import Final

from django.utils.translation import gettext as _

from ratings.library_import.entries import Entry, RowError, parse_date, parse_stars
from ratings.library_import.goodreads import shelf_names
from ratings.library_import.isbns import canonical, parse_isbns
from ratings.library_import.markup import text_of
from ratings.models import ShelfEntry

_STATES: Final = {
    "to-read": ShelfEntry.Shelf.TO_READ,
    "currently-reading": ShelfEntry.Shelf.READING,
    "did-not-finish": ShelfEntry.Shelf.ABANDONED,
}
# What stands among the ISBNs: Amazon's numbers, and those that the site gives itself.
_OTHER_NUMBER: Final = re.compile(r"[0-9A-Za-z-]{6,40}")

_RANGE_END: Final = re.compile(r"^[0-9]{4}(/[0-9]{1,2}){0,2}\s*-\s*(?=[0-9]{4}(/|$))")


def entry_of(cells: dict[str, str]) -> Entry:
    """Return what the cells, by the lower-case names of their columns, say.

    Raises
    ------
    RowError
        When the rating is impossible, or nothing names the book.
    """
    entry = Entry(title=" ".join(cells.get("title", "").split()))
    entry.authors = [
        name for text in cells.get("authors", "").split(",") if (name := " ".join(text.split()))
    ]
    number = cells.get("isbn/uid", "").strip()
    is_other = bool(_OTHER_NUMBER.fullmatch(number)) and not re.fullmatch(r"[0-9-]{9,17}", number)
    if canonical(number.upper()) or not is_other:
        entry.isbns = parse_isbns([number], entry.remarks)
    if not (entry.title or entry.isbns):
        raise RowError(_("The row names no book: it has neither a title nor an ISBN."))
    entry.stars = parse_stars(cells.get("star rating", ""), entry.remarks)
    entry.added_on = parse_date(cells.get("date added", ""), [])
    status = cells.get("read status", "").strip().lower().replace(" ", "-").replace("_", "-")
    if status in _STATES:
        entry.shelf = _STATES[status]
    elif status == "read":
        entry.is_read = True
        entry.finished_on = _last_day(cells, entry.remarks)
    elif status:  # Such as "paused": begun, and resting.
        entry.take_shelves([status])
    entry.take_shelves(shelf_names(cells.get("tags", "")))
    entry.take_note(text_of(cells.get("review", "")))
    return entry


def _last_day(cells: dict[str, str], remarks: list[str]) -> date | None:
    """Return the day of the last reading: of its own column, else the end of the last range."""
    text = cells.get("last date read", "").strip()
    if not text:
        ranges = [part.strip() for part in cells.get("dates read", "").split(",") if part.strip()]
        # "2022/03/16-2022/04/01"; a single day may be written with hyphens.
        ends = [_RANGE_END.sub("", part) for part in ranges]
        text = max(ends, default="")
    return parse_date(text, remarks)
