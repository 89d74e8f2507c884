"""Measure search on the catalogue in the database: does it find what was meant, and how fast.

    .venv/bin/python benchmarks/search.py [NUMBER OF NAMES]

Each name is asked for as it is written and with typing errors (catalog/tests/misspelling.py). Times
are of a whole `find`, with its query for the catalogue's version, beside a count of the matching
rows by LIKE in the same minute.
"""

import os
import random
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, where http.py is
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")

SEED = 20_261_121
# A first screen of results.
FIRST = 12


@contextmanager
def timed(seconds: list[float]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - began)


def spread(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    p50, p99, worst = cuts[49] * 1e3, cuts[98] * 1e3, max(seconds) * 1e3
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {worst:.1f} ms"


def share(name: str, right: Iterable[bool], missed: list[str]) -> None:
    right = list(right)
    print(f"{name}: {sum(right) / len(right):.4f} of {len(right)}")
    for text in missed[:12]:
        print("   missed:", text)


def main() -> None:
    import django

    django.setup()
    from catalog.models import Author, Book
    from catalog.search import Kind, find, find_title
    from catalog.search.words import comparable
    from catalog.tests.misspelling import can_be_misspelt, misspelt

    n_names = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rng = random.Random(SEED)
    began = time.perf_counter()
    find("")
    print(f"index made in {time.perf_counter() - began:.2f} s")

    books = list(
        Book.objects.filter(is_hidden=False)
        .order_by("-ratings_count", "id")
        .values_list("pk", "title", "original_title")
    )
    first_of: dict[str, int] = {}
    for pk, title, _ in books:
        first_of.setdefault(comparable(title) or title, pk)
    seconds: dict[str, list[float]] = {"exact": [], "misspelt": [], "LIKE": []}

    right, missed = [], []
    for pk, title, _ in books:
        found = find(title)
        right.append(first_of[comparable(title) or title] == (found.matches.books or (0,))[0])
        if not right[-1]:
            missed.append(f"{title} -> {found.matches.books[:3]} ({pk})")
    share("an exact title finds its book first", right, missed)

    right, missed, by_title = [], [], []
    for _, title, _ in rng.sample([row for row in books if can_be_misspelt(row[1])], n_names):
        typed = misspelt(title, rng)
        with timed(seconds["misspelt"]):
            found = find(typed)
        shown = {*found.matches.books[:FIRST]}
        shown |= {s.pk for s in found.suggestions if s.kind is Kind.BOOK}
        same = {other for other, name, _ in books if comparable(name) == comparable(title)}
        right.append(bool(shown & same))
        if not right[-1]:
            missed.append(f"{typed!r} for {title!r}")
        answer = find_title(typed)
        by_title.append(bool({*answer.matches.books, *(s.pk for s in answer.suggestions)} & same))
    share("a misspelt title shows its book", right, missed)
    share("a misspelt title suggests its book to find_title", by_title, [])

    right, missed = [], []
    authors = list(
        Author.objects.filter(books__is_hidden=False).distinct().values_list("pk", "name")
    )
    for pk, name in rng.sample([row for row in authors if can_be_misspelt(row[1])], n_names):
        typed = misspelt(name, rng)
        with timed(seconds["misspelt"]):
            found = find(typed)
        by = set(Book.objects.filter(authors=pk).values_list("pk", flat=True))
        right.append(
            bool(by.intersection(found.matches.books[:FIRST]))
            or pk in found.matches.authors
            or any(s.kind is Kind.AUTHOR and s.pk == pk for s in found.suggestions)
        )
        if not right[-1]:
            missed.append(f"{typed!r} for {name!r}")
    share("a misspelt author is found", right, missed)

    for _, title, _ in rng.sample(books, n_names):
        with timed(seconds["exact"]):
            find(title[:-1] + " ")
        with timed(seconds["LIKE"]):
            Book.objects.filter(search_text__contains=comparable(title)).count()
    for name, times in seconds.items():
        print(f"{name}: {spread(times)}")


if __name__ == "__main__":
    main()
