"""What a reader's stars say of their taste."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.requests import ReaderRequest
from catalog.models import Book
from catalog.selectors import load_cards, visible_books
from ratings.taste import (
    LEAST_RATINGS,
    RatedBook,
    by_decade,
    by_language,
    contrary,
    favourite_authors,
    favourite_genres,
    rated_books,
    star_shares,
    strictness,
)

GENRES_SHOWN = 10
AUTHORS_SHOWN = 10
LANGUAGES_SHOWN = 6
CONTRARY_SHOWN = 4
# A genre stands out from half as much again as others read, on at least this many liked books.
STANDS_OUT = 1.5
LEAST_WEIGHT = 3.0


@dataclass(frozen=True)
class ContraryBook:
    book: Book
    stars: int
    average: float


@require_safe
@never_cache
@login_required
def taste(request: ReaderRequest) -> HttpResponse:
    rated = rated_books(request.user)
    n_missing = max(0, LEAST_RATINGS - len(rated))
    if n_missing:
        return render(request, "mine/taste.html", {"n_missing": n_missing})
    genres = favourite_genres(request.user)
    outstanding = max(
        (genre for genre in genres if genre.weight >= LEAST_WEIGHT),
        key=lambda genre: genre.lift,
        default=None,
    )
    decades, languages = by_decade(rated), by_language(rated)
    shares = star_shares(rated)
    above, below = contrary(rated, CONTRARY_SHOWN)
    books = _books([*above, *below])
    own_mean = sum(book.stars for book in rated) / len(rated)
    shown = [genre for genre in genres if genre.weight > 0][:GENRES_SHOWN]
    context = {
        "n_ratings": len(rated),
        "own_mean": own_mean,
        "strictness": strictness(rated),
        "shares": shares[::-1],
        "highest_share": max(max(share.own, share.others) for share in shares),
        "genres": shown,
        "highest_genre": max((max(genre.share, genre.others) for genre in shown), default=1),
        "outstanding": outstanding if outstanding and outstanding.lift >= STANDS_OUT else None,
        "authors": favourite_authors(request.user, own_mean)[:AUTHORS_SHOWN],
        "decades": decades,
        "most_of_decade": max((group.n_books for group in decades), default=1),
        "languages": languages[:LANGUAGES_SHOWN],
        "above": _shown(above, books),
        "below": _shown(below, books),
    }
    return render(request, "mine/taste.html", context)


def _books(rated: list[RatedBook]) -> dict[int, Book]:
    books = list(visible_books().filter(pk__in=[row.book_id for row in rated]))
    load_cards(books, with_series=False)
    return {book.pk: book for book in books}


def _shown(rated: list[RatedBook], books: dict[int, Book]) -> list[ContraryBook]:
    return [
        ContraryBook(books[row.book_id], row.stars, row.average)
        for row in rated
        if row.book_id in books and row.average is not None
    ]
