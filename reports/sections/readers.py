"""What readers do beside rating: shelves, growth, and what they read."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np
from django.db.models import Count, DateTimeField, Model, QuerySet
from django.db.models.functions import TruncDay, TruncMonth, TruncYear
from numpy.typing import NDArray

from accounts.models import User
from ratings.models import Rating, Reading, ShelfEntry
from reports.contents import Figure, Section, Table, counted, listed, number, share
from reports.material import Material
from reports.plots import COLOURS, bars, drawing, lying_bars, thousands

_WANTED: Final = 12
_GENRES: Final = 14
# Steps of time until which so long a span is drawn.
_STEPS: Final = ((timedelta(days=120), TruncDay), (timedelta(days=365 * 10), TruncMonth))


def shelves_section(material: Material) -> Section:
    """Show how far readers come, from an account to a rated shelf, and what they want to read."""
    section = Section("shelves", "To read")
    n_readers = User.objects.count()
    if not n_readers:
        section.missing.append("There are no readers yet.")
        return section
    section.figures.append(_funnel(material, n_readers))
    wanted = np.bincount(
        material.data.interactions.shelved.indices, minlength=material.data.interactions.n_items
    )
    if wanted.any():
        section.figures.append(_most_wanted(material, wanted))
    else:
        section.missing.append("No book is on a to-read shelf.")
    return section


def _funnel(material: Material, n_readers: int) -> Figure:
    interactions = material.data.interactions
    n_rated = np.diff(interactions.ratings.indptr)
    has_shelf = np.diff(interactions.shelved.indptr) > 0
    n_read = Reading.objects.values("user").distinct().count()
    steps = [
        ("have an account or were imported", n_readers),
        ("put a book on the to-read shelf", int(has_shelf.sum())),
        ("and have rated a book", int((has_shelf & (n_rated > 0)).sum())),
        ("and have rated five", int((has_shelf & (n_rated >= 5)).sum())),
        ("and have rated twenty", int((has_shelf & (n_rated >= 20)).sum())),
    ]
    names, counts = [name for name, _ in steps], [count for _, count in steps]
    with drawing("funnel", height=2.8) as plot:
        texts = [f"{count:,} ({share(count, n_readers)})" for count in counts]
        lying_bars(plot.axes, names, counts, label="readers", texts=texts)
        plot.axes.margins(x=0.3)
        thousands(plot.axes.xaxis)
    unshelved = int((~has_shelf & (n_rated > 0)).sum())
    return Figure(
        "From the to-read shelf to ratings",
        f"{share(counts[1], n_readers)} of {counted(n_readers, 'reader')} have put a book on "
        f"the to-read shelf, {share(counts[2], counts[1])} of these have rated one, and "
        f"{share(counts[4], counts[1])} twenty or more. {counted(unshelved, 'reader')} rated "
        f"without a to-read shelf; {counted(n_read, 'reader')} noted that they read a book.",
        plot.svg,
        "Lying bars, each a part of the one above: readers, those with a to-read shelf, and "
        "those of them with one, five and twenty ratings.",
        Table(
            ("readers who", "number", "of all", "of the step before"),
            [
                (name, number(count), share(count, n_readers), share(count, before))
                for (name, count), before in zip(steps, [n_readers, *counts], strict=False)
            ],
        ),
    )


def _most_wanted(material: Material, wanted: NDArray[np.int64]) -> Figure:
    rated = material.ratings_of_items
    top = np.argsort(-wanted, kind="stable")[:_WANTED]
    top = top[wanted[top] > 0]
    ids = material.data.interactions.item_ids[top].tolist()
    titles = material.titles(ids)
    names = [titles[pk] for pk in ids]
    with drawing("most-wanted", height=4.2) as plot:
        lying_bars(
            plot.axes,
            names,
            wanted[top].tolist(),
            label="on so many to-read shelves",
            texts=[number(value) for value in wanted[top]],
        )
        thousands(plot.axes.xaxis)
    more = int((wanted > rated).sum())
    return Figure(
        "Most wanted books",
        f"{counted(int(wanted.sum()), 'entry', 'entries')} on to-read shelves name "
        f"{counted(int((wanted > 0).sum()), 'book')}; “{names[0]}” is wanted most, by "
        f"{counted(int(wanted[top[0]]), 'reader')}. {counted(more, 'book')} "
        f"{'is' if more == 1 else 'are'} wanted by more readers than have rated "
        f"{'it' if more == 1 else 'them'}.",
        plot.svg,
        "A lying bar for each of the books that are on the most to-read shelves.",
        Table(
            ("book", "wanted by", "rated by"),
            [
                (name, number(wanted[item]), number(rated[item]))
                for name, item in zip(names, top, strict=True)
            ],
        ),
    )


def growth_section(material: Material) -> Section:
    """Show how accounts, ratings and shelves have grown since the site began."""
    section = Section("growth", "Growth")
    n_undated = Rating.objects.filter(created_at=None).count()
    if n_undated:
        section.missing.append(
            f"{counted(n_undated, 'rating')} came with a data set that knows no times; what "
            "follows is about the others."
        )
    people = User.objects.filter(source=User.Source.SITE)
    series = [
        ("accounts", people, "date_joined"),
        ("ratings", Rating.objects.exclude(created_at=None), "created_at"),
        ("shelf entries", ShelfEntry.objects.exclude(added_at=None), "added_at"),
    ]
    figure = _growth(series)
    if figure is None:
        section.missing.append("Nobody has signed up, rated or shelved anything on this site yet.")
    else:
        section.figures.append(figure)
    return section


def _growth(series: Sequence[tuple[str, QuerySet[Model], str]]) -> Figure | None:
    ends = []
    for _, rows, when in series:
        ends += [
            end
            for end in (
                rows.order_by(when).values_list(when, flat=True).first(),
                rows.order_by(f"-{when}").values_list(when, flat=True).first(),
            )
            if end is not None
        ]
    if not ends:
        return None
    step = _step_of(max(ends) - min(ends))
    per: dict[str, dict[date, int]] = {}
    for name, rows, when in series:
        counts = (
            rows.annotate(step=step(when, output_field=DateTimeField()))
            .values("step")
            .annotate(n=Count("pk"))
            .order_by("step")
        )
        per[name] = {row["step"].date(): row["n"] for row in counts}
    days = sorted(set().union(*per.values()))
    with drawing("growth") as plot:
        for colour, (name, counts_of) in zip(COLOURS, per.items(), strict=False):
            total = np.cumsum([counts_of.get(day, 0) for day in days])
            plot.axes.step(
                range(len(days)), total, where="mid", color=colour, label=name, marker="."
            )
        shown = np.unique(np.linspace(0, len(days) - 1, 8).astype(int))
        plot.axes.set_xticks(shown.tolist(), [days[i].isoformat() for i in shown], rotation=30)
        plot.axes.set_yscale("symlog")
        plot.axes.set_ylabel("in all until then")
        plot.axes.legend()
        thousands(plot.axes.yaxis)
    unit = str(step.kind)
    busiest = max(days, key=lambda day: per["ratings"].get(day, 0))
    totals = [
        counted(sum(counts_of.values()), *_ONE_AND_MANY[name]) for name, counts_of in per.items()
    ]
    most = per["ratings"].get(busiest, 0)
    peak = f" The {unit} of {busiest} had the most ratings, {number(most)}." if most else ""
    return Figure(
        "Growth over time",
        f"Between {days[0]} and {days[-1]} the site gained {listed(totals)}.{peak}",
        plot.svg,
        f"A line each for accounts, ratings and shelf entries: how many there were by each {unit}, "
        "on a logarithmic axis.",
        Table(
            (unit, *(f"new {name}" for name in per)),
            [
                (day.isoformat(), *(number(counts_of.get(day, 0)) for counts_of in per.values()))
                for day in days[-60:]
            ],
        ),
    )


_ONE_AND_MANY: Final = {
    "accounts": ("account",),
    "ratings": ("rating",),
    "shelf entries": ("shelf entry", "shelf entries"),
}


def _step_of(span: timedelta) -> type[TruncDay] | type[TruncMonth] | type[TruncYear]:
    return next((step for longest, step in _STEPS if span <= longest), TruncYear)


def books_section(material: Material) -> Section:
    """Show what is read: genres and years of publication."""
    section = Section("books", "What is read")
    catalog = material.data.catalog
    rated = material.ratings_of_items
    if not rated.any():
        section.missing.append("There are no ratings of books yet.")
        return section
    ratings = material.data.interactions.ratings
    stars = np.bincount(ratings.indices, weights=ratings.data, minlength=len(rated)).astype(
        np.float64
    )
    if (catalog.genre_index >= 0).any():
        section.figures.append(_genres(material, rated, stars))
    else:
        section.missing.append("No book has a genre.")
    if catalog.years is not None and np.isfinite(catalog.years).any():
        section.figures.append(_decades(catalog.years, rated, stars))
    else:
        section.missing.append("No book has a year of publication.")
    return section


def _genres(material: Material, rated: NDArray[np.int64], stars: NDArray[np.float64]) -> Figure:
    of_item = material.data.catalog.genre_index
    has_genre = of_item >= 0
    numbers, place = np.unique(of_item[has_genre], return_inverse=True)
    n_books = np.bincount(place)
    n_ratings = np.bincount(place, weights=rated[has_genre])
    sums = np.bincount(place, weights=stars[has_genre])
    means = np.divide(sums, n_ratings, out=np.full(len(sums), np.nan), where=n_ratings > 0)
    order = np.argsort(-n_ratings, kind="stable")
    names = [material.genres.get(int(pk), f"genre {pk}") for pk in numbers]
    top = order[:_GENRES]
    with drawing("genres", height=4.2) as plot:
        lying_bars(
            plot.axes,
            [names[g] for g in top],
            n_ratings[top].tolist(),
            label="ratings of books of the genre",
            texts=[f"{means[g]:.2f} stars" for g in top],
        )
        thousands(plot.axes.xaxis)
    known = [g for g in order if n_ratings[g] > 0]
    best, worst = max(known, key=lambda g: means[g]), min(known, key=lambda g: means[g])
    return Figure(
        "Genres",
        f"{names[order[0]]} has the most ratings, {share(n_ratings[order[0]], rated.sum())} of "
        f"all; {names[best]} is liked best ({means[best]:.2f} stars in the mean) and "
        f"{names[worst]} least ({means[worst]:.2f}).",
        plot.svg,
        "A lying bar for each genre: the ratings of its books, with their mean stars.",
        Table(
            ("genre", "books", "ratings", "mean stars"),
            [
                (names[g], number(n_books[g]), number(n_ratings[g]), f"{means[g]:.2f}")
                for g in order
            ],
        ),
    )


def _decades(
    years: NDArray[np.float32], rated: NDArray[np.int64], stars: NDArray[np.float64]
) -> Figure:
    known = np.isfinite(years)
    # What is older is one group; the axis would be of empty decades.
    decades = np.maximum(years[known] // 10 * 10, 1890).astype(np.int64)
    starts, place = np.unique(decades, return_inverse=True)
    n_books = np.bincount(place)
    n_ratings = np.bincount(place, weights=rated[known])
    sums = np.bincount(place, weights=stars[known])
    means = np.divide(sums, n_ratings, out=np.full(len(sums), np.nan), where=n_ratings > 0)
    names = ["older" if start == 1890 else f"{start}s" for start in starts]
    with drawing("decades", height=3.6) as plot:
        bars(plot.axes, names, n_books.tolist(), label="books", texts=[number(n) for n in n_books])
        plot.axes.tick_params(axis="x", rotation=40)
        thousands(plot.axes.yaxis)
    top = int(n_books.argmax())
    return Figure(
        "Decades of publication",
        f"{share(n_books[top], n_books.sum())} of the {counted(int(n_books.sum()), 'book')} with a "
        f"year are of the {names[top] if names[top] != 'older' else 'time before 1900'}; "
        f"{counted(int((~known).sum()), 'book')} without one.",
        plot.svg,
        "A bar for each decade: how many books were first published in it.",
        Table(
            ("first published", "books", "ratings", "mean stars"),
            [
                (names[g], number(n_books[g]), number(n_ratings[g]), f"{means[g]:.2f}")
                for g in range(len(names))
            ],
        ),
    )
