"""The one bridge from database rows to engine matrices; books become items here."""

import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Count, Max, Model, Q
from numpy.typing import NDArray
from psycopg2 import sql
from scipy.sparse import csr_array

from catalog.models import Authorship, Book, BookGenre, BookTag, DataImport, Tag, Volume
from ratings.models import Rating, ShelfEntry
from recommender.engine import Catalog, Interactions, Series, Vocabulary
from recommender.held_out import MAX_MEASURED, held_out_ids

_FACTS = (
    "publication_year",
    "ratings_count",
    "text_reviews_count",
    *(f"stars_{stars}" for stars in range(1, 6)),
)
# Of the shelves only this one says what a reader wants.
_WANTED = sql.SQL("shelf = {}").format(sql.Literal(ShelfEntry.Shelf.TO_READ.value))
_SAMPLE = 2000


@dataclass(frozen=True, eq=False)
class Dataset:
    """What one training run is fitted on, and where it came from."""

    interactions: Interactions
    catalog: Catalog
    # JSON for TrainingRun.dataset.
    description: dict[str, Any]
    # Withheld readers, where not all of them are among the interactions.
    n_withheld: int | None = None


def load_dataset() -> Dataset:
    """Read all opinions and the catalogue as of one moment.

    The rows come by COPY, which is several times quicker than model instances: 2.6 million rows
    in about two seconds and 100 MB.
    """
    with snapshot():
        items = Vocabulary.of(list(Book.objects.values_list("id", flat=True)))
        catalog = _load_catalog(items)
        ratings = _copy_integers(Rating, "id", "user_id", "book_id", "stars")
        shelved = _copy_integers(ShelfEntry, "user_id", "book_id", where=_WANTED)
        last_import = DataImport.objects.order_by("-id").values_list("id", flat=True).first()
    interactions = _interactions(ratings[:, 1:], shelved, items)
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


def load_sample(of_snapshot: str | None = None) -> Dataset:
    """Read the catalogue, and of the opinions only those that a run is measured and checked by.

    That are those of the withheld readers of lowest hash, ten times as many as are measured, and
    of 2,000 others, spread evenly. The figures of the description are of all. What is fitted on
    the rest is elsewhere, where there is more memory.
    """
    with snapshot(of_snapshot):
        items = Vocabulary.of(list(Book.objects.values_list("id", flat=True)))
        catalog = _load_catalog(items)
        users = _readers()
        withheld = held_out_ids(users.tolist())
        others = np.setdiff1d(users, withheld, assume_unique=True)
        rows = np.linspace(0, len(others) - 1, min(_SAMPLE, len(others))).astype(int)
        chosen = [*withheld[: 10 * MAX_MEASURED], *others[rows].tolist()]
        of_chosen = sql.SQL("user_id = ANY({})").format(sql.Literal(chosen))
        ratings = _copy_integers(Rating, "user_id", "book_id", "stars", where=of_chosen)
        wanted = sql.SQL(" AND ").join((_WANTED, of_chosen))
        shelved = _copy_integers(ShelfEntry, "user_id", "book_id", where=wanted)
        last_import = DataImport.objects.order_by("-id").values_list("id", flat=True).first()
        totals = Rating.objects.aggregate(n=Count("id"), last=Max("id"))
        n_shelved = ShelfEntry.objects.filter(shelf=ShelfEntry.Shelf.TO_READ).count()
    return Dataset(
        _interactions(ratings, shelved, items),
        catalog,
        {
            "n_books": len(items),
            "n_readers": len(users),
            "n_ratings": totals["n"],
            "n_shelved": n_shelved,
            "last_rating_id": totals["last"] or 0,
            "data_import": last_import,
            "item_ids_sha256": _digest(items.ids),
            "user_ids_sha256": _digest(users),
        },
        n_withheld=len(withheld),
    )


def _readers() -> NDArray[np.int64]:
    """Return the numbers of all readers with an opinion that counts, ascending."""
    query = sql.SQL(
        "COPY (SELECT user_id FROM {} UNION SELECT user_id FROM {} WHERE {}) TO STDOUT"
    ).format(
        sql.Identifier(Rating._meta.db_table), sql.Identifier(ShelfEntry._meta.db_table), _WANTED
    )
    return np.sort(_copied(query))


def _interactions(
    ratings: NDArray[np.int64], shelved: NDArray[np.int64], items: Vocabulary
) -> Interactions:
    return Interactions.from_pairs(
        *ratings.T,
        shelf_user_ids=shelved[:, 0],
        shelf_item_ids=shelved[:, 1],
        catalog_ids=items.ids,
    )


@contextmanager
def snapshot(name: str | None = None) -> Iterator[None]:
    """See the database as of one moment, however long the reading takes.

    With a name, as the session sees it that has exported the snapshot and is still open.
    """
    nested = connection.in_atomic_block
    with transaction.atomic():
        if not nested:  # the isolation can be chosen before the first query only
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                if name is not None:
                    cursor.execute("SET TRANSACTION SNAPSHOT %s", [name])
        yield


def _copy_integers(
    model: type[Model], *columns: str, where: sql.Composable | None = None
) -> NDArray[np.int64]:
    """Return integer columns of a table, shape (n_rows, n_columns): all rows, or some."""
    rows = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(model._meta.db_table)
    )
    if where is not None:
        rows += sql.SQL(" WHERE ") + where
    query = sql.SQL("COPY ({}) TO STDOUT WITH (DELIMITER ' ')").format(rows)
    return _copied(query).reshape(-1, len(columns))


def _copied(query: sql.Composable) -> NDArray[np.int64]:
    """Return the integers of all rows, one after another."""
    buffer = io.BytesIO()
    with connection.cursor() as cursor:
        cursor.cursor.copy_expert(query, buffer)
    # One flat run of integers: quicker than any CSV reader, and rows are known to be whole.
    return np.fromstring(buffer.getvalue(), dtype=np.int64, sep=" ")


def _load_catalog(items: Vocabulary) -> Catalog:
    """Read what is known of the books themselves, in the order of the items."""
    n_items = len(items)

    def first_of(pairs: Iterable[tuple[int, int]]) -> NDArray[np.int32]:
        groups = np.full(n_items, -1, dtype=np.int32)
        rows = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
        groups[items.indices(rows[:, 0])] = rows[:, 1]
        return groups

    volumes = Volume.objects.filter(position=0).values_list("book_id", "series_id", "number")
    series_index = first_of((book, series) for book, series, _ in volumes)
    series_number = np.full(n_items, np.nan, dtype=np.float32)
    for book, _, number in volumes:
        if number is not None:
            series_number[items.indices([book])] = float(number)

    facts = np.array(
        list(Book.objects.order_by("id").values_list(*_FACTS)), dtype=np.float64
    ).reshape(-1, len(_FACTS))  # a missing year becomes NaN
    years, n_ratings, n_reviews = facts[:, 0], facts[:, 1], facts[:, 2]
    mean_stars, std_stars = _moments(facts[:, 3:])
    main_genre = (
        BookGenre.objects.order_by("book_id", "-share", "genre_id")
        .distinct("book_id")
        .values_list("book_id", "genre_id")
    )
    author_pairs = _copy_integers(Authorship, "book_id", "author_id", "position")
    first_authors = author_pairs[author_pairs[:, 2] == 0]
    tag_counts = _meant(_copy_integers(BookTag, "book_id", "tag_id", "count"))
    # The first author is named by the number of their column.
    authors = Vocabulary.of(author_pairs[:, 1])
    author_index = np.full(n_items, -1, dtype=np.int32)
    author_index[items.indices(first_authors[:, 0])] = authors.indices(first_authors[:, 1])
    return Catalog(
        items,
        Series(series_index, series_number),
        author_index,
        first_of(main_genre),
        n_ratings=np.where(n_ratings > 0, n_ratings, np.nan).astype(np.float32),
        mean_stars=mean_stars,
        std_stars=std_stars,
        n_reviews=n_reviews.astype(np.float32),
        years=years.astype(np.float32),
        authors=_links(items, author_pairs[:, 0], author_pairs[:, 1], np.ones(len(author_pairs))),
        tags=_links(items, tag_counts[:, 0], tag_counts[:, 1], tag_counts[:, 2]),
    )


def _meant(tag_counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Let a synonym be the tag that it stands for, and a blocked tag be none.

    Of both there are few; tags are those of the tables, (book, tag, count).
    """
    changed = Tag.objects.filter(Q(is_blocked=True) | Q(synonym_of__isnull=False))
    stands_for: dict[int, int] = {}
    blocked: set[int] = set()
    for tag, synonym_of, is_blocked in changed.values_list("id", "synonym_of", "is_blocked"):
        if is_blocked:
            blocked.add(tag)
        elif synonym_of is not None:
            stands_for[tag] = synonym_of
    meant = tag_counts.copy()
    for tag, other in stands_for.items():
        meant[tag_counts[:, 1] == tag, 1] = other
    left_out = np.isin(meant[:, 1], sorted(blocked)) | np.isin(tag_counts[:, 1], sorted(blocked))
    return meant[~left_out]


def _moments(histogram: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of stars 1..5; NaN for a book without any."""
    stars = np.arange(1.0, 6.0)
    total = histogram.sum(axis=1)
    mean = np.full(len(total), np.nan)
    square = np.full(len(total), np.nan)
    np.divide(histogram @ stars, total, out=mean, where=total > 0)
    np.divide(histogram @ stars**2, total, out=square, where=total > 0)
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    return mean.astype(np.float32), spread.astype(np.float32)


def _links(
    items: Vocabulary,
    book_ids: NDArray[np.int64],
    others: NDArray[np.int64],
    values: NDArray[Any],
) -> csr_array:
    """Return books by something they are linked to, with positive values only."""
    kept = values > 0
    columns = Vocabulary.of(others[kept])
    return csr_array(
        (
            values[kept].astype(np.float32),
            (items.indices(book_ids[kept]), columns.indices(others[kept])),
        ),
        shape=(len(items), len(columns)),
    )


def _digest(ids: NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(ids, dtype="<i8").tobytes()).hexdigest()
