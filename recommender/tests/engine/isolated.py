"""What a fresh interpreter has imported after it has served from an artifact."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FIT_LIBRARIES = ("tensorflow", "keras", "lightgbm", "sklearn", "pandas")
"""Libraries that only a worker needs."""


def modules_after(served: str, folder: Path) -> set[str]:
    """Run code with an ``artifact`` loaded from a folder; return which fit library it imported.

    In a process of its own: this one has imported them for the fits of other tests.
    """
    code = f"""
import sys
from pathlib import Path
from recommender.engine import load_artifact
artifact = load_artifact(Path(sys.argv[1]))
{served}
print(*sorted(set({FIT_LIBRARIES}) & set(sys.modules)))
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())
