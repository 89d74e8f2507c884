"""The whole report: one HTML file that needs nothing from elsewhere."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from django.template.loader import render_to_string
from django.utils import timezone

from catalog.models import Source
from reports.contents import Section, counted
from reports.material import Material, gather
from reports.sections.embeddings import embeddings_section
from reports.sections.ratings import ratings_section
from reports.sections.readers import books_section, growth_section, shelves_section
from reports.sections.stars import stars_section
from reports.sections.training import training_section

logger = logging.getLogger(__name__)

OnSection = Callable[[str, float], None]
"""Called with a section's title and the seconds that it took."""

_SECTIONS: Final = (
    ratings_section,
    books_section,
    shelves_section,
    growth_section,
    training_section,
    stars_section,
    embeddings_section,
)


@dataclass(frozen=True)
class Document:
    """A finished report."""

    html: str
    seconds: float
    n_figures: int


def make_document(chosen: Iterable[int] = (), *, on_section: OnSection | None = None) -> Document:
    """Make the report of the live data; `chosen` are books whose neighbours are asked for."""
    started = time.perf_counter()
    material = gather(chosen)
    if on_section:
        on_section("Reading", time.perf_counter() - started)
    sections: list[Section] = []
    for make in _SECTIONS:
        begun = time.perf_counter()
        sections.append(make(material))
        if on_section:
            on_section(sections[-1].title, time.perf_counter() - begun)
    html = render_to_string(
        "admin/reports/document.html",
        {
            "sections": sections,
            "made_at": timezone.now(),
            "about": _about(material),
            "run": material.run,
        },
    )
    seconds = time.perf_counter() - started
    n_figures = sum(len(section.figures) for section in sections)
    logger.info("a report of %d figures made in %.1f s", n_figures, seconds)
    return Document(html, seconds, n_figures)


def _about(material: Material) -> str:
    data = material.data.description
    source = dict(Source.choices).get(material.source or "", "typed in or added by hand")
    shelved = counted(data["n_shelved"], "to-read entry", "to-read entries")
    return (
        f"{counted(data['n_ratings'], 'rating')} and {shelved} of "
        f"{counted(data['n_readers'], 'reader')} for {counted(data['n_books'], 'book')}. "
        f"Catalogue: {source}."
    )
