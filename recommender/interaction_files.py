"""Ratings and the to-read shelf as Parquet files: for Spark, pandas and whoever else counts.

A folder as `export` leaves it, and nothing else is one:

    manifest.json                             when, how many, SHA-256 of every file
    ratings/part-00000-of-00004.parquet       user_id int64, book_id int64, stars int8
    shelved/part-00000-of-00004.parquet       user_id int64, book_id int64

Numbers alone: no name, no address, no time. All rows of a reader are in the files of one number,
`user_id` modulo the number of files. Only pyarrow writes them, which is loaded here when it is
asked for: web processes have no use for it.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg2 import sql

from catalog.models import Book
from ratings.models import Rating, ShelfEntry
from recommender.dataset import snapshot
from recommender.errors import TrainingError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

FORMAT: Final = "bookrec interactions"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
MAX_PARTITIONS: Final = 1024
# Rows that the server sends at once, and that wait here for their row group, of all files together.
_ROWS_AT_ONCE: Final = 50_000
_ROWS_WAITING: Final = 1_000_000
_LEAST_GROUP: Final = 1024

OnRows = Callable[[str, int], None]
"""Called with the table's name and how many of its rows are written."""


class ExportError(TrainingError):
    """Interactions were not exported, or what lies there is no export; the message says why."""


@dataclass(frozen=True)
class Manifest:
    """What an export holds."""

    # ISO 8601, UTC, by the database's clock: what was committed then is in the files.
    snapshot_at: str
    n_partitions: int
    n_ratings: int
    n_shelved: int
    n_readers: int
    n_books: int
    # Path below the folder to rows, bytes and SHA-256.
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_json(self) -> str:
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the manifest of an export.

        Raises
        ------
        ExportError
            When the folder is no export, or one of another version.
        """
        path = folder / MANIFEST
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ExportError(
                f"{folder} is no export of interactions: it has no {MANIFEST}. "
                "manage.py export_interactions makes one."
            ) from error
        except (OSError, ValueError) as error:
            raise ExportError(f"{path} cannot be read: {error}") from error
        if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
            raise ExportError(f"{path} is not the manifest of an export of interactions.")
        version = found.pop("version", None)
        if version != VERSION:
            raise ExportError(f"{path} is of version {version}; wanted {VERSION}: export again.")
        try:
            return cls(**found)
        except TypeError as error:
            raise ExportError(f"{path} is damaged ({error}); export again.") from error


def verify(folder: Path) -> Manifest:
    """Compare every file of an export with its SHA-256; return the manifest.

    Raises
    ------
    ExportError
        When a file is missing, too many or not what was written.
    """
    manifest = Manifest.read(folder)
    there = {path.relative_to(folder).as_posix() for path in folder.glob("*/*.parquet")}
    for name in sorted(there ^ manifest.files.keys()):
        what = "is missing" if name in manifest.files else "is in no manifest"
        raise ExportError(f"{folder / name} {what}; export again.")
    for name, facts in manifest.files.items():
        if _sha256(folder / name) != facts["sha256"]:
            raise ExportError(f"{folder / name} has changed since it was written; export again.")
    return manifest


def export(
    target: Path, *, n_partitions: int, overwrite: bool = False, on_rows: OnRows | None = None
) -> Manifest:
    """Write all ratings and to-read entries as of one moment; the folder appears when it is whole.

    Rows come through a server-side cursor: memory depends on neither their number nor that of the
    files. A process that is killed leaves no target, only `.NAME.partial` beside it, which the
    next export to the same place clears away.

    Raises
    ------
    ExportError
        When pyarrow is missing, the target holds something (with `overwrite`: something other than
        an export), or another process is just writing there.
    OSError
        When the disk refuses.
    """
    _check_pyarrow()
    if not 1 <= n_partitions <= MAX_PARTITIONS:
        raise ExportError(f"{n_partitions} partitions; wanted 1 to {MAX_PARTITIONS}.")
    target = target.resolve()
    _refuse(target, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _partial(target) as draft:
        with snapshot():
            manifest = _write_tables(draft, n_partitions, on_rows)
        path = draft / MANIFEST
        path.write_text(manifest.as_json(), encoding="utf-8")
        for written in (path, *(draft / name for name in manifest.files), draft):
            _make_durable(written)
        # Looked at again: somebody may have put something there meanwhile.
        _refuse(target, overwrite=overwrite)
        _put_in_place(draft, target)
    _make_durable(target.parent)
    return manifest


def _check_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ExportError(
            f"Parquet files need pyarrow, which does not load ({error}): "
            "pip install -r requirements-spark.txt"
        ) from error


def _refuse(target: Path, *, overwrite: bool) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise ExportError(f"{target} is no folder.")
    if not any(target.iterdir()):
        return
    if not overwrite:
        raise ExportError(f"{target} is not empty; name another folder, or add --overwrite.")
    # What is no export is never deleted, nor what somebody put beside its files.
    known = {MANIFEST, *Manifest.read(target).files}
    for path in target.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            name = path.relative_to(target).as_posix()
            if name not in known:
                raise ExportError(
                    f"{target} holds {name}, which is of no export; take it away, or name another "
                    "folder."
                )


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """Give an empty folder beside the target that no other process writes to."""
    draft = target.parent / f".{target.name}.partial"
    draft.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(draft, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ExportError(f"Another process is just exporting to {target}.") from error
        if not _is_open(draft, descriptor):
            raise ExportError(f"Another process has just exported to {target}.")
        _empty(draft)
        try:
            yield draft
        finally:
            # Nothing, where it has become the target.
            if _is_open(draft, descriptor):
                shutil.rmtree(draft)
    finally:
        os.close(descriptor)


def _is_open(folder: Path, descriptor: int) -> bool:
    """Return whether a folder is still the one that was opened: it may have been renamed."""
    try:
        return os.path.samestat(folder.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _put_in_place(draft: Path, target: Path) -> None:
    """Rename the whole draft to the target; the export that was there goes afterwards."""
    if not target.exists() or not any(target.iterdir()):
        draft.rename(target)
        return
    old = target.parent / f".{target.name}.replaced-{secrets.token_hex(4)}"
    target.rename(old)
    try:
        draft.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _write_tables(draft: Path, n_partitions: int, on_rows: OnRows | None) -> Manifest:
    # The first statement: the snapshot is taken with it.
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        [snapshot_at] = cursor.fetchone()
    ratings = _Files(draft, "ratings", {"user_id": "i8", "book_id": "i8", "stars": "i1"})
    with closing(_rows_of(Rating, ratings.columns)) as rows:
        ratings.fill(rows, n_partitions, on_rows)
    shelved = _Files(draft, "shelved", {"user_id": "i8", "book_id": "i8"})
    wanted = ("shelf", ShelfEntry.Shelf.TO_READ)
    with closing(_rows_of(ShelfEntry, shelved.columns, wanted)) as rows:
        shelved.fill(rows, n_partitions, on_rows)
    return Manifest(
        snapshot_at=snapshot_at.isoformat(),
        n_partitions=n_partitions,
        n_ratings=ratings.n_rows,
        n_shelved=shelved.n_rows,
        n_readers=_n_readers(),
        n_books=Book.objects.count(),
        files=ratings.facts() | shelved.facts(),
    )


def _n_readers() -> int:
    """Return how many readers have a rating or a to-read entry; counted by the server."""
    raters = Rating.objects.order_by().values_list("user_id")
    wanters = ShelfEntry.objects.order_by().filter(shelf=ShelfEntry.Shelf.TO_READ)
    return raters.union(wanters.values_list("user_id")).count()


def _rows_of(
    model: type[Rating] | type[ShelfEntry],
    columns: dict[str, str],
    where: tuple[str, str] | None = None,
) -> Generator[NDArray[np.int64], None, None]:
    """Yield a table's rows, shape (n, n_columns), through a cursor that the server keeps."""
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(model._meta.db_table)
    )
    if where:
        query += sql.SQL(" WHERE {} = {}").format(sql.Identifier(where[0]), sql.Literal(where[1]))
    connection.ensure_connection()
    name = f"export_{secrets.token_hex(4)}"
    with connection.connection.cursor(name=name) as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            yield np.array(rows, dtype=np.int64)


class _Files:
    """The files of one table, all open at once; rows wait until they are a row group."""

    def __init__(self, draft: Path, table: str, columns: dict[str, str]) -> None:
        self._draft = draft
        self._table = table
        # Name to numpy's type, which is Parquet's too.
        self.columns = columns
        self.n_rows = 0
        self._rows_of_file: dict[str, int] = {}

    def fill(
        self, rows: Iterator[NDArray[np.int64]], n_partitions: int, on_rows: OnRows | None
    ) -> None:
        """Write all rows, and every file, those without a row too."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        (self._draft / self._table).mkdir()
        kinds = {"i8": pa.int64(), "i1": pa.int8()}
        # Nothing is ever missing: whoever reads them need not ask.
        schema = pa.schema(
            [pa.field(name, kinds[kind], nullable=False) for name, kind in self.columns.items()]
        )
        names = [
            f"{self._table}/part-{number:05d}-of-{n_partitions:05d}.parquet"
            for number in range(n_partitions)
        ]
        writers: list[pq.ParquetWriter] = []
        waiting: list[list[NDArray[np.int64]]] = [[] for _name in names]
        n_waiting, n_written = np.zeros((2, n_partitions), dtype=np.int64)
        group = max(_LEAST_GROUP, _ROWS_WAITING // n_partitions)
        try:
            writers += [pq.ParquetWriter(self._draft / name, schema) for name in names]
            for block in rows:
                numbers = block[:, 0] % n_partitions
                order = np.argsort(numbers, kind="stable")
                sizes = np.bincount(numbers, minlength=n_partitions)
                for number, part in enumerate(np.split(block[order], np.cumsum(sizes)[:-1])):
                    if len(part):
                        waiting[number].append(part)
                        n_waiting[number] += len(part)
                    if n_waiting[number] >= group:
                        self._write(writers[number], schema, waiting[number])
                        n_waiting[number] = 0
                n_written += sizes
                self.n_rows += len(block)
                if on_rows:
                    on_rows(self._table, self.n_rows)
            for number, writer in enumerate(writers):
                if waiting[number]:
                    self._write(writer, schema, waiting[number])
        finally:
            for writer in writers:
                writer.close()
        self._rows_of_file = dict(zip(names, n_written.tolist(), strict=True))

    def _write(
        self, writer: "pq.ParquetWriter", schema: "pa.Schema", parts: list[NDArray[np.int64]]
    ) -> None:
        """Write what waits as one row group, and let go of it."""
        import pyarrow as pa

        block = np.concatenate(parts)
        parts.clear()
        columns = [
            pa.array(np.ascontiguousarray(block[:, place], dtype=kind))
            for place, kind in enumerate(self.columns.values())
        ]
        writer.write_table(pa.Table.from_arrays(columns, schema=schema))

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return what the manifest says of each file."""
        return {
            name: {
                "rows": n_rows,
                "bytes": (self._draft / name).stat().st_size,
                "sha256": _sha256(self._draft / name),
            }
            for name, n_rows in self._rows_of_file.items()
        }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
