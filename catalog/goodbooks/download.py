"""The official release from the network: resumable, bounded, and checked before it is used."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from catalog.goodbooks.errors import DatasetError, DownloadUnavailableError
from catalog.goodbooks.progress import Progress, SilentProgress
from catalog.goodbooks.source import DatasetFiles, file_sha256

OFFICIAL_URL = "https://github.com/zygmuntz/goodbooks-10k/releases/download/v1.0/goodbooks-10k.zip"
MAX_BYTES = 1 << 30
_TIMEOUT_SECONDS = 20
_PIECE = 1 << 18


@dataclass(frozen=True)
class Expectation:
    """What a file of a release must be like: its checksum or, where none is published, its rows."""

    sha256: str = ""
    rows: int = 0


@dataclass(frozen=True)
class Release:
    """A release is genuine when the archive has its checksum, or else every file is as expected."""

    archive_sha256: str
    files: Mapping[str, Expectation]


# The archive's checksum is the one that ludwig (ludwig/datasets/configs/goodbooks_books.yaml)
# checks its downloads by. Nobody publishes one of ratings.csv, so of that file, should the archive
# be packed anew, only the number of rows can be compared.
OFFICIAL = Release(
    archive_sha256="261b97b56db61f3fb2ce5aadbb13704d30179fcc986c17ace665a0af9ed00731",
    files={
        "books.csv": Expectation(
            "4d21d0e0433128657c752e3a3d0405ac0ec11675d6c70c64cb0abf4ab1acb76a"
        ),
        "tags.csv": Expectation("87f316957564fa21c316a4f50afc87f07906f478f990eec027aaca00c536c449"),
        "book_tags.csv": Expectation(
            "8ff2f0659be9ddbe10bf47ba33b5b69024f893f017ac665236f15bc97d862950"
        ),
        "to_read.csv": Expectation(
            "84928f89c9c25760e87ffc4b74ef99a07172d5c8450794cdac72c7bad04155cf"
        ),
        "ratings.csv": Expectation(rows=5_976_479),
    },
)


def is_url(location: str) -> bool:
    return location.lower().startswith(("http://", "https://"))


def download(
    url: str, folder: Path, progress: Progress, *, timeout_seconds: float = _TIMEOUT_SECONDS
) -> Path:
    """Fetch `url` into `folder`, going on from where an interrupted download stopped.

    A rest is only used when the server says that the file is still the same (If-Range);
    otherwise the download begins anew. The file has its name once it is whole.

    Raises
    ------
    DownloadUnavailableError
        When the server cannot be reached, answers with an error or stops half-way.
    DatasetError
        When the file is larger than `MAX_BYTES`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = url.split("?")[0].rstrip("/").rpartition("/")[2] or "download"
    target = folder / name
    part, note = folder / f"{name}.part", folder / f"{name}.part.json"
    request = urllib.request.Request(url, headers={"User-Agent": "bookrec"})  # noqa: S310
    have = _resume_from(request, url, part, note)
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as response:  # noqa: S310
            if have and response.status != http.HTTPStatus.PARTIAL_CONTENT:
                have = 0
            _remember(url, response.headers, note)
            declared = response.headers.get("Content-Length")
            total = have + int(declared) if declared else None
            _check_size(url, total or 0)
            progress.start("download", total)
            progress.advance(have)
            with part.open("ab" if have else "wb") as file:
                size = _receive(response, file, url, have, progress)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            part.unlink()
            return download(url, folder, progress, timeout_seconds=timeout_seconds)
        raise DownloadUnavailableError(
            f"{url} answers {error.code} {error.reason}; check the address."
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadUnavailableError(f"{url} cannot be downloaded: {reason}.") from error
    if total is not None and size < total:
        raise DownloadUnavailableError(
            f"{url} ended after {size:,} of {total:,} bytes; run the command again to go on."
        )
    note.unlink(missing_ok=True)
    return part.replace(target)


def _resume_from(request: urllib.request.Request, url: str, part: Path, note: Path) -> int:
    """Ask for the rest of a partial file; 0 when there is none that can be trusted."""
    if not part.exists() or not note.exists():
        return 0
    try:
        remembered = json.loads(note.read_text())
    except ValueError:
        return 0
    have = part.stat().st_size
    if not have or remembered.get("url") != url or not remembered.get("validator"):
        return 0
    request.add_header("Range", f"bytes={have}-")
    request.add_header("If-Range", remembered["validator"])
    return have


def _remember(url: str, headers: Mapping[str, str], note: Path) -> None:
    etag = headers.get("ETag") or ""
    # A weak validator does not promise the same bytes.
    validator = headers.get("Last-Modified") if not etag or etag.startswith("W/") else etag
    note.write_text(json.dumps({"url": url, "validator": validator}))


def _receive(response: IO[bytes], file: IO[bytes], url: str, have: int, progress: Progress) -> int:
    while piece := response.read(_PIECE):
        have += len(piece)
        _check_size(url, have)
        file.write(piece)
        progress.advance(len(piece))
    return have


def _check_size(url: str, size: int) -> None:
    if size > MAX_BYTES:
        raise DatasetError(f"{url} is larger than {MAX_BYTES:,} bytes; it is not the data set.")


def is_genuine_archive(path: Path, release: Release) -> bool:
    return file_sha256(path, SilentProgress()) == release.archive_sha256


def verify_files(files: DatasetFiles, release: Release) -> None:
    """Compare the files of a release with what is known of them.

    Raises
    ------
    DatasetError
        When a file is missing or is not as expected.
    """
    for name, expected in release.files.items():
        if name not in files.paths:
            raise DatasetError(f"{files.origin} lacks {name}; it is not the official release.")
        if expected.sha256 and files.sha256[name] != expected.sha256:
            raise DatasetError(
                f"{name} of {files.origin} has SHA-256 {files.sha256[name]}, the official file has "
                f"{expected.sha256}; it is not the official release."
            )
        if expected.rows and (rows := _count_rows(files.paths[name])) != expected.rows:
            raise DatasetError(
                f"{name} of {files.origin} has {rows:,} rows, the official file has "
                f"{expected.rows:,}; it is not the official release."
            )


def _count_rows(path: Path) -> int:
    """Lines after the header, counting a last one without a line end."""
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            lines += piece.count(b"\n")
            last = piece[-1:]
    return lines - 1 + (last != b"\n")
