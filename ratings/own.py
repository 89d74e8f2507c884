"""Everything that one reader said of one book."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import CharField, DateField, IntegerField, QuerySet, TextField, Value
from django.db.models.functions import Cast

from accounts.models import User
from catalog.models import Book
from ratings.models import Dismissal, Note, Rating, Reading, ShelfEntry

_STARS, _SHELF, _READ, _NOTE, _DISMISSED, _NAME = "stars", "shelf", "read", "note", "away", "name"
# Names of own shelves that are offered to choose from.
MAX_SUGGESTIONS = 50


@dataclass
class OwnOpinion:
    book: Book
    # 1..5
    stars: int | None = None
    # One of ShelfEntry.Shelf, or "".
    state: str = ""
    own_shelves: list[str] = field(default_factory=list)
    # Said by the reader themselves; a book with stars has been read as well.
    is_marked_read: bool = False
    finished_on: date | None = None
    note: str = ""
    is_dismissed: bool = False
    # The reader's shelves that the book is not on.
    other_shelves: list[str] = field(default_factory=list)

    @property
    def is_shelved(self) -> bool:
        return self.state == ShelfEntry.Shelf.TO_READ

    @property
    def is_read(self) -> bool:
        return self.is_marked_read or self.stars is not None

    @property
    def says_more(self) -> bool:
        """Whether there is anything but stars and a state, which are seen at once."""
        return bool(self.own_shelves or self.note or self.finished_on)


def own_opinion(user: User, book: Book) -> OwnOpinion:
    """Return what the reader said of the book, in one query."""
    mine = {"user": user, "book": book}
    on_shelves = ShelfEntry.objects.filter(user=user).exclude(shelf__in=ShelfEntry.Shelf.values)
    rows = _rows(Rating.objects.filter(**mine), _STARS, n="stars").union(
        _rows(ShelfEntry.objects.filter(**mine), _SHELF, text="shelf"),
        _rows(Reading.objects.filter(**mine), _READ, day="finished_on"),
        _rows(Note.objects.filter(**mine), _NOTE, text="text"),
        _rows(Dismissal.objects.filter(**mine), _DISMISSED),
        _rows(on_shelves, _NAME, text="shelf").distinct()[:MAX_SUGGESTIONS],
        all=True,
    )
    opinion = OwnOpinion(book)
    names = []
    for kind, text, day, n in rows:
        if kind == _STARS:
            opinion.stars = n
        elif kind == _SHELF and text in ShelfEntry.Shelf.values:
            opinion.state = text
        elif kind == _SHELF:
            opinion.own_shelves.append(text)
        elif kind == _READ:
            opinion.is_marked_read, opinion.finished_on = True, day
        elif kind == _NOTE:
            opinion.note = text
        elif kind == _DISMISSED:
            opinion.is_dismissed = True
        else:
            names.append(text)
    opinion.own_shelves.sort(key=str.casefold)
    opinion.other_shelves = sorted(set(names) - set(opinion.own_shelves), key=str.casefold)
    return opinion


def _rows(
    queryset: QuerySet[Any], kind: str, text: str = "", day: str = "", n: str = ""
) -> QuerySet[Any]:
    """Return (kind, text, day, number) of each row; what is not asked for is empty."""
    return queryset.order_by().values_list(
        Value(kind, CharField()),
        Cast(text, TextField()) if text else Value("", TextField()),
        day or Cast(Value(None), DateField()),
        n or Value(0, IntegerField()),
    )
