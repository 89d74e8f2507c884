"""Where artifacts live: a folder or a bucket, reached through `STORAGES["artifacts"]`.

What a training run does:

    name = artifact_store.new_name(run.pk)
    with artifact_store.draft(name) as folder:
        write_artifact(folder, parts, created_at=timezone.now())
        artifact_store.publish(folder, name)
    artifact = artifact_store.load(name)

An artifact is there when its manifest is, and the manifest comes last: half an artifact is none.
In a folder it appears by one rename and is served where it lies. From a bucket each host fetches
it into a cache of its own (`recommender.artifact_bucket`). An artifact never changes, and its
name is never used again. See docs/adr/0006-artifact-storage.md.
"""

import errno
import logging
import os
import re
import secrets
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.files.storage import Storage, storages

from recommender.engine import Artifact, ArtifactError, load_artifact
from recommender.engine.artifact import MANIFEST_NAME, read_manifest

logger = logging.getLogger(__name__)

ALIAS: Final = "artifacts"
DRAFTS: Final = ".drafts"
# What belongs to no run may be another site's that is just writing it; not after a day.
ORPHANED_AFTER_SECONDS: Final = 24 * 3600
_NAME: Final = re.compile(r"run-[0-9]{6,18}-[0-9a-f]{8}")
# A draft, the staging folder of write_artifact, what is just being deleted.
_DRAFT: Final = re.compile(r"\.?(?P<name>run-[0-9]{6,18}-[0-9a-f]{8})(\.[a-z]+-[0-9a-f]+)?")


class StoreUnavailable(OSError):
    """The storage behind `STORAGES["artifacts"]` did not do what it was asked."""


def new_name(run_id: int) -> str:
    """Return a name that no artifact ever had.

    A number alone may have been used by an earlier database: the files outlive it.
    """
    return f"run-{run_id:06d}-{secrets.token_hex(4)}"


@contextmanager
def draft(name: str) -> Iterator[Path]:
    """Give a place to write an artifact to, where `publish` need not copy it from.

    The folder does not exist yet, its parent does. Afterwards nothing is left of it.
    """
    drafts = _store().drafts
    folder = drafts / _checked(name)
    drafts.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        _remove_drafts(drafts, {name})


def publish(folder: Path, name: str) -> None:
    """Make a whole artifact that lies in `draft(name)` available to every host.

    After an error nothing of it is there, or nothing that passes for an artifact.

    Raises
    ------
    ArtifactError
        When the name is taken or not one of `new_name`, or the folder is no whole artifact.
    OSError
        When the disk or the storage refuses (StoreUnavailable: the storage).
    """
    load_artifact(folder)
    _store().publish(folder, _checked(name))


def fetch(name: str) -> Path:
    """Return a folder of this host with the artifact, each file compared with its SHA-256.

    Raises
    ------
    ArtifactError
        When the name is no artifact's, or it is missing, damaged or of another version.
    OSError
        When the disk or the storage refuses (StoreUnavailable: the storage).
    """
    return _store().fetch(_checked(name))


def load(name: str, *, in_memory: bool = False) -> Artifact:
    """Return the artifact after comparing every file with its SHA-256; raises as `fetch`.

    With `in_memory` nothing that happens to the files later touches what was loaded.
    """
    return load_artifact(fetch(name), in_memory=in_memory, verify=in_memory)


def look_at(name: str) -> str:
    """Return a short text that changes when the artifact's files do; cheap, nothing is read.

    Raises OSError when there is nothing to look at. A cached copy is looked at, not the bucket.
    """
    return _store().look_at(_checked(name))


def exists(name: str) -> bool:
    """Return whether a whole artifact of that name was published; its files are not read."""
    return _store().exists(_checked(name))


def size(name: str) -> int:
    """Return the bytes of all files of a published artifact; raises as `fetch`."""
    return _store().size(_checked(name))


def delete(name: str) -> None:
    """Delete an artifact and whatever an unfinished writing of it left; may be gone already.

    Whoever has it loaded keeps it. What cannot be deleted now is logged and found by `orphans`
    later.
    """
    store = _store()
    try:
        store.delete(_checked(name))
        _remove_drafts(store.drafts, {name})
    except OSError as error:
        logger.warning("artifact %s was not deleted whole: %s", name, error)


def orphans(known: Collection[str]) -> list[str]:
    """Return the names of what lies there for longer than a day and is not among the known."""
    oldest = time.time() - ORPHANED_AFTER_SECONDS
    store = _store()
    found = {name for name in store.names() if name not in known and store.age(name) < oldest}
    for path in _entries(store.drafts):
        match = _DRAFT.fullmatch(path.name)
        if match and match["name"] not in known and path.lstat().st_mtime < oldest:
            found.add(match["name"])
    return sorted(found)


class ArtifactStore(ABC):
    """What a folder and a bucket have in common; names are checked before they come here."""

    # On the disk from which `publish` takes artifacts.
    drafts: Path

    @abstractmethod
    def publish(self, folder: Path, name: str) -> None: ...

    @abstractmethod
    def fetch(self, name: str) -> Path: ...

    @abstractmethod
    def look_at(self, name: str) -> str: ...

    @abstractmethod
    def exists(self, name: str) -> bool: ...

    @abstractmethod
    def size(self, name: str) -> int: ...

    @abstractmethod
    def delete(self, name: str) -> None: ...

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names of all that lies there, whole or not."""

    @abstractmethod
    def age(self, name: str) -> float:
        """Return when it was written, in seconds since 1970; 0 when nobody can tell."""


class FolderStore(ArtifactStore):
    """Artifacts below one folder of this host, or one that all hosts mount."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # On the same file system, or there would be no rename.
        self.drafts = root / DRAFTS

    def publish(self, folder: Path, name: str) -> None:
        target = self._root / name
        if target.exists():
            raise ArtifactError(f"{target} exists; an artifact is never changed.")
        try:
            folder.rename(target)
        except OSError as error:
            if error.errno == errno.EXDEV:
                error.add_note("Write the artifact to artifact_store.draft(name).")
            raise
        for changed in (self._root, folder.parent):
            _make_durable(changed)

    def fetch(self, name: str) -> Path:
        folder = self._root / name
        load_artifact(folder)
        return folder

    def look_at(self, name: str) -> str:
        return fingerprint(self._root / name)

    def exists(self, name: str) -> bool:
        return (self._root / name / MANIFEST_NAME).is_file()

    def size(self, name: str) -> int:
        return size_of(self._root / name)

    def delete(self, name: str) -> None:
        folder = self._root / name
        if not folder.exists():
            return
        # Gone in one step for whoever looks, then file by file.
        self.drafts.mkdir(parents=True, exist_ok=True)
        doomed = self.drafts / f".{name}.deleted-{secrets.token_hex(4)}"
        folder.rename(doomed)
        shutil.rmtree(doomed)

    def names(self) -> list[str]:
        return [path.name for path in _entries(self._root) if _NAME.fullmatch(path.name)]

    def age(self, name: str) -> float:
        try:
            return (self._root / name).lstat().st_mtime
        except FileNotFoundError:
            return 0.0


def is_name(text: str) -> bool:
    """Return whether an artifact may be called so."""
    return bool(_NAME.fullmatch(text))


def size_of(folder: Path) -> int:
    """Return the bytes that a folder's manifest says its artifact takes, the manifest included."""
    manifest, _ = read_manifest(folder)
    n_bytes = sum(entry["bytes"] for entry in manifest["files"].values())
    return int(n_bytes + (folder / MANIFEST_NAME).stat().st_size)


def fingerprint(folder: Path) -> str:
    """Return names, sizes and times of change of a folder's files."""
    facts = []
    for path in sorted(folder.iterdir()):
        status = path.lstat()
        facts.append(f"{path.name} {status.st_size} {status.st_mtime_ns} {status.st_ino}")
    return "\n".join(facts)


def _store() -> ArtifactStore:
    """Return the store of the settings; a storage without local paths is a bucket."""
    storage: Storage = storages[ALIAS]
    try:
        root = Path(storage.path(""))
    except NotImplementedError:
        # Only here: a site on one host never loads what reaches a bucket.
        from recommender.artifact_bucket import BucketStore

        return BucketStore(storage, settings.ARTIFACTS_CACHE_DIR)
    return FolderStore(root)


def _checked(name: str) -> str:
    if not is_name(name):
        raise ArtifactError(f"{name!r} is no artifact's name; wanted e.g. run-000012-0a1b2c3d.")
    return name


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _remove_drafts(drafts: Path, names: Collection[str]) -> None:
    for path in _entries(drafts):
        match = _DRAFT.fullmatch(path.name)
        if match and match["name"] in names:
            shutil.rmtree(path)


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
