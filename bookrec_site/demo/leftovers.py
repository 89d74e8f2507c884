"""What a demo that was killed may have left running."""

import os
from pathlib import Path

import psutil

from bookrec_site.embedded.usage import DEMO_MARK


def stop_leftovers(local_dir: Path) -> int:
    """Stop every process of an earlier demo of this folder; return how many there were.

    The caller holds the demo's lock, so none of them belongs to a demo that runs. On Linux they
    end by themselves when the demo is killed, and this waits for the rest of them.
    """
    found = [process for process in psutil.process_iter() if _mark(process) == str(local_dir)]
    for process in found:
        if process.is_running():
            process.terminate()
    _, alive = psutil.wait_procs(found, timeout=20)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=10)
    return len(found)


def _mark(process: psutil.Process) -> str | None:
    if process.pid == os.getpid():
        return None
    try:
        return process.environ().get(DEMO_MARK)
    except (psutil.Error, OSError):
        return None  # Another user's process, or one that has just ended: none of ours.
