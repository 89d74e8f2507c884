"""Trained files and uploaded covers, through the stores that the settings name."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, cast

from django.core.files import File
from django.core.files.storage import default_storage

from bookrec_site.backup.archive import Source
from bookrec_site.backup.errors import BackupError
from bookrec_site.backup.manifest import ARTIFACTS, MEDIA, is_safe
from recommender import artifact_store
from recommender.engine import ArtifactError, load_artifact


def artifact_sources(name: str) -> list[Source]:
    """Return the files of an artifact, after each was compared with its checksum.

    From a bucket they are fetched into this host's cache first. Raises BackupError.
    """
    try:
        folder = artifact_store.fetch(name)
    except (ArtifactError, OSError) as error:
        raise BackupError(f"The files of {name} cannot be had: {error}") from error
    return [
        Source(f"{ARTIFACTS}/{name}/{path.name}", partial(_open_file, path))
        for path in sorted(folder.iterdir())
    ]


def media_sources() -> list[Source]:
    """Return what curators uploaded; raises BackupError on a name that no restore would take."""
    sources = []
    for name in _media_names(""):
        if not is_safe(f"{MEDIA}/{name}"):
            raise BackupError(f"{name!r} in MEDIA_ROOT was not put there by this site; remove it.")
        sources.append(Source(f"{MEDIA}/{name}", partial(_open_media, name)))
    return sources


def _open_file(path: Path) -> IO[bytes]:
    return path.open("rb")


def _open_media(name: str) -> IO[bytes]:
    return cast(IO[bytes], default_storage.open(name))


def _media_names(folder: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:  # nobody has uploaded anything
        return
    prefix = f"{folder}/" if folder else ""
    yield from (prefix + name for name in sorted(files))
    for name in sorted(folders):
        yield from _media_names(prefix + name)


class Restored:
    """Puts unpacked files where they belong, and takes them away again when asked."""

    def __init__(self) -> None:
        self._artifacts: list[str] = []
        self._media: list[str] = []

    def put(self, folder: Path) -> None:
        """Put in place what `unpack` left in a folder. What is there already has to be equal.

        Raises
        ------
        BackupError
            When another artifact or cover has the name, or an artifact is none.
        OSError
            When the disk or the storage refuses.
        """
        for path in _entries(folder / ARTIFACTS):
            self._put_artifact(path)
        media = folder / MEDIA
        for path in sorted(media.rglob("*")):
            if path.is_file():
                self._put_media(path, path.relative_to(media).as_posix())

    def remove(self) -> None:
        """Take away what `put` has put in place; what was there before stays."""
        for name in self._artifacts:
            artifact_store.delete(name)
        for name in self._media:
            default_storage.delete(name)

    def _put_artifact(self, unpacked: Path) -> None:
        name = unpacked.name
        try:
            wanted = load_artifact(unpacked).manifest_sha256
            if artifact_store.exists(name):
                if artifact_store.load(name).manifest_sha256 != wanted:
                    raise BackupError(f"There is another artifact of the name {name}; move it.")
                return
            with artifact_store.draft(name) as draft:
                shutil.copytree(unpacked, draft)
                _sync(draft)
                artifact_store.publish(draft, name)
        except ArtifactError as error:
            raise BackupError(str(error)) from error
        self._artifacts.append(name)

    def _put_media(self, unpacked: Path, name: str) -> None:
        if default_storage.exists(name):
            with default_storage.open(name) as there, unpacked.open("rb") as wanted:
                if _digest(there) != _digest(wanted):
                    raise BackupError(f"There is another file {name} in MEDIA_ROOT; move it.")
            return
        with unpacked.open("rb") as file:
            # Known before it is whole: a full disk leaves a part of it.
            self._media.append(name)
            stored = default_storage.save(name, File(file))
        if stored != name:
            # Somebody else's came first, and has the name.
            self._media[-1] = stored
            raise BackupError(f"The storage keeps {name} as {stored}; empty MEDIA_ROOT first.")


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _digest(file: IO[bytes] | File) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _sync(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
