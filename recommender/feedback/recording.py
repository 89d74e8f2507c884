"""Writes of events: what was shown, clicked or rated from a list, each once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from catalog.models import Book
from recommender.errors import NoSuchList
from recommender.feedback.list_ids import ServedList, read_list_id
from recommender.models import FeedbackEvent

MAX_ROWS = 200

Kind = FeedbackEvent.Kind
# "known": it was recorded before; "ignored": the reader wants nothing of this kind recorded.
Result = Literal["recorded", "known", "ignored", "error"]


@dataclass(frozen=True)
class Row:
    """An event as it was sent; or, with a reason, a row that is none."""

    list_id: str = ""
    kind: str = ""
    book_id: int | None = None
    # Place from 1 that the sender says; None: as the list has it.
    position: int | None = None
    # 1..5 of what was rated.
    stars: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class RowResult:
    row: Row
    result: Result
    # Why it is an error, for programs.
    reason: str = ""


# What makes an event one: list, book and kind.
_Key = tuple[int, int, str]


@dataclass
class _Told:
    """What becomes of a row; `event` is there where it may be written."""

    row: Row
    reason: str = ""
    event: FeedbackEvent | None = None


def record_events(*, reader: User | None, rows: Sequence[Row]) -> list[RowResult]:
    """Record events, each once; what is wrong with a row spoils no other.

    Of a list that was made for nobody known, no reader is recorded. A book that is rated again
    from the same list has the stars that were sent last. Five statements, however many rows.
    """
    if reader is not None and not reader.wants_recommendations:
        return [RowResult(row, "error", row.reason) if row.reason else RowResult(row, "ignored")
                for row in rows]  # fmt: skip
    told = _read(reader, rows)
    try:
        written = _write(told)
    except IntegrityError:
        # A book was deleted meanwhile, as is seen now; or the reader.
        written = _write_again(told)
    results = []
    seen: set[_Key] = set()
    for one in told:
        if one.event is None or one.reason:
            results.append(RowResult(one.row, "error", one.reason))
            continue
        key = _key(one.event)
        is_new = key in written and key not in seen
        seen.add(key)
        results.append(RowResult(one.row, "recorded" if is_new else "known"))
    return results


def record_rating(*, reader: User | None, list_id: str, book_id: int, stars: int) -> RowResult:
    """Record that a book was rated from a list, as the form or program that rated it says.

    One statement: whoever rates a book waits for it.
    """
    row = Row(list_id, Kind.RATED, book_id, stars=stars)
    if reader is not None and not reader.wants_recommendations:
        return RowResult(row, "ignored")
    [told] = _read(reader, [row])
    if told.event is None:
        return RowResult(row, "error", told.reason)
    try:
        with transaction.atomic():
            _write_rated([told.event])
    except IntegrityError:
        return RowResult(row, "error", "The book, or the reader, is gone.")
    return RowResult(row, "recorded")


def take_rating_back(*, reader_id: int, book_id: int) -> int:
    """Forget that a book was rated from any list: the reader took the stars back."""
    rated = FeedbackEvent.objects.filter(reader=reader_id, book=book_id, kind=Kind.RATED)
    return rated.delete()[0]


def _read(reader: User | None, rows: Iterable[Row]) -> list[_Told]:
    now = timezone.now()
    lists: dict[str, tuple[ServedList, bool] | NoSuchList] = {}
    told = []
    for row in rows:
        if row.reason:
            told.append(_Told(row, row.reason))
            continue
        if row.list_id not in lists:
            try:
                lists[row.list_id] = read_list_id(row.list_id, reader.pk if reader else None)
            except NoSuchList as error:
                lists[row.list_id] = error
        found = lists[row.list_id]
        if isinstance(found, NoSuchList):
            told.append(_Told(row, str(found)))
            continue
        served, is_own = found
        event = _event(row, served, reader if is_own else None, now)
        told.append(_Told(row, event) if isinstance(event, str) else _Told(row, event=event))
    return told


def _event(row: Row, served: ServedList, reader: User | None, now: datetime) -> FeedbackEvent | str:
    """Return the event that a row tells of, or what is wrong with it beside its list."""
    if row.kind not in Kind.values:
        return f"event is one of {', '.join(Kind.values)}."
    if (row.stars is not None) != (row.kind == Kind.RATED):
        return "stars, a whole number from 1 to 5, belong to what was rated, and to nothing else."
    if row.book_id is None or (place := served.position(row.book_id)) is None:
        return "The book is not in this list."
    if row.position is not None and row.position != place:
        return f"The book stands at place {place} of this list."
    return FeedbackEvent(
        list_key=served.key,
        listed_on=served.day,
        run_id=served.run_id,
        surface=served.surface,
        basis=served.basis,
        kind=row.kind,
        book_id=row.book_id,
        position=place,
        stars=row.stars,
        reader=reader,
        happened_at=now,
    )


def _key(event: FeedbackEvent) -> _Key:
    return event.list_key, event.book_id, event.kind


def _write_again(told: Sequence[_Told]) -> set[_Key]:
    try:
        return _write(told)
    except IntegrityError:
        for one in told:
            one.reason = one.reason or "The reader of this list is gone."
        return set()


def _write(told: Sequence[_Told]) -> set[_Key]:
    """Write the events of books that there are; return which of them are new.

    Two requests that send the same at once may both be told "recorded"; one row is there. Always
    in the same order, so that neither waits for the other for ever.
    """
    events = {_key(one.event): one.event for one in told if one.event and not one.reason}
    if not events:
        return set()
    with transaction.atomic():
        # Not locked: many readers see the same books at once. The foreign key has the last word.
        books = set(
            Book.objects.filter(pk__in={book for _list, book, _kind in events}).values_list(
                "pk", flat=True
            )
        )
        for one in told:
            if one.event and one.event.book_id not in books:
                one.reason = "There is no such book any more."
        events = {key: events[key] for key in sorted(events) if key[1] in books}
        known = set(
            FeedbackEvent.objects.filter(
                list_key__in={key for key, _book, _kind in events}
            ).values_list("list_key", "book_id", "kind")
        )
        rated = [event for event in events.values() if event.kind == Kind.RATED]
        others = [
            event for key, event in events.items() if event.kind != Kind.RATED and key not in known
        ]
        FeedbackEvent.objects.bulk_create(others, ignore_conflicts=True)
        _write_rated(rated)
    return events.keys() - known


def _write_rated(events: Sequence[FeedbackEvent]) -> None:
    """Write events of books that were rated; the stars that were sent last hold."""
    FeedbackEvent.objects.bulk_create(
        events,
        update_conflicts=True,
        unique_fields=["list_key", "book", "kind"],
        update_fields=["stars", "happened_at"],
    )
