"""Books by title, author, series or ISBN."""

import re

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from catalog.models import Book
from catalog.text import normalize

# Nobody types more on purpose; the rest of a longer query is not looked at.
MAX_QUERY_LENGTH = 200
MAX_WORDS = 16

_ISBN = re.compile(r"[0-9]{9}[0-9X]|97[89][0-9]{10}")


def search_books(query: str) -> QuerySet[Book]:
    """Return the visible books that match, the best match first."""
    return best_first(matching(query), query)


def matching(query: str) -> QuerySet[Book]:
    """Return the visible books in which every word of the query begins a word, in any order.

    A query that is an ISBN finds its book alone. A query without a letter or digit finds nothing.
    """
    books = Book.objects.filter(is_hidden=False)
    isbn = as_isbn(query)
    if isbn:
        return books.filter(_isbn_is(isbn))
    text = _search_text(query)
    if not text:
        return books.none()
    for word in text.split()[:MAX_WORDS]:
        books = books.filter(Q(search_text__startswith=word) | Q(search_text__contains=f" {word}"))
    return books


def best_first(books: QuerySet[Book], query: str) -> QuerySet[Book]:
    """Order matches: the book of that very title, titles that begin with the query, the others.

    Within each of the three by popularity.
    """
    text = _search_text(query)
    rank = Case(
        When(pk__in=_books_titled(text), then=Value(0)),
        When(search_text__startswith=text, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return books.order_by(rank, "-ratings_count", "id")


def _search_text(query: str) -> str:
    return normalize(query[:MAX_QUERY_LENGTH].replace("\0", " "))


def _books_titled(text: str) -> list[int]:
    """Return the ids of books whose title, normalized, is the text.

    The stored text begins with the title but does not say where it ends, so the few books whose
    text begins alike are compared here.
    """
    if not text:
        return []
    begin_alike = Book.objects.filter(is_hidden=False, search_text__startswith=text)
    return [
        pk
        for pk, title in begin_alike.values_list("pk", "title")[:1000]
        if normalize(title) == text
    ]


def as_isbn(query: str) -> str | None:
    """Return the query as ten or thirteen ISBN characters, or None when it is something else."""
    compact = re.sub(r"[\s\u2010-\u2015-]|^isbn[: ]*", "", query[:40], flags=re.IGNORECASE).upper()
    return compact if _ISBN.fullmatch(compact) else None


def _isbn_is(isbn: str) -> Q:
    """Match either form: books may be stored with only one of the two."""
    if len(isbn) == 10:
        return Q(isbn10=isbn) | Q(isbn13=_isbn13(isbn))
    if isbn.startswith("978"):
        return Q(isbn13=isbn) | Q(isbn10=_isbn10(isbn))
    return Q(isbn13=isbn)


def _isbn13(isbn10: str) -> str:
    body = "978" + isbn10[:9]
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return body + str(-total % 10)


def _isbn10(isbn13: str) -> str:
    body = isbn13[3:12]
    total = sum(int(digit) * (10 - place) for place, digit in enumerate(body))
    check = -total % 11
    return body + ("X" if check == 10 else str(check))
