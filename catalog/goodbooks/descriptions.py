"""descriptions.csv: texts that a language model wrote, marked as such wherever they are kept."""

from pathlib import Path

from catalog.goodbooks.bulk import copy_rows, create_stage, execute, fetch
from catalog.goodbooks.fields import parse_whole
from catalog.goodbooks.headers import read_header
from catalog.goodbooks.progress import Progress
from catalog.goodbooks.records import Record, read_table
from catalog.goodbooks.report import FileReport
from catalog.goodbooks.upserts import update_changed
from catalog.models import Book


def import_descriptions(path: Path, source: str, report: FileReport, progress: Progress) -> None:
    """Give the books of `source` their descriptions; what a curator wrote stays."""
    header = read_header(path, ("book_id", "description"))
    progress.start("descriptions.csv", path.stat().st_size)
    known = {
        external_id: (pk, written_by)
        for external_id, pk, written_by in fetch(
            "SELECT external_id, id, description_source FROM catalog_book WHERE source = %s",
            [source],
        )
    }
    book, description = header.position("book_id"), header.position("description")
    kept: dict[int, tuple[str, Record]] = {}
    for record in read_table(path, header, report, progress):
        external_id = parse_whole(record.fields[book])
        text = record.fields[description].strip()
        pk, written_by = known.get(external_id, (None, "")) if external_id else (None, "")
        if pk is None:
            report.skip(record.line, "unknown book", record.text)
        elif not text:
            report.skip(record.line, "description is empty", record.text)
        elif written_by == Book.DescriptionSource.CURATOR:
            report.skip(record.line, "a curator described the book", record.text)
        else:
            if pk in kept:
                earlier = kept.pop(pk)[1]
                report.skip(earlier.line, "book repeated in a later row", earlier.text)
            kept[pk] = (text, record)
    create_stage("stage_description", "book_id bigint, description text, description_source text")
    copy_rows(
        "stage_description",
        ["book_id", "description", "description_source"],
        ((pk, text, Book.DescriptionSource.LANGUAGE_MODEL) for pk, (text, _) in kept.items()),
    )
    execute("ANALYZE stage_description")
    written = update_changed(
        "catalog_book",
        "stage_description",
        match="t.id = s.book_id",
        columns=["description", "description_source"],
    )
    added = sum(known_by_pk == "" for known_by_pk in _sources_before(known, kept))
    report.settle(added=added, updated=written - added)


def _sources_before(
    known: dict[int, tuple[int, str]], kept: dict[int, tuple[str, Record]]
) -> list[str]:
    return [written_by for pk, written_by in known.values() if pk in kept]
