"""Another host, and backups made by hand."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from django.db import connection

from bookrec_site.backup import archive, postgres
from bookrec_site.backup.manifest import Manifest
from recommender.active import holder
from recommender.engine.artifact import SCHEMA_VERSION


@contextmanager
def elsewhere(settings: Any, database: str, folder: Path) -> Iterator[None]:
    """Work with another database, artifacts folder and media folder, as another host would."""
    kept = connection.settings_dict["NAME"], settings.STORAGES, settings.MEDIA_ROOT
    connection.close()
    connection.settings_dict["NAME"] = database
    settings.MEDIA_ROOT = folder / "media"
    settings.STORAGES = kept[1] | {
        "artifacts": kept[1]["artifacts"] | {"OPTIONS": {"location": folder / "artifacts"}}
    }
    holder.forget()
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"], settings.STORAGES, settings.MEDIA_ROOT = kept
        holder.forget()


def contents() -> dict[str, list[Any]]:
    """Return table -> its rows as text, in an order of their own."""
    tables = postgres.rows(connection, "SELECT tablename FROM pg_tables WHERE schemaname='public'")
    return {
        name: postgres.rows(connection, f'SELECT t::text FROM "{name}" t ORDER BY 1')
        for (name,) in tables
    }


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def made_by_hand(path: Path, files: Mapping[str, bytes], **changes: Any) -> Path:
    """Write an archive whose checksums are right, whatever its files are."""
    sources = [
        archive.Source(name, lambda content=content: BytesIO(content))  # type: ignore[misc]
        for name, content in files.items()
    ]
    said: dict[str, Any] = {
        "format": 1,
        "made_at": "2030-01-02T03:04:05+00:00",
        "postgres": 13,
        "artifact_schema": SCHEMA_VERSION,
        "migrations": {"catalog": ["0001_initial"]},
        "tables": {"catalog_book": 0},
        "left_out": [],
        "runs": {},
    }
    manifest = Manifest(**said | {"files": [each.entry() for each in sources]} | changes)
    with archive.part_of(path) as file:
        archive.write(file, manifest, sources)
    return path


def manifest_of(path: Path) -> dict[str, Any]:
    return json.loads(archive.read_manifest(path).to_json())
