"""Small drawings of numbers: every length is an attribute, none a style."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()

_PAIR = (
    '<svg class="pair" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"'
    ' focusable="false"><rect class="loved" width="{}" height="5"/>'
    '<rect class="others" y="6" width="{}" height="4"/></svg>'
)
_SINGLE = (
    '<svg class="single" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"'
    ' focusable="false"><rect class="loved" width="{}" height="10"/></svg>'
)


@register.simple_tag
def pair(own: float, others: float, highest: float) -> SafeString:
    """Draw two bars, one above the other; the highest number fills the width."""
    return format_html(_PAIR, _width(own, highest), _width(others, highest))


@register.simple_tag
def single(value: float, highest: float) -> SafeString:
    """Draw one bar."""
    return format_html(_SINGLE, _width(value, highest))


@register.simple_tag
def percent(share: float) -> str:
    """Say a part of all, 0..1, in whole percent; a very small one is not nothing."""
    number = 100 * share
    if 0 < number < 0.5:
        return _("< 1 %%") % {}
    return _("%(number)s %%") % {"number": localize(round(number))}


def _width(value: float, highest: float) -> str:
    return f"{100 * min(1.0, max(0.0, value / highest)) if highest > 0 else 0.0:.2f}"


@register.simple_tag
def stars_by_month(rows: Sequence[Any]) -> SafeString:
    """Draw how many rated a book each month as bars, and their mean stars as a line over them."""
    most = max((row.n_ratings for row in rows), default=0) or 1
    step, height = 12, 100
    bars = format_html_join(
        "",
        '<rect class="bar" x="{}" y="{}" width="9" height="{}"/>',
        (
            (place * step, f"{height * (1 - row.n_ratings / most):.1f}", f"{bar:.1f}")
            for place, row in enumerate(rows)
            if (bar := height * row.n_ratings / most)
        ),
    )
    points = " ".join(
        f"{place * step + 4.5:g},{height * (1 - (row.mean - 1) / 4):.1f}"
        for place, row in enumerate(rows)
        if row.mean is not None
    )
    labels = format_html_join(
        "",
        '<text x="{}" y="112">{}</text>',
        ((place * step, f"{row.month:%Y-%m}") for place, row in enumerate(rows) if place % 6 == 0),
    )
    return format_html(
        '<svg viewBox="0 0 {} 116" role="img" aria-label="Ratings and mean stars by month">{}'
        '<polyline class="mean" points="{}"/>{}</svg>',
        max(1, len(rows)) * step,
        bars,
        points,
        labels,
    )
