"""What a reader read, year by year."""

import re
from dataclasses import dataclass
from datetime import date

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.requests import ReaderRequest
from catalog.selectors import load_cards
from ratings.history import Reads, history_of
from ratings.my_books import READ, Choice, chosen_books, with_marks

# Wider charts cannot be read; the table has every year.
MOST_YEARS = 30
COVERS = 24
# In units of the drawing, whose height is 100.
HEIGHT = 100.0


@dataclass(frozen=True)
class Column:
    """One column of a chart: its words and the two rectangles of its drawing."""

    key: int
    label: str
    long_label: str
    reads: Reads
    top: float
    height: float
    # The loved part stands at the bottom.
    loved_top: float
    loved_height: float


@require_safe
@never_cache
@login_required
def reading_history(request: ReaderRequest) -> HttpResponse:
    history = history_of(request.user)
    years = history.years
    year = _year(request.GET.get("year", ""), years)
    shown = _covers(request, year) if year else []
    context = {
        "total": history.total,
        "undated": history.undated,
        "years": years,
        "year_columns": _columns(
            [(n, str(n), str(n), reads) for n, reads in _without_gaps(years).items()]
        ),
        "year": year,
        "of_year": years.get(year) if year else None,
        "month_columns": _columns(
            [
                (n, _month(n, "M"), _month(n, "F"), reads)
                for n, reads in enumerate(history.months_of(year), start=1)
            ]
        )
        if year
        else [],
        "rows": shown,
    }
    return render(request, "mine/history.html", context)


def _year(text: str, years: dict[int, Reads]) -> int | None:
    """Return the year asked for, or the latest one; None when nothing has a day."""
    if not text:
        return max(years, default=None)
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) not in years:
        raise Http404(_("You read nothing in that year."))
    return int(text)


def _covers(request: ReaderRequest, year: int) -> list[object]:
    books = chosen_books(request.user, Choice(group=READ, read_in=year))
    rows = with_marks(request.user, books.order_by("-read_on", "-id")[:COVERS])
    load_cards([row.mark.book for row in rows], with_series=False)
    return list(rows)


def _without_gaps(years: dict[int, Reads]) -> dict[int, Reads]:
    """Fill in the years in which nothing was read, unless that makes too many columns."""
    if not years:
        return {}
    span = range(min(years), max(years) + 1)
    if len(span) <= MOST_YEARS:
        return {year: years.get(year, Reads()) for year in span}
    return dict(list(years.items())[-MOST_YEARS:])


def _columns(rows: list[tuple[int, str, str, Reads]]) -> list[Column]:
    highest = max((reads.n_books for *_, reads in rows), default=0) or 1
    columns = []
    for key, label, long_label, reads in rows:
        height, loved = HEIGHT * reads.n_books / highest, HEIGHT * reads.n_loved / highest
        top, loved_top = HEIGHT - height, HEIGHT - loved
        columns.append(Column(key, label, long_label, reads, top, height, loved_top, loved))
    return columns


def _month(number: int, form: str) -> str:
    return date_format(date(2000, number, 1), form)
