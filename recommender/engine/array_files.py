"""Arrays as ``.npy`` files: written durably, read whole, and never unpickled."""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from recommender.engine.errors import ArtifactError
from recommender.engine.sealed_memory import Draft, draft

DTYPE_KINDS: Final = "biuf"
# Of .npy files; others are for arrays of objects and of records with foreign letters.
_HEADERS: Final = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_CHUNK_BYTES: Final = 1 << 20
# numpy's own limit is lower.
_MAX_HEADER_BYTES: Final = 1 << 14
# Of the content of files in memory; a .npy file's header ends at a multiple of it.
_ALIGNMENT: Final = 64


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write one array as ``.npy`` and make it durable.

    Raises
    ------
    ArtifactError
        When it holds no bools, integers or floats.
    OSError
        When the disk refuses.
    """
    if array.dtype.kind not in DTYPE_KINDS:
        raise ArtifactError(f"{path.name} has dtype {array.dtype}; wanted bool, int or float.")
    with path.open("wb") as file:
        # Not the file itself: numpy's own writing into files does not say that the disk is full.
        sink: Any = SimpleNamespace(write=file.write)
        np.save(sink, np.ascontiguousarray(array), allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def read_into_memory(
    folder: Path, files: Mapping[str, tuple[int, str]], key: str
) -> dict[str, memoryview]:
    """Read files into read-only memory, shared with processes of the family that read the same.

    It goes back to the system with its last array. What malloc gives for arrays of this size it
    keeps, in part, when they are freed: a fifth of an artifact, again with each new one.

    Parameters
    ----------
    folder : Path.
    files : mapping of file name to its size in bytes (> 0) and its SHA-256, a hex digest.
    key : str. The same for the same files: `sealed_memory`.

    Returns
    -------
    The content of each file, aligned for every dtype.

    Raises
    ------
    ArtifactError
        When a file is shorter than that by now, or its checksum is another.
    """
    places, end = {}, 0
    for name, (size, _) in files.items():
        places[name] = end
        end += -(-size // _ALIGNMENT) * _ALIGNMENT
    memory = draft(max(end, 1))
    try:
        for name, (size, sha256) in files.items():
            # What is compared and what is used are the same bytes.
            if _copy(folder / name, size, memory, places[name]) != sha256:
                raise ArtifactError(
                    f"{folder}: the checksum of {name} is wrong; "
                    "train again or roll back to another run."
                )
        content = memory.seal(key)
    finally:
        memory.drop()
    return {name: content[place : place + files[name][0]] for name, place in places.items()}


def _copy(path: Path, size: int, memory: Draft, place: int) -> str:
    """Write a file into memory and return its SHA-256."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while done < size and (chunk := file.read(min(_CHUNK_BYTES, size - done))):
            memory.write(place + done, chunk)
            digest.update(chunk)
            done += len(chunk)
    if done < size:
        raise ArtifactError(f"{path} became shorter while it was read; train again.")
    return digest.hexdigest()


def array_in(content: memoryview) -> NDArray[Any]:
    """Return the array of a .npy file's content, without copying it.

    Raises
    ------
    ValueError
        When it is no .npy file, or one of objects, or of another length than it says.
    """
    head = io.BytesIO(content[:_MAX_HEADER_BYTES])
    version = npy.read_magic(head)
    if version not in _HEADERS:
        raise ValueError(f"it is of format {version}")
    shape, is_fortran, dtype = _HEADERS[version](head)
    start = head.tell()
    if dtype.hasobject or start + math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"it does not hold {shape} of {dtype}")
    if 0 in shape:
        return np.empty(shape, dtype)
    flat = np.frombuffer(content, dtype, offset=start)
    return flat.reshape(shape, order="F" if is_fortran else "C")
