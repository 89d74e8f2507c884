"""What a report consists of: sections of plots, each with a sentence and the same as a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """The numbers of a plot for who cannot see it, or wants them."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """One plot.

    `sentence` says what is seen, with numbers computed from the data; `alt` what is drawn how.
    """

    title: str
    sentence: str
    # An SVG element without a prologue; "": the table is all there is.
    svg: str
    alt: str
    table: Table


@dataclass
class Section:
    """A topic; what there is too little data for is said in `missing`, one sentence each."""

    slug: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def number(value: float) -> str:
    """Write a whole number with separators: 5,976,479."""
    return f"{value:,.0f}"


def share(part: float, whole: float) -> str:
    """Write a part of a whole in percent; "-" of nothing."""
    return f"{part / whole:.1%}" if whole else "-"


def counted(value: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: 1 book, 2,000 books."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def listed(words: Iterable[str]) -> str:
    """Join words: a, b and c."""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last
