"""How a book is shown: covers, years, languages, stars."""

from typing import Any

from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from catalog.genre_names import genre_name as name_of_genre
from catalog.language_names import language_name as name_of_language
from catalog.models import Book

register = template.Library()


@register.inclusion_tag("parts/cover.html")
def cover(book: Book, size: str = "card", lazy: bool = True) -> dict[str, Any]:
    """Show the book's cover: the drawn one, and over it the photograph where there is one.

    A photograph that does not arrive leaves the drawn cover in sight, without any script.
    """
    return {
        "book": book,
        "drawn_url": reverse("placeholder_cover", args=[book.pk]),
        "photo_url": photo_url(book),
        "size": size,
        "lazy": lazy,
    }


def photo_url(book: Book) -> str:
    """Return the address of the cover's picture, "" when there is none that may be shown.

    A curator's upload comes before the data set's, and from this site.
    """
    if book.cover:
        return reverse("uploaded_cover", args=[book.pk, book.cover.rpartition("/")[2]])
    allowed = settings.COVERS_ENABLED and any(
        book.cover_url.startswith(f"{host.rstrip('/')}/") for host in settings.COVER_HOSTS
    )
    return book.cover_url if allowed and "/nophoto/" not in book.cover_url else ""


@register.filter
def year(value: int | None) -> str:
    """Show a year of publication: 1954, or 380 BCE for -380."""
    if value is None:
        return ""
    return _("%(year)d BCE") % {"year": -value} if value < 0 else str(value)


@register.filter
def genre_name(name: str) -> str:
    return name_of_genre(name)


@register.filter
def percent(share: float) -> int:
    """Return a part of one in whole hundredths."""
    return round(100 * share)


@register.filter
def language_name(code: str) -> str:
    return name_of_language(code)


@register.filter
def star_choices(given: int | None) -> list[dict[str, Any]]:
    """Return the five stars, each with whether it is lit."""
    return [{"value": value, "lit": given is not None and value <= given} for value in range(1, 6)]


@register.inclusion_tag("parts/histogram.html")
def histogram(counts: list[int], heading: str, note: str = "") -> dict[str, Any]:
    """Show how many gave five stars, four, … one; counts come for 1..5 stars."""
    total = sum(counts)
    mean = sum(stars * n for stars, n in enumerate(counts, start=1)) / total if total else None
    rows = [
        {"stars": stars, "count": n, "percent": 100 * n / total if total else 0.0}
        for stars, n in enumerate(counts, start=1)
    ]
    return {
        "rows": rows[::-1],
        "total": total,
        "mean": mean,
        "heading": heading,
        "note": note,
    }
