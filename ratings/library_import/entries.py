"""One row as it is meant, whichever site it came from."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from catalog.text import normalize
from ratings.errors import InvalidShelf
from ratings.models import Note, ShelfEntry
from ratings.services import shelf_name

# Of one book, of the reader's own; nobody has so many.
MAX_SHELVES: Final = 50
# A library has no older reader.
_FIRST_YEAR: Final = 1900
_DATE: Final = re.compile(r"([0-9]{1,4})([/.-])([0-9]{1,2})\2([0-9]{1,4})")
_PARTIAL: Final = re.compile(r"[0-9]{4}([/.-][0-9]{1,2})?")
_STARS: Final = re.compile(r"[0-9]{1,2}([.,][0-9]{1,4})?")
# As readers call the shelf; compared without spaces, apostrophes and hyphens.
_ABANDONED: Final = {
    "didnotfinish", "didntfinish", "dnf", "dnfd", "abandoned", "unfinished", "notfinished",
    "neverfinished", "couldntfinish", "couldnotfinish", "gaveup", "gaveupon", "givenup", "quit",
    "stoppedreading", "cantfinish",
}  # fmt: skip


class RowError(Exception):
    """A row that says something impossible; the message is for the reader."""


@dataclass
class Entry:
    """What a row says of a book."""

    title: str = ""
    authors: list[str] = field(default_factory=list)
    goodreads_id: int | None = None
    # ISBN-13, whichever form the file has.
    isbns: list[str] = field(default_factory=list)
    stars: int | None = None
    is_read: bool = False
    finished_on: date | None = None
    # One of ShelfEntry.Shelf, or empty.
    shelf: str = ""
    own_shelves: list[str] = field(default_factory=list)
    added_on: date | None = None
    note: str = ""
    # What was not taken as it stands, for the reader.
    remarks: list[str] = field(default_factory=list)

    @property
    def book_key(self) -> str:
        """What the book is known by in the file: the same in every file that names it alike."""
        parts = [str(self.goodreads_id or ""), *sorted(self.isbns), normalize(self.title)]
        parts += map(normalize, self.authors)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def take_shelves(self, names: Iterable[str]) -> None:
        """Add shelves of the reader's own, each once; a name that is none is told and left out."""
        for name in names:
            try:
                cleaned = shelf_name(name)
            except InvalidShelf as error:
                if name.strip():
                    self.remarks.append(str(error))
            else:
                if cleaned in self.own_shelves or cleaned in ShelfEntry.Shelf.values:
                    continue
                if len(self.own_shelves) >= MAX_SHELVES:
                    self.remarks.append(
                        _("Only the first %(limit)s shelves were taken.") % {"limit": MAX_SHELVES}
                    )
                    return
                self.own_shelves.append(cleaned)

    def take_note(self, text: str) -> None:
        """Keep the text as the reader's note, unless it is longer than a note."""
        text = text.replace("\0", "").strip()
        if len(text) > Note.MAX_LENGTH:
            self.remarks.append(
                _("The review was not taken: it has more than %(limit)s characters.")
                % {"limit": Note.MAX_LENGTH}
            )
            return
        self.note = text


def means_abandoned(shelf: str) -> bool:
    """Return whether readers mean by such a shelf that they did not finish a book."""
    return re.sub(r"[\s_'’-]", "", shelf).lower() in _ABANDONED


def parse_stars(text: str, remarks: list[str]) -> int | None:
    """Return whole stars, 1..5; None for none. Halves and quarters are rounded half up, and told.

    Raises
    ------
    RowError
        When it is no number from 0 to 5.
    """
    text = text.strip()
    if not text:
        return None
    value = Decimal(text.replace(",", ".")) if _STARS.fullmatch(text) else None
    if value is None or value > 5:
        raise RowError(_("The rating is “%(text)s”; stars go from 0 to 5.") % {"text": text[:20]})
    if value == 0:
        return None
    stars = max(1, int(value.quantize(Decimal(1), ROUND_HALF_UP)))
    if stars != value:
        remarks.append(
            _("%(text)s stars became %(stars)s: stars are whole here.")
            % {"text": text, "stars": stars}
        )
    return stars


def parse_date(text: str, remarks: list[str]) -> date | None:
    """Return the day; None, and a remark, for one that is incomplete, ambiguous or none."""
    text = text.strip()
    if not text:
        return None
    found = _DATE.fullmatch(text)
    days = _readings(*found.groups()) if found else []
    if len(days) == 1 and days[0].year >= _FIRST_YEAR and days[0] <= _tomorrow():
        return days[0]
    if _PARTIAL.fullmatch(text):
        problem = _("The date “%(text)s” was left out: it names no day.")
    elif len(days) > 1:
        problem = _("The date “%(text)s” was left out: it can be read in two ways.")
    elif days:
        problem = _("The date “%(text)s” was left out: it cannot be right.")
    else:
        problem = _("The date “%(text)s” was left out: it is not understood.")
    remarks.append(problem % {"text": text[:30]})
    return None


def _readings(first: str, mark: str, second: str, third: str) -> list[date]:
    """Return every day that it may be: 2021/03/14, 14.03.2021, 03/14/2021."""
    if len(first) == 4:
        orders = [(first, second, third)]
    elif len(third) == 4 and mark == ".":
        orders = [(third, second, first)]
    elif len(third) == 4:
        orders = [(third, first, second), (third, second, first)]
    else:
        return []
    days: set[date] = set()
    for year, month, day in orders:
        try:
            days.add(date(int(year), int(month), int(day)))
        except ValueError:
            continue
    return sorted(days)


def _tomorrow() -> date:
    """It may be tomorrow already where the reader is."""
    return timezone.now().date() + timedelta(days=1)
