"""Bounded save and load of everything that a training run produced.

An artifact is a folder: ``meta.json`` (the manifest) and one ``.npy`` file per array. It holds
named parts (``items``, ``linear``, ``popularity``, ...) that were fitted together and are only
loaded together. It is written once and never changed; nothing in it is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommender.engine.array_files import (
    DTYPE_KINDS,
    array_in,
    read_into_memory,
    sha256_of,
    write_array,
)
from recommender.engine.errors import ArtifactError, InputError

SCHEMA_VERSION: Final = 1
MANIFEST_NAME: Final = "meta.json"
MAX_MANIFEST_BYTES: Final = 1 << 20
MAX_FILES: Final = 256

_Config = TypeVar("_Config")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FILE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\.[a-z][a-z0-9_]{0,63}\.npy")


@dataclass(frozen=True, eq=False)
class Part:
    """One fitted thing inside an artifact.

    Parameters
    ----------
    algorithm : str. What made it: a ranker's name.
    arrays : mapping of name to array. Booleans, integers or floats, of any shape.
    config : mapping. Hyperparameters, as JSON values.
    metrics : mapping. What was measured of it, as JSON values.
    """

    algorithm: str
    arrays: Mapping[str, NDArray[Any]]
    config: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def array(self, name: str) -> NDArray[Any]:
        """Return an array, or raise ArtifactError when the part has none of that name."""
        try:
            return self.arrays[name]
        except KeyError:
            raise ArtifactError(
                f"part of algorithm {self.algorithm} has no array {name}, only "
                f"{', '.join(sorted(self.arrays)) or 'nothing'}; train again with this version."
            ) from None

    def config_as(self, kind: Callable[..., _Config], algorithm: str) -> _Config:
        """Return the hyperparameters as the algorithm's own type.

        Raises
        ------
        ArtifactError
            When the part is another algorithm's, or they are none of that type.
        """
        if self.algorithm != algorithm:
            raise ArtifactError(f"the part is of {self.algorithm}; wanted one of {algorithm}.")
        try:
            return kind(**self.config)
        except (TypeError, InputError) as error:
            raise ArtifactError(f"the config of {algorithm} is not usable: {error}") from error


@dataclass(frozen=True, eq=False)
class Artifact:
    """A loaded artifact: parts with read-only arrays, memory-mapped or in memory.

    Parameters
    ----------
    folder : Path it was loaded from.
    parts : mapping of part name to Part.
    created_at : datetime, aware. As given by the writer.
    metrics : mapping. What was measured of the whole, as JSON values.
    manifest_sha256 : str. Hex digest of ``meta.json``: names the whole content.
    """

    folder: Path
    parts: Mapping[str, Part]
    created_at: datetime
    metrics: Mapping[str, Any]
    manifest_sha256: str

    def part(self, name: str) -> Part:
        """Return a part, or raise ArtifactError when there is none of that name."""
        try:
            return self.parts[name]
        except KeyError:
            raise ArtifactError(
                f"{self.folder} has no part {name}, only {', '.join(sorted(self.parts))}; "
                "train again with this version."
            ) from None


def _sync_folder(folder: Path) -> None:
    """Make a folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Write ``meta.json`` and make it durable."""
    try:
        text = json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArtifactError(
            f"config and metrics must be finite JSON values; json said: {error}."
        ) from error
    encoded = text.encode()
    if len(encoded) > MAX_MANIFEST_BYTES:
        raise ArtifactError(
            f"the manifest takes {len(encoded)} bytes, more than {MAX_MANIFEST_BYTES}; "
            "keep large values in arrays."
        )
    with path.open("wb") as file:
        file.write(encoded)
        file.flush()
        os.fsync(file.fileno())


def write_artifact(
    folder: Path,
    parts: Mapping[str, Part],
    *,
    created_at: datetime,
    metrics: Mapping[str, Any] | None = None,
) -> Path:
    """Write an artifact, all of it or nothing.

    The files are written to a staging folder beside ``folder``, synced, and renamed; a crash
    leaves at most a staging folder, ``.NAME.staging-*``, that nothing reads.

    Parameters
    ----------
    folder : Path. Must not exist; its parent is created.
    parts : mapping of part name to Part; names are lower-case words (``two_stage``).
    created_at : datetime, aware.
    metrics : mapping or None. JSON values.

    Returns
    -------
    folder.

    Raises
    ------
    ArtifactError
        When the folder exists, a name or dtype is not allowed, or a value is no JSON.
    OSError
        When the disk refuses (full, not writable).
    """
    folder = Path(folder)
    if created_at.tzinfo is None:
        raise ArtifactError(f"created_at is {created_at}, without time zone; pass an aware time.")
    if not parts:
        raise ArtifactError("an artifact without parts would serve nobody; pass at least one.")
    for name in [*parts, *(key for part in parts.values() for key in part.arrays)]:
        if not _NAME.fullmatch(name):
            raise ArtifactError(f"{name!r} is no part or array name; wanted e.g. 'two_stage'.")
    n_files = sum(len(part.arrays) for part in parts.values())
    if n_files > MAX_FILES:
        raise ArtifactError(f"got {n_files} arrays; an artifact holds at most {MAX_FILES}.")
    if folder.exists():
        raise ArtifactError(f"{folder} exists; an artifact is never changed, write a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.parent / f".{folder.name}.staging-{secrets.token_hex(8)}"
    staging.mkdir()
    try:
        files: dict[str, Any] = {}
        for part_name, part in parts.items():
            for array_name, array in part.arrays.items():
                file_name = f"{part_name}.{array_name}.npy"
                write_array(staging / file_name, array)
                files[file_name] = {
                    "dtype": array.dtype.str,
                    "shape": list(array.shape),
                    "bytes": (staging / file_name).stat().st_size,
                    "sha256": sha256_of(staging / file_name),
                }
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "created_at": created_at.isoformat(),
            "metrics": dict(metrics or {}),
            "parts": {
                name: {
                    "algorithm": part.algorithm,
                    "config": dict(part.config),
                    "metrics": dict(part.metrics),
                    "arrays": sorted(part.arrays),
                }
                for name, part in parts.items()
            },
            "files": files,
        }
        _write_manifest(staging / MANIFEST_NAME, manifest)
        _sync_folder(staging)
        staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    _sync_folder(folder.parent)
    return folder


def _wanted(condition: bool, folder: Path, complaint: str) -> None:
    """Raise ArtifactError with the folder and the remedy unless the condition holds."""
    if not condition:
        raise ArtifactError(f"{folder}: {complaint}; train again or roll back to another run.")


def read_manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """Read what an artifact says of itself, without its files.

    Parameters
    ----------
    folder : Path. Holds ``meta.json``; its other files are not looked at.

    Returns
    -------
    The manifest and its SHA-256, a hex digest. ``manifest["files"]`` maps the name of each file,
    a plain name of ours, to ``bytes``, ``sha256``, ``dtype`` and ``shape``.

    Raises
    ------
    ArtifactError
        When it is missing, a symbolic link, foreign, of another schema version, or not described
        as wanted, down to the types of its values.
    """
    path = folder / MANIFEST_NAME
    _wanted(path.is_file() and not path.is_symlink(), folder, f"there is no {MANIFEST_NAME}")
    size = path.stat().st_size
    _wanted(size <= MAX_MANIFEST_BYTES, folder, f"{MANIFEST_NAME} has {size} bytes, too many")
    content = path.read_bytes()
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON: {error}; train again.") from error
    _wanted(isinstance(manifest, dict), folder, f"{MANIFEST_NAME} is no JSON object")
    version = manifest.get("schema_version")
    _wanted(
        version == SCHEMA_VERSION and not isinstance(version, bool),
        folder,
        f"schema_version is {version!r}, this version reads {SCHEMA_VERSION}",
    )
    for key in ("files", "parts", "metrics"):
        _wanted(isinstance(manifest.get(key), dict), folder, f"{MANIFEST_NAME} has no {key}")
    listed: set[str] = set()
    for name, entry in manifest["parts"].items():
        _wanted(bool(_NAME.fullmatch(name)), folder, f"{name!r} is no part name")
        shaped = (
            isinstance(entry, dict)
            and isinstance(entry.get("algorithm"), str)
            and isinstance(entry.get("config"), dict)
            and isinstance(entry.get("metrics"), dict)
            and isinstance(entry.get("arrays"), list)
        )
        _wanted(shaped, folder, f"part {name} is not described as wanted")
        listed.update(f"{name}.{array}.npy" for array in entry["arrays"])
    files = manifest["files"]
    _wanted(len(files) <= MAX_FILES, folder, f"{len(files)} files are listed, over {MAX_FILES}")
    _wanted(set(files) == listed, folder, "parts and files of the manifest disagree")
    for name, entry in files.items():
        _wanted(bool(_FILE_NAME.fullmatch(name)), folder, f"{name!r} is no file name")
        shaped = (
            isinstance(entry, dict)
            and isinstance(entry.get("dtype"), str)
            and isinstance(entry.get("shape"), list)
            and isinstance(entry.get("bytes"), int)
            and entry["bytes"] >= 0
            and isinstance(entry.get("sha256"), str)
        )
        _wanted(shaped, folder, f"file {name} is not described as wanted")
    return manifest, hashlib.sha256(content).hexdigest()


def _file_size(folder: Path, name: str, entry: Mapping[str, Any]) -> int:
    """Return the bytes of a file that lies there as its manifest entry says."""
    path = folder / name
    _wanted(path.is_file() and not path.is_symlink(), folder, f"{name} is missing or a link")
    size = path.stat().st_size
    _wanted(
        size == entry["bytes"] and size > 0,
        folder,
        f"{name} has {size} bytes, not {entry['bytes']}",
    )
    return size


def _mapped_array(path: Path, entry: Mapping[str, Any]) -> NDArray[Any]:
    # An empty array cannot be memory-mapped.
    mode: Literal["r"] | None = None if 0 in entry["shape"] else "r"
    array: NDArray[Any] = np.load(path, mmap_mode=mode, allow_pickle=False)
    return array


def _load_arrays(
    folder: Path, manifest: Mapping[str, Any], digest: str, verify: bool, in_memory: bool
) -> dict[str, NDArray[Any]]:
    """Load the array of each file after comparing the file with its manifest entry."""
    entries: Mapping[str, Mapping[str, Any]] = manifest["files"]
    sizes = {name: _file_size(folder, name, entry) for name, entry in entries.items()}
    contents: Mapping[str, memoryview] = {}
    if in_memory:
        files = {name: (size, entries[name]["sha256"]) for name, size in sizes.items()}
        contents = read_into_memory(folder, files, digest)
    arrays = {}
    for name, entry in entries.items():
        if verify and not in_memory:
            matches = sha256_of(folder / name) == entry["sha256"]
            _wanted(matches, folder, f"the checksum of {name} is wrong")
        try:
            array = array_in(contents[name]) if in_memory else _mapped_array(folder / name, entry)
        except (ValueError, EOFError, OSError) as error:
            raise ArtifactError(
                f"{folder / name} is no .npy array: {error}; train again."
            ) from error
        _wanted(array.dtype.kind in DTYPE_KINDS, folder, f"{name} has dtype {array.dtype}")
        _wanted(
            [array.dtype.str, list(array.shape)] == [entry["dtype"], entry["shape"]],
            folder,
            f"{name} is {array.dtype.str}{array.shape}, not {entry['dtype']}{entry['shape']}",
        )
        array.flags.writeable = False
        arrays[name] = array
    return arrays


def load_artifact(folder: Path, *, verify: bool = True, in_memory: bool = False) -> Artifact:
    """Load an artifact, read-only.

    Parameters
    ----------
    folder : Path of an artifact.
    verify : bool. Whether to compare every file with its SHA-256 (about 20 ms for 20 MB).
        Names, sizes, shapes and dtypes are compared in any case, and in memory checksums too.
    in_memory : bool. False: the arrays are memory-mapped, which costs no memory of its own, but
        whoever changes a file changes the arrays, and whoever truncates one kills the process
        (SIGBUS). True: they are read, and what happens to the files does not touch them;
        processes of one family hold them together (`sealed_memory`).

    Returns
    -------
    Artifact.

    Raises
    ------
    ArtifactError
        When the folder, the manifest or a file is missing, damaged, foreign, a symbolic link,
        or of another schema version, or when there is a file that the manifest does not name.
    """
    folder = Path(folder)
    _wanted(folder.is_dir(), folder, "there is no such folder")
    manifest, digest = read_manifest(folder)
    try:
        created_at = datetime.fromisoformat(manifest["created_at"])
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{folder}: created_at is no time: {error}; train again.") from error
    found = {entry.name for entry in folder.iterdir()}
    extra = sorted(found - set(manifest["files"]) - {MANIFEST_NAME})
    _wanted(not extra, folder, f"{', '.join(extra)} is not in the manifest")
    arrays = _load_arrays(folder, manifest, digest, verify, in_memory)
    parts = {
        name: Part(
            algorithm=entry["algorithm"],
            arrays={array: arrays[f"{name}.{array}.npy"] for array in entry["arrays"]},
            config=entry["config"],
            metrics=entry["metrics"],
        )
        for name, entry in manifest["parts"].items()
    }
    return Artifact(folder, parts, created_at, manifest["metrics"], digest)
