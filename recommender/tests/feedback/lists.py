"""Lists and events for tests."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

from accounts.models import User
from catalog.models import Book
from recommender.feedback.list_ids import new_list_id
from recommender.models import FeedbackEvent, ListBasis, Surface


def list_of(
    books: Sequence[Book],
    reader: User | None = None,
    *,
    surface: Surface = Surface.LIST,
    basis: ListBasis = ListBasis.RATINGS,
    run_id: int | None = 7,
    k: int = 10,
) -> str:
    """Return the id of a list of the books, made now."""
    return new_list_id(
        surface=surface,
        basis=basis,
        run_id=run_id,
        k=k,
        books=[book.pk for book in books],
        reader_id=reader.pk if reader else None,
    )


def event(
    list_key: int,
    book: Book,
    kind: str = "shown",
    *,
    day: date,
    stars: int | None = None,
    surface: str = "list",
    basis: str = "ratings",
    run_id: int | None = 7,
    reader: User | None = None,
) -> FeedbackEvent:
    """Return a stored event of a list of a day."""
    return FeedbackEvent.objects.create(
        list_key=list_key,
        listed_on=day,
        run_id=run_id,
        surface=surface,
        basis=basis,
        kind=kind,
        book=book,
        position=1,
        stars=stars,
        reader=reader,
        happened_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
    )
