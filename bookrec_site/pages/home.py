"""The home page: what the site does, for guests; where to go on, for readers."""

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

from accounts.models import User
from bookrec_site.pages.asking import RATINGS_FOR_A_GOOD_LIST, target_of
from bookrec_site.pages.editorial import books_of_strips, strips
from bookrec_site.pages.onboarding import DONE_KEY
from catalog.curation.lists import shown_lists
from catalog.latest import most_read_books, newest_books
from catalog.models import Book, Genre
from catalog.selectors import genres_by_name, load_cards, visible_books
from ratings.guest import stars_in_session
from ratings.latest import latest_of
from ratings.marks import MarkedBook, marked_for
from ratings.opinions import Opinions, opinions_of
from ratings.trending import trending_book_ids
from recommender.feedback.page import list_for
from recommender.home_rows import BECAUSE_BOOKS, TOP, BecauseRow, HomeRows, home_rows
from recommender.models import ListBasis, Surface
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
        lists = shown_lists(pinned=True)
        rows = home_rows(
            opinions,
            latest_of(user),
            recommends=user.wants_recommendations,
            beside=books_of_strips(lists),
        )
        chosen = strips(
            lists, lambda books: [_mark(book, opinions) for book in books], shown=rows.books
        )
        response = render(
            request,
            "home_reader.html",
            {
                "rows": rows,
                "lists": chosen,
                "top": [(item, _mark(item.book, opinions)) for item in rows.top],
                "next_volumes": [(item, _mark(item.book, opinions)) for item in rows.next_volumes],
                "top_list": _top_list(request, rows),
                "because": [
                    (
                        row.loved,
                        [_mark(book, opinions) for book in row.books],
                        _because_list(request, rows, row),
                    )
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


def _top_list(request: HttpRequest, rows: HomeRows) -> str:
    if not getattr(request.user, "wants_recommendations", True):
        return ""
    basis = ListBasis.RATINGS if rows.is_personal else ListBasis.POPULAR
    books = [item.book.pk for item in rows.top]
    return list_for(request, Surface.HOME, basis, rows.run_id, books, TOP)


def _because_list(request: HttpRequest, rows: HomeRows, row: BecauseRow) -> str:
    books = [book.pk for book in row.books]
    return list_for(
        request, Surface.HOME_BECAUSE, ListBasis.BOOK, rows.run_id, books, BECAUSE_BOOKS
    )


def _guest_home(request: HttpRequest) -> HttpResponse:
    genres = genres_by_name()
    slug = request.GET.get("genre", "")
    genre = next((genre for genre in genres if genre.slug == slug), None)
    if slug and genre is None:
        raise Http404("There is no book of such a genre.")
    context: dict[str, Any] = {"genres": genres, "genre": genre}
    loved = popular_books(k=LOVED_BOOKS)
    is_part = target_of(request) == "by-genre"
    lists = [] if is_part else shown_lists(pinned=True)
    context |= _by_genre(request, genre, loved, beside=books_of_strips(lists))
    if is_part:
        return render(request, "home/_by_genre.html", context)
    shown = [mark.book for mark in (*context["new"], *context["read"])]
    return render(
        request,
        "home_guest.html",
        context
        | {
            "books": marked_for(request, loved),
            "loved_list": list_for(
                request,
                Surface.HOME_GUEST,
                ListBasis.POPULAR,
                loved.run_id,
                [book.pk for book in loved],
                LOVED_BOOKS,
            ),
            "lists": strips(
                lists, lambda books: marked_for(request, books), shown=[*loved, *shown]
            ),
            "n_tried": len(stars_in_session(request.session)),
        },
    )


def _others(books: Sequence[Book], shown: Sequence[Book]) -> list[Book]:
    return [book for book in books if book not in shown][:BOOKS_A_STRIP]


def _by_genre(
    request: HttpRequest, genre: Genre | None, shown: Sequence[Book], beside: Sequence[Book]
) -> dict[str, Any]:
    """Return what is new and what is read now, of one genre or of all.

    The cards of the books `beside` them are loaded along.
    """
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
    load_cards([*new, *read, *beside], with_series=False)
    return {
        "new": marked_for(request, new),
        "read": marked_for(request, read),
        "is_trend": is_trend,
    }
