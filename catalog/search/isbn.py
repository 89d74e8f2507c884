"""ISBNs as readers type them: ten or thirteen digits, with hyphens or without."""

import re

_ISBN = re.compile(r"[0-9]{9}[0-9X]|97[89][0-9]{10}")
_BETWEEN = re.compile(r"[\s\u2010-\u2015-]|^isbn(?:-?1[03])?[: ]*", re.IGNORECASE)


def as_isbn(query: str) -> str | None:
    """Return the query as ten or thirteen ISBN characters, or None when it is something else."""
    compact = _BETWEEN.sub("", query[:40]).upper()
    return compact if _ISBN.fullmatch(compact) else None


def both_forms(isbn: str) -> list[str]:
    """Return the ISBN and its other form: books may be stored with only one of the two."""
    if len(isbn) == 10:
        return [isbn, _isbn13(isbn)]
    return [isbn, _isbn10(isbn)] if isbn.startswith("978") else [isbn]


def _isbn13(isbn10: str) -> str:
    body = "978" + isbn10[:9]
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return body + str(-total % 10)


def _isbn10(isbn13: str) -> str:
    body = isbn13[3:12]
    total = sum(int(digit) * (10 - place) for place, digit in enumerate(body))
    check = -total % 11
    return body + ("X" if check == 10 else str(check))
