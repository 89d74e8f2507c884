"""What became of a reader's imports: read by pages and API alike."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.shortcuts import get_object_or_404
from rapidfuzz import fuzz

from accounts.models import User
from catalog.goodbooks.titles import parse_title
from catalog.models import Book
from catalog.search import find, search_books
from catalog.selectors import visible_books
from catalog.text import normalize
from ratings.library_import.formats import PROBLEM, Columns, is_problem
from ratings.library_import.formulas import harmless
from ratings.models import ImportRow, LibraryImport

N_FOUND: Final = 8
_COMPARED: Final = 60
_SHOWN_CELL: Final = 400
# What does not help to tell which book is meant, and is not taken over either.
_UNTOLD: Final = {
    "average rating", "binding", "number of pages", "bookshelves with positions", "spoiler",
    "read count", "owned copies", "author l-f", "format", "moods", "pace", "owned?", "bcid",
    "character- or plot-driven?", "strong character development?", "loveable characters?",
    "diverse characters?", "flawed characters?", "content warnings", "condition",
}  # fmt: skip


@dataclass(frozen=True)
class OutcomeCount:
    outcome: str
    label: str
    n_rows: int


def imports_of(user: User) -> QuerySet[LibraryImport]:
    """Return the reader's imports, the latest first."""
    return user.library_imports.defer("columns").order_by("-pk")


def import_or_404(user: User, import_id: int) -> LibraryImport:
    """Return the reader's own import; another reader's is as unknown as none."""
    found: LibraryImport = get_object_or_404(user.library_imports, pk=import_id)
    return found


def row_or_404(library_import: LibraryImport, line: int) -> ImportRow:
    """Return the row that begins on that line of the file."""
    rows = library_import.rows.select_related("book")
    found: ImportRow = get_object_or_404(rows, line=line)
    return found


def row_of(user: User, import_id: int, line: int) -> QuerySet[ImportRow]:
    """Return a query for the row that begins on that line of the reader's own import."""
    return ImportRow.objects.filter(library_import__user=user, library_import=import_id, line=line)


def outcome_counts(library_import: LibraryImport) -> list[OutcomeCount]:
    """Return the outcomes that there are, those that ask something of the reader first."""
    order = [*ImportRow.TO_PUT_RIGHT]
    order += [outcome for outcome in ImportRow.Outcome.values if outcome not in order]
    return [
        OutcomeCount(outcome, str(ImportRow.Outcome(outcome).label), n_rows)
        for outcome in order
        if (n_rows := library_import.counts.get(outcome, 0))
    ]


def rows_with(library_import: LibraryImport, outcome: str = "") -> QuerySet[ImportRow]:
    """Return the rows of an outcome, or all, in the order of the file, with their books."""
    rows = library_import.rows.defer("cells", "changes").select_related("book")
    return (rows.filter(outcome=outcome) if outcome else rows).order_by("line")


def cells_by_column(library_import: LibraryImport, row: ImportRow) -> list[tuple[str, str]]:
    """Return what the row says of the book and the reader, without the empty cells."""
    pairs = zip(library_import.columns, row.cells, strict=False)
    return [
        (name, cell if len(cell) <= _SHOWN_CELL else f"{cell[:_SHOWN_CELL]} …")
        for name, cell in pairs
        if cell.strip('=" ') and name.strip().lower() not in _UNTOLD and not is_problem(name)
    ]


def likely_books(row: ImportRow, query: str) -> list[Book]:
    """Return books among which the reader may choose: those that fit, else those found.

    Without a query, by what the row names: the title and the author, then either.
    """
    if query:
        return list(search_books(query)[:N_FOUND])
    if row.candidates:
        place = Case(
            *(When(pk=pk, then=Value(i)) for i, pk in enumerate(row.candidates)),
            output_field=IntegerField(),
        )
        return list(visible_books().filter(pk__in=row.candidates).order_by(place))
    title = parse_title(row.title).title
    author = row.author.split(",")[0]
    for words in (f"{title} {author}", title, author):
        found = find(words)
        if found.matches.books:
            books = found.best_first(found.books).defer("description", "search_text")[:_COMPARED]
            return sorted(books, key=lambda book: -_likeness(book.title, title))[:N_FOUND]
    return []


def _likeness(one: str, other: str) -> float:
    """Return how many of the words are shared, 0..100; only ever used to put likely books first."""
    return fuzz.token_set_ratio(normalize(one), normalize(other))


def rows_to_put_right(library_import: LibraryImport) -> Iterator[list[str]]:
    """Give the file again with only the rows that failed or need review, and what is wrong.

    Uploaded again once it is put right, it is read like the file itself.
    """
    names = library_import.columns
    columns = Columns(tuple(names), library_import.format)
    kept = [i for i, name in enumerate(columns.names) if not is_problem(name)]
    yield [harmless(names[i]) for i in kept] + [PROBLEM]
    rows = library_import.rows.filter(outcome__in=ImportRow.TO_PUT_RIGHT).order_by("line")
    for cells, message in rows.values_list("cells", "message").iterator(chunk_size=500):
        padded = [*cells, *[""] * (len(names) - len(cells))]
        # Cells beyond the columns have no name, but are the reader's.
        shown = [padded[i] for i in kept] + padded[len(names) :]
        yield [harmless(cell) for cell in shown] + [harmless(" ".join(message.split()))]


class _Line:
    """What the csv module writes to, to give each line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterator[list[str]]) -> Iterator[str]:
    """Give the lines of a CSV file, of which spreadsheets know by a mark that it is UTF-8."""
    writer = csv.writer(_Line())
    yield "\ufeff"
    for row in rows:
        yield writer.writerow(row)
