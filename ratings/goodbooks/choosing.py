"""Which data set `--auto` takes: the first of folder, download and built-in set that is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from catalog.goodbooks.download import (
    OFFICIAL,
    OFFICIAL_URL,
    Release,
    download,
    is_genuine_archive,
)
from catalog.goodbooks.errors import DatasetError, DownloadUnavailableError
from catalog.goodbooks.progress import Progress
from catalog.models import Source
from ratings.goodbooks.importing import has_import


@dataclass(frozen=True)
class Choice:
    # None: the database has what it needs.
    path: Path | None
    source: Source
    # One sentence for the person who starts the import.
    why: str
    # What the files must still be compared with.
    unverified: Release | None = None


def choose_dataset(
    environ: Mapping[str, str],
    *,
    project_dir: Path,
    local_dir: Path,
    progress: Progress,
    release: Release = OFFICIAL,
) -> Choice:
    """Choose GOODBOOKS_DIR, else data/goodbooks, else the official release, else the built-in set.

    What is already in the database counts before the network is asked: a second start is quick.

    Raises
    ------
    DatasetError
        When GOODBOOKS_DIR is set and is not a folder, or a download is not what it should be.
    """
    folder = environ.get("GOODBOOKS_DIR", "")
    if folder:
        if not Path(folder).is_dir():
            raise DatasetError(f"GOODBOOKS_DIR is {folder}, which is not a folder; correct it.")
        return Choice(Path(folder), Source.GOODBOOKS, f"goodbooks-10k from GOODBOOKS_DIR, {folder}")
    own_folder = project_dir / "data" / "goodbooks"
    if own_folder.is_dir():
        return Choice(own_folder, Source.GOODBOOKS, f"goodbooks-10k from {own_folder}")
    if has_import(Source.GOODBOOKS):
        return Choice(None, Source.GOODBOOKS, "goodbooks-10k is in the database")
    if has_import(Source.BUILTIN):
        return Choice(
            None,
            Source.BUILTIN,
            "the built-in set is in the database; for real readers set GOODBOOKS_DIR or run "
            f"import_goodbooks {OFFICIAL_URL}",
        )
    url = environ.get("GOODBOOKS_URL", "") or OFFICIAL_URL
    try:
        return fetch_release(url, local_dir, progress, release, reuse=True)
    except DownloadUnavailableError as error:
        return _builtin(local_dir, str(error))


def fetch_release(
    url: str, local_dir: Path, progress: Progress, release: Release | None, *, reuse: bool = False
) -> Choice:
    """Download an archive, or with `reuse` take the one that is there, and check its checksum."""
    folder = local_dir / "downloads"
    archive = folder / url.rpartition("/")[2]
    if not (reuse and archive.is_file()):
        archive = download(url, folder, progress)
    if release and is_genuine_archive(archive, release):
        release = None
    return Choice(archive, Source.GOODBOOKS, f"goodbooks-10k from {url}", unverified=release)


def _builtin(local_dir: Path, why: str) -> Choice:
    # Only here: the generator is of no use to anybody who has the real data.
    from catalog.builtin.generate import write_builtin_dataset

    folder = local_dir / "builtin"
    write_builtin_dataset(folder)
    return Choice(
        folder,
        Source.BUILTIN,
        f"the built-in set with simulated readers, because {why.rstrip('.')}",
    )
