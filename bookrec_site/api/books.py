"""Books: the list with its search and filters, one book, and what is like it."""

from collections.abc import Mapping

from django.db.models import DecimalField, IntegerField, Value
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.parameters import read_params, whole_number
from bookrec_site.api.answers import (
    BookAnswer,
    BookDetail,
    BookList,
    BookTitle,
    RatedBook,
    SimilarBooks,
    SuggestionAnswer,
    TitleFound,
    TitleNotFound,
    load_for_answers,
)
from bookrec_site.api.catalogue import CatalogueView
from bookrec_site.api.filters import FILTER_PARAMETERS, BookFilters
from bookrec_site.pagination import PAGE_PARAMETERS, Key, keyset_page, offset_page
from catalog.filters import read_query
from catalog.models import Book, BookTag
from catalog.search import find, find_title
from catalog.selectors import MAX_TAG_NAMES, allowed_tags, load_cards, visible_books
from catalog.telling_tags import telling_tags
from ratings.selectors import site_histogram
from recommender.feedback.page import LIST_HEADER, list_for
from recommender.models import ListBasis, Surface
from recommender.serving import RankedBooks, similar_books

BEST_MATCH = "best"
_POPULARITY = (Key("ratings_count", descending=True), Key("id"))
# Books of which a year or a mean is not known come last.
ORDERINGS: dict[str, tuple[Key, ...]] = {
    "popular": _POPULARITY,
    "rating": (
        Key(
            "known_rating",
            descending=True,
            expression=Coalesce("average_rating", Value(-1), output_field=DecimalField()),
        ),
        *_POPULARITY,
    ),
    "newest": (
        Key(
            "known_year",
            descending=True,
            expression=Coalesce("publication_year", Value(-32768), output_field=IntegerField()),
        ),
        *_POPULARITY,
    ),
    "title": (Key("title"), Key("id")),
}
_N_SIMILAR, _MAX_SIMILAR = 10, 50
_N_SIMILAR_TO_TITLE = 5
ORDERING_PARAMETER = OpenApiParameter(
    "ordering", str, enum=list(ORDERINGS), description="popular without a search."
)
_LIST_PARAMETERS = [
    OpenApiParameter("search", str, description="Words of a title or name, or an ISBN."),
    *FILTER_PARAMETERS,
    ORDERING_PARAMETER,
    *PAGE_PARAMETERS,
]
_SIMILAR_PARAMETERS = [
    OpenApiParameter(
        "k",
        {"type": "integer", "minimum": 1, "maximum": _MAX_SIMILAR, "default": _N_SIMILAR},
        description="How many.",
    )
]
_LIST_ID = OpenApiParameter(
    LIST_HEADER,
    str,
    OpenApiParameter.HEADER,
    response=[200],
    description="The list's id, for `events/`; none when no event is wanted of it.",
)
_TITLE_PARAMETERS = [
    OpenApiParameter(
        "title",
        {"type": "string", "minLength": 1},
        required=True,
        description="A title, with or without its article or subtitle, or an ISBN.",
    )
]


class BooksView(CatalogueView):
    """The books of the catalogue.

    With `search`, what the site's search finds, the best match first unless another order is
    asked for; `suggestions` when little or nothing is spelt like that, and `reading` when it is
    clear what was meant.
    """

    @extend_schema(
        operation_id="list_books",
        parameters=_LIST_PARAMETERS,
        responses={200: BookList},
    )
    def get(self, request: Request) -> Response:
        params = read_params(request, _LIST_PARAMETERS)
        ordering = read_ordering(params)
        query = read_query(params.get("search", ""))
        found = find(query) if query else None
        filters = BookFilters(params, queryset=found.books if found else visible_books())
        if not filters.is_valid():
            raise ValidationError({name: list(texts) for name, texts in filters.errors.items()})
        rows = filters.qs.defer("description", "search_text")
        if found and not ordering:
            page = offset_page(request, params, found.best_first(rows), order=BEST_MATCH)
        else:
            ordering = ordering or "popular"
            page = keyset_page(request, params, rows, ORDERINGS[ordering], order=ordering)
        load_for_answers(page.items)
        answer = {"next": page.next, "results": BookAnswer(page.items, many=True).data}
        if found:
            answer["reading"] = found.reading
            answer["suggestions"] = SuggestionAnswer(found.suggestions, many=True).data
        return Response(answer)


def read_ordering(params: Mapping[str, str]) -> str:
    """Return a key of ORDERINGS, or "" where none is asked for."""
    ordering = params.get("ordering", "")
    if ordering and ordering not in ORDERINGS:
        raise ValidationError({"ordering": [f"This is one of {', '.join(ORDERINGS)}."]})
    return ordering


class BookView(CatalogueView):
    """One book, with what readers shelved it as and how they rated it."""

    @extend_schema(operation_id="get_book", responses={200: BookDetail})
    def get(self, request: Request, book_id: int) -> Response:
        book: Book = get_object_or_404(visible_books(), pk=book_id)
        load_for_answers([book])
        known = {"site_histogram": site_histogram(book), "tags": _tags(book)}
        return Response(BookDetail(book, context=known).data)


def _tags(book: Book) -> list[BookTag]:
    """Return the tags that say what the rest of the answer does not."""
    used = allowed_tags(book.book_tags.select_related("tag__synonym_of"))
    by_name: dict[str, BookTag] = {}
    for row in used.order_by("-count", "tag_id")[:MAX_TAG_NAMES]:
        row.tag = row.tag.synonym_of or row.tag
        by_name.setdefault(row.tag.name, row)
    known = [
        book.title,
        *(row.author.name for row in book.authorships.all()),
        *(row.series.name for row in book.volumes.all()),
        *(row.genre.name for row in book.book_genres.all()),
    ]
    return [by_name[name] for name in telling_tags(by_name, known)]


class SimilarBooksView(CatalogueView):
    """The books that the same readers like, the closest first; none while nothing is trained."""

    @extend_schema(
        operation_id="list_similar_books",
        parameters=[*_SIMILAR_PARAMETERS, _LIST_ID],
        responses={200: SimilarBooks},
    )
    def get(self, request: Request, book_id: int) -> Response:
        params = read_params(request, _SIMILAR_PARAMETERS)
        k = whole_number(params, "k", low=1, high=_MAX_SIMILAR, default=_N_SIMILAR)
        book = get_object_or_404(visible_books(), pk=book_id)
        found = similar_books(book, k)
        load_for_answers(found)
        answer = Response({"results": BookAnswer(found, many=True).data})
        return _with_list_id(answer, request, Surface.API_SIMILAR, found, k)


class RecommendView(CatalogueView):
    """Books like one that is known by its title: five for the very title or an ISBN.

    When no book is called so, up to seven that were perhaps meant.
    """

    @extend_schema(
        operation_id="recommend_by_title",
        parameters=[*_TITLE_PARAMETERS, _LIST_ID],
        responses={
            200: PolymorphicProxySerializer(
                component_name="TitleAnswer",
                serializers={"exact": TitleFound, "near_miss": TitleNotFound},
                resource_type_field_name="match",
            )
        },
    )
    def get(self, request: Request) -> Response:
        params = read_params(request, _TITLE_PARAMETERS)
        found = find_title(read_query(params["title"]))
        book = found.best_first(found.books).first()
        if book is None:
            books = BookTitle(found.suggestions, many=True).data
            return Response({"match": "near_miss", "suggestions": books})
        load_cards([book], with_series=False)
        similar = similar_books(book, _N_SIMILAR_TO_TITLE, with_series=False)
        answer = Response(
            {
                "match": "exact",
                "book": RatedBook(book).data,
                "results": RatedBook(similar, many=True).data,
            }
        )
        return _with_list_id(answer, request, Surface.API_TITLE, similar, _N_SIMILAR_TO_TITLE)


def _with_list_id(
    answer: Response, request: Request, surface: Surface, books: RankedBooks, k: int
) -> Response:
    """Count a list of books like one, and say its id beside the body, whose `ETag` stays."""
    ids = [book.pk for book in books]
    list_id = list_for(request, surface, ListBasis.BOOK, books.run_id, ids, k, is_public=True)
    if list_id:
        answer[LIST_HEADER] = list_id
    return answer
