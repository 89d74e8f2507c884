"""Every name of the catalogue in memory, for one version of it; knows no database.

Entries are numbered by popularity, so that a list of numbers in order is a list by popularity.
Words stand in a sorted vocabulary beside their entries: those that begin alike are neighbours,
and so are their entries.
"""

import enum
import itertools
import math
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.search.words import (
    comparable,
    query_words,
    raw_key,
    without_article,
    without_subtitle,
    words_of_name,
)

Places = NDArray[np.int32]
_AFTER_EVERYTHING = "\U0010ffff"
# From here on the beginning of a number says which number is meant.
_LONG_NUMBER = 3
_WITHOUT_SUBTITLE = 0.92


class Kind(enum.StrEnum):
    BOOK = "book"
    AUTHOR = "author"
    SERIES = "series"


class Rank(enum.IntEnum):
    """How well a name answers a query; the best first."""

    TITLE = 0
    ORIGINAL_TITLE = 1
    # Without its article.
    SHORT_TITLE = 2
    # The title begins with the query, or the query is the name of the author or series.
    BEGINS = 3
    WORDS = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """A book, author or series with everything that it may be found by."""

    kind: Kind
    pk: int
    name: str
    popularity: int
    # Sorted; a set would take four times the room.
    words: tuple[str, ...]
    original_title: str = ""
    isbns: tuple[str, ...] = ()
    # Keys of the books by the author or of the series.
    books: tuple[int, ...] = ()


class Index:
    """What `find` looks through. Never changes once it is made, so threads may share it."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = sorted(entries, key=lambda entry: (-entry.popularity, entry.kind, entry.pk))
        self.names = [comparable(entry.name) for entry in self.entries]
        self.is_book = np.array([entry.kind is Kind.BOOK for entry in self.entries], dtype=bool)
        most = math.log1p(max((entry.popularity for entry in self.entries), default=0)) or 1.0
        # 0..1, in logarithms: the first book is not a thousand times the hundredth.
        self.popularity = np.array(
            [math.log1p(entry.popularity) / most for entry in self.entries], dtype=np.float32
        )
        self.book_places = {
            entry.pk: place for place, entry in enumerate(self.entries) if entry.kind is Kind.BOOK
        }
        self._index_words()
        self._index_names()
        self._isbns: dict[str, list[int]] = {}
        for place, entry in enumerate(self.entries):
            for isbn in entry.isbns:
                self._isbns.setdefault(isbn, []).append(place)

    def __len__(self) -> int:
        return len(self.entries)

    def _index_words(self) -> None:
        places: dict[str, list[int]] = {}
        for place, entry in enumerate(self.entries):
            for word in entry.words:
                places.setdefault(word, []).append(place)
        self.vocabulary = sorted(places)
        counts = [len(places[word]) for word in self.vocabulary]
        self._starts = np.concatenate(([0], np.cumsum(counts, dtype=np.int64))).tolist()
        self._places: Places = np.fromiter(
            itertools.chain.from_iterable(places[word] for word in self.vocabulary), dtype=np.int32
        )
        self.by_length: dict[int, list[str]] = {}
        for word in self.vocabulary:
            self.by_length.setdefault(len(word), []).append(word)

    def _index_names(self) -> None:
        keys: dict[str, dict[int, Rank]] = {}
        compact: dict[str, dict[int, float]] = {}
        for place, (entry, name) in enumerate(zip(self.entries, self.names, strict=True)):
            for key, rank in _keys(entry, name):
                known = keys.setdefault(key, {})
                known[place] = min(rank, known.get(place, rank))
            for text, worth in (
                (name, 1.0),
                (comparable(entry.original_title), 1.0),
                (without_subtitle(entry.name), _WITHOUT_SUBTITLE),
            ):
                if text:
                    compact.setdefault(text.replace(" ", ""), {}).setdefault(place, worth)
        # Tuples: thousands of dictionaries of one would be most of what the index takes.
        self._keys = {key: tuple(found.items()) for key, found in keys.items()}
        # Names written together, for what is compared whole, each with what being like it is worth.
        self.compact = {name: tuple(found.items()) for name, found in compact.items()}
        self.compact_names = list(compact)

    def key(self, place: int) -> tuple[Kind, int]:
        return self.entries[place].kind, self.entries[place].pk

    def named(self, key: str) -> dict[int, Rank]:
        """Return the entries of that very name."""
        return dict(self._keys.get(key, ()))

    def with_isbn(self, isbn: str) -> list[int]:
        return self._isbns.get(isbn, [])

    def with_word(self, word: str) -> Places:
        """Return the entries with the word itself."""
        at = bisect_left(self.vocabulary, word)
        if at == len(self.vocabulary) or self.vocabulary[at] != word:
            return self._places[:0]
        return self._places[self._starts[at] : self._starts[at + 1]]

    def beginning_with(self, prefix: str) -> Places:
        """Return the entries with a word that begins so, some of them several times.

        A short number is meant whole: a third volume is not the thirtieth.
        """
        if prefix.isdecimal() and len(prefix) < _LONG_NUMBER:
            return self.with_word(prefix)
        low = bisect_left(self.vocabulary, prefix)
        high = bisect_left(self.vocabulary, prefix + _AFTER_EVERYTHING)
        return self._places[self._starts[low] : self._starts[high]]

    def beginnings(self, first_letter: str, length: int) -> list[str]:
        """Return how the longer words with that first letter begin, so many letters of each."""
        low = bisect_left(self.vocabulary, first_letter)
        high = bisect_left(self.vocabulary, first_letter + _AFTER_EVERYTHING)
        longer = (word[:length] for word in self.vocabulary[low:high] if len(word) > length)
        return list(dict.fromkeys(longer))

    def with_all(self, prefixes: Iterable[str]) -> Places:
        """Return the entries in which each of these begins a word, in order."""
        left = np.ones(len(self), dtype=bool)
        for prefix in prefixes:
            having = np.zeros(len(self), dtype=bool)
            having[self.beginning_with(prefix)] = True
            left &= having
        return np.flatnonzero(left).astype(np.int32)


def _keys(entry: Entry, name: str) -> Iterator[tuple[str, Rank]]:
    """Yield what an entry is called, each with what a query of that text is worth."""
    yield name or raw_key(entry.name), Rank.TITLE
    if entry.kind is not Kind.BOOK:
        return
    original = comparable(entry.original_title)
    if original:
        yield original, Rank.ORIGINAL_TITLE
    for text in (name, original):
        for short in short_forms(text):
            yield short, Rank.SHORT_TITLE
    # "Sapiens"; but "Harry Potter: Film Wizardry" is no more "Harry Potter" than other books are.
    for title in (entry.name, entry.original_title):
        for short in short_forms(without_subtitle(title)):
            yield short, Rank.BEGINS


def short_forms(text: str) -> list[str]:
    """Return the text, and the text without its article and words that are left out at will."""
    if not text:
        return []
    required, _ = query_words(text)
    return [text, without_article(text), " ".join(required)]


def entry_of(
    kind: Kind,
    pk: int,
    name: str,
    popularity: int,
    *,
    words: Iterable[str] = (),
    original_title: str = "",
    isbns: tuple[str, ...] = (),
    books: tuple[int, ...] = (),
) -> Entry:
    """Make an entry that is found by its names, and by the words given besides."""
    own = words_of_name(name) | words_of_name(original_title)
    return Entry(
        kind,
        pk,
        name,
        popularity,
        tuple(map(sys.intern, sorted(own.union(words)))),
        original_title,
        isbns,
        books,
    )
