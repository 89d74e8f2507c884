"""The file of a backup: a tar of plain files, its manifest and the manifest's checksum first.

Written beside its place, synced and renamed: what has the name of a backup is a whole one. Read
with suspicion: nothing is taken from a header but what the manifest announced.
"""

import fcntl
import hashlib
import io
import os
import re
import secrets
import stat
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from bookrec_site.backup.errors import BackupError
from bookrec_site.backup.manifest import Entry, Manifest, from_json

_MANIFEST: Final = "manifest.json"
_DIGEST: Final = "manifest.sha256"
_MAX_MANIFEST_BYTES: Final = 64 << 20
_CHUNK_BYTES: Final = 1 << 20
# A tar's header; one of a long name has another before it, which is read into memory.
_BLOCK: Final = 512
_MAX_LONG_NAME_BYTES: Final = 8 << 10
# What a write that was killed leaves; nobody takes it for a backup.
_PART: Final = ".part"


@dataclass(frozen=True)
class Source:
    """A file that goes into a backup, and how to open it."""

    name: str
    open: Callable[[], IO[bytes]]

    def entry(self) -> Entry:
        digest, n_bytes = hashlib.sha256(), 0
        with self.open() as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                n_bytes += len(chunk)
        return Entry(self.name, n_bytes, digest.hexdigest())


class _Hashed(io.RawIOBase):
    """Passes a file on and knows the checksum of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        return chunk


@contextmanager
def part_of(target: Path) -> Iterator[IO[bytes]]:
    """Give a private file that becomes `target` when the block ends well, else is removed."""
    _remove_leftovers(target)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_PART}")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            # Whoever finds it tells by the lock whether it is still being written.
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if target.exists():
                raise BackupError(f"{target} exists; a backup is never overwritten.")
            part.rename(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_leftovers(target: Path) -> None:
    """Remove what killed backups left beside `target`; whatever else lies there stays."""
    ours = re.compile(
        rf"\.(.+\.tar|{re.escape(target.name)})\.[0-9a-f]{{8}}{re.escape(_PART)}", re.S
    )
    for path in target.parent.iterdir():
        if ours.fullmatch(path.name):
            # One that is just being made is locked, one that just became whole has gone; what
            # cannot be opened or removed is somebody else's, and no reason to make no backup.
            with suppress(OSError):
                _remove_leftover(path)


def _remove_leftover(path: Path) -> None:
    # Neither through a link nor waiting for whoever writes to a pipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    finally:
        os.close(descriptor)


def write(file: IO[bytes], manifest: Manifest, sources: Sequence[Source]) -> None:
    """Write manifest and files; raises BackupError when a file changed since it was looked at."""
    content = manifest.to_json()
    digest = hashlib.sha256(content).hexdigest().encode()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in ((_MANIFEST, content), (_DIGEST, digest)):
            tar.addfile(_header(name, len(text)), io.BytesIO(text))
        for entry, source in zip(manifest.files, sources, strict=True):
            with source.open() as opened:
                hashed = _Hashed(opened)
                tar.addfile(_header(entry.name, entry.bytes), hashed)
                if hashed.digest.hexdigest() != entry.sha256 or opened.read(1):
                    raise BackupError(f"{entry.name} changed while it was read; try again.")


def _header(name: str, n_bytes: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size = n_bytes
    header.mode = 0o600
    return header


def read_manifest(path: Path) -> Manifest:
    """Return what a backup says of itself; its files are not read. Raises BackupError."""
    with _opened(path) as tar:
        return _manifest(tar, path)


def unpack(path: Path, folder: Path | None) -> Manifest:
    """Read the whole archive, compare it with its manifest, and put its files into a folder.

    Without a folder the files are only compared. After an error the folder's content is of no use.

    Raises
    ------
    BackupError
        When anything is missing, damaged, larger or other than announced, or follows the end.
    """
    with _opened(path) as tar:
        manifest = _manifest(tar, path)
        for entry in manifest.files:
            member = _next(tar, path, entry.name)
            if member.size != entry.bytes:
                raise _damaged(
                    path, f"{entry.name} has {member.size} bytes, announced were {entry.bytes}"
                )
            _copy(_content(tar, member), entry, folder, path)
        _expect_end(tar, path)
    return manifest


def _copy(source: IO[bytes], entry: Entry, folder: Path | None, path: Path) -> None:
    digest, left = hashlib.sha256(), entry.bytes
    target = Path(os.devnull) if folder is None else folder / entry.name
    if folder is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        while left:
            chunk = source.read(min(left, _CHUNK_BYTES))
            if not chunk:
                raise _damaged(path, f"it ends within {entry.name}")
            digest.update(chunk)
            file.write(chunk)
            left -= len(chunk)
    if digest.hexdigest() != entry.sha256:
        raise _damaged(path, f"the checksum of {entry.name} is wrong")


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from error
    with file:
        try:
            _look_at_header(file, 0, path)
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:") as tar:
                yield tar
        # The last three: what the libraries make of numbers and nesting that nobody writes.
        except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
            raise _damaged(path, str(error)) from error


def _manifest(tar: tarfile.TarFile, path: Path) -> Manifest:
    member = _next(tar, path, _MANIFEST)
    if member.size > _MAX_MANIFEST_BYTES:
        raise _damaged(path, f"its manifest has {member.size} bytes, too many")
    content = _content(tar, member).read()
    member = _next(tar, path, _DIGEST)
    digest = _content(tar, member).read(65)
    if digest != hashlib.sha256(content).hexdigest().encode():
        raise _damaged(path, "the checksum of its manifest is wrong")
    manifest = from_json(content)
    n_bytes = path.stat().st_size
    if manifest.n_bytes > n_bytes:
        raise _damaged(path, f"it has {n_bytes} bytes, its files alone {manifest.n_bytes}")
    return manifest


def _next(tar: tarfile.TarFile, path: Path, name: str) -> tarfile.TarInfo:
    """Return the next member, which has to be a plain file of that name."""
    _look_at_header(cast(IO[bytes], tar.fileobj), tar.offset, path)
    member = tar.next()
    if member is None:
        raise _damaged(path, f"it ends before {name}")
    if member.name != name or member.type != tarfile.REGTYPE or member.issparse():
        raise _damaged(path, f"it has {member.name!r} in place of {name}")
    return member


def _look_at_header(file: IO[bytes], offset: int, path: Path) -> None:
    """Refuse what no backup has, before the library reads it: links, folders, huge headers."""
    kind, size = _kind_and_size(file, offset, path)
    if kind == tarfile.XHDTYPE and size.isdigit() and int(size, 8) <= _MAX_LONG_NAME_BYTES:
        # Of one file, which has to follow: the library would follow a chain of them to its end.
        n_blocks = 1 + -(-int(size, 8) // _BLOCK)
        kind, _ = _kind_and_size(file, offset + n_blocks * _BLOCK, path)
    if kind != tarfile.REGTYPE:
        raise _damaged(path, "it is no backup of this site")


def _kind_and_size(file: IO[bytes], offset: int, path: Path) -> tuple[bytes, bytes]:
    file.seek(offset)
    block = file.read(_BLOCK)
    if len(block) < _BLOCK:
        raise _damaged(path, "it ends too early")
    return block[156:157], block[124:136].rstrip(b"\0 ")


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise _damaged(tar.name, f"{member.name} is no plain file")
    return content


def _expect_end(tar: tarfile.TarFile, path: Path) -> None:
    """A tar ends with two blocks of zeros, and fills up its last record with more."""
    file = cast(IO[bytes], tar.fileobj)
    file.seek(tar.offset)
    rest = file.read(tarfile.RECORDSIZE + 2 * _BLOCK)
    if rest.strip(b"\0") or not 2 * _BLOCK <= len(rest) <= tarfile.RECORDSIZE + _BLOCK:
        raise _damaged(path, "it does not end where it should")


def _damaged(path: object, what: str) -> BackupError:
    return BackupError(f"{path} is no whole backup: {what}. Nothing was changed; take another one.")
