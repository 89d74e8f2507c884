"""When a reader read what: counts by year and month."""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.db.models.functions import ExtractMonth, ExtractYear

from accounts.models import User
from ratings.my_books import books_of, is_read

# Stars from which on a reader loved a book.
LOVED = 4


@dataclass(frozen=True)
class Reads:
    """Books read in some time."""

    n_books: int = 0
    # 4 or 5 stars.
    n_loved: int = 0
    n_rated: int = 0
    sum_of_stars: int = 0

    @property
    def mean_stars(self) -> float | None:
        return self.sum_of_stars / self.n_rated if self.n_rated else None

    def __add__(self, other: "Reads") -> "Reads":
        return Reads(
            self.n_books + other.n_books,
            self.n_loved + other.n_loved,
            self.n_rated + other.n_rated,
            self.sum_of_stars + other.sum_of_stars,
        )


@dataclass(frozen=True)
class History:
    # By (year, month); only months in which something was read.
    months: dict[tuple[int, int], Reads]
    # Of imported stars nobody knows when they were given.
    undated: Reads

    @property
    def years(self) -> dict[int, Reads]:
        """Return what was read in each year, the years ascending; empty ones are left out."""
        sums: dict[int, Reads] = defaultdict(Reads)
        for (year, _), reads in sorted(self.months.items()):
            sums[year] += reads
        return dict(sums)

    @property
    def total(self) -> Reads:
        return sum(self.months.values(), start=self.undated)

    def months_of(self, year: int) -> list[Reads]:
        """Return the twelve months of a year."""
        return [self.months.get((year, month), Reads()) for month in range(1, 13)]


def history_of(user: User) -> History:
    """Count what the reader read by month: by the day of finishing, else that of the stars.

    One query.
    """
    rows = (
        books_of(user)
        .filter(is_read())
        .order_by()
        .values(year=ExtractYear("read_on"), month=ExtractMonth("read_on"))
        .annotate(
            n_books=Count("pk"),
            n_loved=Count("pk", filter=Q(my_stars__gte=LOVED)),
            n_rated=Count("my_stars"),
            sum_of_stars=Sum("my_stars"),
        )
    )
    months: dict[tuple[int, int], Reads] = {}
    undated = Reads()
    for row in rows:
        reads = Reads(row["n_books"], row["n_loved"], row["n_rated"], row["sum_of_stars"] or 0)
        if row["year"] is None:
            undated = reads
        else:
            months[row["year"], row["month"]] = reads
    return History(months, undated)
