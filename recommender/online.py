"""What readers did with the lists of each run and surface: the figures that charts show.

All of it is read from the sums of each day (`FeedbackDay`), which a periodic task makes anew every
few minutes (`recommender.feedback.rollup`). A day is the day (UTC) on which a list was made,
whenever its events came; the last three days may still grow. docs/feedback.md has the definitions
in words.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from django.db import connection
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from catalog.selectors import visible_books
from recommender.models import FeedbackDay, ListBasis, Surface

By = Literal["day", "run", "surface", "basis"]

# Made for one reader or guest: what everybody likes is there for want of something better.
PERSONAL_SURFACES: Final = (
    Surface.LIST,
    Surface.HOME,
    Surface.WELCOME,
    Surface.TRY_OUT,
    Surface.API,
    Surface.API_SESSION,
)
IS_FALLBACK: Final = Q(run=None) | Q(basis=ListBasis.POPULAR, surface__in=PERSONAL_SURFACES)
_COLUMNS: Final = {"day": "day", "run": "run_id", "surface": "surface", "basis": "basis"}
_SUMS: Final = (
    "lists_served",
    "lists_empty",
    "lists_shown",
    "shown",
    "clicked",
    "rated",
    "liked",
    "shown_clicked",
    "shown_liked",
)


@dataclass(frozen=True)
class OnlineFigures:
    """Counts and rates of one group of lists; a rate of nothing is None, not 0."""

    # Of what was grouped by; None where it was not. Of a run, None also stands for "no run": the
    # catalogue by its number of ratings.
    day: date | None = None
    run_id: int | None = None
    surface: Surface | None = None
    basis: ListBasis | None = None

    # Lists that the server made, by its own count, whoever asked: pages, programs, robots.
    lists_served: int = 0
    # Of these, without a book.
    lists_empty: int = 0
    # Of these, without an active run, or of what everybody likes where the reader's own was meant.
    lists_fallback: int = 0
    # Lists of which a browser or program said that some book was seen.
    lists_shown: int = 0
    # Books of lists that were seen, clicked, rated, rated 4 or 5: a book once a list.
    shown: int = 0
    clicked: int = 0
    rated: int = 0
    liked: int = 0
    # Of the books that were seen.
    shown_clicked: int = 0
    shown_liked: int = 0
    # Different books that were seen and that readers can find now; and all that they can find.
    books_shown: int = 0
    books_visible: int = 0

    @property
    def click_through_rate(self) -> float | None:
        """Books clicked of the books seen, 0..1."""
        return _share(self.shown_clicked, self.shown)

    @property
    def positive_rate(self) -> float | None:
        """Books rated 4 or 5 stars from their list of the books seen, 0..1."""
        return _share(self.shown_liked, self.shown)

    @property
    def empty_share(self) -> float | None:
        """Lists without a book of the lists served, 0..1."""
        return _share(self.lists_empty, self.lists_served)

    @property
    def fallback_share(self) -> float | None:
        """Lists that are not what was meant of the lists served, 0..1 (`IS_FALLBACK`)."""
        return _share(self.lists_fallback, self.lists_served)

    @property
    def coverage(self) -> float | None:
        """Different books seen of all that readers can find, 0..1."""
        return _share(self.books_shown, self.books_visible)


def online_figures(
    first: date,
    last: date,
    *,
    by: Collection[By] = ("run", "surface"),
    run_id: int | None = None,
    surface: str | None = None,
) -> list[OnlineFigures]:
    """Return the figures of lists made from the first to the last day, both included.

    Parameters
    ----------
    by : of what each group is; of none, all lists are one group. `("day", "run", "surface")`
        gives the points of a chart, `("run", "surface")` its totals: coverage is not the sum of
        the days' coverage, everything else that is counted is.
    run_id, surface : only lists of this run, of this surface.

    Returns
    -------
    One for each group of which anything is known, in the order of `by`: days ascending, the run
    None first. Three queries.
    """
    wanted = Q(day__range=(first, last))
    if run_id is not None:
        wanted &= Q(run_id=run_id)
    if surface is not None:
        wanted &= Q(surface=surface)
    names = [name for name in ("day", "run", "surface", "basis") if name in by]
    columns = [_COLUMNS[name] for name in names]
    rows = FeedbackDay.objects.filter(wanted)
    sums = {f"n_{name}": Sum(name) for name in _SUMS} | {
        "n_fallback": Coalesce(Sum("lists_served", filter=IS_FALLBACK), 0)
    }
    if columns:
        ordered = rows.order_by(*(F(column).asc(nulls_first=True) for column in columns))
        found: list[dict[str, Any]] = list(ordered.values(*columns).annotate(**sums))
    else:
        # Of no row there is nothing to say.
        found = [row for row in [rows.aggregate(**sums)] if row["n_shown"] is not None]
    different = _different_books(columns, first, last, run_id, surface)
    n_visible = visible_books().count()
    return [
        OnlineFigures(
            day=row.get("day"),
            run_id=row.get("run_id"),
            surface=Surface(row["surface"]) if "surface" in row else None,
            basis=ListBasis(row["basis"]) if "basis" in row else None,
            **{name: int(row[f"n_{name}"]) for name in _SUMS},
            lists_fallback=int(row["n_fallback"]),
            books_shown=different.get(tuple(row[column] for column in columns), 0),
            books_visible=n_visible,
        )
        for row in found
    ]


def _different_books(
    columns: list[str], first: date, last: date, run_id: int | None, surface: str | None
) -> Mapping[tuple[Any, ...], int]:
    """Return how many different visible books each group has shown."""
    keys = "".join(f"sums.{column}, " for column in columns)
    grouping = f"GROUP BY {keys.rstrip(', ')}" if columns else ""
    with connection.cursor() as cursor:
        # The names of columns are the literals above.
        cursor.execute(
            f"""
            SELECT {keys} count(DISTINCT book.id)
            FROM recommender_feedbackday sums
            CROSS JOIN LATERAL unnest(sums.shown_books) AS shown (id)
            JOIN catalog_book book ON book.id = shown.id AND NOT book.is_hidden
            WHERE sums.day BETWEEN %s AND %s
              AND (%s::bigint IS NULL OR sums.run_id = %s)
              AND (%s::text IS NULL OR sums.surface = %s)
            {grouping}
            """,  # noqa: S608
            [first, last, run_id, run_id, surface, surface],
        )
        return {tuple(keys): n for *keys, n in cursor.fetchall()}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
