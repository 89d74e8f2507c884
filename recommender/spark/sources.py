"""Where Spark reads opinions: from PostgreSQL in pieces, or from the files of an export."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from ratings.models import Rating, ShelfEntry
from recommender.interaction_files import Manifest, verify
from recommender.spark.errors import SparkError
from recommender.spark.options import SparkOptions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

logger = logging.getLogger(__name__)

_ROWS_AT_ONCE: Final = 10_000
_CONNECT_SECONDS: Final = 10
# Django's names of libpq's options are those of the JDBC driver.
_TLS: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey")


class Source(ABC):
    """Ratings and to-read entries as tables of Spark; every row of the same moment."""

    # For the run's row.
    name: str
    # What the driver's own reading has to see too; None: as it is now.
    snapshot: str | None = None
    # Jars that executors need.
    jars: tuple[Path, ...] = ()

    @abstractmethod
    def ratings(self, session: "SparkSession", n_partitions: int) -> "DataFrame":
        """Return user_id, book_id and stars."""

    @abstractmethod
    def shelved(self, session: "SparkSession", n_partitions: int) -> "DataFrame":
        """Return user_id and book_id."""


class ParquetSource(Source):
    """What `manage.py export_interactions` wrote, on a disk that driver and executors share."""

    name = "parquet"

    def __init__(self, folder: Path) -> None:
        """Raise ExportError when it is no whole export."""
        self.folder = folder.resolve()
        self.manifest: Manifest = verify(self.folder)

    def ratings(self, session: "SparkSession", n_partitions: int) -> "DataFrame":
        return session.read.parquet(f"file://{self.folder / 'ratings'}")

    def shelved(self, session: "SparkSession", n_partitions: int) -> "DataFrame":
        return session.read.parquet(f"file://{self.folder / 'shelved'}")


@dataclass(frozen=True)
class _Span:
    """The numbers that the rows of a table have."""

    first: int
    last: int


class JdbcSource(Source):
    """The database itself, several connections at once, each seeing the same snapshot.

    A task that is done again, because a worker died, reads the same rows again.
    """

    name = "jdbc"

    def __init__(
        self, options: SparkOptions, snapshot: str, ratings: _Span, shelved: _Span
    ) -> None:
        self.snapshot = snapshot
        self.jars = (options.jdbc_jar,)
        self._spans = {Rating: ratings, ShelfEntry: shelved}
        self._connection = _connection_options(options) | {
            "driver": "org.postgresql.Driver",
            # Makes the driver stream rows instead of keeping them all, and begin a transaction.
            "fetchsize": str(_ROWS_AT_ONCE),
            "sessionInitStatement": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; "
            f"SET TRANSACTION SNAPSHOT '{snapshot}'",
        }

    @classmethod
    @contextmanager
    def opened(cls, options: SparkOptions) -> Iterator["JdbcSource"]:
        """Hold a snapshot of the database until the block ends.

        It is held by a session of its own: the run writes its progress meanwhile.
        """
        _connection_options(options)
        holder = connection.copy()
        try:
            try:
                snapshot, spans = _held_snapshot(holder)
            except DatabaseError as error:
                raise SparkError(f"No snapshot of the database was had: {error}") from error
            yield cls(options, snapshot, *spans)
        finally:
            holder.close()

    def ratings(self, session: "SparkSession", n_partitions: int) -> "DataFrame":
        columns = "id, user_id, book_id, stars"
        return self._read(session, n_partitions, Rating, columns).drop("id")

    def shelved(self, session: "SparkSession", n_partitions: int) -> "DataFrame":
        columns, wanted = "id, user_id, book_id", f"shelf = '{ShelfEntry.Shelf.TO_READ}'"
        return self._read(session, n_partitions, ShelfEntry, columns, wanted).drop("id")

    def _read(
        self,
        session: "SparkSession",
        n_partitions: int,
        model: type[Rating] | type[ShelfEntry],
        columns: str,
        where: str = "TRUE",
    ) -> "DataFrame":
        """Return the rows of a table, read in spans of its primary key."""
        span = self._spans[model]
        query = f"SELECT {columns} FROM {model._meta.db_table} WHERE {where}"  # noqa: S608 - ours
        return (
            session.read.format("jdbc")
            .options(**self._connection)
            .option("dbtable", f"({query}) AS rows")
            .option("partitionColumn", "id")
            .option("lowerBound", str(span.first))
            .option("upperBound", str(span.last + 1))
            .option("numPartitions", str(n_partitions))
            .load()
        )


def _held_snapshot(holder: BaseDatabaseWrapper) -> tuple[str, list[_Span]]:
    """Begin a transaction; return its snapshot's name and the spans of the tables in it."""
    holder.ensure_connection()
    holder.connection.autocommit = False
    with holder.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # It idles for as long as Spark works.
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        [snapshot] = cursor.fetchone()
        spans = []
        for model in (Rating, ShelfEntry):
            table = holder.ops.quote_name(model._meta.db_table)
            cursor.execute(f"SELECT min(id), max(id) FROM {table}")  # noqa: S608
            first, last = cursor.fetchone()
            spans.append(_Span(first or 0, last or 0))
    return snapshot, spans


def _connection_options(options: SparkOptions) -> dict[str, str]:
    """Return how executors connect. The password is an option that Spark redacts, in no URL.

    Raises
    ------
    SparkError
        When the database is behind a Unix socket, which executors cannot reach.
    """
    database: dict[str, Any] = options.database or connection.settings_dict
    host, port = database["HOST"] or "", database["PORT"] or 5432
    if not host or host.startswith(("/", "@")):
        raise SparkError(
            "Executors reach PostgreSQL by TCP, and DATABASE_URL names a Unix socket: set "
            "SPARK_DATABASE_URL, or train from files: --interactions DIR."
        )
    address = f"[{host}]" if ":" in host else host
    found = {
        "url": f"jdbc:postgresql://{address}:{port}/{database['NAME']}",
        "user": database["USER"] or "",
        "password": database["PASSWORD"] or "",
        "connectTimeout": str(_CONNECT_SECONDS),
        "tcpKeepAlive": "true",
        "ApplicationName": "bookrec train (Spark)",
    }
    given = database.get("OPTIONS") or {}
    return found | {name: str(given[name]) for name in _TLS if given.get(name)}
