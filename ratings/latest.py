"""What a reader did last, for pages that begin with it."""

from dataclasses import dataclass

from django.db.models import CharField, DateTimeField, F, Value
from django.db.models.functions import Cast

from accounts.models import User
from ratings.models import Rating, Reading, ShelfEntry

# Beside the names of shelves, which are printable.
_STARS, _READ = "\x01stars", "\x01read"
# Of a longer history only the latest part says what somebody is at now.
MAX_READ = 500


@dataclass(frozen=True)
class Latest:
    """Book ids, the latest first."""

    # Rated or read without stars; at most `MAX_READ`.
    read: tuple[int, ...]
    reading: tuple[int, ...]
    to_read: tuple[int, ...]
    abandoned: tuple[int, ...]


def latest_of(user: User) -> Latest:
    """Return what the reader rated, read and shelved, in one query.

    What has no date, as in imported data, comes last, the higher id first.
    """

    def kind(name: str) -> Value:
        return Value(name, CharField())

    day = Cast("finished_on", DateTimeField())
    columns = ("book_id", "kind", "at", "id")
    rated = Rating.objects.filter(user=user).annotate(kind=kind(_STARS), at=F("updated_at"))
    read = Reading.objects.filter(user=user).annotate(kind=kind(_READ), at=day)
    shelved = ShelfEntry.objects.filter(user=user, shelf__in=ShelfEntry.Shelf.values).annotate(
        kind=F("shelf"), at=F("added_at")
    )
    rows = (
        rated.order_by(F("updated_at").desc(nulls_last=True), "-id")[:MAX_READ]
        .values_list(*columns)
        .union(
            read.order_by(F("finished_on").desc(nulls_last=True), "-id")[:MAX_READ].values_list(
                *columns
            ),
            shelved.values_list(*columns),
            all=True,
        )
    )
    latest = sorted(rows, key=lambda row: (row[2] is not None, row[2] or 0, row[3]), reverse=True)
    groups: dict[str, dict[int, None]] = {}
    for book_id, name, _at, _id in latest:
        groups.setdefault(_READ if name == _STARS else name, {})[book_id] = None
    shelf = ShelfEntry.Shelf

    def ids(name: str) -> tuple[int, ...]:
        return tuple(groups.get(name, ()))

    return Latest(
        read=ids(_READ)[:MAX_READ],
        reading=ids(shelf.READING),
        to_read=ids(shelf.TO_READ),
        abandoned=ids(shelf.ABANDONED),
    )
