"""Reads of the catalogue."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Count,
    Exists,
    F,
    OuterRef,
    Prefetch,
    QuerySet,
    prefetch_related_objects,
)
from django.db.models.functions import Coalesce, JSONObject

from catalog.genre_names import genre_name
from catalog.models import (
    Author,
    Authorship,
    Book,
    BookGenre,
    BookTag,
    DataImport,
    Genre,
    Series,
    Volume,
)
from catalog.telling_tags import RATERS_PER_TAG

# Of the hundred or so that a book has; nearly all telling ones are among them.
MAX_TAG_NAMES = 60


@dataclass(frozen=True)
class SeriesVolumes:
    """A series as the page of one of its books shows it."""

    series: Series
    own: Volume
    volumes: list[Volume]


@dataclass(frozen=True)
class SeriesOfAuthor:
    """A series, and how many of its books the author had a part in."""

    series: Series
    n_books: int


def visible_books() -> QuerySet[Book]:
    """Return the books that readers may see."""
    return Book.objects.filter(is_hidden=False)


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


def genres_with_books() -> QuerySet[Genre]:
    """Return the genres of which a book is shown: a built-in or a new catalogue has not all."""
    # Asked genre by genre, which ends at each one's first book; the books have 25,000 genres.
    # Without the hidden ones, of which there are few: joined to the others it would read all.
    hidden = Book.objects.filter(is_hidden=True).values("pk")
    shown = BookGenre.objects.filter(genre=OuterRef("pk")).exclude(book__in=hidden)
    return Genre.objects.filter(Exists(shown))


def genres_by_name() -> list[Genre]:
    """Return the genres of which a book is shown, by their names in the language of the page."""
    return sorted(genres_with_books(), key=lambda genre: genre_name(genre.name).casefold())


def with_genres(books: QuerySet[Book]) -> QuerySet[Book]:
    """Give each book `genre_list`: {slug, name} of its genres, the most fitting first."""
    genres = BookGenre.objects.filter(book=OuterRef("pk")).order_by("-share", "genre_id")
    return books.annotate(
        genre_list=ArraySubquery(
            genres.values(shown=JSONObject(slug=F("genre__slug"), name=F("genre__name")))
        )
    )


def for_comparison(books: QuerySet[Book], *, with_texts: bool = False) -> QuerySet[Book]:
    """Give each book what tells it from others, beside its authors (`load_cards`).

    That is `genre_list`, `series_ids` and `series_names`, and `tag_names`: what readers shelved
    it as, the most used first. Tags that hardly anybody used for it are left out; of the others
    `catalog.telling_tags` tells which mean something.
    """
    volumes = Volume.objects.filter(book=OuterRef("pk")).order_by("position")
    tags = allowed_tags(
        BookTag.objects.filter(
            book=OuterRef("pk"), count__gte=OuterRef("ratings_count") / RATERS_PER_TAG
        )
    ).order_by("-count", "tag_id")
    return with_genres(books if with_texts else books.defer("description", "search_text")).annotate(
        series_ids=ArraySubquery(volumes.values("series_id")),
        series_names=ArraySubquery(volumes.values("series__name")),
        tag_names=ArraySubquery(
            tags.values(meant=Coalesce("tag__synonym_of__name", "tag__name"))[:MAX_TAG_NAMES]
        ),
    )


def allowed_tags(book_tags: QuerySet[BookTag]) -> QuerySet[BookTag]:
    """Return those whose tag, and the one that it is a synonym of, no curator blocked."""
    return book_tags.filter(tag__is_blocked=False).exclude(tag__synonym_of__is_blocked=True)


def series_of(book: Book) -> list[SeriesVolumes]:
    """Return the book's series with their visible volumes, numbered ones first and in order.

    One query gives the book's own volumes and all others of the same series.
    """
    volumes: dict[int, list[Volume]] = defaultdict(list)
    own: list[Volume] = []
    series = Volume.objects.filter(book=book).values("series")
    for volume in _in_order(Volume.objects.filter(series__in=series)):
        volumes[volume.series_id].append(volume)
        if volume.book_id == book.pk:
            own.append(volume)
    own.sort(key=lambda volume: volume.position)
    return [SeriesVolumes(volume.series, volume, volumes[volume.series_id]) for volume in own]


def volumes_of(series: Series) -> list[Volume]:
    """Return the visible volumes of a series, numbered ones first and in order."""
    return list(volumes_in_order(series))


def volumes_in_order(series: Series) -> QuerySet[Volume]:
    """As `volumes_of`, to be read in part."""
    return _in_order(Volume.objects.filter(series=series))


def _in_order(volumes: QuerySet[Volume]) -> QuerySet[Volume]:
    return (
        volumes.filter(book__is_hidden=False)
        .select_related("book", "series")
        .defer("book__description", "book__search_text")
        .order_by(F("number").asc(nulls_last=True), "label", "book__publication_year", "id")
    )


def series_of_author(author: Author) -> list[SeriesOfAuthor]:
    """Return the series that the author's visible books are in, the fullest first."""
    rows = (
        Series.objects.filter(
            volumes__book__authorships__author=author, volumes__book__is_hidden=False
        )
        .annotate(n_books=Count("volumes__book", distinct=True))
        .order_by("-n_books", "sort_key", "id")
    )
    return [SeriesOfAuthor(series, series.n_books) for series in rows]


def latest_import() -> DataImport | None:
    """Return the import that the catalogue was last filled by."""
    return DataImport.objects.order_by("-id").first()
