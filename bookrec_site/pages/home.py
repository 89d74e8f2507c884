"""The home page: what the site does, for guests; where to go on, for readers."""

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

from accounts.models import User
from bookrec_site.pages.asking import RATINGS_FOR_A_GOOD_LIST, target_of
from bookrec_site.pages.onboarding import DONE_KEY
from catalog.latest import most_read_books, newest_books
from catalog.models import Book, Genre
from catalog.selectors import load_cards, visible_books
from ratings.guest import stars_in_session
from ratings.latest import latest_of
from ratings.marks import MarkedBook, marked_for
from ratings.opinions import Opinions, opinions_of
from ratings.trending import trending_book_ids
from recommender.home_rows import home_rows
from recommender.serving import popular_books

LOVED_BOOKS = 16
BOOKS_A_STRIP = 8
# Fewer than these are no trend; the most read books are shown instead, and said to be that.
MIN_TRENDING = 4


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what the site does to guests, ten to read and what goes on to readers.

    A reader with fewer than five ratings is asked for some first, once a visit.
    """
    if not isinstance(request.user, User):
        return _guest_home(request)
    user = request.user
    opinions = opinions_of(user)
    asks = len(opinions.stars) < RATINGS_FOR_A_GOOD_LIST and user.wants_recommendations
    if asks and not request.session.get(DONE_KEY):
        response: HttpResponse = redirect("welcome")
    else:
        rows = home_rows(opinions, latest_of(user), recommends=user.wants_recommendations)
        response = render(
            request,
            "home_reader.html",
            {
                "rows": rows,
                "top": [(item, _mark(item.book, opinions)) for item in rows.top],
                "next_volumes": [(item, _mark(item.book, opinions)) for item in rows.next_volumes],
                "because": [
                    (row.loved, [_mark(book, opinions) for book in row.books])
                    for row in rows.because
                ],
                "to_read": [_mark(book, opinions) for book in rows.to_read],
                "reading": [_mark(book, opinions) for book in rows.reading],
                "n_ratings": len(opinions.stars),
                "n_missing": max(0, RATINGS_FOR_A_GOOD_LIST - len(opinions.stars)),
                "wants_recommendations": user.wants_recommendations,
            },
        )
    add_never_cache_headers(response)
    return response


def _mark(book: Book, opinions: Opinions) -> MarkedBook:
    return MarkedBook(book, opinions.stars.get(book.pk), book.pk in opinions.to_read)


def _guest_home(request: HttpRequest) -> HttpResponse:
    genres = list(Genre.objects.order_by("name"))
    slug = request.GET.get("genre", "")
    genre = next((genre for genre in genres if genre.slug == slug), None)
    if slug and genre is None:
        raise Http404("There is no such genre.")
    context: dict[str, Any] = {"genres": genres, "genre": genre}
    loved = popular_books(k=LOVED_BOOKS)
    context |= _by_genre(request, genre, loved)
    if target_of(request) == "by-genre":
        return render(request, "home/_by_genre.html", context)
    return render(
        request,
        "home_guest.html",
        context
        | {"books": marked_for(request, loved), "n_tried": len(stars_in_session(request.session))},
    )


def _others(books: Sequence[Book], shown: Sequence[Book]) -> list[Book]:
    return [book for book in books if book not in shown][:BOOKS_A_STRIP]


def _by_genre(request: HttpRequest, genre: Genre | None, shown: Sequence[Book]) -> dict[str, Any]:
    """Return what is new and what is read now, of one genre or of all."""
    slug = genre.slug if genre else ""
    # Twice as many as are shown: no book stands on the page twice.
    new = _others(newest_books(2 * BOOKS_A_STRIP, genre=slug), shown)
    trending_ids = trending_book_ids(2 * BOOKS_A_STRIP, genre=slug)
    is_trend = len(trending_ids) >= MIN_TRENDING
    if is_trend:
        found = visible_books().in_bulk(trending_ids)
        read = [found[book] for book in trending_ids if book in found]
    else:
        read = most_read_books(2 * LOVED_BOOKS + BOOKS_A_STRIP, genre=slug)
    read = _others(read, [*shown, *new])
    load_cards([*new, *read], with_series=False)
    return {
        "new": marked_for(request, new),
        "read": marked_for(request, read),
        "is_trend": is_trend,
    }
