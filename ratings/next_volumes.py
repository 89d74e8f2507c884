"""The next volume of each series that a reader is in the middle of."""

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.models import Volume
from ratings.latest import Latest
from ratings.opinions import Opinions

# Fewer stars say that the reader had enough.
GOES_ON_STARS = 3


@dataclass(frozen=True)
class NextVolume:
    series_id: int
    series: str
    number: int
    book_id: int
    # The volume of the series that was read last.
    after: int


def next_volumes(opinions: Opinions, latest: Latest, k: int) -> list[NextVolume]:
    """Return the lowest unread whole-numbered volume of each series, that read last first.

    Of series that a book is from which was given three stars or more, or was read without; the
    first series that a title names counts. A series is left out when a volume of it was given
    up or dismissed, and when the next one is being read. Two printings of a volume are one: it
    has been read when either has, and the more popular one is shown. One query, none for a
    reader of nothing.
    """
    place = {
        book: number
        for number, book in enumerate(latest.read)
        if opinions.stars.get(book, GOES_ON_STARS) >= GOES_ON_STARS
    }
    if not place:
        return []
    begun = Volume.objects.filter(book__in=place, position=0).values("series")
    rows = Volume.objects.filter(
        series__in=begun, position=0, number__gte=1, book__is_hidden=False
    ).order_by("series", "number", "-book__ratings_count", "book_id")
    series: dict[int, dict[int, list[int]]] = {}
    names: dict[int, str] = {}
    for series_id, name, number, book in rows.values_list(
        "series", "series__name", "number", "book"
    ):
        # The query leaves out volumes without a number.
        if number is not None and number == int(number):
            names[series_id] = name
            series.setdefault(series_id, {}).setdefault(int(number), []).append(book)
    left_alone = opinions.dismissed.union(latest.abandoned)
    found = []
    for series_id, volumes in series.items():
        books = {book for printings in volumes.values() for book in printings}
        if books & left_alone or not (read := books & place.keys()):
            continue
        unread = _lowest_unread(volumes, opinions)
        if unread is None or not set(volumes[unread]).isdisjoint(latest.reading):
            continue
        after = min(read, key=place.__getitem__)
        found.append(NextVolume(series_id, names[series_id], unread, volumes[unread][0], after))
    found.sort(key=lambda volume: place[volume.after])
    return found[:k]


def _lowest_unread(volumes: Mapping[int, list[int]], opinions: Opinions) -> int | None:
    return next(
        (number for number, books in volumes.items() if opinions.read.isdisjoint(books)), None
    )
