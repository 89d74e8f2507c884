"""Stars for many books at once, each with a result of its own: for programs that keep in step."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from django.db import transaction
from django.db.models import Exists, F, FilteredRelation, OuterRef, Q
from django.utils import timezone

from accounts.models import User
from catalog.selectors import visible_books
from ratings.errors import BookGone
from ratings.models import Dismissal, Rating, ShelfEntry
from ratings.signals import rating_changed

MAX_ROWS = 1000

Result = Literal["created", "updated", "unchanged", "error"]


@dataclass(frozen=True)
class Row:
    """Stars (1..5) for a book that may or may not exist; or, with a reason, a row that is none."""

    book_id: int | None = None
    stars: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class RowResult:
    row: Row
    result: Result
    # Why it is an error, for people.
    reason: str = ""


def rate_many(*, user: User, rows: Sequence[Row]) -> list[RowResult]:
    """Rate book after book, as `rate_book` does; what is wrong with a row spoils no other.

    One transaction of a few statements. A book that is named twice has the stars named last.
    Stars that a book has already are not written again.

    Raises
    ------
    BookGone
        When the reader was deleted meanwhile.
    """
    # Inside another transaction it is a part of that one.
    with transaction.atomic(savepoint=False):
        # One after another for one reader, so that what is new now is new at the commit.
        if not User.objects.select_for_update(no_key=True).filter(pk=user.pk).values("pk").first():
            raise BookGone
        books = _locked_books(user, {row.book_id for row in rows if row.book_id is not None})
        stars = {book.pk: book.my_stars for book in books}
        results = [_told(row, stars) for row in rows]
        written = {
            told.row.book_id for told in results if told.result in ("created", "updated")
        } - {book.pk for book in books if stars[book.pk] == book.my_stars}
        rated = {told.row.book_id for told in results if told.result != "error"}
        now = timezone.now()
        Rating.objects.bulk_create(
            [
                Rating(user=user, book=book, stars=stars[book.pk], created_at=now, updated_at=now)
                for book in books
                if book.pk in written
            ],
            update_conflicts=True,
            unique_fields=["user", "book"],
            update_fields=["stars", "updated_at"],
        )
        # A rated book has been read, and is of interest.
        if shelved := [book for book in books if book.pk in rated and book.has_state]:
            states = ShelfEntry.Shelf.values
            ShelfEntry.objects.filter(user=user, book__in=shelved, shelf__in=states).delete()
        if dismissed := [book for book in books if book.pk in rated and book.is_dismissed]:
            Dismissal.objects.filter(user=user, book__in=dismissed).delete()
        transaction.on_commit(
            partial(_announce, user.pk, [(id, stars[id]) for id in sorted(filter(None, written))])
        )
    return results


# Of books with what is annotated here, which the type of a list cannot say.
def _locked_books(user: User, book_ids: set[int]) -> list[Any]:
    """Return those that readers see, kept from being deleted until the commit.

    Foreign keys are checked then. Always locked in the same order.
    """
    entries = ShelfEntry.objects.filter(
        user=user, book=OuterRef("pk"), shelf__in=ShelfEntry.Shelf.values
    )
    return list(
        visible_books()
        .filter(pk__in=book_ids)
        .annotate(
            my_rating=FilteredRelation("ratings", condition=Q(ratings__user=user)),
            my_stars=F("my_rating__stars"),
            has_state=Exists(entries),
            is_dismissed=Exists(Dismissal.objects.filter(user=user, book=OuterRef("pk"))),
        )
        .only("pk")
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
    )


def _told(row: Row, stars: dict[int, int | None]) -> RowResult:
    """Tell what a row does to the stars by book id, and do it there."""
    if row.reason or row.book_id is None or row.stars is None:
        return RowResult(row, "error", row.reason)
    if row.book_id not in stars:
        return RowResult(row, "error", "There is no such book.")
    before, stars[row.book_id] = stars[row.book_id], row.stars
    if before is None:
        return RowResult(row, "created")
    return RowResult(row, "unchanged" if before == row.stars else "updated")


def _announce(user_id: int, written: list[tuple[int, int]]) -> None:
    for book_id, stars in written:
        rating_changed.send_robust(sender=Rating, user_id=user_id, book_id=book_id, stars=stars)
