"""Where the files are: a folder, or a zip archive unpacked into a temporary one."""

import hashlib
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from catalog.goodbooks.errors import DatasetError
from catalog.goodbooks.progress import Progress

# In the order they are imported: what a file refers to comes before it.
KNOWN_FILES = (
    "books.csv",
    "tags.csv",
    "book_tags.csv",
    "descriptions.csv",
    "ratings.csv",
    "to_read.csv",
)
# The official files together have about 120 MB.
MAX_UNPACKED_BYTES = 2 << 30
_PIECE = 1 << 20


@dataclass(frozen=True)
class DatasetFiles:
    """The known files of a data set, readable in place."""

    # As the person who asked for them wrote it.
    origin: str
    paths: dict[str, Path]
    # SHA-256 of each file, and one over names and contents of all.
    sha256: dict[str, str]
    digest: str


@contextmanager
def open_dataset(path: Path, progress: Progress) -> Iterator[DatasetFiles]:
    """Find the known files in a folder or a zip archive, and close what was unpacked afterwards.

    Raises
    ------
    DatasetError
        When there is no such path, it is neither folder nor zip, or it holds no known file.
    """
    try:
        if path.is_dir():
            yield _describe(str(path), path, progress)
        elif not path.exists():
            raise DatasetError(f"{path} does not exist; give a folder, a zip file or a URL.")
        elif zipfile.is_zipfile(path):
            with tempfile.TemporaryDirectory(prefix="goodbooks-") as folder:
                _unpack(path, Path(folder), progress)
                yield _describe(str(path), Path(folder), progress)
        else:
            raise DatasetError(
                f"{path} is neither a folder nor a zip file; give what holds the CSV files."
            )
    except OSError as error:
        raise DatasetError(f"{error.filename or path}: {error.strerror or error}.") from error


def _describe(origin: str, folder: Path, progress: Progress) -> DatasetFiles:
    paths = {name: folder / name for name in KNOWN_FILES if (folder / name).is_file()}
    if not paths:
        raise DatasetError(
            f"{origin} holds none of the files {', '.join(KNOWN_FILES)}; "
            "give the folder that they are in."
        )
    progress.start("checksums", sum(path.stat().st_size for path in paths.values()))
    sums = {name: file_sha256(path, progress) for name, path in paths.items()}
    whole = hashlib.sha256()
    for name, checksum in sorted(sums.items()):
        whole.update(f"{name} {checksum}\n".encode())
    return DatasetFiles(origin, paths, sums, whole.hexdigest())


def file_sha256(path: Path, progress: Progress) -> str:
    checksum = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            checksum.update(piece)
            progress.advance(len(piece))
    return checksum.hexdigest()


def _unpack(path: Path, folder: Path, progress: Progress) -> None:
    """Write the known files of an archive into `folder`, under their own names only."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _choose_members(path, archive)
            progress.start("unpacking", sum(member.file_size for member in members.values()))
            for name, member in members.items():
                with archive.open(member) as packed, (folder / name).open("xb") as unpacked:
                    _copy(path, packed, unpacked, member.file_size, progress)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DatasetError(f"{path} is a broken zip file: {error}.") from error


def _choose_members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Per known name the member nearest to the top: not those of a folder "samples" below it."""
    nearest: dict[str, tuple[int, zipfile.ZipInfo]] = {}
    for member in archive.infolist():
        parts = PurePosixPath(member.filename).parts
        if member.is_dir() or not parts or parts[0] == "__MACOSX" or parts[-1] not in KNOWN_FILES:
            continue
        if parts[-1] in nearest and nearest[parts[-1]][0] == len(parts):
            raise DatasetError(
                f"{path} holds {parts[-1]} twice: {nearest[parts[-1]][1].filename} and "
                f"{member.filename}; keep one."
            )
        if parts[-1] not in nearest or len(parts) < nearest[parts[-1]][0]:
            nearest[parts[-1]] = (len(parts), member)
    members = {name: member for name, (_, member) in nearest.items()}
    if any(member.flag_bits & 1 for member in members.values()):
        raise DatasetError(f"{path} is encrypted; unpack it and give the folder.")
    size = sum(member.file_size for member in members.values())
    if size > MAX_UNPACKED_BYTES:
        raise DatasetError(
            f"{path} would unpack to {size:,} bytes; at most {MAX_UNPACKED_BYTES:,} are read."
        )
    return members


def _copy(
    path: Path, packed: IO[bytes], unpacked: IO[bytes], size: int, progress: Progress
) -> None:
    """Copy at most the size that the archive declares: a zip bomb may declare less than it has."""
    written = 0
    while piece := packed.read(_PIECE):
        written += len(piece)
        if written > size:
            raise DatasetError(f"{path} is a broken zip file: a file is larger than declared.")
        unpacked.write(piece)
        progress.advance(len(piece))
