"""Rows of CSV text with the line each begins on, however its quotes span lines."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from catalog.goodbooks.errors import DatasetError
from catalog.goodbooks.headers import Header
from catalog.goodbooks.progress import Progress
from catalog.goodbooks.report import FileReport

TOO_FEW = "too few fields"
TOO_MANY = "too many fields"
NOT_UTF8 = "not valid UTF-8"
NUL = "contains a NUL character"


@dataclass(frozen=True)
class Record:
    line: int
    fields: list[str]

    @property
    def text(self) -> str:
        return ",".join(self.fields)


class _Lines:
    """Decoded lines of a binary file; remembers whether one since `clear` was not UTF-8."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        self._file = file
        self._progress = progress
        self.undecodable = False

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self._progress.advance(len(line))
            try:
                yield line.decode()
            except UnicodeDecodeError:
                self.undecodable = True
                yield line.decode(errors="backslashreplace")


def read_records(
    file: BinaryIO, *, line: int, columns: int, report: FileReport, progress: Progress
) -> Iterator[Record]:
    """Yield the well-formed rows from the file's position on; report the others as skipped.

    `line` is the physical line number at that position, `columns` the number of fields that a
    row must have. Blank lines are no rows.
    """
    lines = _Lines(file, progress)
    reader = csv.reader(iter(lines), strict=True)
    while True:
        begins = line + reader.line_num
        lines.undecodable = False
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise DatasetError(
                    f"{report.name}: the quotation mark opened in line {begins} is never closed."
                ) from None
            report.counts.read += 1
            report.skip(begins, f"broken row: {error}", "")
            continue
        if not fields:
            continue
        report.counts.read += 1
        record = Record(begins, fields)
        problem = _problem(fields, columns, lines.undecodable)
        if problem:
            report.skip(begins, problem, record.text)
        else:
            yield record


def read_table(
    path: Path, header: Header, report: FileReport, progress: Progress
) -> Iterator[Record]:
    """Yield the well-formed rows of a whole file.

    Raises
    ------
    DatasetError
        When the file has a header and not one row.
    """
    with path.open("rb") as file:
        file.seek(header.size)
        yield from read_records(
            file, line=2, columns=len(header.columns), report=report, progress=progress
        )
    refuse_without_rows(report)


def refuse_without_rows(report: FileReport) -> None:
    if report.counts.read == 0:
        raise DatasetError(f"{report.name} has a header but no rows.")


def _problem(fields: list[str], columns: int, undecodable: bool) -> str | None:
    if undecodable:
        return NOT_UTF8
    if len(fields) != columns:
        return TOO_FEW if len(fields) < columns else TOO_MANY
    if any("\0" in field for field in fields):
        return NUL
    return None
