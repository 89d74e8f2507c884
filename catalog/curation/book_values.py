"""What a curator may say of a book: read from the database, checked, and written back.

A book's values are plain (texts, numbers, lists of them), so that the journal can keep them.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils import timezone

from catalog.genres import GENRES_PER_BOOK
from catalog.goodbooks import fields
from catalog.goodbooks.titles import SeriesPlace
from catalog.models import (
    Author,
    Authorship,
    Book,
    BookGenre,
    BookTag,
    Genre,
    Series,
    Tag,
    Volume,
)
from catalog.search.isbn import as_isbn, both_forms
from catalog.text import book_search_text

COLUMNS = (
    "title",
    "original_title",
    "publication_year",
    "language",
    "isbn10",
    "isbn13",
    "cover_url",
    "cover",
    "description",
    "description_source",
    "is_hidden",
)
LINKS = ("authors", "series", "genres", "tags")
# What an import would overwrite, and leaves alone once a curator has changed it.
IMPORTED = frozenset(COLUMNS) - {"cover", "is_hidden", "description", "description_source"} | {
    "authors",
    "series",
    "genres",
}
_IN_SEARCH_TEXT = frozenset(("title", "original_title", "isbn10", "isbn13", "authors", "series"))
MAX_AUTHORS, MAX_SERIES, MAX_TAGS = 50, 8, 40
_NAME_LENGTH, _TAG_LENGTH, _LABEL_LENGTH = 250, 120, 40
_EARLIEST_YEAR = -5000
_YEARS_AHEAD = 5
# How often a curator's tag counts as having been given: enough for a book without readers.
_TAG_COUNT = 10


def read_values(book: Book, names: Collection[str]) -> dict[str, Any]:
    """Return what the database says of those values; one query for each that is a list."""
    return {
        name: _READ_LINKS[name](book) if name in LINKS else getattr(book, name) for name in names
    }


def _authors(book: Book) -> list[str]:
    return list(book.authorships.order_by("position").values_list("author__name", flat=True))


def _series(book: Book) -> list[list[str]]:
    rows = book.volumes.order_by("position").values_list("series__name", "label")
    return [list(row) for row in rows]


def _genres(book: Book) -> list[str]:
    return list(
        book.book_genres.order_by("-share", "genre_id").values_list("genre__slug", flat=True)
    )


def _tags(book: Book) -> list[str]:
    return list(book.book_tags.order_by("-count", "tag_id").values_list("tag__name", flat=True))


_READ_LINKS: dict[str, Callable[[Book], list[Any]]] = {
    "authors": _authors,
    "series": _series,
    "genres": _genres,
    "tags": _tags,
}


def clean_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as they are stored.

    Raises
    ------
    ValidationError
        With what is wrong by the value's name; an unknown name is a mistake of the program.
    """
    cleaned: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, value in values.items():
        try:
            cleaned[name] = _CLEAN[name](value) if name in _CLEAN else value
        except ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ValidationError(errors)
    return cleaned


def _text(value: object, length: int, *, required: bool = False) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in str(value or "")).split())
    if required and not text:
        raise ValidationError("This cannot be empty.")
    if len(text) > length:
        raise ValidationError(f"This has {len(text)} characters; at most {length} fit.")
    return text


def _long_text(value: object) -> str:
    # Browsers send each end of a line as two characters, also of what nobody has touched.
    return str(value or "").replace("\0", "").replace("\r\n", "\n").strip()[:20_000]


def _year(value: object) -> int | None:
    if value in (None, ""):
        return None
    year = fields.parse_whole(str(value))
    latest = timezone.now().year + _YEARS_AHEAD
    if year is None or not _EARLIEST_YEAR <= year <= latest:
        raise ValidationError(f"A year is a whole number from {_EARLIEST_YEAR} to {latest}.")
    return year


def _language(value: object) -> str:
    code = fields.parse_language(str(value or ""))
    if code is None:
        raise ValidationError("A language is a code of two or three letters, such as eng or de.")
    return code


def clean_isbn(value: object, length: int = 13) -> str:
    """Return an ISBN as it is stored, with 10 or 13 digits; "" for none.

    Raises
    ------
    ValidationError
        When it is none, or its last digit, which checks the others, is wrong.
    """
    text = str(value or "").strip()
    if not text:
        return ""
    compact = as_isbn(text)
    if compact is None:
        raise ValidationError("An ISBN has 10 or 13 digits; the last of 10 may be an X.")
    is_right = (
        bool(fields.parse_isbn10(compact))
        if len(compact) == 10
        else fields.parse_isbn13(compact, "") == compact
    )
    if not is_right:
        raise ValidationError("The last digit does not fit the others: a typing error?")
    found = next((form for form in both_forms(compact) if len(form) == length), None)
    if found is None:
        raise ValidationError("This ISBN has no form with 10 digits.")
    return found


def _cover_url(value: object) -> str:
    cover = fields.parse_cover(str(value or ""))
    if cover is None:
        raise ValidationError("An address of a cover begins with https:// and has no spaces.")
    return cover


def _names(value: object, length: int, most: int) -> list[str]:
    if not isinstance(value, list | tuple):
        raise ValidationError("This is a list of names.")
    names = list(dict.fromkeys(filter(None, (_text(name, length) for name in value))))
    if len(names) > most:
        raise ValidationError(f"These are {len(names)} names; at most {most} fit.")
    return names


def _clean_authors(value: object) -> list[str]:
    names = _names(value, _NAME_LENGTH, MAX_AUTHORS)
    if not names:
        raise ValidationError("A book has an author; “Anonymous” is one.")
    return names


def _clean_series(value: object) -> list[list[str]]:
    if not isinstance(value, list | tuple):
        raise ValidationError("This is a list of series.")
    places: dict[str, str] = {}
    for name, label in value:
        name, label = _text(name, _NAME_LENGTH), _text(label, _LABEL_LENGTH).lstrip("#").strip()
        if not name:
            raise ValidationError("A series has a name.")
        if name in places:
            raise ValidationError(f"{name} is named twice.")
        places[name] = label
    if len(places) > MAX_SERIES:
        raise ValidationError(f"These are {len(places)} series; at most {MAX_SERIES} fit.")
    return [[name, label] for name, label in places.items()]


def _clean_genres(value: object) -> list[str]:
    slugs = _names(value, 50, GENRES_PER_BOOK)
    known = set(Genre.objects.filter(slug__in=slugs).values_list("slug", flat=True))
    if unknown := [slug for slug in slugs if slug not in known]:
        raise ValidationError(f"There is no genre {', '.join(unknown)}.")
    return slugs


_CLEAN: dict[str, Callable[[Any], Any]] = {
    "title": lambda value: _text(value, 400, required=True),
    "original_title": lambda value: _text(value, 400),
    "publication_year": _year,
    "language": _language,
    "isbn10": lambda value: clean_isbn(value, 10),
    "isbn13": clean_isbn,
    "cover_url": _cover_url,
    "description": _long_text,
    "authors": _clean_authors,
    "series": _clean_series,
    "genres": _clean_genres,
    "tags": lambda value: _names(value, _TAG_LENGTH, MAX_TAGS),
}


def write_values(book: Book, values: Mapping[str, Any]) -> None:
    """Bring the database to those values, which are clean, and the search text with them."""
    columns = [name for name in values if name in COLUMNS]
    for name in columns:
        setattr(book, name, values[name])
    for name in LINKS:
        if name in values:
            _WRITE_LINKS[name](book, values[name])
    if _IN_SEARCH_TEXT & values.keys():
        book.search_text = search_text_of(book)
    # Named whether it changed or not: the update tells every process that keeps something made of
    # the catalogue (CatalogChange), and genres and tags have no trigger of their own.
    book.save(update_fields=[*columns, "search_text", "curated"])


def search_text_of(book: Book) -> str:
    return book_search_text(
        title=book.title,
        original_title=book.original_title,
        series=[name for name, _label in _series(book)],
        authors=_authors(book),
        isbns=[book.isbn10, book.isbn13],
    )


def _write_authors(book: Book, names: list[str]) -> None:
    found = _named(Author, names)
    book.authorships.all().delete()
    Authorship.objects.bulk_create(
        Authorship(book=book, author_id=found[name], position=place)
        for place, name in enumerate(names)
    )


def _write_series(book: Book, places: list[list[str]]) -> None:
    found = _named(Series, [name for name, _label in places])
    book.volumes.all().delete()
    Volume.objects.bulk_create(
        Volume(
            book=book,
            series_id=found[name],
            label=label,
            number=SeriesPlace(name, label).number,
            position=place,
        )
        for place, (name, label) in enumerate(places)
    )


def _write_genres(book: Book, slugs: list[str]) -> None:
    found = dict(Genre.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    book.book_genres.all().delete()
    # The first one fits best: for three 3/6, 2/6 and 1/6.
    total = len(slugs) * (len(slugs) + 1) / 2
    BookGenre.objects.bulk_create(
        BookGenre(book=book, genre_id=found[slug], share=(len(slugs) - place) / total)
        for place, slug in enumerate(slugs)
        if slug in found
    )


def _write_tags(book: Book, names: list[str]) -> None:
    found = _named(Tag, names)
    book.book_tags.all().delete()
    BookTag.objects.bulk_create(
        BookTag(book=book, tag_id=found[name], count=_TAG_COUNT + len(names) - place)
        for place, name in enumerate(names)
    )


def _named(model: type[Model], names: list[str]) -> dict[str, int]:
    """Return the rows of those names, new ones where there are none: two queries."""
    model._default_manager.bulk_create([model(name=name) for name in names], ignore_conflicts=True)
    return dict(model._default_manager.filter(name__in=names).values_list("name", "pk"))


_WRITE_LINKS: dict[str, Callable[[Book, list[Any]], None]] = {
    "authors": _write_authors,
    "series": _write_series,
    "genres": _write_genres,
    "tags": _write_tags,
}
