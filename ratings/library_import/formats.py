"""Which export a file is, by the names of its columns."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

from django.utils.translation import gettext as _

from ratings.errors import LibraryFileError
from ratings.models import LibraryImport

# Our own report of failures has this one more; what stands there is not read.
PROBLEM: Final = "Problem"

# Every column that Goodreads has exported through the years; those marked say that it is Goodreads.
_GOODREADS_OWN: Final = {
    "book id", "author l-f", "my rating", "bookshelves", "bookshelves with positions",
    "exclusive shelf", "my review", "date read", "owned copies", "bcid",
}  # fmt: skip
_GOODREADS: Final = _GOODREADS_OWN | {
    "title", "author", "additional authors", "isbn", "isbn13", "average rating", "publisher",
    "binding", "number of pages", "year published", "original publication year", "date added",
    "spoiler", "private notes", "read count", "recommended for", "recommended by",
    "original purchase date", "original purchase location", "condition", "condition description",
}  # fmt: skip
_STORYGRAPH_OWN: Final = {
    "isbn/uid", "read status", "last date read", "dates read", "star rating", "moods", "pace",
    "character- or plot-driven?", "strong character development?", "loveable characters?",
    "diverse characters?", "flawed characters?", "content warnings", "owned?",
}  # fmt: skip
_STORYGRAPH: Final = _STORYGRAPH_OWN | {
    "title", "authors", "contributors", "format", "date added", "read count", "review",
    "content warning description", "tags",
}  # fmt: skip
_OWN: Final[Mapping[str, set[str]]] = {
    LibraryImport.Format.GOODREADS: _GOODREADS_OWN,
    LibraryImport.Format.STORYGRAPH: _STORYGRAPH_OWN,
}
_IDENTIFYING: Final[Mapping[str, set[str]]] = {
    LibraryImport.Format.GOODREADS: {"title", "book id", "isbn", "isbn13"},
    LibraryImport.Format.STORYGRAPH: {"title", "isbn/uid"},
}


@dataclass(frozen=True)
class Columns:
    """The first row of a file, in its own words and order."""

    names: tuple[str, ...]
    format: str

    @classmethod
    def of(cls, names: Sequence[str]) -> Self:
        """Recognize the export.

        Raises
        ------
        LibraryFileError
            When it is none, or has nothing to know a book by.
        """
        keys = {_key(name) for name in names}
        best = max(_OWN, key=lambda format_: len(keys & _OWN[format_]))
        if not keys & _OWN[best]:
            raise LibraryFileError(
                _(
                    "This is no Goodreads or StoryGraph export; its columns are %(columns)s. "
                    "Please upload the CSV file as it came from there."
                )
                % {"columns": _listed(names)}
            )
        if not keys & _IDENTIFYING[best]:
            raise LibraryFileError(
                _(
                    "The file has no column to know a book by: neither a title nor a number; "
                    "its columns are %(columns)s."
                )
                % {"columns": _listed(names)}
            )
        return cls(tuple(names), best)

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        return tuple(map(_key, self.names))

    def by_name(self, cells: Sequence[str]) -> dict[str, str]:
        """Return the cells by the names of their columns; of two columns of a name, the first."""
        named: dict[str, str] = {}
        for key, cell in zip(self._keys, cells, strict=False):
            named.setdefault(key, cell)
        return named


def recognized(names: Sequence[str]) -> int:
    """Return how many of the names are those of columns that some export has."""
    return len({_key(name) for name in names} & (_GOODREADS | _STORYGRAPH))


def is_problem(name: str) -> bool:
    """Return whether it is the column that our report of failures adds."""
    return _key(name) == PROBLEM.lower()


def _key(name: str) -> str:
    return re.sub(r"\s+", " ", name.strip("\ufeff\"' \t\r\n")).lower()


def _listed(names: Sequence[str]) -> str:
    shown = ["".join(c if c.isprintable() else " " for c in name[:30]).strip() for name in names]
    text = ", ".join(f"“{name}”" for name in shown[:10])
    return text + (" …" if len(shown) > 10 else "")
