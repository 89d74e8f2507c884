"""Small drawings of numbers: every length is an attribute, none a style."""

from django import template
from django.utils.formats import localize
from django.utils.html import format_html
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
