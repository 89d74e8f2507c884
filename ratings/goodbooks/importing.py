"""One import: every known file of a data set, in one transaction."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from django.db import transaction

from accounts.models import User
from catalog.goodbooks.books import import_books
from catalog.goodbooks.bulk import execute
from catalog.goodbooks.descriptions import import_descriptions
from catalog.goodbooks.errors import DatasetError, ImportRunningError
from catalog.goodbooks.progress import Progress, SilentProgress
from catalog.goodbooks.report import FileReport, SkippedRows
from catalog.goodbooks.source import KNOWN_FILES, DatasetFiles
from catalog.goodbooks.tags import import_book_tags, import_tags, update_genres
from catalog.models import DataImport, Source
from ratings.data_lock import held_by_import
from ratings.goodbooks.opinions import import_ratings, import_to_read
from ratings.goodbooks.replacing import Removed, carry_opinions_over, remove_builtin_set

_TABLES = (
    "accounts_user",
    "catalog_author",
    "catalog_authorship",
    "catalog_book",
    "catalog_bookgenre",
    "catalog_booktag",
    "catalog_genre",
    "catalog_series",
    "catalog_tag",
    "catalog_volume",
    "ratings_rating",
    "ratings_shelfentry",
)
_READER_SOURCES = {
    Source.GOODBOOKS: User.Source.GOODBOOKS,
    Source.BUILTIN: User.Source.SIMULATED,
}


@dataclass
class ImportResult:
    """What an import did; `files` in the order they were read."""

    source: Source
    digest: str
    files: dict[str, FileReport] = field(default_factory=dict)
    readers_added: int = 0
    # Rows of authors, series, genres and the links to them that came, went or changed.
    links_written: int = 0
    removed: Removed | None = None
    # None where no row was left out.
    skipped_path: Path | None = None
    # Seconds per stage, in order.
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return bool(
            self.readers_added
            or self.links_written
            or self.removed
            or any(report.counts.added or report.counts.updated for report in self.files.values())
        )


def import_dataset(
    files: DatasetFiles,
    *,
    source: Source,
    skipped_path: Path,
    progress: Progress | None = None,
) -> ImportResult:
    """Bring catalogue and opinions to what the files of a data set say.

    Everything happens in one transaction: after an error of any kind the database is as it was.
    Rows that say what the database says already are not written. What readers of this site did
    is never touched; what the files no longer list stays.

    Raises
    ------
    DatasetError
        When a file cannot be used or none of its rows can; nothing was changed.
    ImportRunningError
        When another import has not finished.
    """
    result = ImportResult(source=source, digest=files.digest)
    clock = _StageClock(progress or SilentProgress(), result.stages)
    with SkippedRows(skipped_path) as skipped, transaction.atomic():
        _prepare(source)
        if source == Source.GOODBOOKS:
            clock.start("built-in set")
            result.removed = remove_builtin_set()
        _import_files(files, skipped, clock, result)
        if result.removed and result.removed.kept_books:
            result.removed = carry_opinions_over(result.removed)
        clock.start("genres")
        result.links_written += update_genres(source)
        clock.start("statistics")
        if result.changed:
            execute(f"ANALYZE {', '.join(_TABLES)}")
        _record(result)
        clock.start("commit")
    clock.stop()
    result.skipped_path = skipped_path if skipped.total else None
    return result


def _prepare(source: Source) -> None:
    if not held_by_import():
        raise ImportRunningError(
            "Another import is running, or books are being merged; try again when that has ended."
        )
    if source == Source.BUILTIN and DataImport.objects.filter(source=Source.GOODBOOKS).exists():
        raise DatasetError(
            "The catalogue holds goodbooks-10k; the built-in set is only for an empty one."
        )
    # For this transaction only: sorts of millions of rows in memory, and no compiling of queries
    # that run once.
    execute("SET LOCAL work_mem = '128MB'")
    execute("SET LOCAL maintenance_work_mem = '256MB'")
    execute("SET LOCAL jit = off")


def _import_files(
    files: DatasetFiles, skipped: SkippedRows, progress: Progress, result: ImportResult
) -> None:
    source = result.source
    reader_source = _READER_SOURCES[source]
    if "book_tags.csv" in files.paths and "tags.csv" not in files.paths:
        raise DatasetError("book_tags.csv needs tags.csv, which names its tags; add that file.")
    tag_ids = np.empty((0, 2), np.int64)

    def tags(path: Path, report: FileReport) -> None:
        nonlocal tag_ids
        tag_ids = import_tags(path, report, progress)

    def books(path: Path, report: FileReport) -> None:
        result.links_written += import_books(path, source, report, progress)

    def ratings(path: Path, report: FileReport) -> None:
        result.readers_added += import_ratings(path, source, reader_source, report, progress)

    def to_read(path: Path, report: FileReport) -> None:
        result.readers_added += import_to_read(path, source, reader_source, report, progress)

    importers: dict[str, Callable[[Path, FileReport], None]] = {
        "books.csv": books,
        "tags.csv": tags,
        "book_tags.csv": lambda path, report: import_book_tags(
            path, source, tag_ids, report, progress
        ),
        "descriptions.csv": lambda path, report: import_descriptions(
            path, source, report, progress
        ),
        "ratings.csv": ratings,
        "to_read.csv": to_read,
    }
    for name in KNOWN_FILES:
        if name in files.paths:
            report = result.files[name] = FileReport(name, skipped)
            importers[name](files.paths[name], report)
            _refuse_useless(report, skipped)


def _refuse_useless(report: FileReport, skipped: SkippedRows) -> None:
    counts = report.counts
    if counts.skipped == counts.read:
        [(reason, times)] = counts.reasons.most_common(1)
        raise DatasetError(
            f"None of the {counts.read:,} rows of {report.name} can be used; most often "
            f"({times:,} times): {reason}. The rows are in {skipped.path}."
        )


def _record(result: ImportResult) -> None:
    """Note the import, unless the last one of this source was of the very same files."""
    if result.changed or not is_already_imported(result.source, result.digest):
        DataImport.objects.create(
            source=result.source,
            digest=result.digest,
            counts={name: report.counts.as_json() for name, report in result.files.items()},
        )


class _StageClock:
    """Passes progress on and notes how many seconds each stage took."""

    def __init__(self, progress: Progress, stages: dict[str, float]) -> None:
        self._progress = progress
        self._stages = stages
        self._stage = ""
        self._since = 0.0

    def start(self, stage: str, total: int | None = None) -> None:
        self.stop()
        self._stage, self._since = stage, time.perf_counter()
        self._progress.start(stage, total)

    def advance(self, amount: int) -> None:
        self._progress.advance(amount)

    def stop(self) -> None:
        if self._stage:
            seconds = time.perf_counter() - self._since
            self._stages[self._stage] = self._stages.get(self._stage, 0.0) + seconds
            self._stage = ""


def is_already_imported(source: Source, digest: str) -> bool:
    """Whether the last import of `source` was of files with this digest."""
    last = DataImport.objects.filter(source=source).order_by("-id").first()
    return last is not None and last.digest == digest


def has_import(source: Source) -> bool:
    return DataImport.objects.filter(source=source).exists()
