"""What the search field offers while a reader types."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe
from rest_framework.request import Request

from accounts.throttling import SearchThrottle
from catalog.models import Author, Book, Series
from catalog.search import Found, Kind, Suggestion, find
from catalog.selectors import load_cards

if TYPE_CHECKING:
    from rest_framework.views import APIView

_N_BOOKS = 6
_N_AUTHORS = 3
_N_SERIES = 2
Row = TypeVar("Row")
# Long enough for going back a letter, and for nothing to be shown that has long been hidden.
_MAX_AGE_SECONDS = 30


@dataclass(frozen=True)
class Offer:
    """A suggestion as it is shown: where it leads, and the book when it is one."""

    text: str
    kind: Kind
    address: str
    book: Book | None = None


@require_safe
def suggest(request: HttpRequest) -> HttpResponse:
    """Answer the options of the search field's list for `q`; nothing for nothing."""
    throttle = SearchThrottle()
    # The throttles of this project look at the request alone.
    if not throttle.allow_request(Request(request), cast("APIView", suggest)):
        response = HttpResponse(status=429)
        response["Retry-After"] = str(int(throttle.wait() or 0) + 1)
        return response
    query = request.GET.get("q", "")
    found = find(query)
    context = _of_near_miss(found) if found.is_near_miss else _of_matches(found)
    response = render(request, "search/_suggestions.html", {"query": query.strip(), **context})
    response["Cache-Control"] = f"private, max-age={_MAX_AGE_SECONDS}"
    return response


def offers(suggestions: tuple[Suggestion, ...]) -> list[Offer]:
    """Return suggestions with their addresses and books; two queries at most."""
    wanted = [item.pk for item in suggestions if item.kind is Kind.BOOK]
    books = {book.pk: book for book in Book.objects.filter(pk__in=wanted, is_hidden=False)}
    load_cards(books.values(), with_series=False)
    return [
        Offer(item.text, item.kind, _address(item), books.get(item.pk))
        for item in suggestions
        if item.kind is not Kind.BOOK or item.pk in books
    ]


def _address(item: Suggestion) -> str:
    if item.kind is Kind.BOOK:
        return reverse("book", args=[item.pk])
    return f"{reverse('browse')}?{item.kind}={item.pk}"


def _of_near_miss(found: Found) -> dict[str, object]:
    near = offers(found.suggestions)
    if not near:
        return {"status": _("No suggestions.")}
    status = ngettext(
        "Nothing is spelt like that; {n} suggestion.",
        "Nothing is spelt like that; {n} suggestions.",
        len(near),
    ).format(n=len(near))
    return {"near": near, "status": status}


def _of_matches(found: Found) -> dict[str, object]:
    matches = found.matches
    books = list(found.best_first(found.books)[:_N_BOOKS])
    load_cards(books, with_series=False)
    authors = _in_order(Author.objects.in_bulk(matches.authors[:_N_AUTHORS]), matches.authors)
    series = _in_order(Series.objects.in_bulk(matches.series[:_N_SERIES]), matches.series)
    n = len(books) + len(authors) + len(series)
    if n:
        status = ngettext("{n} suggestion.", "{n} suggestions.", n).format(n=n)
    else:
        status = _("No suggestions.") if found.query.strip() else ""
    return {
        "books": books,
        "authors": authors,
        "series": series,
        "n_books": len(matches.books),
        "status": status,
    }


def _in_order(rows: dict[int, Row], keys: tuple[int, ...]) -> list[Row]:
    return [rows[key] for key in keys if key in rows]
