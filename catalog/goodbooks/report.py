"""What an import did, row by row counted, and the CSV of the rows it had to leave out."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# A cell that begins so is a formula to a spreadsheet; an apostrophe makes it text again.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass
class FileCounts:
    """Rows of one file: read = added + updated + unchanged + skipped."""

    read: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def skipped(self) -> int:
        return self.reasons.total()

    def as_json(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "skipped": self.skipped,
            "reasons": dict(self.reasons),
        }


class SkippedRows:
    """Counts rows left out and writes them to a CSV, which is made with the first of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total = 0
        self._file: io.TextIOWrapper | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, file: str, rows: Iterable[tuple[int, str, str]]) -> None:
        """Append rows of (line, reason, text)."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open(
                "w", encoding="utf-8", newline="", errors="backslashreplace"
            )
            csv.writer(self._file).writerow(["file", "line", "reason", "row"])
        writer = csv.writer(self._file)
        for line, reason, text in rows:
            self.total += 1
            writer.writerow([file, line, reason, _not_a_formula(text)])


class FileReport:
    """The counts of one file together with the way to leave one of its rows out."""

    def __init__(self, name: str, skipped: SkippedRows) -> None:
        self.name = name
        self.counts = FileCounts()
        # Values of kept rows that were not usable, by what was done with them.
        self.warnings: Counter[str] = Counter()
        self._skipped = skipped

    def skip(self, line: int, reason: str, text: str) -> None:
        self.skip_many([(line, reason, text)])

    def skip_many(self, rows: Iterable[tuple[int, str, str]]) -> None:
        rows = list(rows)
        if rows:
            self.counts.reasons.update(reason for _, reason, _ in rows)
            self._skipped.write(self.name, rows)

    def settle(self, *, added: int, updated: int) -> None:
        """Note what the database did with the rows that were not left out."""
        self.counts.added = added
        self.counts.updated = updated
        kept = self.counts.read - self.counts.skipped
        self.counts.unchanged = kept - added - updated


def _not_a_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
