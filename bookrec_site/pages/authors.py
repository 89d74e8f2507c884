"""Authors and series: the page of each, and all of them from A to Z."""

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.models import User
from catalog.alphabet import Letter, Wanted, authors_index, read_wanted, series_index
from catalog.browsing import books_matching
from catalog.filters import SORT_NAMES, SORTS, Filters
from catalog.models import Author, Series
from catalog.pagination import CountedPaginator
from catalog.selectors import load_cards, series_of_author, volumes_of
from ratings.guest import guest_opinions
from ratings.marks import marked_for
from ratings.opinions import opinions_of
from ratings.series_marks import marked_volumes

BOOKS_PER_PAGE = 24
NAMES_PER_PAGE = 90


@require_safe
def author(request: HttpRequest, author_id: int) -> HttpResponse:
    shown: Author = get_object_or_404(Author, pk=author_id)
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORTS else "popular"
    books = books_matching(Filters(author=shown, sort=sort))
    page = Paginator(books, BOOKS_PER_PAGE).get_page(request.GET.get("page"))
    if not page.paginator.count:
        raise Http404("No book of this author is shown.")
    listed = list(page.object_list)
    load_cards(listed, with_series=False)
    return render(
        request,
        "books/author.html",
        {
            "author": shown,
            "page": page,
            "books": marked_for(request, listed),
            "series": series_of_author(shown),
            "sort": sort,
            "sorts": [(key, str(SORT_NAMES[key])) for key in SORTS],
        },
    )


@require_safe
def series(request: HttpRequest, series_id: int) -> HttpResponse:
    shown: Series = get_object_or_404(Series, pk=series_id)
    volumes = volumes_of(shown)
    if not volumes:
        raise Http404("No book of this series is shown.")
    load_cards([volume.book for volume in volumes], with_series=False)
    reader = request.user if isinstance(request.user, User) else None
    opinions = opinions_of(reader) if reader else guest_opinions(request.session)
    return render(
        request,
        "books/series.html",
        {"series": shown, "volumes": marked_volumes(volumes, opinions)},
    )


@require_safe
def authors(request: HttpRequest) -> HttpResponse:
    wanted = read_wanted(request.GET)
    rows, letters = authors_index(wanted)
    return render(request, "books/authors.html", _index_page(request, wanted, rows, letters))


@require_safe
def all_series(request: HttpRequest) -> HttpResponse:
    wanted = read_wanted(request.GET)
    rows, letters = series_index(wanted)
    return render(request, "books/all_series.html", _index_page(request, wanted, rows, letters))


def _index_page(
    request: HttpRequest, wanted: Wanted, rows: QuerySet[Any], letters: Sequence[Letter]
) -> dict[str, object]:
    n_rows = sum(row.n_names for row in letters if wanted.letter in ("", row.key))
    page = CountedPaginator(rows, NAMES_PER_PAGE, n_rows).get_page(request.GET.get("page"))
    return {"wanted": wanted, "letters": letters, "page": page, "names": list(page.object_list)}
