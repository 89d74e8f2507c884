"""Artifacts in a bucket that all hosts share, and this host's cache of them.

A cached artifact is a folder `NAME.DIGEST`, DIGEST being the SHA-256 of its manifest, which names
all of its content; one that is being fetched is `NAME.part`. A lock that dies with its holder
lets one process of a host fetch; the next finds what it fetched.
"""

import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from django.core.files import File
from django.core.files.storage import Storage

from recommender.artifact_store import (
    DRAFTS,
    ArtifactStore,
    StoreUnavailable,
    fingerprint,
    is_name,
    size_of,
)
from recommender.engine import ArtifactError, load_artifact
from recommender.engine.array_files import sha256_of
from recommender.engine.artifact import (
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    read_manifest,
)

logger = logging.getLogger(__name__)

# The active artifact is among them: it is the one that was fetched last.
KEPT_IN_CACHE: Final = 3
_CHUNK_BYTES: Final = 1 << 20
_PART: Final = ".part"


class BucketStore(ArtifactStore):
    """Artifacts behind a storage without local paths, each below its name."""

    def __init__(self, storage: Storage, cache: Path) -> None:
        self._storage = storage
        self._cache = cache
        self.drafts = cache / DRAFTS

    def publish(self, folder: Path, name: str) -> None:
        if self.exists(name):
            raise ArtifactError(f"{name} was published before; an artifact is never changed.")
        manifest, _ = read_manifest(folder)
        try:
            # The manifest last: until it is there, this is no artifact.
            for file_name in [*sorted(manifest["files"]), MANIFEST_NAME]:
                self._upload(folder / file_name, f"{name}/{file_name}")
        except BaseException:
            with suppress(OSError):  # the error that stopped it says more
                self.delete(name)
            raise

    def _upload(self, path: Path, key: str) -> None:
        with _translated(key), path.open("rb") as file:
            stored = self._storage.save(key, File(file))
            if stored != key:
                raise StoreUnavailable(f"the storage keeps {key} as {stored}; it must overwrite.")

    def fetch(self, name: str) -> Path:
        if cached := self._cached(name):
            return cached
        with self._locked():
            if cached := self._cached(name):  # another process has just fetched it
                return cached
            self._prune(name)
            return self._fill(name)

    def _cached(self, name: str) -> Path | None:
        """Return the cached artifact when every file is as the digest in its name says."""
        for folder in self._cache.glob(f"{name}.*"):
            if folder.name == f"{name}{_PART}":
                continue
            try:
                if load_artifact(folder).manifest_sha256 != folder.name.removeprefix(f"{name}."):
                    raise ArtifactError(f"{folder} has another manifest than it had.")
                os.utime(folder)
            except (ArtifactError, FileNotFoundError) as error:
                logger.warning("the cached artifact is fetched again: %s", error)
                continue
            return folder
        return None

    def _fill(self, name: str) -> Path:
        """Download what is missing; called by one process of this host at a time."""
        part = self._cache / f"{name}{_PART}"
        for damaged in self._cache.glob(f"{name}.*"):
            # Its sound files are not downloaded again.
            if damaged != part:
                shutil.rmtree(part, ignore_errors=True)
                damaged.rename(part)
        part.mkdir(exist_ok=True)
        try:
            self._download_manifest(name, part)
            manifest, digest = read_manifest(part)
            for path in part.iterdir():
                if path.name not in manifest["files"] and path.name != MANIFEST_NAME:
                    path.unlink()
            for file_name, entry in manifest["files"].items():
                path = part / file_name
                if path.is_file() and sha256_of(path) == entry["sha256"]:
                    continue
                self._download(f"{name}/{file_name}", path, entry["bytes"], entry["sha256"])
            load_artifact(part)
            folder = self._cache / f"{name}.{digest}"
            part.rename(folder)
        except StoreUnavailable:
            raise  # the whole files wait in `.part` for the next try
        except BaseException:
            # A full disk gets its space back; what is wrong in the bucket stays wrong.
            shutil.rmtree(part, ignore_errors=True)
            raise
        os.utime(folder)
        logger.info("fetched artifact %s, %d bytes", name, size_of(folder))
        return folder

    def _download_manifest(self, name: str, folder: Path) -> None:
        key = f"{name}/{MANIFEST_NAME}"
        with self._opened(key) as source:
            if source.size > MAX_MANIFEST_BYTES:
                raise ArtifactError(f"{key} has {source.size} bytes, too many for a manifest.")
            with _translated(key):
                content = source.read()
        (folder / MANIFEST_NAME).write_bytes(content)

    def _download(self, key: str, target: Path, n_bytes: int, sha256: str) -> None:
        """Put one file of the bucket into the cache, once it is known to be the right one."""
        draft = target.with_name(f".{target.name}.download")
        digest = hashlib.sha256()
        try:
            with self._opened(key) as source:
                if source.size != n_bytes:
                    raise ArtifactError(f"{key} has {source.size} bytes, not {n_bytes}.")
                chunks = source.chunks(_CHUNK_BYTES)
                with draft.open("wb") as file:
                    while chunk := _next_of(chunks, key):
                        digest.update(chunk)
                        file.write(chunk)
            if digest.hexdigest() != sha256:
                raise ArtifactError(f"the checksum of {key} is wrong.")
            # Not synced: what a power cut leaves is compared with its checksum like all else.
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)

    @contextmanager
    def _opened(self, key: str) -> Iterator[File]:
        try:
            with _translated(key):
                source = self._storage.open(key)
        except FileNotFoundError as error:
            raise ArtifactError(f"{key} is not in the storage.") from error
        with source:
            yield source

    def look_at(self, name: str) -> str:
        for folder in self._cache.glob(f"{name}.*"):
            if folder.name != f"{name}{_PART}":
                return fingerprint(folder)
        raise FileNotFoundError(f"{name} is not in the cache {self._cache}.")

    def exists(self, name: str) -> bool:
        key = f"{name}/{MANIFEST_NAME}"
        with _translated(key):
            return self._storage.exists(key)

    def size(self, name: str) -> int:
        return size_of(self.fetch(name))

    def delete(self, name: str) -> None:
        with _translated(name):
            # The manifest first: from then on the rest is no artifact.
            self._storage.delete(f"{name}/{MANIFEST_NAME}")
            for file_name in self._storage.listdir(name)[1]:
                self._storage.delete(f"{name}/{file_name}")
        for folder in self._cache.glob(f"{name}.*"):
            shutil.rmtree(folder, ignore_errors=True)

    def names(self) -> list[str]:
        with _translated("the list of artifacts"):
            folders, _ = self._storage.listdir("")
        return sorted(filter(is_name, folders))

    def age(self, name: str) -> float:
        with _translated(name):
            _, files = self._storage.listdir(name)
            times = [self._storage.get_modified_time(f"{name}/{file}") for file in files]
        return max((time.timestamp() for time in times), default=0.0)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._cache.mkdir(parents=True, exist_ok=True)
        with (self._cache / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _prune(self, name: str) -> None:
        """Make room for an artifact: keep those used last, and what is here of itself.

        Whoever has one of the others loaded keeps it.
        """
        whole: list[tuple[float, Path]] = []
        for folder in self._cache.iterdir():
            owner = folder.name.partition(".")[0]
            if owner == name or not is_name(owner):
                continue
            if folder.suffix == _PART:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                whole.append((folder.stat().st_mtime, folder))
        for _, folder in sorted(whole)[: max(0, len(whole) - KEPT_IN_CACHE + 1)]:
            shutil.rmtree(folder, ignore_errors=True)


def _next_of(chunks: Iterator[bytes], key: str) -> bytes:
    with _translated(key):
        return next(chunks, b"")


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn what the library of some storage raises into one error that callers know."""
    try:
        yield
    except ArtifactError:
        raise
    except Exception as error:
        # Files that are missing and disks that are full are themselves.
        if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
            raise
        raise StoreUnavailable(f"{what}: {type(error).__name__}: {error}") from error
