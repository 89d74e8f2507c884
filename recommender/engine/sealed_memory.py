"""Bytes that the processes of one family hold together: read once written, changed by nobody.

gunicorn forks its workers from one process that has imported this module, so all of them share a
board on which each writes what it holds. A worker that has read the same bytes as another one
takes the other's memory and gives its own back: an artifact is in memory once, not once for each
worker. The memory is a sealed memfd (memfd_create(2), F_SEAL_WRITE): it has no name that could
be truncated or left behind, and goes with the last process that holds it. Where there is no such
thing (macOS), each process keeps what it has read.
"""

from __future__ import annotations

import json
import mmap
import os
import stat
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

if sys.platform == "linux":
    import fcntl

    _SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

_BOARD_BYTES: Final = 4096
# Of several artifacts at most: the one before, those that are compared, and the active one.
_MAX_KEYS: Final = 8
_MAX_HOLDERS: Final = 16
_COMPARED_AT_ONCE: Final = 1 << 20

# Key of the content: process and descriptor of each that holds it.
_Holders: TypeAlias = dict[str, list[tuple[int, int]]]


class Draft:
    """Memory that is being written; `seal` ends that. This one is the process's own.

    Parameters
    ----------
    size : int > 0. Bytes.
    """

    def __init__(self, size: int) -> None:
        self._memory = mmap.mmap(-1, size)

    def write(self, offset: int, content: bytes) -> None:
        """Write some bytes; raises OSError when there is no memory."""
        self._memory[offset : offset + len(content)] = content

    def seal(self, key: str) -> memoryview:
        """End the writing, and return the bytes, read-only.

        Parameters
        ----------
        key : str. Names the content. Another process of the family that holds the same bytes
            under the same key is found, and its memory taken.
        """
        return memoryview(self._memory).toreadonly()

    def drop(self) -> None:
        """End the writing for good or bad; what `seal` returned stays."""


class _SharedDraft(Draft):
    """Memory that others can be given a hold of."""

    def __init__(self, size: int, board: _Board) -> None:
        self._size = size
        self._board = board
        self._descriptor = os.memfd_create("artifact", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self._descriptor, size)

    def write(self, offset: int, content: bytes) -> None:
        while content:
            written = os.pwrite(self._descriptor, content, offset)
            offset, content = offset + written, content[written:]

    def seal(self, key: str) -> memoryview:
        fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, _SEALS)
        # Kernels before 6.7 map sealed memory only from a descriptor that cannot write.
        own = os.open(_path(os.getpid(), self._descriptor), os.O_RDONLY | os.O_CLOEXEC)
        return self._board.share(key, own, self._size)

    def drop(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def draft(size: int) -> Draft:
    """Return memory to write into: such as others can share, where there is such."""
    return Draft(size) if _board is None else _SharedDraft(size, _board)


class _Board:
    """Who of this process and those forked from it holds what; in memory of all of them."""

    def __init__(self) -> None:
        # Locks of files are held by processes; the threads of one need another.
        self._lock = threading.Lock()
        self._descriptor = os.memfd_create("artifacts held", os.MFD_CLOEXEC)
        os.ftruncate(self._descriptor, _BOARD_BYTES)
        # A thread of the parent may be at the board while it forks.
        os.register_at_fork(after_in_child=self._renew_lock)

    def share(self, key: str, own: int, size: int) -> memoryview:
        """Return the bytes behind `own`, in another holder's memory if there is one."""
        content = _mapped(own, size)
        with self._open() as held:
            living = [holder for holder in held.pop(key, []) if _holds(*holder, size)]
            for process, descriptor in living:
                theirs = _opened(process, descriptor)
                if theirs is None:
                    continue
                found = _mapped(theirs, size)
                if _are_equal(found, content):
                    os.close(own)
                    own, content = theirs, found
                    break
                os.close(theirs)
            held[key] = [*living, (os.getpid(), own)][-_MAX_HOLDERS:]
            for oldest in list(held)[:-_MAX_KEYS]:
                del held[oldest]
        # The descriptor stays open for those who come later, as long as this process needs it.
        weakref.finalize(content, os.close, own)
        return memoryview(content)

    @contextmanager
    def _open(self) -> Iterator[_Holders]:
        with self._lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
            try:
                held = self._read()
                yield held
                os.pwrite(self._descriptor, json.dumps(held).encode().ljust(_BOARD_BYTES, b"\0"), 0)
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _read(self) -> _Holders:
        text = os.pread(self._descriptor, _BOARD_BYTES, 0).rstrip(b"\0")
        try:
            held: _Holders = json.loads(text or b"{}")
        except ValueError:  # whoever wrote last was killed while writing
            return {}
        return held

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


def _mapped(descriptor: int, size: int) -> mmap.mmap:
    return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)


def _path(process: int, descriptor: int) -> str:
    return f"/proc/{process}/fd/{descriptor}"


def _holds(process: int, descriptor: int, size: int) -> bool:
    """Return whether a process still has memory of that size there, not another file."""
    try:
        status = Path(_path(process, descriptor)).stat()
    except OSError:  # it has ended, or is another user's by now
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size


def _opened(process: int, descriptor: int) -> int | None:
    """Return a descriptor of another holder's memory; None when it is gone or not sealed."""
    try:
        opened = os.open(_path(process, descriptor), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        is_sealed = fcntl.fcntl(opened, fcntl.F_GET_SEALS) & _SEALS == _SEALS
    except OSError:  # a file, where the number of an ended process was given again
        is_sealed = False
    if not is_sealed:
        os.close(opened)
        return None
    return opened


def _are_equal(one: mmap.mmap, other: mmap.mmap) -> bool:
    places = range(0, len(one), _COMPARED_AT_ONCE)
    return all(one[p : p + _COMPARED_AT_ONCE] == other[p : p + _COMPARED_AT_ONCE] for p in places)


def _new_board() -> _Board | None:
    if sys.platform != "linux":
        return None
    try:
        return _Board()
    except OSError:  # a sandbox that forbids it; each process keeps what it reads
        return None


_board = _new_board()
