"""How lists do with readers, by run and surface: the console's page of what `online` counts."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.utils import timezone
from django.utils.safestring import SafeString

from recommender.console.drawings import Curve, curves_chart
from recommender.models import TrainingRun
from recommender.online import OnlineFigures, online_figures

PERIODS: Final = (7, 28, 90)
# More curves than these nobody tells apart.
_DRAWN_RUNS: Final = 4


@dataclass(frozen=True)
class OnlinePage:
    """The figures of some days."""

    first: date
    last: date
    total: OnlineFigures | None
    rows: list[OnlineFigures]
    charts: list[SafeString]
    # Of the active run, since it was begun; None while none is active.
    active: TrainingRun | None
    active_hours: float | None


def online_page(days: int) -> OnlinePage:
    """Return the figures of the last days, today included."""
    today = timezone.now().date()
    first = today - timedelta(days=days - 1)
    total = online_figures(first, today, by=())
    active = TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).first()
    begun = active.started_at if active else None
    return OnlinePage(
        first,
        today,
        total[0] if total else None,
        online_figures(first, today, by=("run", "surface")),
        _charts(first, online_figures(first, today, by=("day", "run"))),
        active,
        (timezone.now() - begun).total_seconds() / 3600 if begun else None,
    )


def _charts(first: date, by_day: list[OnlineFigures]) -> list[SafeString]:
    by_run: dict[int | None, list[OnlineFigures]] = defaultdict(list)
    for figures in by_day:
        by_run[figures.run_id].append(figures)
    latest = sorted(by_run, key=lambda run: -(run or 0))[:_DRAWN_RUNS]
    return [
        curves_chart(
            title,
            [_curve(first, run, by_run[run], name) for run in latest],
            x_name=f"days since {first:%Y-%m-%d}",
        )
        for name, title in (
            ("click_through_rate", "Click-through rate by run"),
            ("positive_rate", "Positive-feedback rate by run"),
            ("fallback_share", "Share of fallback lists by run"),
        )
    ]


def _curve(first: date, run: int | None, rows: list[OnlineFigures], name: str) -> Curve:
    points = [
        ((row.day - first).days, rate)
        for row in rows
        if row.day is not None and (rate := getattr(row, name)) is not None
    ]
    title = "no run" if run is None else f"run {run}"
    return Curve(title, [day for day, _rate in points], [rate for _day, rate in points])
