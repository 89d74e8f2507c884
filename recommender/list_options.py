"""What a reader asks of a list, read from the address of a page or a request of the API."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import CharField, Q, Value
from django.utils.translation import gettext as _

from catalog.filters import LANGUAGE, SLUG
from catalog.genre_names import genre_name
from catalog.language_names import language_name
from catalog.models import Book, BookGenre
from catalog.selectors import genres_with_books, visible_books
from ratings.opinions import Opinions

DEFAULT_LENGTH = 10
MAX_LENGTH = 100
# Years of publication as the database keeps them.
MIN_YEAR, MAX_YEAR = -9999, 9999

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class ListOptions:
    """Which books a list is made of, and in what spirit; the defaults ask for nothing."""

    # Slug of a genre; "": every genre.
    genre: str = ""
    # ISO 639-2/B code; "": every language.
    language: str = ""
    # Years of first publication, both included. A book without a year meets neither.
    year_from: int | None = None
    year_to: int | None = None
    # 0: the most relevant; 1: as varied as can be.
    diversity: float = 0.0
    # 0: as the model says; 1: hidden gems.
    novelty: float = 0.0
    # Id of a book of which more like it are wanted.
    like: int | None = None
    # False: books that the reader has read may be in it, as if they had read none.
    exclude_read: bool = True
    # Whether each place comes with all that speaks for and against it.
    explain: bool = False

    def taken(self, opinions: Opinions) -> set[int]:
        """Return the books of a reader that the list may not show."""
        return opinions.taken if self.exclude_read else opinions.taken_unread

    @property
    def filters(self) -> bool:
        """Whether some books are left out."""
        return bool(
            self.genre or self.language or self.year_from is not None or self.year_to is not None
        )

    def matching(self) -> Q:
        """Return the condition that a book meets every filter."""
        wanted = Q()
        if self.genre:
            wanted &= Q(pk__in=BookGenre.objects.filter(genre__slug=self.genre).values("book"))
        if self.language:
            wanted &= Q(language=self.language)
        if self.year_from is not None:
            wanted &= Q(publication_year__gte=self.year_from)
        if self.year_to is not None:
            wanted &= Q(publication_year__lte=self.year_to)
        return wanted


NO_OPTIONS = ListOptions()


class Choices:
    """The genres and languages that visible books have, read when first asked for."""

    @property
    def genres(self) -> dict[str, str]:
        """Slug -> name, by name."""
        return self._known[0]

    @property
    def languages(self) -> dict[str, str]:
        """Code -> name, by name."""
        return self._known[1]

    @cached_property
    def _known(self) -> tuple[dict[str, str], dict[str, str]]:
        genres = genres_with_books().values_list("slug", "name")
        # A language has no name in the database, a genre always has.
        none = Value("", CharField())
        languages = visible_books().exclude(language="").values_list("language", none).distinct()
        found = list(genres.union(languages, all=True))
        return (
            _by_name((slug, genre_name(name)) for slug, name in found if name),
            _by_name((code, language_name(code)) for code, name in found if not name),
        )


def _by_name(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    return dict(sorted(rows, key=lambda row: row[1].casefold()))


@dataclass(frozen=True)
class ReadOptions:
    """What was understood of a request; a field that is wrong is named and has its default."""

    options: ListOptions
    k: int
    # The book of which more like it are wanted.
    like: Book | None = None
    # Field name -> what is wrong with it, for people.
    errors: dict[str, list[str]] = field(default_factory=dict)
    # The one of them that is right but for the book that it names, of which there is none; or "".
    gone: str = ""


class _Wrong(Exception):
    """A value that is none; the message is for people."""


class _Gone(_Wrong):
    """The id of a book that there is not, or not any more."""


def read_options(params: Mapping[str, Any], choices: Choices | None = None) -> ReadOptions:
    """Read `k`, `genre`, `language`, `year_from`, `year_to`, `diversity`, `novelty` and `like`.

    An empty value asks for nothing. With choices, as a form offers them, a genre or language that
    is none of them is wrong, and so are years the wrong way round; a program that asks for what no
    book is gets no book.
    """
    errors: dict[str, list[str]] = {}
    gone = ""

    def read(name: str, parse: Callable[[str], _Value], default: _Value) -> _Value:
        text = str(params.get(name, "")).strip()
        if not text:
            return default
        nonlocal gone
        try:
            return parse(text)
        except _Wrong as error:
            errors[name] = [str(error)]
            gone = name if isinstance(error, _Gone) else gone
            return default

    k = read("k", lambda text: _whole(text, 1, MAX_LENGTH), DEFAULT_LENGTH)
    year_from = read("year_from", _year, None)
    year_to = read("year_to", _year, None)
    if choices and year_from is not None and year_to is not None and year_from > year_to:
        errors["year_to"] = [_("This year is before the first one.")]
        year_from = year_to = None
    like = read("like", _shown_book, None)
    options = ListOptions(
        genre=read("genre", lambda text: _genre(text, choices), ""),
        language=read("language", lambda text: _language(text, choices), ""),
        year_from=year_from,
        year_to=year_to,
        diversity=read("diversity", _fraction, 0.0),
        novelty=read("novelty", _fraction, 0.0),
        like=like.pk if like else None,
    )
    return ReadOptions(options, k, like, errors, gone)


def _whole(text: str, low: int, high: int) -> int:
    # Digits of ASCII only, and few of them: int() would read others, and numbers without end.
    if not re.fullmatch(r"-?[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise _Wrong(
            _("This is a whole number from %(low)s to %(high)s.") % {"low": low, "high": high}
        )
    return int(text)


def _year(text: str) -> int | None:
    return _whole(text, MIN_YEAR, MAX_YEAR)


def _fraction(text: str) -> float:
    if re.fullmatch(r"([0-9]{1,9}\.?[0-9]{0,30}|\.[0-9]{1,30})(e-?[0-9]{1,3})?", text):
        value = float(text)
        if math.isfinite(value) and value <= 1:
            return value
    raise _Wrong(_("This is a number from 0 to 1."))


def _genre(text: str, choices: Choices | None) -> str:
    if not re.fullmatch(SLUG, text) or (choices and text not in choices.genres):
        raise _Wrong(_("There is no such genre."))
    return text


def _language(text: str, choices: Choices | None) -> str:
    if not re.fullmatch(LANGUAGE, text) or (choices and text not in choices.languages):
        raise _Wrong(_("There is no book in this language."))
    return text


def _shown_book(text: str) -> Book | None:
    if not re.fullmatch(r"[0-9]{1,18}", text) or not int(text):
        raise _Wrong(_("There is no such book."))
    book = visible_books().filter(pk=int(text)).first()
    if book is None:
        raise _Gone(_("There is no such book."))
    return book
