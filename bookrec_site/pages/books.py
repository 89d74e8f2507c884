"""Browse the catalogue, with filters that can be combined."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bookrec_site.pages.search import offers
from catalog.browsing import Choice, Facets, books_matching, facets
from catalog.filters import Filters, read_filters
from catalog.genre_names import genre_name
from catalog.language_names import language_name
from catalog.models import Genre
from catalog.pagination import CountedPaginator
from catalog.selectors import load_cards
from ratings.marks import marked_for

BOOKS_PER_PAGE = 24


@dataclass(frozen=True)
class Chip:
    """A filter that is on, and the parameter of the address that it is taken off by."""

    param: str
    name: str


@require_safe
def browse(request: HttpRequest) -> HttpResponse:
    filters = read_filters(request.GET)
    found = facets(filters)
    genre = _genre_of(filters, found)
    page = CountedPaginator(books_matching(filters), BOOKS_PER_PAGE, found.n_books).get_page(
        request.GET.get("page")
    )
    books = list(page.object_list)
    load_cards(books, with_series=False)
    return render(
        request,
        "books/browse.html",
        {
            "filters": filters,
            "page": page,
            "books": marked_for(request, books),
            "genre": genre,
            "facets": found,
            "chips": _chips(filters, genre),
            "near": offers(filters.found.suggestions) if filters.query else [],
        },
    )


def _genre_of(filters: Filters, found: Facets) -> Choice | None:
    if not filters.genre_slug:
        return None
    for choice in found.genres:
        if choice.key == filters.genre_slug:
            return choice
    # Either nothing of this genre meets the other filters, or there is no such genre.
    genre: Genre = get_object_or_404(Genre, slug=filters.genre_slug)
    return Choice(genre.slug, genre_name(genre.name), 0)


def _chips(filters: Filters, genre: Choice | None) -> list[Chip]:
    """Return the filters that are on; what was searched for stands in the search box."""
    chips = []
    if genre:
        chips.append(Chip("genre", genre.name))
    if filters.tag:
        chips.append(Chip("tag", filters.tag.label))
    if filters.author:
        chips.append(Chip("author", filters.author.name))
    if filters.series:
        chips.append(Chip("series", filters.series.name))
    if filters.period:
        chips.append(Chip("decade", filters.period.name))
    if filters.language:
        chips.append(Chip("language", language_name(filters.language) or _("Not stated")))
    return chips
