"""Merging two books for good, or for as long as a curator does not undo it.

Both books are held for the whole of it (`catalog.merged.hold_books` waits for that, and is asked
by every writer of opinions), so nothing is said of the one between two statements.
"""

# ruff: noqa: S608 - the tables and conditions in these statements are this module's own.
import logging
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from catalog.merging import join_records, part_records
from catalog.models import Book
from ratings.data_lock import held_by_merge
from ratings.errors import MergeNotPossible
from ratings.merging import OPINIONS_OF, fetch, merge_opinions
from ratings.models import BookMerge, ImportRow, MergedOpinion

logger = logging.getLogger(__name__)

UNDO_DAYS = 30

_RECORD = f"""
INSERT INTO ratings_mergedopinion (merge_id, user_id, kind, of_merged, of_survivor)
SELECT %(merge)s, user_id, kind, o.opinion, i.opinion
FROM (SELECT * FROM ({OPINIONS_OF.replace("%(book)s", "%(of)s")}) a) o
FULL JOIN (
    SELECT * FROM ({OPINIONS_OF.replace("%(book)s", "%(into)s")}) b WHERE user_id IN
    (SELECT user_id FROM ({OPINIONS_OF.replace("%(book)s", "%(of)s")}) c)
) i USING (user_id, kind)
"""
# Joined as a table with statistics: over the union itself the server joins row by row.
_SAID = f"""
DROP TABLE IF EXISTS pg_temp.said_of_survivor;
CREATE TEMPORARY TABLE said_of_survivor ON COMMIT DROP AS
{OPINIONS_OF.replace("%(book)s", "%(into)s")};
ANALYZE said_of_survivor;
ANALYZE ratings_mergedopinion;
"""
_NOTE_RESULT = """
UPDATE ratings_mergedopinion m SET result = n.opinion
FROM said_of_survivor n
WHERE m.merge_id = %(merge)s AND m.user_id = n.user_id AND m.kind = n.kind
"""
# What undoing goes by: `now`, and whether it is what the merge left.
_COMPARED = """
CREATE TEMPORARY TABLE unmerging ON COMMIT DROP AS
SELECT m.user_id, m.kind, m.of_merged, m.of_survivor, n.opinion AS now,
       n.opinion IS NOT DISTINCT FROM m.result AS is_unchanged
FROM ratings_mergedopinion m
LEFT JOIN said_of_survivor n USING (user_id, kind)
WHERE m.merge_id = %(merge)s
"""
# Readers who have rated the survivor, or said that they read it, since the merge.
_READ_SINCE = """
CREATE TEMPORARY TABLE read_since ON COMMIT DROP AS
SELECT n.user_id FROM said_of_survivor n
LEFT JOIN unmerging u USING (user_id, kind)
WHERE n.kind IN ('stars', 'read') AND u.is_unchanged IS NOT TRUE
"""
_KINDS = {
    "ratings_rating": "u.kind = 'stars'",
    "ratings_shelfentry": "(u.kind = 'shelf' OR u.kind LIKE 'own/%%')",
    "ratings_reading": "u.kind = 'read'",
    "ratings_note": "u.kind = 'note'",
    "ratings_dismissal": "u.kind = 'dismissed'",
}


@transaction.atomic
def merge_books(*, merged: int, survivor: int, by: User) -> BookMerge:
    """Make one book of two, by id: `merged` is hidden, and what readers said of it moves.

    Opinions come together as `merge_opinions` says; addresses of the merged book lead to the
    survivor, which is the one that readers find from now on. Undoable for 30 days.

    Raises
    ------
    MergeNotPossible
        When they are one already, one of them is gone or merged, or a data set is being imported.
    """
    _keep_imports_out()
    books = _held(merged, survivor)
    one, other = books.get(merged), books.get(survivor)
    if merged == survivor or one is None or other is None:
        raise MergeNotPossible("Two books of the catalogue are needed.")
    for book in (one, other):
        if book.merged_into_id is not None:
            raise MergeNotPossible(f"“{book}” (book {book.pk}) is merged into another already.")
    if other.is_hidden and not one.is_hidden:
        raise MergeNotPossible(f"“{other}” is hidden; the book that stays has to be shown.")
    merge = BookMerge.objects.create(
        merged=one, survivor=other, merged_by=by, merged_at=timezone.now()
    )
    values = {"merge": merge.pk, "of": merged, "into": survivor}
    _execute(_RECORD, values)
    merge.counts = _counts(merge)
    merge.import_rows = list(ImportRow.objects.filter(book=one).values_list("pk", flat=True))
    merge_opinions(of=merged, into=survivor)
    _execute(_SAID, values)
    _execute(_NOTE_RESULT, values)
    merge.catalog_record = join_records(merged=one, survivor=other)
    merge.save(update_fields=["counts", "import_rows", "catalog_record"])
    logger.info("%s merged book %d into %d: %s", by, merged, survivor, merge.counts)
    return merge


@transaction.atomic
def undo_merge(*, merge_id: int, by: User) -> BookMerge:
    """Make two books of one again: every opinion goes back where it was.

    What a reader has said since was said of the survivor and stays there: new stars, a note that
    was rewritten. The merged book has then what it had. What a reader has taken back since, comes
    back to neither.

    Raises
    ------
    MergeNotPossible
        When it was undone already, is older than 30 days, its survivor was merged itself later, or
        a data set is being imported.
    """
    _keep_imports_out()
    merge = BookMerge.objects.select_for_update().filter(pk=merge_id).first()
    if merge is None or not merge.is_undoable or _is_old(merge):
        raise MergeNotPossible(f"This merge was undone, or is older than {UNDO_DAYS} days.")
    books = _held(merge.merged_id, merge.survivor_id)
    merged, survivor = books[merge.merged_id], books[merge.survivor_id]
    if survivor.merged_into_id is not None:
        raise MergeNotPossible(f"“{survivor}” was merged itself since; undo that first.")
    values = {"merge": merge.pk, "of": merged.pk, "into": survivor.pk}
    _execute("DROP TABLE IF EXISTS pg_temp.unmerging, pg_temp.read_since", values)
    _execute(_SAID, values)
    _execute(_COMPARED, values)
    _execute(_READ_SINCE, values)
    for table, kinds in _KINDS.items():
        _execute(
            f"DELETE FROM {table} t USING unmerging u WHERE u.is_unchanged AND {kinds} "
            "AND t.id = (u.now ->> 'id')::bigint",
            values,
        )
        _execute(
            f"INSERT INTO {table} SELECT r.* FROM unmerging u, "
            f"jsonb_populate_record(NULL::{table}, u.of_survivor) r "
            f"WHERE u.is_unchanged AND u.of_survivor IS NOT NULL AND {kinds} "
            # A book that was read since stands on no shelf that says otherwise.
            "AND NOT (u.kind IN ('shelf', 'dismissed') "
            "AND u.user_id IN (SELECT user_id FROM read_since))",
            values,
        )
        # The row itself may have moved and be the survivor's now: then this is another one.
        _execute(
            f"INSERT INTO {table} SELECT r.* FROM unmerging u, "
            f"jsonb_populate_record(NULL::{table}, CASE WHEN u.of_merged -> 'id' = u.now -> 'id' "
            "AND NOT u.is_unchanged THEN u.of_merged || jsonb_build_object('id', "
            f"nextval(pg_get_serial_sequence('{table}', 'id'))) ELSE u.of_merged END) r "
            f"WHERE u.of_merged IS NOT NULL AND {kinds} "
            "AND (u.is_unchanged OR u.now IS NOT NULL)",
            values,
        )
    ImportRow.objects.filter(pk__in=merge.import_rows, book=survivor).update(book=merged)
    part_records(merged=merged, survivor=survivor, record=merge.catalog_record)
    merge.undone_by, merge.undone_at, merge.is_undoable = by, timezone.now(), False
    merge.save(update_fields=["undone_by", "undone_at", "is_undoable"])
    MergedOpinion.objects.filter(merge=merge).delete()
    logger.info("%s undid the merge of book %d into %d", by, merged.pk, survivor.pk)
    return merge


def forget_merges() -> int:
    """Forget what undoing the merges of more than 30 days ago would need; return how many."""
    oldest = timezone.now() - timedelta(days=UNDO_DAYS)
    old = BookMerge.objects.filter(merged_at__lt=oldest, is_undoable=True)
    with transaction.atomic():
        ids = list(old.select_for_update().values_list("pk", flat=True))
        MergedOpinion.objects.filter(merge__in=ids).delete()
        BookMerge.objects.filter(pk__in=ids).update(is_undoable=False, import_rows=[])
    return len(ids)


def _is_old(merge: BookMerge) -> bool:
    return timezone.now() - merge.merged_at > timedelta(days=UNDO_DAYS)


def _keep_imports_out() -> None:
    if not held_by_merge():
        raise MergeNotPossible("A data set is being imported; try again when that has ended.")


def _held(*book_ids: int) -> dict[int, Book]:
    """Lock the books against everybody who asks `hold_books`, always in the same order."""
    rows = Book.objects.filter(pk__in=book_ids).order_by("pk").select_for_update()
    return {book.pk: book for book in rows}


def _counts(merge: BookMerge) -> dict[str, int]:
    """Return the readers of the merged book, those of both, and its rows by kind."""
    [row] = fetch(
        """SELECT count(DISTINCT user_id) FILTER (WHERE of_merged IS NOT NULL),
                  count(DISTINCT user_id) FILTER (WHERE of_survivor IS NOT NULL),
                  count(*) FILTER (WHERE of_merged IS NOT NULL AND kind = 'stars'),
                  count(*) FILTER (WHERE of_merged IS NOT NULL
                                   AND (kind = 'shelf' OR kind LIKE 'own/%%')),
                  count(*) FILTER (WHERE of_merged IS NOT NULL AND kind = 'read'),
                  count(*) FILTER (WHERE of_merged IS NOT NULL AND kind = 'note'),
                  count(*) FILTER (WHERE of_merged IS NOT NULL AND kind = 'dismissed')
           FROM ratings_mergedopinion WHERE merge_id = %(merge)s""",
        {"merge": merge.pk},
    )
    names = ("readers", "of_both", "ratings", "shelf_entries", "readings", "notes", "dismissals")
    return dict(zip(names, row, strict=True))


def _execute(statement: str, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
