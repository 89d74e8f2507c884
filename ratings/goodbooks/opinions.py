"""ratings.csv and to_read.csv: what the data set's readers think of its books."""

# ruff: noqa: S608 - a source is one of the constants of accounts.models.
from pathlib import Path

import numpy as np

from accounts.models import User
from catalog.goodbooks.bulk import fetch_integers
from catalog.goodbooks.errors import DatasetError
from catalog.goodbooks.headers import read_header
from catalog.goodbooks.links import Key, LinkTable, Value, load_links, read_links
from catalog.goodbooks.progress import Progress
from catalog.goodbooks.report import FileReport
from catalog.merged import survivors
from ratings.goodbooks.readers import ensure_readers
from ratings.models import ShelfEntry

_STARS = Value(
    "rating",
    1,
    5,
    problem="rating is not 1, 2, 3, 4 or 5",
    dtype=np.int8,
    conflict="repeated in a later row with other stars",
)
_RATINGS = LinkTable("ratings_rating", "user_id", "book_id", ("stars", "smallint"))
_TO_READ = LinkTable(
    "ratings_shelfentry", "user_id", "book_id", constant=("shelf", ShelfEntry.Shelf.TO_READ.value)
)


def import_ratings(
    path: Path, source: str, reader_source: User.Source, report: FileReport, progress: Progress
) -> int:
    """Bring the ratings of the data set's readers to what ratings.csv says.

    Returns how many readers were added. Ratings that are not in the file stay.
    """
    return _import(path, _STARS, _RATINGS, source, reader_source, report, progress)


def import_to_read(
    path: Path, source: str, reader_source: User.Source, report: FileReport, progress: Progress
) -> int:
    """Put the books of to_read.csv on their readers' shelves.

    Returns how many readers were added. Entries that are not in the file stay.
    """
    return _import(path, None, _TO_READ, source, reader_source, report, progress)


def _import(
    path: Path,
    value: Value | None,
    table: LinkTable,
    source: str,
    reader_source: User.Source,
    report: FileReport,
    progress: Progress,
) -> int:
    columns = ("user_id", "book_id", *([value.column] if value else []))
    header = read_header(path, columns)
    books = fetch_integers(
        # Merged books take no opinions: theirs are another's.
        "SELECT external_id, id FROM catalog_book WHERE source = %s AND merged_into_id IS NULL "
        "ORDER BY 1",
        [source],
    )
    if not len(books):
        raise DatasetError(
            f"{path.name} is about books that the catalogue does not have yet; "
            "add books.csv to the folder."
        )
    progress.start(path.name, path.stat().st_size)
    unknown = "unknown book, or one merged into another" if survivors() else "unknown book"
    keys = (Key("user_id"), Key("book_id", books[:, 0].copy(), unknown))
    links = read_links(path, header, keys, value, report, progress)
    progress.start(f"readers of {path.name} into the database")
    users, readers_added = ensure_readers(reader_source, links.first)
    progress.start(f"{path.name} into the database")
    outcome = load_links(
        table,
        links,
        (users, books[:, 1].copy()),
        owners=f"SELECT id FROM accounts_user WHERE source = '{reader_source}'",
    )
    report.settle(added=outcome.added, updated=outcome.updated)
    return readers_added
