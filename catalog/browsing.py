"""The books that a reader asked to see, and how many the other filters would show."""

from dataclasses import dataclass, replace

from django.db.models import CharField, Count, Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Cast

from catalog.filters import BEST_MATCH, SORTS, Filters
from catalog.genre_names import genre_name
from catalog.language_names import UNKNOWN_LANGUAGE, language_name
from catalog.models import Book, BookGenre, BookTag, Genre, Tag
from catalog.periods import LONG_PERIODS, period_by_key, period_key
from catalog.selectors import visible_books
from catalog.telling_tags import RATERS_PER_TAG

_GENRE, _LANGUAGE, _PERIOD, _ALL = "genre", "language", "period", "all"


@dataclass(frozen=True)
class Choice:
    """One value of a facet, and how many books it has under all the other filters."""

    key: str
    name: str
    n_books: int


@dataclass(frozen=True)
class Facets:
    # Under every filter.
    n_books: int
    genres: list[Choice]
    languages: list[Choice]
    periods: list[Choice]


def books_matching(filters: Filters) -> QuerySet[Book]:
    """Return the visible books that meet every filter, in the order asked for.

    Their long texts are not loaded: no list shows them, and sorting would carry them along.
    """
    books = _filtered(filters).defer("description", "search_text")
    if filters.sort == BEST_MATCH:
        return filters.found.best_first(books)
    return books.order_by(*SORTS[filters.sort])


def facets(filters: Filters) -> Facets:
    """Count the books of each genre, language and period under the other filters.

    Genres and languages with most books come first, periods from now backwards. Two queries: all
    counts, and what the genres are called.
    """
    n_books = Count("*")
    genres = (
        _links_of_genres(filters)
        .values_list(Value(_GENRE, CharField()), Cast("genre_id", CharField()))
        .annotate(n=n_books)
    )
    languages = (
        _filtered(filters, but=_LANGUAGE)
        .values_list(Value(_LANGUAGE, CharField()), "language")
        .annotate(n=n_books)
    )
    periods = (
        _filtered(filters, but=_PERIOD)
        .filter(publication_year__isnull=False)
        .values_list(Value(_PERIOD, CharField()), period_key())
        .annotate(n=n_books)
    )
    everything = (
        _filtered(filters)
        .order_by()
        .values_list(Value(_ALL, CharField()), Value("", CharField()))
        .annotate(n=n_books)
    )
    found: dict[str, list[tuple[str, int]]] = {_GENRE: [], _LANGUAGE: [], _PERIOD: [], _ALL: []}
    for facet, key, n in genres.union(languages, periods, everything, all=True):
        if key is not None:
            found[facet].append((key, n))
    return Facets(
        n_books=sum(n for _, n in found[_ALL]),
        genres=_named_genres(found[_GENRE]),
        languages=_named_languages(found[_LANGUAGE]),
        periods=_named_periods(found[_PERIOD]),
    )


def _filtered(filters: Filters, but: str = "") -> QuerySet[Book]:
    """Return the visible books that meet every filter but one."""
    books = filters.found.books if filters.query else visible_books()
    if filters.genre_slug and but != _GENRE:
        books = books.filter(book_genres__genre__slug=filters.genre_slug)
    if filters.language and but != _LANGUAGE:
        stored = "" if filters.language == UNKNOWN_LANGUAGE else filters.language
        books = books.filter(language=stored)
    if filters.period and but != _PERIOD:
        books = books.filter(filters.period.condition)
    if filters.tag:
        books = _tagged(books, filters.tag)
    if filters.author:
        books = books.filter(authorships__author=filters.author)
    if filters.series:
        books = books.filter(volumes__series=filters.series)
    return books


def _tagged(books: QuerySet[Book], tag: Tag) -> QuerySet[Book]:
    spellings = getattr(tag, "spellings", [])
    if not spellings:
        return books.filter(
            book_tags__tag=tag, book_tags__count__gte=F("ratings_count") / RATERS_PER_TAG
        )
    links = BookTag.objects.filter(
        book=OuterRef("pk"),
        tag__in=[tag.pk, *spellings],
        count__gte=OuterRef("ratings_count") / RATERS_PER_TAG,
    )
    return books.filter(Exists(links))


def _links_of_genres(filters: Filters) -> QuerySet[BookGenre]:
    """Return the genres of the books that the other filters leave, a row each."""
    if replace(filters, genre_slug="").are_any:
        books = _filtered(filters, but=_GENRE).order_by().values("pk")
        return BookGenre.objects.filter(book__in=books)
    # Nearly no book is hidden: quicker than to name all that are not.
    return BookGenre.objects.exclude(book__in=Book.objects.filter(is_hidden=True).values("pk"))


def _named_genres(found: list[tuple[str, int]]) -> list[Choice]:
    by_id = {str(genre.pk): genre for genre in Genre.objects.all()}
    choices = [
        Choice(by_id[key].slug, genre_name(by_id[key].name), n) for key, n in found if key in by_id
    ]
    return sorted(choices, key=lambda choice: (-choice.n_books, choice.name))


def _named_languages(found: list[tuple[str, int]]) -> list[Choice]:
    """Name the languages; that of no language comes last."""
    named = [Choice(code or UNKNOWN_LANGUAGE, language_name(code), n) for code, n in found]
    return sorted(named, key=lambda choice: (not choice.name, -choice.n_books, choice.name))


def _named_periods(found: list[tuple[str, int]]) -> list[Choice]:
    counts = dict(found)
    before = [period.key for period in LONG_PERIODS]
    decades = sorted((key for key in counts if key not in before), reverse=True)
    return [
        Choice(key, period.name, counts[key])
        for key in (*decades, *before)
        if key in counts and (period := period_by_key(key))
    ]
