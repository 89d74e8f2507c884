"""Tables of whole numbers, read a block of lines at a time with numpy.

ratings.csv has six million rows and not one quotation mark. A block whose lines are digits and
commas is taken apart by the positions of its separators; any other line is looked at on its own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from catalog.goodbooks.errors import DatasetError
from catalog.goodbooks.headers import Header
from catalog.goodbooks.progress import Progress
from catalog.goodbooks.records import (
    NOT_UTF8,
    TOO_FEW,
    TOO_MANY,
    read_records,
    refuse_without_rows,
)
from catalog.goodbooks.report import FileReport

BLOCK_BYTES = 8 << 20
_LONGEST_LINE = 32 << 20
_ROWS_PER_CHUNK = 100_000
_MAX_DIGITS = 18  # Every number of 18 digits fits in 64 bits.
_BIGINT = 1 << 63
_INTEGER = re.compile(r"\s*([+-]?\d+)(?:\.0*)?\s*")

_COMMA, _NEWLINE, _OTHER = 1, 2, 3
_KIND = np.full(256, _OTHER, np.uint8)
_KIND[ord("0") : ord("9") + 1] = 0
_KIND[ord(",")] = _COMMA
_KIND[ord("\n")] = _NEWLINE

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class IntegerChunk:
    """Some rows of a table, in file order."""

    # Physical line numbers, shape (n_rows,).
    lines: Integers
    # One array of shape (n_rows,) per column asked for.
    columns: tuple[Integers, ...]


def read_integers(
    path: Path, header: Header, wanted: Sequence[str], report: FileReport, progress: Progress
) -> Iterator[IntegerChunk]:
    """Yield the columns `wanted` of a table of whole numbers; report rows that are not.

    Raises
    ------
    DatasetError
        When the file has a header and not one row, or a quotation mark that is never closed.
    """
    positions = tuple(header.position(column) for column in wanted)
    table = _Table(tuple(wanted), positions, len(header.columns), report)
    with path.open("rb") as file:
        file.seek(header.size)
        line = 2
        for block in _blocks(file, report.name):
            if b'"' in block:
                # A quoted field may hold line ends: from here on only a CSV reader is right.
                file.seek(table.offset + header.size)
                yield from table.parse_quoted(file, line, progress)
                break
            progress.advance(len(block))
            table.offset += len(block)
            chunk, n_lines = table.parse_block(block, line)
            line += n_lines
            yield chunk
    refuse_without_rows(report)


def _blocks(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Blocks of whole lines; the last one ends as the file does."""
    rest = b""
    while data := file.read(BLOCK_BYTES):
        whole, newline, rest_of_data = data.rpartition(b"\n")
        if not newline:
            rest += data
            if len(rest) > _LONGEST_LINE:
                raise DatasetError(f"{name} has a line of more than 32 MB; wanted is a CSV table.")
            continue
        yield rest + whole + newline
        rest = rest_of_data
    if rest:
        yield rest


class _Table:
    def __init__(
        self,
        names: tuple[str, ...],
        positions: tuple[int, ...],
        n_columns: int,
        report: FileReport,
    ) -> None:
        self.names = names
        self.positions = positions
        self.n_columns = n_columns
        self.report = report
        self.offset = 0

    def parse_block(self, block: bytes, first_line: int) -> tuple[IntegerChunk, int]:
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        if not block.endswith(b"\n"):
            block += b"\n"
        data = np.frombuffer(block, np.uint8)
        kinds = _KIND[data]
        separators = np.flatnonzero(kinds)
        kinds = kinds[separators]
        before = np.empty_like(separators)
        before[0] = -1
        before[1:] = separators[:-1]
        # Per line: where its separators begin in `separators`, and how many there are.
        last_of_line = np.flatnonzero(kinds == _NEWLINE)
        n_lines = len(last_of_line)
        first_of_line = np.empty_like(last_of_line)
        first_of_line[0] = 0
        first_of_line[1:] = last_of_line[:-1] + 1
        counts = last_of_line - first_of_line + 1
        gaps = separators - before  # Digits of the field that ends here, plus one.
        plain = (
            (counts == self.n_columns)
            & (np.minimum.reduceat(gaps, first_of_line) > 1)
            & (np.maximum.reduceat(gaps, first_of_line) <= _MAX_DIGITS + 1)
            & (np.maximum.reduceat(kinds, first_of_line) != _OTHER)
        )
        numbers = np.arange(first_line, first_line + n_lines)
        if plain.all():
            odd_rows: list[tuple[int, list[int]]] = []
        else:
            ends = separators[last_of_line]
            starts = before[first_of_line] + 1
            odd_rows = self._parse_odd(block, starts, ends, np.flatnonzero(~plain), first_line)
            keep = np.repeat(plain, counts)
            separators, before = separators[keep], before[keep]
            numbers = numbers[plain]
        self.report.counts.read += len(numbers)
        ends_of_fields = separators.reshape(-1, self.n_columns)
        starts_of_fields = before.reshape(-1, self.n_columns) + 1
        columns = tuple(
            _digits_to_integers(data, starts_of_fields[:, i], ends_of_fields[:, i])
            for i in self.positions
        )
        return _in_file_order(numbers, columns, odd_rows), n_lines

    def _parse_odd(
        self, block: bytes, starts: Integers, ends: Integers, which: Integers, first_line: int
    ) -> list[tuple[int, list[int]]]:
        rows = []
        for i in which.tolist():
            raw = block[starts[i] : ends[i]]
            if not raw.strip():
                continue
            line = first_line + i
            self.report.counts.read += 1
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                self.report.skip(line, NOT_UTF8, raw.decode(errors="backslashreplace"))
                continue
            fields = text.split(",")
            if len(fields) != self.n_columns:
                reason = TOO_FEW if len(fields) < self.n_columns else TOO_MANY
                self.report.skip(line, reason, text)
                continue
            values = self._convert(line, fields, text)
            if values is not None:
                rows.append((line, values))
        return rows

    def parse_quoted(self, file: BinaryIO, line: int, progress: Progress) -> Iterator[IntegerChunk]:
        rows: list[tuple[int, list[int]]] = []
        for record in read_records(
            file, line=line, columns=self.n_columns, report=self.report, progress=progress
        ):
            values = self._convert(record.line, record.fields, record.text)
            if values is not None:
                rows.append((record.line, values))
            if len(rows) == _ROWS_PER_CHUNK:
                yield _from_rows(rows, len(self.positions))
                rows = []
        yield _from_rows(rows, len(self.positions))

    def _convert(self, line: int, fields: list[str], text: str) -> list[int] | None:
        values = []
        for name, position in zip(self.names, self.positions, strict=True):
            match = _INTEGER.fullmatch(fields[position])
            if not match:
                self.report.skip(line, f"{name} is not a whole number", text)
                return None
            digits = match[1]
            # int() of a very long text is refused or slow; it cannot be a bigint anyway.
            value = int(digits) if len(digits) <= _MAX_DIGITS + 2 else _BIGINT
            if not -_BIGINT <= value < _BIGINT:
                self.report.skip(line, f"{name} is too large", text)
                return None
            values.append(value)
        return values


def _digits_to_integers(data: NDArray[np.uint8], starts: Integers, ends: Integers) -> Integers:
    """Values of the digits data[starts:ends], most significant digit first."""
    lengths = ends - starts
    values = np.zeros(len(starts), np.int64)
    for i in range(int(lengths.max(initial=0))):
        within = lengths > i
        if within.all():
            values *= 10
            values += data[starts + i] - ord("0")
        else:
            values[within] = values[within] * 10 + (data[starts[within] + i] - ord("0"))
    return values


def _from_rows(rows: list[tuple[int, list[int]]], n_columns: int) -> IntegerChunk:
    lines = np.array([line for line, _ in rows], np.int64)
    values = np.array([values for _, values in rows], np.int64).reshape(-1, n_columns)
    return IntegerChunk(lines, tuple(values[:, i].copy() for i in range(n_columns)))


def _in_file_order(
    lines: Integers, columns: tuple[Integers, ...], odd_rows: list[tuple[int, list[int]]]
) -> IntegerChunk:
    if not odd_rows:
        return IntegerChunk(lines, columns)
    odd = _from_rows(odd_rows, len(columns))
    lines = np.concatenate([lines, odd.lines])
    order = np.argsort(lines)
    return IntegerChunk(
        lines[order],
        tuple(np.concatenate([a, b])[order] for a, b in zip(columns, odd.columns, strict=True)),
    )
