"""Imports for tests."""

from pathlib import Path

from catalog.goodbooks.progress import Progress, SilentProgress
from catalog.goodbooks.source import open_dataset
from catalog.models import Source
from ratings.goodbooks.importing import ImportResult, import_dataset


def import_folder(
    folder: Path, *, source: Source = Source.GOODBOOKS, progress: Progress | None = None
) -> ImportResult:
    """Import a folder; the report of skipped rows goes beside it."""
    with open_dataset(folder, SilentProgress()) as files:
        return import_dataset(
            files,
            source=source,
            skipped_path=folder.parent / f"{folder.name}-skipped.csv",
            progress=progress,
        )


def import_into_test_database(folder: Path, skipped_path: Path) -> ImportResult:
    """Import the real data set; for a session fixture, it takes some twenty seconds."""
    with open_dataset(folder, SilentProgress()) as files:
        return import_dataset(files, source=Source.GOODBOOKS, skipped_path=skipped_path)
