"""Curves as SVG for the admin: lengths and colours are attributes and classes, none a style."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDTH: Final = 640
_HEIGHT: Final = 240
# Around the plot, for the numbers: left, top, right, bottom.
_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 12, 12, 32
_N_TICKS: Final = 4


@dataclass(frozen=True)
class Curve:
    """Points from left to right, two at least to be a line; shown with its name."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def curves_chart(title: str, curves: Sequence[Curve], *, x_name: str) -> SafeString:
    """Draw curves over one another, with their numbers for who cannot see them in a title each.

    "" without a point.
    """
    curves = [curve for curve in curves if curve.x]
    if not curves:
        return SafeString("")
    xs = [value for curve in curves for value in curve.x]
    ys = [value for curve in curves for value in curve.y]
    x_low, x_high = _widened(min(xs), max(xs))
    y_low, y_high = _widened(min(ys), max(ys))

    def across(x: float) -> str:
        return f"{_LEFT + (x - x_low) / (x_high - x_low) * (_WIDTH - _LEFT - _RIGHT):.1f}"

    def up(y: float) -> str:
        return (
            f"{_HEIGHT - _BOTTOM - (y - y_low) / (y_high - y_low) * (_HEIGHT - _TOP - _BOTTOM):.1f}"
        )

    ticks = [y_low + (y_high - y_low) * place / _N_TICKS for place in range(_N_TICKS + 1)]
    grid = format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (_LEFT, _WIDTH - _RIGHT, up(y), up(y), _LEFT - 6, float(up(y)) + 4, f"{y:.3f}")
            for y in ticks
        ),
    )
    lines = format_html_join(
        "",
        '<g class="curve-{}"><title>{}</title><polyline points="{}"/>{}</g>',
        (
            (
                place,
                _spoken(curve),
                " ".join(f"{across(x)},{up(y)}" for x, y in zip(curve.x, curve.y, strict=True)),
                format_html_join(
                    "",
                    '<circle cx="{}" cy="{}" r="3"/>',
                    ((across(x), up(y)) for x, y in zip(curve.x, curve.y, strict=True)),
                ),
            )
            for place, curve in enumerate(curves)
        ),
    )
    numbers = format_html_join(
        "",
        '<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>',
        ((across(x), _HEIGHT - 14, f"{x:g}") for x in sorted({x_low, x_high, *curves[0].x[:1]})),
    )
    legend = format_html_join(
        "",
        '<li class="curve-{}">{}</li>',
        ((place, curve.name) for place, curve in enumerate(curves)),
    )
    return format_html(
        '<figure class="curves"><figcaption>{}</figcaption>'
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}'
        '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text></svg>'
        "<ul>{}</ul></figure>",
        title,
        _WIDTH,
        _HEIGHT,
        f"{title}: {'; '.join(map(_spoken, curves))}",
        grid,
        lines,
        numbers,
        _WIDTH - _RIGHT,
        _HEIGHT - 2,
        x_name,
        legend,
    )


def _widened(low: float, high: float) -> tuple[float, float]:
    """Return a range that is not empty; of one value, from nothing to twice as much."""
    if high > low:
        return low, high
    return (min(2 * low, 0), max(2 * low, 0)) if low else (0, 1)


def _spoken(curve: Curve) -> str:
    points = zip(curve.x, curve.y, strict=True)
    return f"{curve.name}: " + ", ".join(f"{x:g} {y:.4f}" for x, y in points)
