"""Rows of a Goodreads export, of any year."""

import csv
import re
from typing import Final

from django.utils.translation import gettext as _

from ratings.library_import.entries import (
    Entry,
    RowError,
    means_abandoned,
    parse_date,
    parse_stars,
)
from ratings.library_import.isbns import parse_isbns
from ratings.library_import.markup import text_of
from ratings.models import ShelfEntry

READ: Final = "read"
ABANDONED: Final = "did-not-finish"
STATE_SHELVES: Final = {
    "to-read": ShelfEntry.Shelf.TO_READ,
    "currently-reading": ShelfEntry.Shelf.READING,
}
_ID: Final = re.compile(r"[0-9]{1,18}")


def entry_of(cells: dict[str, str]) -> Entry:
    """Return what the cells, by the lower-case names of their columns, say.

    Raises
    ------
    RowError
        When the rating is impossible, or nothing names the book.
    """
    entry = Entry(title=" ".join(cells.get("title", "").split()))
    entry.authors = [
        name
        for text in (cells.get("author", ""), *cells.get("additional authors", "").split(","))
        if (name := " ".join(text.split()))
    ]
    if not entry.authors and (last_first := cells.get("author l-f", "").strip()):
        last, _comma, first = last_first.partition(",")
        entry.authors = [f"{first.strip()} {last.strip()}".strip()]
    entry.goodreads_id = _parse_id(cells.get("book id", ""), entry.remarks)
    entry.isbns = parse_isbns((cells.get("isbn13", ""), cells.get("isbn", "")), entry.remarks)
    if not (entry.title or entry.goodreads_id or entry.isbns):
        raise RowError(_("The row names no book: it has neither a title nor a number."))
    entry.stars = parse_stars(cells.get("my rating", ""), entry.remarks)
    entry.added_on = parse_date(cells.get("date added", ""), [])
    _take_shelves(entry, cells)
    review, private = text_of(cells.get("my review", "")), cells.get("private notes", "").strip()
    entry.take_note("\n\n".join(part for part in (review, private) if part))
    return entry


def _parse_id(text: str, remarks: list[str]) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not _ID.fullmatch(text):
        remarks.append(_("The Book Id “%(text)s” is no number.") % {"text": text[:30]})
        return None
    return int(text) or None


def _take_shelves(entry: Entry, cells: dict[str, str]) -> None:
    """Part the exclusive shelf, which says how far the reader is, from those of their own."""
    exclusive = " ".join(cells.get("exclusive shelf", "").split())
    names = shelf_names(cells.get("bookshelves", ""))
    key = exclusive.lower().replace(" ", "-")
    # A file may have one of the two columns only.
    for name in names if not key else ():
        if name in STATE_SHELVES or name == READ:
            key = name
            break
    if key in STATE_SHELVES:
        entry.shelf = STATE_SHELVES[key]
    elif means_abandoned(exclusive):
        entry.shelf = ShelfEntry.Shelf.ABANDONED
    elif key and key != READ:
        entry.take_shelves([exclusive])
    entry.take_shelves(
        name
        for name in names
        if name != READ and name not in STATE_SHELVES and name.lower() != exclusive.lower()
    )
    # A day without the shelf: read once, and now again. On a shelf of books given up it is the day
    # of giving up. Our own export names both shelves for a book that was read before.
    finished_on = parse_date(cells.get("date read", ""), entry.remarks)
    entry.is_read = (
        key == READ
        or READ in names
        or (finished_on is not None and entry.shelf != ShelfEntry.Shelf.ABANDONED)
    )
    entry.finished_on = finished_on if entry.is_read else None


def shelf_names(cell: str) -> list[str]:
    """Return the shelves that a cell lists; a name with a comma stands in quotation marks."""
    if not cell.strip():
        return []
    rows = csv.reader([" ".join(cell.split())], skipinitialspace=True)
    return [name for row in rows for text in row if (name := text.strip())]
