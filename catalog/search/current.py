"""The index of the catalogue as it is now, in this process."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import DatabaseError, connection
from django.db.models import Func, JSONField, OuterRef

from catalog.models import Authorship, Book, Volume
from catalog.search.finding import Matches, look_up, titles_like
from catalog.search.index import Entry, Index, Kind, entry_of
from catalog.search.words import words_of_name, words_of_search_text
from catalog.versions import PerVersion

logger = logging.getLogger(__name__)

_REMEMBERED = 64


@dataclass(frozen=True)
class _Held:
    index: Index
    look_up: Callable[[str], Matches]

    @classmethod
    def of_the_catalogue(cls) -> "_Held":
        start = time.perf_counter()
        index = Index(_entries())
        seconds = time.perf_counter() - start
        logger.info("search: indexed %d names in %.2f s", len(index), seconds)
        # The pages of a list and its filters ask the same again.
        return cls(index, lru_cache(maxsize=_REMEMBERED)(partial(look_up, index)))


class _Holder:
    """Answers from the index of the catalogue as it is now."""

    def __init__(self) -> None:
        self._held = PerVersion(_Held.of_the_catalogue)

    def look_up(self, query: str) -> Matches:
        return self._held.current().look_up(query)

    def titles_like(self, title: str) -> Matches:
        return titles_like(self._held.current().index, title)

    def warm_up(self) -> None:
        """Make the index before the first reader waits for it; without a database, later."""
        try:
            self._held.current()
        except DatabaseError as error:
            logger.warning("search: the catalogue is not indexed yet: %s", error)
        finally:
            # What was opened here must not be shared by processes that are forked from this one.
            connection.close()


def _entries() -> list[Entry]:
    """Read the visible books with their authors and series, in one statement: one snapshot."""
    entries: list[Entry] = []
    authors = _Group(Kind.AUTHOR)
    series = _Group(Kind.SERIES)
    for row in _rows():
        pk, title, original_title, search_text, isbn10, isbn13, popularity, wrote, volumes = row
        words = words_of_search_text(search_text)
        for author, name in wrote:
            words |= authors.add(author, name, pk, popularity)
        for group, name, label in volumes:
            words |= series.add(group, name, pk, popularity)
            if label.isdecimal():
                words.add(label)
        entries.append(
            entry_of(
                Kind.BOOK,
                pk,
                title,
                popularity,
                words=words,
                original_title=original_title,
                isbns=tuple(filter(None, (isbn10, isbn13))),
            )
        )
    return [*entries, *authors.entries(), *series.entries()]


def _rows() -> Iterable[tuple[Any, ...]]:
    authorships = Authorship.objects.filter(book=OuterRef("pk")).order_by()
    volumes = Volume.objects.filter(book=OuterRef("pk")).order_by()
    return Book.objects.filter(is_hidden=False).values_list(
        "pk",
        "title",
        "original_title",
        "search_text",
        "isbn10",
        "isbn13",
        "ratings_count",
        ArraySubquery(authorships.values(row=_json_row("author_id", "author__name"))),
        ArraySubquery(volumes.values(row=_json_row("series_id", "series__name", "label"))),
    )


def _json_row(*columns: str) -> Func:
    return Func(*columns, function="jsonb_build_array", output_field=JSONField())


class _Group:
    """The authors or the series, with the books of each."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._words: dict[int, set[str]] = {}
        self._names: dict[int, str] = {}
        self._books: dict[int, list[int]] = defaultdict(list)
        self._popularity: dict[int, int] = defaultdict(int)

    def add(self, pk: int, name: str, book: int, popularity: int) -> set[str]:
        """Note a book of the author or series; return the words of the name."""
        if pk not in self._names:
            self._names[pk] = name
            self._words[pk] = words_of_name(name)
        self._books[pk].append(book)
        self._popularity[pk] += popularity
        return self._words[pk]

    def entries(self) -> Iterator[Entry]:
        for pk, name in self._names.items():
            yield entry_of(self._kind, pk, name, self._popularity[pk], books=tuple(self._books[pk]))


holder = _Holder()
