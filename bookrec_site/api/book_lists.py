"""The lists that the home page shows to everybody: popular, new and trending books."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.parameters import read_params
from bookrec_site.api.answers import BookAnswer, BookPage, load_for_answers
from bookrec_site.api.catalogue import CatalogueView
from bookrec_site.api.filters import GENRE_PARAMETER, read_genre
from bookrec_site.pagination import PAGE_PARAMETERS, Key, Page, keyset_page, offset_page
from catalog.latest import dated_books
from catalog.selectors import visible_books
from ratings.trending import trending_ids
from recommender.serving import popular_book_ids

# Nobody reads on for longer, and the whole list is put in order for each of its pages.
MAX_POPULAR = 400
_Door = TypeVar("_Door", bound=Callable)
_PARAMETERS = [GENRE_PARAMETER, *PAGE_PARAMETERS]
_NEWEST = (
    Key("publication_year", descending=True),
    Key("ratings_count", descending=True),
    Key("id"),
)


def _described(operation_id: str) -> Callable[[_Door], _Door]:
    return extend_schema(
        operation_id=operation_id, parameters=_PARAMETERS, responses={200: BookPage}
    )


class PopularView(CatalogueView):
    @_described("list_popular_books")
    def get(self, request: Request) -> Response:
        """Well-liked books of many kinds: what a stranger is shown; 400 at most.

        An author comes once while there are others, of a series its first volume. `books/` has
        all books by their number of ratings.
        """
        params = read_params(request, _PARAMETERS)
        ids = popular_book_ids(MAX_POPULAR, genre=read_genre(params))
        return _answer(_page_of(request, params, ids, order="popular list"))


class NewView(CatalogueView):
    @_described("list_new_books")
    def get(self, request: Request) -> Response:
        """The books that were published last, the most read of a year first."""
        params = read_params(request, _PARAMETERS)
        rows = dated_books(genre=read_genre(params)).defer("description", "search_text")
        return _answer(keyset_page(request, params, rows, _NEWEST, order="new"))


class TrendingView(CatalogueView):
    @_described("list_trending_books")
    def get(self, request: Request) -> Response:
        """What most readers of this site rated in the last 30 days, two at least; may be empty."""
        params = read_params(request, _PARAMETERS)
        ids = trending_ids(genre=read_genre(params))
        return _answer(_page_of(request, params, ids, order="trending"))


def _page_of(
    request: Request, params: dict[str, str], ids: QuerySet | Sequence[int], *, order: str
) -> Page:
    page = offset_page(request, params, ids, order=order)
    found = visible_books().defer("description", "search_text").in_bulk(page.items)
    return Page([found[book] for book in page.items if book in found], page.next)


def _answer(page: Page) -> Response:
    load_for_answers(page.items)
    return Response({"next": page.next, "results": BookAnswer(page.items, many=True).data})
