"""Reads of the catalogue."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Count,
    F,
    OuterRef,
    Prefetch,
    QuerySet,
    prefetch_related_objects,
)
from django.db.models.functions import JSONObject

from catalog.filters import BEST_MATCH, SORTS, Filters
from catalog.models import Authorship, Book, BookGenre, DataImport, Genre, Series, Volume


@dataclass(frozen=True)
class GenreCount:
    genre: Genre
    n_books: int


@dataclass(frozen=True)
class SeriesVolumes:
    """A series as the page of one of its books shows it."""

    series: Series
    own: Volume
    volumes: list[Volume]


def visible_books() -> QuerySet[Book]:
    """Return the books that readers may see."""
    return Book.objects.filter(is_hidden=False)


def books_matching(filters: Filters) -> QuerySet[Book]:
    """Return the visible books that meet every filter, in the order asked for.

    Their long texts are not loaded: no list shows them, and sorting would carry them along.
    """
    books = _without_genre(filters).defer("description", "search_text")
    if filters.genre_slug:
        books = books.filter(book_genres__genre__slug=filters.genre_slug)
    if filters.sort == BEST_MATCH:
        return filters.found.best_first(books)
    return books.order_by(*SORTS[filters.sort])


def genre_counts(filters: Filters) -> list[GenreCount]:
    """Return the genres of what the other filters leave, each with its books, fullest first."""
    books = _without_genre(filters).order_by().values("pk")
    rows = (
        Genre.objects.filter(book_genres__book__in=books)
        .annotate(n_books=Count("book_genres"))
        .order_by("-n_books", "name")
    )
    return [GenreCount(genre, genre.n_books) for genre in rows]


def _without_genre(filters: Filters) -> QuerySet[Book]:
    books = filters.found.books if filters.query else visible_books()
    if filters.author:
        books = books.filter(authorships__author=filters.author)
    if filters.series:
        books = books.filter(volumes__series=filters.series)
    return books


def load_cards(books: Iterable[Book], *, with_series: bool = True) -> None:
    """Load what a card shows besides the book's own row: one query a relation, none twice."""
    books = list(books)
    prefetch_related_objects(
        books, Prefetch("authorships", Authorship.objects.select_related("author"))
    )
    if with_series:
        prefetch_related_objects(
            books, Prefetch("volumes", Volume.objects.select_related("series"))
        )


def with_genres(books: QuerySet[Book]) -> QuerySet[Book]:
    """Give each book `genre_list`: {slug, name} of its genres, the most fitting first."""
    genres = BookGenre.objects.filter(book=OuterRef("pk")).order_by("-share", "genre_id")
    return books.annotate(
        genre_list=ArraySubquery(
            genres.values(shown=JSONObject(slug=F("genre__slug"), name=F("genre__name")))
        )
    )


def series_of(book: Book) -> list[SeriesVolumes]:
    """Return the book's series with their visible volumes, numbered ones first and in order.

    One query gives the book's own volumes and all others of the same series.
    """
    volumes: dict[int, list[Volume]] = defaultdict(list)
    own: list[Volume] = []
    for volume in (
        Volume.objects.filter(
            series__in=Volume.objects.filter(book=book).values("series"), book__is_hidden=False
        )
        .select_related("book", "series")
        .order_by(F("number").asc(nulls_last=True), "label", "book__publication_year", "id")
    ):
        volumes[volume.series_id].append(volume)
        if volume.book_id == book.pk:
            own.append(volume)
    own.sort(key=lambda volume: volume.position)
    return [SeriesVolumes(volume.series, volume, volumes[volume.series_id]) for volume in own]


def latest_import() -> DataImport | None:
    """Return the import that the catalogue was last filled by."""
    return DataImport.objects.order_by("-id").first()
