"""Editorial lists: all that are shown now, and the page of each."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog.curation.lists import ShownList, shown_lists
from catalog.models import Book, EditorialList
from catalog.selectors import load_cards
from ratings.marks import MarkedBook, marked_for

# A strip of the index, or of the home page.
BOOKS_A_STRIP = 8


@dataclass(frozen=True)
class Strip:
    """The first books of a list, with a reader's marks."""

    editorial: EditorialList
    n_books: int
    books: list[MarkedBook]


@require_safe
def editorial_lists(request: HttpRequest) -> HttpResponse:
    lists = shown_lists()
    load_cards(books_of_strips(lists), with_series=False)
    return render(
        request,
        "editorial/lists.html",
        {"lists": strips(lists, lambda books: marked_for(request, books))},
    )


@require_safe
def editorial_list(request: HttpRequest, list_id: int) -> HttpResponse:
    found = shown_lists(list_id=list_id)
    if not found:
        raise Http404("There is no such list now.")
    [shown] = found
    load_cards(shown.books, with_series=False)
    return render(
        request,
        "editorial/list.html",
        {"list": shown.editorial, "books": marked_for(request, shown.books)},
    )


def books_of_strips(lists: Iterable[ShownList]) -> list[Book]:
    """Return all books that strips may show: what cards have to be loaded for."""
    return [book for row in lists for book in row.books]


def strips(
    lists: Iterable[ShownList],
    mark: Callable[[Sequence[Book]], Sequence[MarkedBook]],
    *,
    shown: Iterable[Book] = (),
) -> list[Strip]:
    """Return the lists with the first books of each, whose cards are loaded already.

    No book stands on a page twice: those `shown` elsewhere on it, or in a list before, are left
    out here; where nothing is left, the list's title still leads to it. `mark` gives books the
    reader's marks.
    """
    seen = {book.pk for book in shown}
    rows: list[tuple[ShownList, list[Book]]] = []
    for row in lists:
        books = [book for book in row.books if book.pk not in seen][:BOOKS_A_STRIP]
        seen |= {book.pk for book in books}
        rows.append((row, books))
    marks = {marked.book.pk: marked for marked in mark([b for _row, books in rows for b in books])}
    return [
        Strip(row.editorial, len(row.books), [marks[book.pk] for book in books])
        for row, books in rows
    ]
