"""Browse the catalogue; the page of one book."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from bookrec_site.pages.search import offers
from catalog.filters import read_filters
from catalog.models import Book, Genre
from catalog.selectors import (
    books_matching,
    genre_counts,
    load_cards,
    series_of,
    visible_books,
    with_genres,
)
from ratings.marks import marked
from ratings.selectors import site_histogram
from recommender.serving import similar_books

BOOKS_PER_PAGE = 24


@require_safe
def browse(request: HttpRequest) -> HttpResponse:
    filters = read_filters(request.GET)
    counts = genre_counts(filters)
    genre = next((row.genre for row in counts if row.genre.slug == filters.genre_slug), None)
    if filters.genre_slug and genre is None:
        # Either nothing of this genre meets the other filters, or there is no such genre.
        genre = get_object_or_404(Genre, slug=filters.genre_slug)
    page = Paginator(books_matching(filters), BOOKS_PER_PAGE).get_page(request.GET.get("page"))
    books = list(page.object_list)
    load_cards(books)
    return render(
        request,
        "books/browse.html",
        {
            "filters": filters,
            "page": page,
            "books": marked(request.user, books),
            "genre": genre,
            "genres": counts,
            "near": offers(filters.found.suggestions) if filters.query else [],
        },
    )


@require_safe
def book(request: HttpRequest, book_id: int) -> HttpResponse:
    shown: Book = get_object_or_404(with_genres(visible_books()), pk=book_id)
    similar = similar_books(shown, k=8)
    load_cards([shown], with_series=False)
    load_cards(similar, with_series=False)
    mine, *similar_marked = marked(request.user, [shown, *similar])
    return render(
        request,
        "books/book.html",
        {
            "mine": mine,
            "book": shown,
            "series": series_of(shown),
            "goodreads_histogram": [
                shown.stars_1,
                shown.stars_2,
                shown.stars_3,
                shown.stars_4,
                shown.stars_5,
            ],
            "site_histogram": site_histogram(shown),
            "similar": similar_marked,
        },
    )
