"""Links to the pages of a list, and to the page in another language."""

from typing import Any

from django import template
from django.conf import settings
from django.core.paginator import Page

register = template.Library()


@register.inclusion_tag("parts/pages.html", takes_context=True)
def pages(context: dict[str, Any], page: Page) -> dict[str, Any]:
    """Link the first and last page and those around this one; the other parameters stay."""
    return {
        "request": context["request"],
        "page": page,
        "page_numbers": list(page.paginator.get_elided_page_range(page.number, on_each_side=2)),
    }


@register.simple_tag(takes_context=True)
def without(context: dict[str, Any], param: str) -> str:
    """Return the page's own query without one parameter, from its first page on."""
    query = context["request"].GET.copy()
    for name in (param, "page"):
        query.pop(name, None)
    return f"?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def with_value(context: dict[str, Any], param: str, value: str) -> str:
    """Return the page's own query with a parameter set, from its first page on."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    query[param] = value
    return f"?{query.urlencode()}"


@register.simple_tag
def site_languages() -> list[tuple[str, str]]:
    """Return code and name of each language, in words of its own."""
    return settings.LANGUAGES
