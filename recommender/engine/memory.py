"""How much memory this process may use, and giving back what it no longer does."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_limit() -> int:
    """Return the bytes of physical memory, or the container's limit where that is lower."""
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        if path.is_file() and (text := path.read_text().strip()).isdigit():
            limit = min(limit, int(text))
    return limit


def give_back_freed() -> None:
    """Give what was freed back to the system; glibc keeps it, in part, for each thread.

    After work that needed much more for a moment than it leaves: loading an artifact. Where the C
    library has no malloc_trim(3), nothing is done.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
