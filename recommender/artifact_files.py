"""Published artifacts of training runs: write, open, delete, and what is left of dead runs."""

import logging
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from recommender.engine import Artifact, Part, load_artifact, write_artifact

logger = logging.getLogger(__name__)

LOGS: Final = "tensorboard"
# Leftovers that belong to no run may be another site's that is just writing; not after a day.
_ORPHANED_AFTER_SECONDS: Final = 24 * 3600
_NAME: Final = re.compile(r"\.?(?P<name>run-\d{6,}-[0-9a-f]{8})(\.staging-[0-9a-f]+)?")


def new_name(run_id: int) -> str:
    """Return a name that no artifact ever had.

    A number alone may have been used by an earlier database: the files outlive it.
    """
    return f"run-{run_id:06d}-{secrets.token_hex(4)}"


def log_folder(name: str) -> Path:
    """Return where the fit's TensorBoard log goes: beside the artifact, which never changes."""
    return settings.ARTIFACTS_DIR / LOGS / name


def publish(name: str, parts: Mapping[str, Part], metrics: Mapping[str, Any]) -> Artifact:
    """Write an artifact, all of it or nothing, and return it as it was read back."""
    folder = settings.ARTIFACTS_DIR / name
    write_artifact(folder, parts, created_at=timezone.now(), metrics=metrics)
    return load_artifact(folder)


def open_artifact(name: str) -> Artifact:
    """Return an artifact after comparing every file with its checksum.

    Raises
    ------
    ArtifactError
        When it is missing, damaged or of another version.
    """
    return load_artifact(settings.ARTIFACTS_DIR / name)


def delete(name: str) -> None:
    """Delete an artifact, its log and whatever an unfinished writing of it left; may be gone."""
    for path in _entries(settings.ARTIFACTS_DIR):
        if (found := _NAME.fullmatch(path.name)) and found["name"] == name:
            _remove(path)
    if log_folder(name).exists():
        _remove(log_folder(name))


def orphans(known: set[str]) -> list[str]:
    """Return the names of what lies there for longer than a day and is no run's of ours."""
    oldest = time.time() - _ORPHANED_AFTER_SECONDS
    names = set()
    for folder in (settings.ARTIFACTS_DIR, settings.ARTIFACTS_DIR / LOGS):
        for path in _entries(folder):
            found = _NAME.fullmatch(path.name)
            if found and found["name"] not in known and path.lstat().st_mtime < oldest:
                names.add(found["name"])
    return sorted(names)


def _entries(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(folder.iterdir())


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        # What is left over costs space only; the next clean-up tries again.
        logger.warning("%s was not removed: %s", path, error)
