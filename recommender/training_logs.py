"""TensorBoard's logs of the fits, on the disk of the host that trained: docs/operations.md."""

import logging
import shutil
from collections.abc import Collection
from pathlib import Path

from django.conf import settings

logger = logging.getLogger(__name__)


def log_folder(name: str) -> Path:
    """Return where the log of an artifact's fit goes: beside it, for an artifact never changes."""
    return _root() / name


def delete_log(name: str) -> None:
    """Delete a log; there need be none."""
    try:
        shutil.rmtree(log_folder(name))
    except FileNotFoundError:
        return
    except OSError as error:
        logger.warning("the log of %s was not deleted: %s", name, error)


def keep_logs(names: Collection[str]) -> None:
    """Delete the logs of all artifacts but these."""
    root = _root()
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        if path.name not in names:
            delete_log(path.name)


def _root() -> Path:
    return Path(settings.ARTIFACTS_DIR) / "tensorboard"
