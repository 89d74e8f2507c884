"""How stars are given: which, by how many readers, to how many books."""

import numpy as np
from numpy.typing import NDArray

from reports.contents import Figure, Section, Table, counted, number, share
from reports.material import Material
from reports.plots import COLOURS, INK, bars, drawing, lying_bars, percent, thousands

LOW_STARS = 2
_GROUPS = 10
# A book's share of low ratings says something from so many on, or the most that any has.
_ENOUGH = 100
_WORST = 10


def ratings_section(material: Material) -> Section:
    """Show the distribution of stars, ratings per reader and book, low stars, the long tail."""
    section = Section("ratings", "Ratings")
    ratings = material.data.interactions.ratings
    if not ratings.nnz:
        section.missing.append("There are no ratings yet.")
        return section
    stars = ratings.data.astype(np.int64)
    of_books = material.ratings_of_items
    of_readers = np.diff(ratings.indptr)
    low_of_books = np.bincount(ratings.indices[stars <= LOW_STARS], minlength=len(of_books))
    section.figures = [
        _distribution(stars),
        _per(of_readers[of_readers > 0], "reader", "ratings-per-reader"),
        _per(
            of_books[of_books > 0], "book", "ratings-per-book", n_without=int((of_books == 0).sum())
        ),
        _long_tail(of_books),
        _low_by_popularity(of_books, low_of_books),
        _most_often_low(material, of_books, low_of_books),
    ]
    return section


def _distribution(stars: NDArray[np.int64]) -> Figure:
    counts = np.bincount(stars, minlength=6)[1:6]
    n = len(stars)
    most = int(counts.argmax()) + 1
    with drawing("stars") as plot:
        texts = [share(c, n) for c in counts]
        bars(plot.axes, list("12345"), counts.tolist(), label="ratings", texts=texts)
        plot.axes.set_xlabel("stars")
        thousands(plot.axes.yaxis)
    low = counts[:LOW_STARS].sum()
    return Figure(
        "Which stars are given",
        f"Of {counted(n, 'rating')} most have {counted(most, 'star')} "
        f"({share(counts[most - 1], n)}); the mean is {stars.mean():.2f}, and {share(low, n)} "
        f"have {LOW_STARS} stars or fewer.",
        plot.svg,
        "A bar for each number of stars: how many ratings have it.",
        Table(
            ("stars", "ratings", "share"),
            [(str(s), number(c), share(c, n)) for s, c in enumerate(counts, start=1)],
        ),
    )


def _per(counts: NDArray[np.int64], whose: str, name: str, *, n_without: int = 0) -> Figure:
    """Draw a histogram of how many ratings readers or books have, in steps of a factor."""
    most = int(counts.max())
    edges = np.unique(np.geomspace(1, most + 1, 19).astype(np.int64))
    if len(edges) < 2:
        edges = np.array([1, most + 1])
    heights, edges = np.histogram(counts, edges)
    with drawing(name) as plot:
        plot.axes.stairs(heights, edges, fill=True, color=COLOURS[0])
        plot.axes.set_xscale("log")
        plot.axes.axvline(float(np.median(counts)), color=INK, linestyle="--", label="median")
        plot.axes.set_xlabel(f"ratings of a {whose}")
        plot.axes.set_ylabel(f"{whose}s")
        plot.axes.legend()
        thousands(plot.axes.xaxis)
        thousands(plot.axes.yaxis)
    quantiles = np.quantile(counts, (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1))
    by_size = np.sort(counts)[::-1]
    tenth = max(1, round(len(counts) / 10))
    without = f" {counted(n_without, whose)} without any." if n_without else ""
    return Figure(
        f"Ratings per {whose}",
        f"Half of the {counted(len(counts), whose)} with ratings have "
        f"{quantiles[3]:,.0f} or fewer, from {quantiles[0]:,.0f} to {quantiles[-1]:,.0f}; the "
        f"tenth with the most has {share(by_size[:tenth].sum(), counts.sum())} of all "
        f"ratings.{without}",
        plot.svg,
        f"A histogram on a logarithmic axis: how many {whose}s have how many ratings; a dashed "
        "line marks the median.",
        Table(
            (f"part of the {whose}s", "have at most so many ratings"),
            [
                (text, number(value))
                for text, value in zip(
                    ("least", "5 %", "25 %", "50 %", "75 %", "95 %", "most"),
                    quantiles,
                    strict=True,
                )
            ],
        ),
    )


def _long_tail(of_books: NDArray[np.int64]) -> Figure:
    by_size = np.sort(of_books)[::-1]
    reached = np.cumsum(by_size) / by_size.sum()
    part = np.arange(1, len(by_size) + 1) / len(by_size)
    gini = float(2 * np.trapezoid(np.append(0, reached), np.append(0, part)) - 1)
    half = int(np.searchsorted(reached, 0.5)) + 1
    # 200 points draw the same line as 10,000.
    shown = np.unique(np.linspace(0, len(part) - 1, 200).astype(int))
    with drawing("long-tail") as plot:
        plot.axes.plot(np.append(0, part[shown]), np.append(0, reached[shown]), color=COLOURS[0])
        plot.axes.plot((0, 1), (0, 1), color=COLOURS[7], linestyle=":", label="all books alike")
        plot.axes.set_xlabel("books, the most rated first")
        plot.axes.set_ylabel("their part of all ratings")
        plot.axes.legend()
        percent(plot.axes.xaxis)
        percent(plot.axes.yaxis)
    parts = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
    rows = []
    for wanted in parts:
        n = max(1, round(wanted * len(by_size)))
        rows.append((f"{wanted:.0%}", number(n), f"{reached[n - 1]:.1%}"))
    return Figure(
        "The long tail",
        f"The most rated tenth of the books has {rows[2][2]} of the ratings; half of all ratings "
        f"are of {counted(half, 'book')} of {number(len(by_size))} (Gini coefficient {gini:.2f}: "
        "0 when all have as many, 1 when one has them all).",
        plot.svg,
        "A curve: which part of all ratings the most rated books have together, beside the "
        "straight line of books that all have as many.",
        Table(("the most rated", "books", "have of all ratings"), rows),
    )


def _low_by_popularity(of_books: NDArray[np.int64], low: NDArray[np.int64]) -> Figure:
    rated = np.flatnonzero(of_books)
    groups = np.array_split(
        rated[np.argsort(of_books[rated], kind="stable")], min(_GROUPS, len(rated))
    )
    shares = [low[group].sum() / of_books[group].sum() for group in groups]
    names = [f"{of_books[g].min():,} to {of_books[g].max():,}" for g in groups]
    with drawing("low-by-popularity", height=3.8) as plot:
        texts = [f"{value:.1%}" for value in shares]
        bars(plot.axes, names, shares, label="share of low ratings", texts=texts, colour=COLOURS[3])
        plot.axes.tick_params(axis="x", rotation=40)
        plot.axes.set_xlabel("ratings of a book, as many books in each group")
        percent(plot.axes.yaxis)
    return Figure(
        "Low ratings by popularity",
        f"{shares[0]:.1%} of the ratings of the least rated books have {LOW_STARS} stars or fewer, "
        f"and {shares[-1]:.1%} of those of the most rated; the most in any group are "
        f"{max(shares):.1%}, at {names[int(np.argmax(shares))]} ratings.",
        plot.svg,
        "A bar for each tenth of the books, the least rated first: the share of their ratings "
        f"that have {LOW_STARS} stars or fewer.",
        Table(
            ("ratings of a book", "books", "ratings", "low"),
            [
                (name, number(len(g)), number(of_books[g].sum()), f"{value:.1%}")
                for name, g, value in zip(names, groups, shares, strict=True)
            ],
        ),
    )


def _most_often_low(
    material: Material, of_books: NDArray[np.int64], low: NDArray[np.int64]
) -> Figure:
    least = min(_ENOUGH, int(of_books.max()))
    asked = np.flatnonzero(of_books >= least)
    shares = low[asked] / of_books[asked]
    worst = asked[np.argsort(-shares, kind="stable")[:_WORST]]
    ids = material.data.interactions.item_ids[worst].tolist()
    titles = material.titles(ids)
    names = [titles[pk] for pk in ids]
    values = (low[worst] / of_books[worst]).tolist()
    with drawing("most-often-low", height=3.8) as plot:
        lying_bars(
            plot.axes,
            names,
            values,
            label="share of low ratings",
            texts=[f"{value:.0%}" for value in values],
        )
        percent(plot.axes.xaxis)
    return Figure(
        "Books that are most often rated low",
        f"Of the {counted(len(asked), 'book')} with {number(least)} ratings or more, "
        f"“{names[0]}” has the largest share of {LOW_STARS} stars or fewer: {values[0]:.1%}; "
        f"over all of them it is {share(low[asked].sum(), of_books[asked].sum())}.",
        plot.svg,
        f"A bar for each of {counted(len(worst), 'book')}: the share of their ratings that have "
        f"{LOW_STARS} stars or fewer.",
        Table(
            ("book", "ratings", "low"),
            [
                (name, number(of_books[item]), f"{value:.1%}")
                for name, item, value in zip(names, worst, values, strict=True)
            ],
        ),
    )
