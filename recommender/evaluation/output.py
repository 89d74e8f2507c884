"""Result files: whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from recommender.evaluation.errors import EvaluationError


def check_writable(path: Path) -> None:
    """Raise EvaluationError when a result could not be written: before the work, not after it."""
    if path.is_dir():
        raise EvaluationError(f"{path} is a folder; wanted the name of a file to write.")
    if not path.parent.is_dir():
        raise EvaluationError(f"{path} cannot be written: there is no folder {path.parent}.")
    target = path if path.exists() and not path.is_file() else path.parent
    if not os.access(target, os.W_OK):
        raise EvaluationError(f"{path} cannot be written: {target} is read-only.")


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """Write a text file that appears under its name when it is complete.

    A device or pipe (/dev/stdout) is written to as it is.

    Raises
    ------
    EvaluationError
        When the disk refuses.
    """
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    # Through a symbolic link: the file it names is replaced, not the link.
    place = path.resolve()
    staging = place.with_name(f".{place.name}.{secrets.token_hex(6)}.part")
    try:
        with staging.open("x", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        staging.replace(place)
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        staging.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write indented JSON; a value that is not finite is an error, never NaN."""
    with writing(path) as file:
        json.dump(content, file, indent=1, allow_nan=False)
        file.write("\n")


def of_algorithm(path: Path, name: str) -> Path:
    """Return where one of several algorithms writes: lists.csv -> lists.linear.csv."""
    return path.with_name(f"{path.stem}.{name}{path.suffix}")
