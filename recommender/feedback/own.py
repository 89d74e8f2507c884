"""What is kept of what a reader did with lists, in words: a part of the reader's export."""

from collections.abc import Iterator

from accounts.models import User
from ratings.export_tables import ExportTable
from recommender.models import FeedbackEvent

_CHUNK = 2000


def _rows(user: User) -> Iterator[tuple[str, ...]]:
    events = (
        FeedbackEvent.objects.filter(reader=user)
        .order_by("happened_at", "pk")
        .values_list("book__title", "kind", "stars", "position", "surface", "happened_at")
    )
    for title, kind, stars, position, surface, when in events.iterator(chunk_size=_CHUNK):
        yield (
            title,
            kind,
            "" if stars is None else str(stars),
            str(position),
            surface,
            when.isoformat(timespec="seconds"),
        )


SEEN_IN_LISTS = ExportTable(
    name="seen_in_lists",
    about="books that lists showed you lately, and which you opened or rated there",
    columns=("Title", "What happened", "Stars", "Place", "List", "When"),
    rows=_rows,
)
