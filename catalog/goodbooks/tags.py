"""tags.csv and book_tags.csv: the shelves that readers put books on, and the genres they mean."""

# ruff: noqa: S608 - the tables and columns in these statements are this module's own names.
from pathlib import Path

import numpy as np

from catalog.book_genres import derive_genres
from catalog.genres import GENRES, genre_of_tag
from catalog.goodbooks.bulk import (
    copy_rows,
    create_stage,
    execute,
    fetch,
    fetch_integers,
)
from catalog.goodbooks.fields import parse_whole
from catalog.goodbooks.headers import read_header
from catalog.goodbooks.integers import Integers
from catalog.goodbooks.links import Key, LinkTable, Value, load_links, read_links
from catalog.goodbooks.progress import Progress
from catalog.goodbooks.records import read_table
from catalog.goodbooks.report import FileReport
from catalog.goodbooks.titles import collapse_spaces
from catalog.goodbooks.upserts import insert_missing, update_changed

_NAME_LENGTH = 120
_MAX_COUNT = (1 << 31) - 1


def import_tags(path: Path, report: FileReport, progress: Progress) -> Integers:
    """Add the tags that are new.

    Returns
    -------
    The file's tag numbers, ascending, and the ids of their tags here, shape (n_tags, 2).
    """
    header = read_header(path, ("tag_id", "tag_name"))
    progress.start("tags.csv", path.stat().st_size)
    number, name = header.position("tag_id"), header.position("tag_name")
    names: dict[int, str] = {}
    lines: dict[int, tuple[int, str]] = {}
    for record in read_table(path, header, report, progress):
        tag_number = parse_whole(record.fields[number])
        tag_name = collapse_spaces(record.fields[name])
        if tag_number is None or tag_number < 0:
            report.skip(record.line, "tag_id is not a whole number", record.text)
        elif not tag_name:
            report.skip(record.line, "tag_name is empty", record.text)
        elif len(tag_name) > _NAME_LENGTH:
            reason = f"tag_name is longer than {_NAME_LENGTH} characters"
            report.skip(record.line, reason, record.text)
        else:
            if tag_number in names:
                report.skip(lines[tag_number][0], "tag_id repeated later", lines[tag_number][1])
            names[tag_number] = tag_name
            lines[tag_number] = (record.line, record.text)
    create_stage("stage_tag", "number bigint, name text")
    copy_rows("stage_tag", ["number", "name"], names.items())
    execute("ANALYZE stage_tag")
    added = insert_missing(
        "catalog_tag",
        "(SELECT name, min(number) AS first FROM stage_tag GROUP BY name)",
        match="t.name = s.name",
        columns=["name"],
        order="s.first",
    )
    report.settle(added=added, updated=0)
    return fetch_integers(
        "SELECT s.number, t.id FROM stage_tag s JOIN catalog_tag t USING (name) ORDER BY 1"
    )


def import_book_tags(
    path: Path, source: str, tag_ids: Integers, report: FileReport, progress: Progress
) -> None:
    """Bring how often a book was shelved under a tag to what book_tags.csv says.

    Of rows for the same book and tag the last one counts. Counts below one are left out.
    """
    header = read_header(path, ("goodreads_book_id", "tag_id", "count"))
    progress.start("book_tags.csv", path.stat().st_size)
    book_ids = fetch_integers(
        "SELECT goodreads_book_id, min(id) FROM catalog_book "
        "WHERE source = %s AND goodreads_book_id IS NOT NULL GROUP BY 1 ORDER BY 1",
        [source],
    )
    links = read_links(
        path,
        header,
        (
            Key("goodreads_book_id", book_ids[:, 0].copy(), "unknown book"),
            Key("tag_id", tag_ids[:, 0].copy(), "unknown tag"),
        ),
        Value(
            "count",
            1,
            _MAX_COUNT,
            problem="count is not positive",
            dtype=np.int32,
            conflict="repeated in a later row with another count",
        ),
        report,
        progress,
    )
    progress.start("tags of books into the database")
    outcome = load_links(
        LinkTable("catalog_booktag", "book_id", "tag_id", ("count", "integer")),
        links,
        (book_ids[:, 1], tag_ids[:, 1]),
        owners=f"SELECT id FROM catalog_book WHERE source = '{source}'",
    )
    report.settle(added=outcome.added, updated=outcome.updated)


def update_genres(source: str) -> int:
    """Bring genres, what tags count as them, and the books' genres to `catalog.genres`.

    What a curator said of a tag or of a book's genres stays. Returns how many rows were written.
    """
    create_stage("stage_genre", "slug text, name text")
    copy_rows("stage_genre", ["slug", "name"], ((genre.slug, genre.name) for genre in GENRES))
    written = update_changed(
        "catalog_genre", "stage_genre", match="t.slug = s.slug", columns=["name"]
    )
    written += insert_missing(
        "catalog_genre",
        "stage_genre",
        match="t.slug = s.slug",
        columns=["slug", "name"],
        order="s.slug",
    )
    create_stage("stage_tag_genre", "tag_id bigint, slug text, genre_id bigint")
    copy_rows(
        "stage_tag_genre",
        ["tag_id", "slug"],
        (
            (pk, slug)
            for pk, name in fetch("SELECT id, name FROM catalog_tag")
            if (slug := genre_of_tag(name))
        ),
    )
    execute(
        "UPDATE stage_tag_genre s SET genre_id = g.id FROM catalog_genre g WHERE g.slug = s.slug"
    )
    written += update_changed(
        "catalog_tag",
        "stage_tag_genre",
        match="t.id = s.tag_id AND NOT t.genre_is_curated",
        columns=["genre_id"],
    )
    return written + derive_genres("source = %s", [source])
