"""Pairs of books that may be one: what a curator is offered to merge."""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from catalog.goodbooks.fields import parse_isbn10, parse_isbn13
from catalog.models import Author, Book, DifferentBooks, Volume
from catalog.search.words import comparable, without_article
from catalog.selectors import visible_books

Reason = Literal["isbn", "title", "edition"]

# "(Penguin Readers, Level 5)", "[Illustrated]": what an edition adds to the title.
_EDITION = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*$")


@dataclass(frozen=True)
class Twins:
    """Two books by id, the lower one first, and why they may be one."""

    first: int
    second: int
    # isbn: the same number; title: the same title and first author; edition: the same but for
    # what stands in brackets at the end of a title.
    reason: Reason


@dataclass(frozen=True)
class _Facts:
    pk: int
    title: str
    isbns: frozenset[str]
    author: str
    # Series and printed number of each volume that the book is.
    places: frozenset[tuple[int, str]]


def find_twins() -> list[Twins]:
    """Return the pairs that may be one book, the surest first, each once.

    Two volumes are never proposed for their titles alone: "Avatar" is the title of five books, one
    in each of five series, and part 1 of the fifth Harry Potter is not the fifth. Pairs of which a
    curator has said that they are two books are left out.
    """
    books = _facts()
    decided = set(DifferentBooks.objects.values_list("first_id", "second_id"))
    found: dict[tuple[int, int], Reason] = {}
    for reason, pairs in (
        ("isbn", _pairs((isbn, book) for book in books for isbn in book.isbns)),
        ("title", _of_one_place(_pairs(_by_title(books, without_edition=False)))),
        ("edition", _of_one_place(_pairs(_by_title(books, without_edition=True)))),
    ):
        for one, other in pairs:
            pair = (min(one.pk, other.pk), max(one.pk, other.pk))
            if pair not in decided:
                found.setdefault(pair, reason)  # type: ignore[arg-type]  # one of the three
    return [Twins(first, second, reason) for (first, second), reason in found.items()]


def _facts() -> list[_Facts]:
    places: dict[int, set[tuple[int, str]]] = defaultdict(set)
    for book, series, label in Volume.objects.values_list("book_id", "series_id", "label"):
        places[book].add((series, label))
    first_authors = Author.objects.filter(authorships__position=0)
    authors = {
        book: comparable(name).replace(" ", "")
        for book, name in first_authors.values_list("authorships__book_id", "name")
    }
    rows = visible_books().order_by("pk").values_list("pk", "title", "isbn10", "isbn13")
    return [
        _Facts(
            pk,
            title,
            # Of a book with two numbers that disagree, both.
            frozenset({parse_isbn13(isbn13, ""), parse_isbn13("", parse_isbn10(isbn10))} - {""}),
            authors.get(pk, ""),
            frozenset(places.get(pk, ())),
        )
        for pk, title, isbn10, isbn13 in rows
    ]


def _by_title(books: Iterable[_Facts], *, without_edition: bool) -> Iterator[tuple[str, _Facts]]:
    for book in books:
        title = _EDITION.sub("", book.title) if without_edition else book.title
        key = without_article(comparable(title)).replace(" ", "")
        if key and book.author:
            yield f"{key} {book.author}", book


def _pairs(keyed: Iterable[tuple[Hashable, _Facts]]) -> Iterator[tuple[_Facts, _Facts]]:
    groups: dict[Hashable, list[_Facts]] = defaultdict(list)
    for key, book in keyed:
        groups[key].append(book)
    for group in groups.values():
        yield from combinations(group, 2)


def _of_one_place(pairs: Iterator[tuple[_Facts, _Facts]]) -> Iterator[tuple[_Facts, _Facts]]:
    """Leave out pairs that stand in different places of series."""
    for one, other in pairs:
        if not (one.places and other.places) or one.places & other.places:
            yield one, other


def say_different(first: int, second: int, *, by: int | None) -> None:
    """Note that two books, by id, are not one; saying so twice changes nothing."""
    low, high = sorted((first, second))
    DifferentBooks.objects.get_or_create(
        first=Book.objects.get(pk=low),
        second=Book.objects.get(pk=high),
        defaults={"decided_by_id": by},
    )
