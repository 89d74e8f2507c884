"""The sums of a day, made anew as often as one likes; and old events forgotten."""

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from redis.exceptions import RedisError

from recommender.feedback.list_ids import MAX_AGE
from recommender.feedback.served import Served, served_on
from recommender.models import FeedbackDay, FeedbackEvent, ListBasis, Surface

logger = logging.getLogger(__name__)

# Any number that no other lock of this database has.
_LOCK = 7_305_112_901
_FORGOTTEN_AT_ONCE = 20_000
# A list's events come until it is too old, so its day is final only then.
OPEN_DAYS = MAX_AGE.days + 1

# A book of a list is one pair, whatever happened to it.
_SUMS = """
WITH pairs AS (
    SELECT run_id, surface, basis, list_key, book_id,
           bool_or(kind = 'shown') AS was_shown,
           bool_or(kind = 'clicked') AS was_clicked,
           max(stars) AS stars
    FROM recommender_feedbackevent
    WHERE listed_on = %s
    GROUP BY run_id, surface, basis, list_key, book_id
)
SELECT run_id, surface, basis,
       count(DISTINCT list_key) FILTER (WHERE was_shown),
       count(*) FILTER (WHERE was_shown),
       count(*) FILTER (WHERE was_clicked),
       count(*) FILTER (WHERE stars IS NOT NULL),
       count(*) FILTER (WHERE stars >= 4),
       count(*) FILTER (WHERE was_shown AND was_clicked),
       count(*) FILTER (WHERE was_shown AND stars >= 4),
       coalesce(array_agg(DISTINCT book_id) FILTER (WHERE was_shown), '{}')
FROM pairs
GROUP BY run_id, surface, basis
"""
_COUNTS = (
    "lists_shown",
    "shown",
    "clicked",
    "rated",
    "liked",
    "shown_clicked",
    "shown_liked",
    "shown_books",
)

_Group = tuple[int | None, str, str]


def roll_up_open_days() -> None:
    """Make the sums of all days anew that events may still come for."""
    today = datetime.now(UTC).date()
    for n_days in range(OPEN_DAYS + 1):
        roll_up(today - timedelta(days=n_days))


def roll_up(day: date) -> int:
    """Make the sums of a day (UTC) anew from its events and from what was served; return the rows.

    The same however often, and by however many at once. Counts of served lists never shrink: when
    Redis lost some or is away, those known before stay.
    """
    try:
        served = _served(served_on(day))
    except RedisError as error:
        logger.warning("Redis is away, lists served on %s stay as they were: %s", day, error)
        served = {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        before = {_group(row): row for row in FeedbackDay.objects.filter(day=day)}
        cursor.execute(_SUMS, [day])
        sums: dict[_Group, dict[str, Any]] = {
            (run, surface, basis): dict(zip(_COUNTS, counts, strict=True))
            for run, surface, basis, *counts in cursor.fetchall()
        }
        rows = []
        for group in sorted({*before, *sums, *served}, key=lambda group: (group[0] or 0, group)):
            run, surface, basis = group
            old = before.get(group)
            n_served, n_empty = served.get(group, (0, 0))
            rows.append(
                FeedbackDay(
                    day=day,
                    run_id=run,
                    surface=surface,
                    basis=basis,
                    lists_served=max(n_served, old.lists_served if old else 0),
                    lists_empty=max(n_empty, old.lists_empty if old else 0),
                    **sums.get(group, {}),
                )
            )
        FeedbackDay.objects.filter(day=day).delete()
        FeedbackDay.objects.bulk_create(rows)
    return len(rows)


def forget_events(keep_days: int) -> int:
    """Delete the events of lists that are older than so many days; return how many there were.

    The sums stay. A piece at a time, so that nobody waits for long.

    Raises
    ------
    ValueError
        When days would go whose sums are not final.
    """
    if keep_days <= OPEN_DAYS:
        raise ValueError(f"Events are kept for more than {OPEN_DAYS} days, not {keep_days}.")
    first_kept = datetime.now(UTC).date() - timedelta(days=keep_days)
    n_deleted = 0
    while True:
        old = FeedbackEvent.objects.filter(listed_on__lt=first_kept).order_by("listed_on")
        ids = list(old.values_list("pk", flat=True)[:_FORGOTTEN_AT_ONCE])
        if not ids:
            break
        n_deleted += FeedbackEvent.objects.filter(pk__in=ids).delete()[0]
    if n_deleted:
        logger.info("forgot %d events of lists before %s", n_deleted, first_kept)
    return n_deleted


def _group(row: FeedbackDay) -> _Group:
    return row.run_id, row.surface, row.basis


def _served(counts: Mapping[Served, int]) -> dict[_Group, tuple[int, int]]:
    """Return (lists, those of them that were empty) by group."""
    found: dict[_Group, tuple[int, int]] = {}
    for served, count in counts.items():
        group = (served.run_id, str(Surface(served.surface)), str(ListBasis(served.basis)))
        lists, empty = found.get(group, (0, 0))
        found[group] = (lists + count, empty + count * served.is_empty)
    return found
