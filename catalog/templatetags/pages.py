"""Links to the pages of a long list."""

from typing import Any

from django import template
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
