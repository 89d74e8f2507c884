"""Plots as SVG that takes its colours from the page, so that one file is right by day and night.

Only workers and commands draw: matplotlib is never imported by the web process.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, PercentFormatter

# Drawn in colours that nobody would choose, which the page's own then take the place of.
_PAGE_COLOURS: Final = {
    "#0a0a01": "var(--ink)",
    "#0a0a02": "var(--muted)",
    "#0a0a03": "var(--line)",
}
INK, MUTED, LINE = _PAGE_COLOURS
# At least 3:1 on the white of the day and on the near-black of the night.
COLOURS: Final = (
    "#3b82c4",
    "#cf7420",
    "#3a9553",
    "#c9534f",
    "#8d67c7",
    "#94744f",
    "#c45c9e",
    "#6f8291",
    "#96851c",
    "#1f9297",
)
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "bookrec",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "savefig.dpi": 110,  # of what is drawn as points, thousands of them
}
_ID: Final = re.compile(r'\sid="([^"]*)"')
_USED: Final = re.compile(r'(?:url\(#|href="#)([^)"]+)')


class Drawing:
    """A plot being drawn, and its SVG once the block has ended."""

    def __init__(self, name: str, width: float, height: float, columns: int) -> None:
        self._name = name
        self._canvas = Canvas(figsize=(width, height), layout="constrained")
        self.all_axes: list[Axes] = list(self._canvas.subplots(1, columns, squeeze=False)[0])
        self.svg = ""

    @property
    def axes(self) -> Axes:
        """The only or the first part."""
        return self.all_axes[0]

    def finish(self) -> None:
        """Write the SVG."""
        file = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        self._canvas.savefig(file, format="svg", metadata=nothing)
        self.svg = _embeddable(file.getvalue(), self._name)


@contextmanager
def drawing(
    name: str, *, width: float = 7.2, height: float = 3.4, columns: int = 1
) -> Iterator[Drawing]:
    """Draw a plot of so many parts side by side; `name` is unique on its page."""
    with rc_context(_STYLE):
        plot = Drawing(name, width, height, columns)
        yield plot
        plot.finish()


def _embeddable(document: str, name: str) -> str:
    """Return the element alone, in the page's colours, with ids that no other plot has."""
    svg = document[document.index("<svg") :]
    for drawn, meant in _PAGE_COLOURS.items():
        svg = svg.replace(drawn, meant)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(_USED.findall(svg))
    svg = _ID.sub(lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg)
    svg = _USED.sub(lambda found: found[0].replace(found[1], f"{name}-{found[1]}"), svg)
    # As wide as the page has room for; read out by the figure around it.
    svg = re.sub(r'^<svg [^>]*?viewBox="([^"]+)"[^>]*>', _OPENING, svg, count=1)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*sans-serif", "sans-serif", svg)
    return svg.strip()


_OPENING: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    r'viewBox="\1" aria-hidden="true" focusable="false">'
)


def bars(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[float],
    *,
    label: str,
    colour: str = COLOURS[0],
    texts: Sequence[str] | None = None,
) -> None:
    """Draw bars that stand, one for each name, with a text at each."""
    drawn = axes.bar(range(len(names)), values, color=colour, width=0.75)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel(label)
    axes.grid(visible=False, axis="x")
    if texts is not None:
        axes.bar_label(drawn, texts, padding=2, fontsize=9)
        axes.margins(y=0.12)


def lying_bars(
    axes: Axes, names: Sequence[str], values: Sequence[float], *, label: str, texts: Sequence[str]
) -> None:
    """Draw bars that lie, the first on top, with a text at each."""
    drawn = axes.barh(range(len(names)), values, color=COLOURS[0], height=0.7)
    axes.set_yticks(range(len(names)), [_short(name) for name in names])
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.grid(visible=False, axis="y")
    axes.bar_label(drawn, texts, padding=3, fontsize=9)
    axes.margins(x=0.15)


def _short(name: str) -> str:
    # A dollar sign would begin a formula.
    name = name.replace("$", r"\$")
    return name if len(name) <= 42 else f"{name[:41]}…"


def thousands(axis: Any) -> None:
    """Write the numbers of an axis with separators."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def percent(axis: Any) -> None:
    """Write the numbers of an axis, parts of 1, in percent."""
    axis.set_major_formatter(PercentFormatter(1.0, decimals=None))
