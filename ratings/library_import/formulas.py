"""Cells that a spreadsheet would run instead of showing: marked on the way out, and in again."""

import re
from typing import Final

# The wide forms too, which some spreadsheets take for the narrow ones. Cells that are marked
# already get a second mark, so that reading gives back exactly what was written.
_DANGEROUS: Final = re.compile("^'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_MARKED: Final = re.compile("^'+[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# How Goodreads keeps spreadsheets from dropping zeros: a formula that can do nothing.
_ISBN_CELL: Final = re.compile(r'="[0-9Xx-]{0,20}"')


def harmless(cell: str) -> str:
    """Return the cell with a mark before it when a spreadsheet would take it for a formula."""
    if _DANGEROUS.match(cell) and not _ISBN_CELL.fullmatch(cell):
        return f"'{cell}"
    return cell


def plain(cell: str) -> str:
    """Take the mark away again."""
    return cell[1:] if _MARKED.match(cell) else cell
