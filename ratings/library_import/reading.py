"""Bytes to rows of cells, whatever a spreadsheet has made of the file in between."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from ratings.errors import LibraryFileError
from ratings.library_import.formats import Columns, recognized
from ratings.library_import.formulas import plain

MAX_COLUMNS: Final = 200
# The csv module's own limit, in characters; it holds for the whole process and is left as it is.
MAX_CELL: Final = csv.field_size_limit()
_DELIMITERS: Final = ",;\t|"
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Read after the last line: when it does not come back as a row of its own, a quotation mark that
# was opened before has swallowed it.
_END: Final = "\N{SYMBOL FOR END OF TEXT}\N{SYMBOL FOR END OF TRANSMISSION}"


@dataclass(frozen=True)
class Row:
    # Of the file, counted from 1, on which the row begins.
    line: int
    cells: list[str]
    # Why the row cannot be read, for the reader; empty when it can.
    problem: str = ""


@dataclass(frozen=True)
class Table:
    """A file whose first row was understood; `rows` may be gone through more than once."""

    columns: Columns
    _text: str
    _delimiter: str

    def rows(self) -> Iterator[Row]:
        """Give the rows below the header that have anything in them.

        Raises
        ------
        LibraryFileError
            When a cell is longer than any review.
        """
        records = _records(self._text, self._delimiter)
        next(records)
        n_columns = len(self.columns.names)
        for line, cells in records:
            if cells and cells[-1].endswith(_END):
                cells[-1] = cells[-1].removesuffix(_END)
                yield Row(
                    line, cells[:MAX_COLUMNS], _("A quotation mark is opened and not closed.")
                )
                return
            while len(cells) > n_columns and not cells[-1].strip():
                cells.pop()
            problem = ""
            if len(cells) > n_columns:
                problem = _(
                    "This row has %(n)s cells under %(wanted)s columns; perhaps a comma stands "
                    "outside quotation marks."
                ) % {"n": len(cells), "wanted": n_columns}
            yield Row(line, [plain(cell) for cell in cells[:MAX_COLUMNS]], problem)


def read_table(content: bytes) -> Table:
    """Return the table that the bytes hold.

    Raises
    ------
    LibraryFileError
        When they are no text, or the first row is that of no known export.
    """
    text = _decoded(content)
    if text[:4].lower() == "sep=":  # What Excel writes to say which delimiter follows.
        text = text.partition("\n")[2]
    if not text.strip():
        raise LibraryFileError(_("The file is empty."))
    best, names = _header(text)
    if len(names) > MAX_COLUMNS:
        raise LibraryFileError(
            _("The first row has %(n)s columns; no export has more than 40.") % {"n": len(names)}
        )
    return Table(Columns.of(names), text, best)


def _decoded(content: bytes) -> str:
    try:
        text = content.decode(_encoding(content))
    except UnicodeDecodeError:
        # Any bytes are text in this one, which old Windows programs write.
        text = content.decode("cp1252", errors="replace")
    if "\0" in text or text.startswith(("PK\x03\x04", "%PDF-", "\x1f\x8b")):
        raise LibraryFileError(
            _(
                "This is no text file. Please upload the CSV file itself, neither packed nor as a "
                "workbook."
            )
        )
    return text


def _encoding(content: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return encoding
    # A spreadsheet's "Unicode text" without its mark: every second byte of the header is zero.
    start = content[:64]
    if start[1::2].count(0) > len(start) // 4:
        return "utf-16-le"
    if start[::2].count(0) > len(start) // 4:
        return "utf-16-be"
    return "utf-8"


def _header(text: str) -> tuple[str, list[str]]:
    """Return the delimiter that makes most sense of the first row, and the names in it."""
    found: dict[str, list[str]] = {}
    problem = LibraryFileError(_("The file is empty."))
    for delimiter in _DELIMITERS:
        try:
            _line, names = next(_records(text, delimiter), (0, []))
        except LibraryFileError as error:
            if delimiter == _DELIMITERS[0]:
                problem = error
            continue
        while names and not names[-1].strip():
            names.pop()
        if names:
            found[delimiter] = names
    if not found:
        raise problem
    best = max(found, key=lambda delimiter: recognized(found[delimiter]))
    return best, found[best]


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Give (line, cells) of the rows that are not blank; the last may hold `_END`."""
    reader = csv.reader(_lines(text), delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except csv.Error as error:
            raise LibraryFileError(
                _(
                    "From line %(line)s on the file cannot be read: a cell is longer than "
                    "%(limit)s characters. Perhaps a quotation mark is missing."
                )
                % {"line": line, "limit": MAX_CELL}
            ) from error
        if cells == [_END]:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _lines(text: str) -> Iterable[str]:
    yield from io.StringIO(text, newline="")
    if not text.endswith(("\n", "\r")):
        yield "\n"
    yield _END
