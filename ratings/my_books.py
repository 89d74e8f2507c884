"""A reader's own books: everything they rated, read or shelved, filtered, sorted and counted."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.db.models import (
    CharField,
    Count,
    DateTimeField,
    Exists,
    F,
    FilteredRelation,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Cast, Coalesce, Greatest, Lower, TruncDate
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from catalog.models import Authorship, Book, Genre
from catalog.search import MAX_QUERY_LENGTH, find
from catalog.selectors import visible_books
from ratings.marks import MarkedBook
from ratings.models import Dismissal, Rating, Reading, ShelfEntry

ALL, READ, DISMISSED = "all", "read", "dismissed"
# What `?shelf=` understands; a shelf of the reader's own is asked for by `?own=`, so that it may
# have any name.
GROUP_NAMES: dict[str, str | Promise] = {
    ALL: _("All"),
    READ: _("Read"),
    ShelfEntry.Shelf.READING.value: _("Reading now"),
    ShelfEntry.Shelf.TO_READ.value: _("To read"),
    ShelfEntry.Shelf.ABANDONED.value: _("Did not finish"),
    DISMISSED: _("Not interested"),
}
RECENT = "recent"
SORT_NAMES: dict[str, str | Promise] = {
    RECENT: _("Latest"),
    "best": _("Most stars"),
    "worst": _("Fewest stars"),
    "title": _("Title"),
    "author": _("Author"),
    "year": _("Newest"),
    "average": _("Best rated by all"),
}
# Ties end with the id, so pages never overlap.
_SORTS: dict[str, list[Any]] = {
    RECENT: [F("latest").desc(nulls_last=True), "-id"],
    "best": [F("my_stars").desc(nulls_last=True), F("latest").desc(nulls_last=True), "-id"],
    "worst": [F("my_stars").asc(nulls_last=True), F("latest").desc(nulls_last=True), "-id"],
    "title": [Lower("title"), "id"],
    "author": [F("first_author").asc(nulls_last=True), Lower("title"), "id"],
    "year": [F("publication_year").desc(nulls_last=True), Lower("title"), "id"],
    "average": [F("average_rating").desc(nulls_last=True), "-ratings_count", "id"],
}
NO_STARS = 0
_MAX_NAME = 60


@dataclass(frozen=True)
class Choice:
    """Which of their books a reader asked to see; every part may be absent."""

    # A key of GROUP_NAMES, unless it is a shelf of the reader's own.
    group: str = ALL
    own_shelf: str = ""
    # 1..5, or NO_STARS for books without any.
    stars: int | None = None
    genre_slug: str = ""
    published_from: int | None = None
    published_to: int | None = None
    # The year in which it was read.
    read_in: int | None = None
    query: str = ""
    sort: str = RECENT

    @property
    def is_narrowed(self) -> bool:
        """Return whether less is shown than the whole shelf."""
        return bool(
            self.stars is not None
            or self.genre_slug
            or self.published_from is not None
            or self.published_to is not None
            or self.read_in is not None
            or self.query
        )


def read_choice(params: QueryDict) -> Choice:
    """Read a choice from an address; what makes no sense counts as not said."""

    def text(name: str, longest: int) -> str:
        return " ".join(params.get(name, "").replace("\0", " ").split())[:longest].strip()

    group, sort = params.get("shelf", ""), params.get("sort", "")
    own_shelf = text("own", _MAX_NAME)
    return Choice(
        group=group if group in GROUP_NAMES and not own_shelf else ALL,
        own_shelf=own_shelf,
        stars=_number(params.get("stars", ""), NO_STARS, 5),
        genre_slug=text("genre", 60),
        published_from=_number(params.get("from", ""), -9999, 9999),
        published_to=_number(params.get("to", ""), -9999, 9999),
        read_in=_number(params.get("read_in", ""), 1, 9999),
        query=text("q", MAX_QUERY_LENGTH),
        sort=sort if sort in SORT_NAMES else RECENT,
    )


def _number(text: str, lowest: int, highest: int) -> int | None:
    if not re.fullmatch(r"-?[0-9]{1,4}", text.strip()):
        return None
    number = int(text)
    return number if lowest <= number <= highest else None


def books_of(user: User) -> QuerySet[Any, Any]:
    """Return the visible books that the reader rated, read or shelved.

    Each has `my_stars` and `finished_on`, and `read_on`: the day it was finished, or else the one
    on which it was rated; all three may be null. Two left joins, each of at most one row.
    """
    return _with_marks(visible_books().filter(pk__in=_said(user)), user)


# Of books with what is annotated here, which the type of a queryset cannot say.
def _with_marks(books: QuerySet[Book], user: User) -> QuerySet[Any, Any]:
    return books.annotate(
        my_rating=FilteredRelation("ratings", condition=Q(ratings__user=user)),
        my_reading=FilteredRelation("readings", condition=Q(readings__user=user)),
    ).annotate(
        my_stars=F("my_rating__stars"),
        finished_on=F("my_reading__finished_on"),
        read_on=Coalesce("my_reading__finished_on", TruncDate("my_rating__created_at")),
    )


def chosen_books(user: User, choice: Choice) -> QuerySet[Any, Any]:
    """Return the reader's books that meet every part of the choice, in its order."""
    shelves = ShelfEntry.objects.filter(user=user, book=OuterRef("pk"))
    if choice.group == DISMISSED:
        dismissals = Dismissal.objects.filter(user=user)
        books = _with_marks(visible_books().filter(pk__in=dismissals.values("book_id")), user)
        latest: Any = dismissals.filter(book=OuterRef("pk")).values("created_at")
    else:
        books = books_of(user)
        latest = shelves.order_by().values("book").annotate(at=Max("added_at")).values("at")
    if choice.own_shelf:
        books = books.filter(Exists(shelves.filter(shelf=choice.own_shelf)))
    elif choice.group == READ:
        books = books.filter(is_read())
    elif choice.group in ShelfEntry.Shelf.values:
        books = books.filter(Exists(shelves.filter(shelf=choice.group)))
    times: list[Any] = [
        F("my_rating__updated_at"),
        Cast("my_reading__finished_on", DateTimeField()),
    ]
    # Of a shelf the latest is what was put there last, of what was read what was read last.
    if choice.group == ALL and not choice.own_shelf:
        times.append(Subquery(latest))
    elif choice.group != READ:
        times = [Subquery(latest), Subquery(latest)]
    books = _narrowed(books, choice).annotate(latest=Greatest(*times))
    if choice.sort == "author":
        first = Authorship.objects.filter(book=OuterRef("pk")).order_by("position")
        books = books.annotate(first_author=Lower(Subquery(first.values("author__name")[:1])))
    ordered: QuerySet[Any, Any] = books.order_by(*_SORTS[choice.sort])
    return ordered.defer("description", "search_text")


def is_read() -> Q:
    """Match those of `books_of` that were read, with stars or without."""
    return Q(my_rating__isnull=False) | Q(my_reading__isnull=False)


def _narrowed(books: QuerySet[Any, Any], choice: Choice) -> QuerySet[Any, Any]:
    if choice.stars == NO_STARS:
        books = books.filter(my_stars__isnull=True)
    elif choice.stars is not None:
        books = books.filter(my_stars=choice.stars)
    if choice.genre_slug:
        books = books.filter(book_genres__genre__slug=choice.genre_slug)
    if choice.published_from is not None:
        books = books.filter(publication_year__gte=choice.published_from)
    if choice.published_to is not None:
        books = books.filter(publication_year__lte=choice.published_to)
    if choice.read_in is not None:
        year = choice.read_in
        books = books.filter(read_on__range=(date(year, 1, 1), date(year, 12, 31)))
    if choice.query:
        books = books.filter(pk__in=find(choice.query).books.values("pk"))
    return books


@dataclass(frozen=True)
class MyBook:
    """A row of the list: a book with everything its reader said of it."""

    mark: MarkedBook
    shelves: list[str]
    finished_on: date | None
    # None for imported stars.
    read_on: date | None

    @property
    def shelf_links(self) -> list[tuple[str, str]]:
        """Return the label of each shelf with its address on the page of one's books."""
        labels = dict(ShelfEntry.Shelf.choices)
        return [
            (
                str(labels.get(name, name)),
                f"?{urlencode({'shelf' if name in labels else 'own': name})}",
            )
            for name in self.shelves
        ]


def with_marks(user: User, books: Iterable[Book]) -> list[MyBook]:
    """Return rows for books of `chosen_books`, with their shelves: one query."""
    books = list(books)
    shelves: dict[int, list[str]] = {book.pk: [] for book in books}
    entries = ShelfEntry.objects.filter(user=user, book__in=shelves).order_by("shelf")
    for book_id, shelf in entries.values_list("book_id", "shelf"):
        shelves[book_id].append(shelf)
    return [_row(book, shelves[book.pk]) for book in books]


def _row(book: Any, shelves: list[str]) -> MyBook:
    is_to_read = ShelfEntry.Shelf.TO_READ.value in shelves
    mark = MarkedBook(book, stars=book.my_stars, is_shelved=is_to_read)
    return MyBook(mark, shelves, book.finished_on, book.read_on)


@dataclass(frozen=True)
class Counts:
    """How many visible books a reader has, by what they said of them."""

    # By the keys of GROUP_NAMES.
    groups: dict[str, int] = field(default_factory=dict)
    # By name, in the order of names.
    own_shelves: dict[str, int] = field(default_factory=dict)
    # By stars 1..5, and NO_STARS for those read without any.
    stars: dict[int, int] = field(default_factory=dict)


# Beside the names of shelves, which are printable.
_STARS, _WITHOUT, _GONE = "\x01stars", "\x01read", "\x01dismissed"


def counts_of(user: User) -> Counts:
    """Count the reader's books in one query."""

    def kind(name: str) -> Value:
        return Value(name, CharField())

    none = Value(NO_STARS, IntegerField())
    seen = Q(user=user, book__is_hidden=False)
    rows = (
        Rating.objects.filter(seen)
        .annotate(kind=kind(_STARS))
        .values_list("book_id", "kind", "stars")
        .union(
            ShelfEntry.objects.filter(seen).annotate(n=none).values_list("book_id", "shelf", "n"),
            Reading.objects.filter(seen)
            .annotate(kind=kind(_WITHOUT), n=none)
            .values_list("book_id", "kind", "n"),
            Dismissal.objects.filter(seen)
            .annotate(kind=kind(_GONE), n=none)
            .values_list("book_id", "kind", "n"),
            all=True,
        )
    )
    stars: dict[int, int] = {}
    read: set[int] = set()
    everything: set[int] = set()
    shelves: Counter[str] = Counter()
    for book_id, name, value in rows:
        if name == _STARS:
            stars[book_id] = value
        elif name == _WITHOUT:
            read.add(book_id)
        else:
            shelves[name] += 1
            if name != _GONE:
                everything.add(book_id)
    read |= stars.keys()
    states = {state: shelves.pop(state, 0) for state in ShelfEntry.Shelf.values}
    groups = {
        ALL: len(everything | read),
        READ: len(read),
        **states,
        DISMISSED: shelves.pop(_GONE, 0),
    }
    by_stars = Counter(stars.values())
    by_stars[NO_STARS] = len(read) - len(stars)
    return Counts(
        groups={group: groups[group] for group in GROUP_NAMES},
        own_shelves={name: shelves[name] for name in sorted(shelves, key=str.casefold)},
        stars=dict(by_stars),
    )


def own_shelf_names(user: User) -> list[str]:
    """Return the names of the reader's own shelves, in their order."""
    names = (
        ShelfEntry.objects.filter(user=user)
        .exclude(shelf__in=ShelfEntry.Shelf.values)
        .order_by("shelf")
        .values_list("shelf", flat=True)
        .distinct()
    )
    return sorted(names, key=str.casefold)


def genres_of(user: User) -> QuerySet[Genre]:
    """Return the genres of the reader's books by name, each with `n_mine` of them."""
    mine = visible_books().filter(pk__in=_said(user)).order_by().values("pk")
    return (
        Genre.objects.filter(book_genres__book__in=mine)
        .annotate(n_mine=Count("book_genres"))
        .order_by("name")
    )


def _said(user: User) -> QuerySet[Any, Any]:
    """Return the ids of what the reader rated, read or shelved."""
    return (
        Rating.objects.filter(user=user)
        .values("book_id")
        .union(
            Reading.objects.filter(user=user).values("book_id"),
            ShelfEntry.objects.filter(user=user).values("book_id"),
            all=True,
        )
    )
