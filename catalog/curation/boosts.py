"""Books moved up or down in recommendations for a while, by a curator who says why."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from catalog.curation.errors import CurationError
from catalog.curation.journal import Curator, Subject, record
from catalog.models import Book, Boost, CurationChange

# Nobody remembers after a year why a book was moved.
MAX_DAYS = 366


def boost_book(
    book_id: int,
    direction: str,
    *,
    reason: str,
    ends_at: datetime,
    by: Curator,
    starts_at: datetime | None = None,
) -> Boost:
    """Move a book up or down (`Boost.Direction`) in every list of recommendations until a day.

    How far is for the recommender to say (`recommender.engine.reranking`); a boost that has
    ended, or has not begun, does nothing.

    Raises
    ------
    ValidationError
        When there is no reason, the times make none, or the book is moved in that time already.
    """
    starts_at = starts_at or timezone.now()
    with transaction.atomic():
        # The book's lock keeps a second boost of the same time out.
        book = Book.objects.select_for_update().filter(pk=book_id).first()
        if book is None:
            raise CurationError("This book is no longer in the catalogue.")
        check_boost(book.pk, direction, reason=reason, starts_at=starts_at, ends_at=ends_at)
        reason = " ".join(reason.split())
        boost = Boost.objects.create(
            book=book,
            direction=direction,
            reason=reason,
            starts_at=starts_at,
            ends_at=ends_at,
            created_by_id=by.pk if by else None,
        )
        record(
            boost_subject(boost),
            "boosted" if direction == Boost.Direction.UP else "buried",
            by=by,
            reason=reason,
            before={"boost": None},
            after={"boost": boost_values(boost)},
        )
    return boost


def check_boost(
    book_id: int, direction: str, *, reason: str, starts_at: datetime, ends_at: datetime
) -> None:
    """Raise ValidationError with what is wrong with a boost that is to be, by name."""
    errors: dict[str, str] = {}
    if not 0 < len(" ".join(reason.split())) <= 300:
        errors["reason"] = "Say why, in at most 300 characters: other curators will ask."
    if direction not in Boost.Direction.values:
        errors["direction"] = "A book is moved up or down."
    if ends_at <= max(starts_at, timezone.now()):
        errors["ends_at"] = "The end comes after the beginning, and after now."
    elif ends_at - starts_at > timedelta(days=MAX_DAYS):
        errors["ends_at"] = f"The end is at most {MAX_DAYS} days after the beginning."
    if errors:
        raise ValidationError(errors)
    if other := _moved_already(book_id, starts_at, ends_at):
        raise ValidationError({"ends_at": other})


def _moved_already(
    book_id: int, starts_at: datetime, ends_at: datetime, *, but: int | None = None
) -> str:
    """Return which other boost the book has in that time; "" for none."""
    others = Boost.objects.filter(book=book_id, starts_at__lt=ends_at, ends_at__gt=starts_at)
    if but is not None:
        others = others.exclude(pk=but)
    present = others.first()
    if present is None:
        return ""
    return (
        f"The book is moved {present.direction} until {present.ends_at:%Y-%m-%d %H:%M} already; "
        "end that first."
    )


@transaction.atomic
def end_boost(boost_id: int, *, by: Curator, reason: str = "") -> bool:
    """End a boost now, or take one back that has not begun; False when it had ended before."""
    boost = (
        Boost.objects.select_for_update(of=("self",))
        .select_related("book")
        .filter(pk=boost_id, ends_at__gt=timezone.now())
        .first()
    )
    if boost is None:
        return False
    before = boost_values(boost)
    subject = boost_subject(boost)
    if boost.starts_at >= timezone.now():
        boost.delete()
        after = None
    else:
        boost.ends_at = timezone.now()
        boost.save(update_fields=["ends_at"])
        after = boost_values(boost)
    record(subject, "ended", by=by, reason=reason, before={"boost": before}, after={"boost": after})
    return True


def boost_subject(boost: Boost) -> Subject:
    return Subject(CurationChange.Subject.BOOST, boost.pk, boost.book.title, boost.book_id)


def boost_values(boost: Boost | None) -> dict[str, Any] | None:
    """Return what the journal keeps of a boost."""
    if boost is None:
        return None
    return {
        "book": boost.book_id,
        "direction": boost.direction,
        "reason": boost.reason,
        "starts_at": boost.starts_at.isoformat(),
        "ends_at": boost.ends_at.isoformat(),
    }


def restore_boost(boost_id: int, values: dict[str, Any] | None) -> None:
    """Bring a boost to what the journal kept of it; None: there is none."""
    if values is None:
        Boost.objects.filter(pk=boost_id).delete()
        return
    # Held as when a boost is made: another one may be on its way.
    if not Book.objects.select_for_update().filter(pk=values["book"]).exists():
        raise CurationError("The book of this boost is no longer in the catalogue.")
    starts_at, ends_at = (datetime.fromisoformat(values[name]) for name in ("starts_at", "ends_at"))
    # What else held until now does no harm any more.
    from_now = max(starts_at, timezone.now())
    if other := _moved_already(values["book"], from_now, ends_at, but=boost_id):
        raise CurationError(other)
    Boost.objects.update_or_create(
        pk=boost_id,
        defaults={
            "book_id": values["book"],
            "direction": values["direction"],
            "reason": values["reason"],
            "starts_at": starts_at,
            "ends_at": ends_at,
        },
    )
