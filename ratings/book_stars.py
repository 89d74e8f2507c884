"""A book's stars over time, for curators."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Avg, Count
from django.db.models.functions import TruncMonth
from django.utils import timezone

from accounts.models import User
from catalog.models import Book
from ratings.models import Rating

MONTHS = 36


@dataclass(frozen=True)
class MonthOfStars:
    month: date
    n_ratings: int
    # None where nobody rated it.
    mean: float | None


def stars_by_month(book: Book, months: int = MONTHS) -> list[MonthOfStars]:
    """Return the last months up to this one, also those in which nobody rated the book.

    Of readers of this site, by when they first gave the stars that hold now; imported ratings
    have no date.
    """
    now = timezone.now()
    present = now.year * 12 + now.month - 1
    wanted = [
        date(number // 12, number % 12 + 1, 1)
        for number in range(present - months + 1, present + 1)
    ]
    since = datetime(wanted[0].year, wanted[0].month, 1, tzinfo=now.tzinfo)
    rows = (
        Rating.objects.filter(book=book, user__source=User.Source.SITE, created_at__gte=since)
        .annotate(month=TruncMonth("created_at"))
        .values_list("month")
        .annotate(n=Count("id"), mean=Avg("stars"))
        .order_by()
    )
    found = {at.date(): (n, mean) for at, n, mean in rows}
    return [MonthOfStars(month, *found.get(month, (0, None))) for month in wanted]
