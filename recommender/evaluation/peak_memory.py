"""How much memory the process needed at most between two moments."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def reset_peak() -> bool:
    """Let the peak begin again at what is held now; False where the system cannot.

    Only Linux can; elsewhere the peak stays that of the whole process so far.
    """
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5")
        return True
    return False


def peak_megabytes() -> float:
    """Return the most memory held since the last reset, in MB of 10^6 bytes."""
    if _STATUS.is_file() and (found := re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())):
        return int(found[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
