"""The one bridge from database rows to engine matrices; books become items here."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Model
from numpy.typing import NDArray
from psycopg2 import sql

from catalog.models import Authorship, Book, BookGenre, DataImport, Volume
from ratings.models import Rating, ShelfEntry
from recommender.engine import Catalog, Interactions, Series, Vocabulary


@dataclass(frozen=True, eq=False)
class Dataset:
    """What one training run is fitted on, and where it came from."""

    interactions: Interactions
    catalog: Catalog
    # JSON for TrainingRun.dataset.
    description: dict[str, Any]


def load_dataset() -> Dataset:
    """Read all opinions and the catalogue as of one moment.

    The rows come by COPY, which is several times quicker than model instances: 2.6 million rows
    in about two seconds and 100 MB.
    """
    with _snapshot():
        items = Vocabulary.of(list(Book.objects.values_list("id", flat=True)))
        catalog = _load_catalog(items)
        ratings = _copy_integers(Rating, "id", "user_id", "book_id", "stars")
        shelved = _copy_integers(ShelfEntry, "user_id", "book_id")
        last_import = DataImport.objects.order_by("-id").values_list("id", flat=True).first()
    interactions = Interactions.from_pairs(
        ratings[:, 1],
        ratings[:, 2],
        ratings[:, 3],
        shelf_user_ids=shelved[:, 0],
        shelf_item_ids=shelved[:, 1],
        catalog_ids=items.ids,
    )
    return Dataset(
        interactions,
        catalog,
        {
            "n_books": interactions.n_items,
            "n_readers": interactions.n_users,
            "n_ratings": len(ratings),
            "n_shelved": len(shelved),
            "last_rating_id": int(ratings[:, 0].max(initial=0)),
            "data_import": last_import,
            "item_ids_sha256": _digest(interactions.item_ids),
            "user_ids_sha256": _digest(interactions.user_ids),
        },
    )


@contextmanager
def _snapshot() -> Iterator[None]:
    """See the database as of one moment, however long the reading takes."""
    nested = connection.in_atomic_block
    with transaction.atomic():
        if not nested:  # the isolation can be chosen before the first query only
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _copy_integers(model: type[Model], *columns: str) -> NDArray[np.int64]:
    """Return integer columns of a whole table, shape (n_rows, n_columns)."""
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT WITH (DELIMITER ' ')").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(model._meta.db_table)
    )
    buffer = io.BytesIO()
    with connection.cursor() as cursor:
        cursor.cursor.copy_expert(query, buffer)
    # One flat run of integers: quicker than any CSV reader, and rows are known to be whole.
    flat = np.fromstring(buffer.getvalue(), dtype=np.int64, sep=" ")
    return flat.reshape(-1, len(columns))


def _load_catalog(items: Vocabulary) -> Catalog:
    n_items = len(items)

    def groups(pairs: Any) -> NDArray[np.int32]:
        found = np.full(n_items, -1, dtype=np.int32)
        rows = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
        found[items.indices(rows[:, 0])] = rows[:, 1]
        return found

    volumes = list(Volume.objects.filter(position=0).values_list("book_id", "series_id", "number"))
    numbers = np.full(n_items, np.nan, dtype=np.float32)
    known = [(book, float(number)) for book, _, number in volumes if number is not None]
    if known:
        numbers[items.indices([book for book, _ in known])] = [number for _, number in known]

    counts = np.array(
        list(
            Book.objects.order_by("id").values_list(
                "ratings_count", "stars_1", "stars_2", "stars_3", "stars_4", "stars_5"
            )
        ),
        dtype=np.float64,
    ).reshape(-1, 6)
    histogram = counts[:, 1:]
    total = histogram.sum(axis=1)
    mean_stars = np.full(n_items, np.nan)
    np.divide(histogram @ np.arange(1.0, 6.0), total, out=mean_stars, where=total > 0)
    main_genre = (
        BookGenre.objects.order_by("book_id", "-share", "genre_id")
        .distinct("book_id")
        .values_list("book_id", "genre_id")
    )
    return Catalog(
        items,
        Series(groups((book, series) for book, series, _ in volumes), numbers),
        groups(Authorship.objects.filter(position=0).values_list("book_id", "author_id")),
        groups(main_genre),
        n_ratings=np.where(counts[:, 0] > 0, counts[:, 0], np.nan),
        mean_stars=mean_stars,
    )


def _digest(ids: NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(ids, dtype="<i8").tobytes()).hexdigest()
