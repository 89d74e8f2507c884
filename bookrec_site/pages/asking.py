"""Asking what somebody has read: the part that onboarding and the try-out have in common."""

import re
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django_htmx.middleware import HtmxDetails

from catalog.models import Book
from catalog.search import search_books
from catalog.selectors import load_cards
from ratings.marks import MarkedBook
from ratings.opinions import Opinions
from recommender.book_sources import BookRows
from recommender.feedback.page import list_for
from recommender.models import Surface
from recommender.serving import recommendations_from
from recommender.tastes import telling_books

BOOKS_ASKED = 24
# After so many books, nothing that everybody knows is left.
MAX_ASKED = 5 * BOOKS_ASKED
BOOKS_FOUND = 6
MAX_QUERY_LENGTH = 200
LIST_LENGTH = 10
# From here on a list says more about the reader than about everybody.
RATINGS_FOR_A_GOOD_LIST = 5

_IDS = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})*")


def asking_page(
    request: HttpRequest, opinions: Opinions, *, page: str, template: str
) -> HttpResponse:
    """Show books to rate beside the list that they lead to, or the part that htmx asked for.

    `page` names the page's address; that of the list alone is `<page>_list`. What a search found
    stands in the place of the books, but for htmx, which shows it above them.
    """
    query = " ".join(request.GET.get("q", "").replace("\0", " ").split())[:MAX_QUERY_LENGTH]
    context = {
        "page_url": reverse(page),
        "list_url": reverse(f"{page}_list"),
        "query": query,
    }
    target = target_of(request)
    if target == "found":
        return render(request, "onboarding/_found.html", context | _found(query, opinions))
    if query and target != "asking":
        context |= {"seen": _joined(_seen(request.GET))} | _found(query, opinions)
    else:
        context |= _asked(request, opinions)
    if target == "asking":
        return render(request, "onboarding/_asking.html", context)
    return render(request, template, context | list_context(request, opinions))


def list_part(request: HttpRequest, opinions: Opinions, *, page: str) -> HttpResponse:
    """Answer the list alone, as it is after the last star."""
    context = {"page_url": reverse(page)} | list_context(request, opinions)
    return render(request, "onboarding/_list.html", context | {"is_part": True})


def list_context(request: HttpRequest, opinions: Opinions) -> dict[str, Any]:
    """Return what shows how far somebody is, and the ten books for them."""
    n_ratings = len(opinions.stars)
    wants = getattr(request.user, "wants_recommendations", True)
    found = (
        recommendations_from(
            opinions, LIST_LENGTH, with_predicted_stars=True, source=BookRows(with_series=False)
        )
        if wants
        else None
    )
    surface = Surface.WELCOME if request.user.is_authenticated else Surface.TRY_OUT
    return {
        "found": found,
        "list_id": (
            list_for(request, surface, found.basis, found.run_id, found.book_ids, LIST_LENGTH)
            if found
            else ""
        ),
        "wants_recommendations": wants,
        "n_ratings": n_ratings,
        "n_missing": max(0, RATINGS_FOR_A_GOOD_LIST - n_ratings),
        "steps": [step < n_ratings for step in range(RATINGS_FOR_A_GOOD_LIST)],
    }


def target_of(request: HttpRequest) -> str:
    """Return the id of the element that htmx wants filled, "" when a whole page is wanted."""
    htmx = HtmxDetails(request)
    return (htmx.target or "") if htmx and not htmx.history_restore_request else ""


def _asked(request: HttpRequest, opinions: Opinions) -> dict[str, Any]:
    """Return the books to rate: those after the ones that `seen` names, which stay the same.

    They do not depend on the stars given meanwhile, so that no card moves under the hand.
    """
    seen = _seen(request.GET)
    books = telling_books(BOOKS_ASKED, asked=seen) if len(seen) < MAX_ASKED else []
    shown = [*seen, *(book.pk for book in books)]
    more = bool(books) and len(shown) < MAX_ASKED
    return {
        "asked": _marked(books, opinions),
        "seen": _joined(seen),
        "seen_next": _joined(shown) if more else "",
        "is_first": not seen,
    }


def _found(query: str, opinions: Opinions) -> dict[str, Any]:
    books = list(search_books(query)[:BOOKS_FOUND]) if query else []
    load_cards(books, with_series=False)
    return {"found_books": _marked(books, opinions)}


def _marked(books: list[Book], opinions: Opinions) -> list[MarkedBook]:
    return [
        MarkedBook(book, opinions.stars.get(book.pk), book.pk in opinions.to_read) for book in books
    ]


def _seen(params: QueryDict) -> list[int]:
    """Read the ids of the books asked about before; what is no list of ids names none."""
    text = params.get("seen", "")
    if len(text) > MAX_ASKED * 19 or not _IDS.fullmatch(text):
        return []
    return [int(book) for book in text.split(".")][:MAX_ASKED]


def _joined(ids: list[int]) -> str:
    return ".".join(map(str, ids))
