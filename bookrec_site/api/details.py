"""One author with their books, and one series with its volumes."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.parameters import read_params
from bookrec_site.api.answers import (
    AuthorDetail,
    BookAnswer,
    SeriesDetail,
    SeriesOfAuthorAnswer,
    VolumeAnswer,
    load_for_answers,
)
from bookrec_site.api.books import ORDERING_PARAMETER, ORDERINGS, read_ordering
from bookrec_site.api.catalogue import CatalogueView
from bookrec_site.api.names import with_books
from bookrec_site.pagination import PAGE_PARAMETERS, keyset_page, offset_page
from catalog.models import Author, Authorship, Series, Volume
from catalog.selectors import series_of_author, visible_books, volumes_in_order

_OF_AUTHOR = [ORDERING_PARAMETER, *PAGE_PARAMETERS]


class AuthorView(CatalogueView):
    @extend_schema(operation_id="get_author", parameters=_OF_AUTHOR, responses={200: AuthorDetail})
    def get(self, request: Request, author_id: int) -> Response:
        """An author: in `results` a page of their books, in `series` those they had a part in."""
        params = read_params(request, _OF_AUTHOR)
        ordering = read_ordering(params) or "popular"
        author = get_object_or_404(with_books(Author, Authorship, "author"), pk=author_id)
        books = visible_books().filter(authorships__author=author)
        books = books.defer("description", "search_text")
        page = keyset_page(request, params, books, ORDERINGS[ordering], order=ordering)
        load_for_answers(page.items)
        return Response(
            {
                "id": author.pk,
                "name": author.name,
                "books": author.n_books,
                "series": SeriesOfAuthorAnswer(series_of_author(author), many=True).data,
                "next": page.next,
                "results": BookAnswer(page.items, many=True).data,
            }
        )


class SeriesView(CatalogueView):
    @extend_schema(
        operation_id="get_series", parameters=PAGE_PARAMETERS, responses={200: SeriesDetail}
    )
    def get(self, request: Request, series_id: int) -> Response:
        """A series: in `results` its volumes, those with a number first and in order."""
        params = read_params(request, PAGE_PARAMETERS)
        series = get_object_or_404(with_books(Series, Volume, "series"), pk=series_id)
        page = offset_page(request, params, volumes_in_order(series), order="volumes")
        load_for_answers([volume.book for volume in page.items])
        return Response(
            {
                "id": series.pk,
                "name": series.name,
                "books": series.n_books,
                "next": page.next,
                "results": VolumeAnswer(page.items, many=True).data,
            }
        )
