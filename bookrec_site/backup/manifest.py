"""What a backup says of itself, believed only as far as it was checked."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from bookrec_site.backup.errors import BackupError
from recommender.artifact_store import is_name

FORMAT: Final = 1
DUMP: Final = "database.dump"
ARTIFACTS: Final = "artifacts"
MEDIA: Final = "media"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ARTIFACT_FILE = re.compile(r"[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63}){1,2}")
_LONGEST_NAME: Final = 1000


@dataclass(frozen=True)
class Entry:
    """One file of the archive."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Counts are of the moment at which the dump was taken; files are in the archive's order."""

    format: int
    made_at: str
    # Major version of the server; version of the artifacts' form.
    postgres: int
    artifact_schema: int
    # App -> its migrations that were applied.
    migrations: dict[str, list[str]]
    # Table -> rows.
    tables: dict[str, int]
    # Tables whose rows are not in the dump.
    left_out: list[str]
    # Artifact -> status of its run.
    runs: dict[str, str]
    files: list[Entry]

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @property
    def n_bytes(self) -> int:
        return sum(entry.bytes for entry in self.files)


def from_json(content: bytes) -> Manifest:
    """Read a manifest; raise BackupError unless every value is of the wanted form."""
    try:
        given = json.loads(content)
    except ValueError as error:
        raise BackupError(f"The backup's manifest is damaged: {error}.") from error
    _wanted(isinstance(given, dict), "it is no object")
    version = given.get("format")
    if version != FORMAT or isinstance(version, bool):
        raise BackupError(
            f"The backup is of format {version!r}, this version reads {FORMAT}. Restore it with "
            "the version that made it, then upgrade."
        )
    _wanted(set(given) == set(Manifest.__dataclass_fields__), "it has other fields than wanted")
    for key in ("postgres", "artifact_schema"):
        _wanted(_is_count(given[key]), f"{key} is no number")
    _wanted(isinstance(given["made_at"], str), "made_at is no text")
    _wanted(_all(given["migrations"], _is_names), "migrations are not listed by app")
    _wanted(_all(given["tables"], _is_count), "tables have no counts")
    _wanted(_is_names(given["left_out"]), "left_out is no list of names")
    _wanted(_all(given["runs"], lambda value: isinstance(value, str)), "runs have no status")
    _wanted(isinstance(given["files"], list), "files are no list")
    files = [_entry(value) for value in given["files"]]
    names = [entry.name for entry in files]
    _wanted(len(set(names)) == len(names), "it lists a file twice")
    _wanted(names[:1] == [DUMP], f"{DUMP} is not its first file")
    return Manifest(**{**given, "files": files})


def _entry(value: Any) -> Entry:
    shaped = (
        isinstance(value, dict)
        and set(value) == {"name", "bytes", "sha256"}
        and isinstance(value["name"], str)
        and _is_count(value["bytes"])
        and isinstance(value["sha256"], str)
        and bool(_SHA256.fullmatch(value["sha256"]))
    )
    _wanted(shaped, "a file is not described as wanted")
    _wanted(is_safe(value["name"]), f"{value['name']!r} is no name of a file in a backup")
    return Entry(**value)


def is_safe(name: str) -> bool:
    """Whether a file of that name belongs into a backup, and lands in its folder nowhere else."""
    if name == DUMP:
        return True
    parts = name.split("/")
    if parts[0] == ARTIFACTS:
        return (
            len(parts) == 3 and is_name(parts[1]) and _ARTIFACT_FILE.fullmatch(parts[2]) is not None
        )
    return (
        parts[0] == MEDIA
        and len(parts) >= 2
        and len(name) <= _LONGEST_NAME
        and name == str(PurePosixPath(name))
        and not {"", ".", ".."} & set(parts)
        and "\\" not in name
        and name.isprintable()
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _all(value: Any, is_wanted: Any) -> bool:
    return isinstance(value, Mapping) and all(map(is_wanted, value.values()))


def _wanted(condition: bool, complaint: str) -> None:
    if not condition:
        raise BackupError(f"The backup's manifest is damaged: {complaint}.")
