"""books.csv: the books with their authors and series."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# ruff: noqa: S608 - the tables and columns in these statements are this module's own names.
from catalog.goodbooks import fields
from catalog.goodbooks.bulk import copy_rows, create_stage, execute, fetch, model_defaults
from catalog.goodbooks.headers import Header, read_header
from catalog.goodbooks.progress import Progress
from catalog.goodbooks.records import Record, read_table
from catalog.goodbooks.report import FileReport
from catalog.goodbooks.titles import (
    ParsedTitle,
    SeriesPlace,
    parse_title,
    resolve_series,
)
from catalog.goodbooks.upserts import insert_missing, mirror_links, update_changed
from catalog.models import Book
from catalog.text import book_search_text

# Today's variant numbers books by `book_id`; the older one on Kaggle called that `id`, and its
# `book_id` is the number of the edition on Goodreads.
TODAY = ("book_id", "goodreads_book_id", "authors", "title")
KAGGLE = ("id", "book_id", "authors", "title")

_TITLE_LENGTH = 400
_NAME_LENGTH = 250
_BIGINT = 1 << 63

# Column of catalog_book: its type in the stage.
_COLUMNS = {
    "goodreads_book_id": "bigint",
    "best_book_id": "bigint",
    "work_id": "bigint",
    "isbn10": "text",
    "isbn13": "text",
    "title": "text",
    "original_title": "text",
    "publication_year": "smallint",
    "language": "text",
    "cover_url": "text",
    "editions_count": "integer",
    "average_rating": "numeric(3,2)",
    "ratings_count": "integer",
    "text_reviews_count": "integer",
    "stars_1": "integer",
    "stars_2": "integer",
    "stars_3": "integer",
    "stars_4": "integer",
    "stars_5": "integer",
    "search_text": "text",
}


@dataclass
class _Row:
    """A usable row of books.csv."""

    line: int
    text: str
    external_id: int
    values: dict[str, Any]
    title: ParsedTitle
    authors: list[str]


def import_books(path: Path, source: str, report: FileReport, progress: Progress) -> int:
    """Bring the books of `source`, their authors and their series to what books.csv says.

    Returns how many rows of other tables (authors, series and the links to them) were written.
    What a curator decides stays: hidden books, descriptions, books no longer listed, and every
    value that one changed by hand (docs/adr/0018).
    """
    header = read_header(path, TODAY, KAGGLE)
    progress.start("books.csv", path.stat().st_size)
    rows = _without_repeats(_rows(path, header, report, progress), report)
    for row, title in zip(rows, resolve_series(row.title for row in rows), strict=True):
        row.title = title
        row.values["title"] = title.title
        row.values["search_text"] = book_search_text(
            title=title.title,
            original_title=row.values["original_title"],
            series=[place.series for place in title.places],
            authors=row.authors,
            isbns=[row.values["isbn10"], row.values["isbn13"]],
        )
    added, updated = _write_books(rows, source)
    written = _write_authors(rows)
    written += _write_series(rows)
    _refresh_search_texts()
    report.settle(added=added, updated=updated)
    return written


def _rows(path: Path, header: Header, report: FileReport, progress: Progress) -> Iterator[_Row]:
    kaggle = "goodreads_book_id" not in header.columns
    names = {name: i for i, name in reversed(list(enumerate(header.columns)))}
    for record in read_table(path, header, report, progress):
        cells = _Cells(record, names, report.warnings)
        external_id = fields.parse_whole(cells["id" if kaggle else "book_id"])
        title = parse_title(cells["title"])
        problem = _problem(external_id, title)
        if problem or external_id is None:
            report.skip(record.line, problem, record.text)
            continue
        yield _Row(
            line=record.line,
            text=record.text,
            external_id=external_id,
            values=_values(cells, "book_id" if kaggle else "goodreads_book_id"),
            title=title,
            authors=_authors(cells),
        )


def _problem(external_id: int | None, title: ParsedTitle) -> str:
    if external_id is None or not 1 <= external_id < _BIGINT:
        return "book id is not a positive whole number"
    if not title.title:
        return "title is empty"
    if len(title.title) > _TITLE_LENGTH:
        return f"title is longer than {_TITLE_LENGTH} characters"
    return ""


class _Cells:
    """The cells of a row by column name ("" where the file has no such column)."""

    def __init__(self, record: Record, names: dict[str, int], warnings: Counter[str]) -> None:
        self._record = record
        self._names = names
        self._warnings = warnings

    def __getitem__(self, column: str) -> str:
        position = self._names.get(column)
        return "" if position is None else self._record.fields[position]

    def warn(self, warning: str) -> None:
        self._warnings[warning] += 1

    def number(self, column: str) -> int | None:
        """A positive bigint, or None, with a warning unless the cell is empty."""
        value = fields.parse_whole(self[column])
        if value is not None and 0 < value < _BIGINT:
            return value
        if self[column].strip():
            self.warn(f"{column} is not a positive whole number; left empty")
        return None

    def count(self, column: str) -> int:
        """A count, or 0, with a warning unless the cell is empty."""
        value = fields.parse_count(self[column])
        if value is None and self[column].strip():
            self.warn(f"{column} is not a count; taken as 0")
        return value or 0


def _values(cells: _Cells, goodreads_column: str) -> dict[str, Any]:
    isbn10 = fields.parse_isbn10(cells["isbn"])
    if cells["isbn"].strip() and not isbn10:
        cells.warn("isbn has a wrong check digit; left empty")
    year = fields.parse_year(cells["original_publication_year"])
    if year is None and cells["original_publication_year"].strip():
        cells.warn("original_publication_year is not a year; left empty")
    language = fields.parse_language(cells["language_code"])
    if language is None:
        cells.warn("language_code is unknown; left empty")
    average = fields.parse_average(cells["average_rating"])
    if average is None and cells["average_rating"].strip():
        cells.warn("average_rating is not in 0..5; left empty")
    cover = fields.parse_cover(cells["image_url"])
    if cover is None:
        cells.warn("image_url is not an https address; left empty")
    original_title = parse_title(cells["original_title"]).title
    if len(original_title) > _TITLE_LENGTH:
        cells.warn(f"original_title is longer than {_TITLE_LENGTH} characters; left empty")
        original_title = ""
    return {
        "goodreads_book_id": cells.number(goodreads_column),
        "best_book_id": cells.number("best_book_id"),
        "work_id": cells.number("work_id"),
        "isbn10": isbn10,
        "isbn13": fields.parse_isbn13(cells["isbn13"], isbn10),
        "original_title": original_title,
        "publication_year": year,
        "language": language or "",
        "cover_url": cover or "",
        "editions_count": cells.count("books_count"),
        "average_rating": average,
        # Of the edition that goodbooks names, as the evaluation's popularity ranker counts;
        # work_ratings_count adds the other editions and is the sum of the five stars.
        "ratings_count": cells.count("ratings_count"),
        "text_reviews_count": cells.count("work_text_reviews_count"),
        **{f"stars_{n}": cells.count(f"ratings_{n}") for n in range(1, 6)},
    }


def _authors(cells: _Cells) -> list[str]:
    authors = fields.parse_authors(cells["authors"])
    if not authors:
        cells.warn("authors is empty")
    fitting = [name for name in authors if len(name) <= _NAME_LENGTH]
    if len(fitting) < len(authors):
        cells.warn(f"an author's name is longer than {_NAME_LENGTH} characters; left out")
    return fitting


def _without_repeats(rows: Iterator[_Row], report: FileReport) -> list[_Row]:
    """One row per book: the last."""
    last: dict[int, _Row] = {}
    for row in rows:
        earlier = last.pop(row.external_id, None)
        if earlier:
            report.skip(earlier.line, "book repeated in a later row", earlier.text)
        last[row.external_id] = row
    return list(last.values())


def _write_books(rows: list[_Row], source: str) -> tuple[int, int]:
    create_stage(
        "stage_book",
        "external_id bigint PRIMARY KEY, "
        + ", ".join(f"{column} {kind}" for column, kind in _COLUMNS.items()),
    )
    copy_rows(
        "stage_book",
        ["external_id", *_COLUMNS],
        ([row.external_id, *(row.values[column] for column in _COLUMNS)] for row in rows),
    )
    execute("ALTER TABLE stage_book ADD COLUMN source text, ADD COLUMN book_id bigint")
    execute("UPDATE stage_book SET source = %s", [source])
    execute("ANALYZE stage_book")
    match = "t.source = s.source AND t.external_id = s.external_id"
    _spare_curated(match)
    updated = update_changed("catalog_book", "stage_book", match=match, columns=list(_COLUMNS))
    columns = ["source", "external_id", *_COLUMNS]
    defaults = model_defaults(Book, given=columns)
    [(empty,)] = fetch("SELECT NOT EXISTS (SELECT FROM catalog_book)")
    ids = {"id": "s.external_id"} if empty else {}
    names = ", ".join([*ids, *columns, *defaults])
    values = ", ".join([*ids.values(), *(f"s.{c}" for c in columns), *("%s" for _ in defaults)])
    added = execute(
        f"INSERT INTO catalog_book ({names}) SELECT {values} FROM stage_book s "
        f"WHERE NOT EXISTS (SELECT FROM catalog_book t WHERE {match}) ORDER BY s.external_id",
        list(defaults.values()),
    )
    if empty and added:
        # The books have the data set's numbers, so addresses stay the same on every site.
        execute(
            "SELECT setval(pg_get_serial_sequence('catalog_book', 'id'), max(id)) FROM catalog_book"
        )
    execute(f"UPDATE stage_book s SET book_id = t.id FROM catalog_book t WHERE {match}")
    return added, updated


def _spare_curated(match: str) -> None:
    """Let the file say of a curated book what its curator said: two statements, few rows."""
    execute("ALTER TABLE stage_book ADD COLUMN curated varchar[] NOT NULL DEFAULT '{}'")
    kept = ", ".join(
        f"{column} = CASE WHEN '{column}' = ANY (t.curated) THEN t.{column} ELSE s.{column} END"
        for column in _COLUMNS
        if column != "search_text"
    )
    # The text is made of parts that may be the curator's and parts that may not: made anew below.
    execute(
        f"UPDATE stage_book s SET curated = t.curated, search_text = t.search_text, {kept} "
        f"FROM catalog_book t WHERE {match} AND NOT t.curated = '{{}}'"
    )


def _refresh_search_texts() -> None:
    """Make the search text of the books that a curator changed."""
    [(ids,)] = fetch("SELECT array_agg(book_id) FROM stage_book WHERE NOT curated = '{}'")
    for book in Book.objects.filter(pk__in=ids or ()).prefetch_related(
        "authorships__author", "volumes__series"
    ):
        text = book_search_text(
            title=book.title,
            original_title=book.original_title,
            series=[volume.series.name for volume in book.volumes.all()],
            authors=[authorship.author.name for authorship in book.authorships.all()],
            isbns=[book.isbn10, book.isbn13],
        )
        if text != book.search_text:
            Book.objects.filter(pk=book.pk).update(search_text=text)


def _write_authors(rows: list[_Row]) -> int:
    create_stage("stage_authorship", "external_id bigint, name text, position smallint")
    copy_rows(
        "stage_authorship",
        ["external_id", "name", "position"],
        ((row.external_id, name, i) for row in rows for i, name in enumerate(row.authors)),
    )
    return _write_names("catalog_author", "stage_authorship") + _mirror(
        "catalog_authorship",
        "SELECT b.book_id, n.id AS author_id, s.position FROM stage_authorship s "
        "JOIN stage_book b USING (external_id) JOIN catalog_author n USING (name)",
        ["book_id", "author_id", "position"],
        but_curated="authors",
    )


def _write_series(rows: list[_Row]) -> int:
    create_stage(
        "stage_volume",
        "external_id bigint, name text, label text, number numeric(7,2), position smallint",
    )

    def stage_row(row: _Row, place: SeriesPlace, position: int) -> tuple[object, ...]:
        return row.external_id, place.series, place.label, place.number, position

    copy_rows(
        "stage_volume",
        ["external_id", "name", "label", "number", "position"],
        (stage_row(row, place, i) for row in rows for i, place in enumerate(row.title.places)),
    )
    return _write_names("catalog_series", "stage_volume") + _mirror(
        "catalog_volume",
        "SELECT b.book_id, n.id AS series_id, s.label, s.number, s.position FROM stage_volume s "
        "JOIN stage_book b USING (external_id) JOIN catalog_series n USING (name)",
        ["book_id", "series_id", "label", "number", "position"],
        but_curated="series",
    )


def _write_names(table: str, stage: str) -> int:
    return insert_missing(
        table,
        f"(SELECT name, min(external_id) AS first FROM {stage} GROUP BY name)",
        match="t.name = s.name",
        columns=["name"],
        order="s.first, s.name",
    )


def _mirror(table: str, query: str, columns: list[str], *, but_curated: str) -> int:
    stage, owners = f"stage_of_{table}", f"stage_owners_of_{table}"
    for name in (stage, owners):
        execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
    spared = f"NOT '{but_curated}' = ANY (b.curated)"
    execute(f"CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS {query} WHERE {spared}")
    execute(
        f"CREATE TEMPORARY TABLE {owners} ON COMMIT DROP AS "
        f"SELECT book_id FROM stage_book b WHERE {spared}"
    )
    execute(f"ANALYZE {stage}")
    execute(f"ANALYZE {owners}")
    return mirror_links(table, stage, columns=columns, owners=owners)
