"""What a reader's stars say of their taste, beside everyone's."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, FloatField, Sum
from django.db.models.functions import Cast

from accounts.models import User
from catalog.language_names import language_name
from catalog.models import Authorship, BookGenre
from ratings.models import Rating

LIKED_STARS = 4
# What nothing is said from fewer than.
LEAST_RATINGS = 5
# Everyone's shares of genres weigh as much as so many liked books of the reader's own.
GENRE_PRIOR_BOOKS = 10.0
# The reader's mean weighs as much as so many of an author's books.
AUTHOR_PRIOR_BOOKS = 3.0
LEAST_BOOKS_OF_AUTHOR = 2
# Stars between the reader and everyone from which on a rating goes against the stream.
CONTRARY_STARS = 1.0
# Two standard errors: about 95 of 100 readers who differ so much by chance are left in peace.
_STANDARD_ERRORS = 1.96
FIRST_DECADE = 1900


@dataclass(frozen=True)
class RatedBook:
    """A reader's stars beside what Goodreads says of the book."""

    book_id: int
    # 1..5
    stars: int
    year: int | None = None
    language: str = ""
    # Everyone's mean, 1..5.
    average: float | None = None
    # How many gave 1, 2, 3, 4 and 5 stars.
    others: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Strictness:
    """How a reader's stars compare with everyone's for the same books.

    With d_i = stars_i - average_i over the n books of which everyone's mean is known:
    difference = sum d_i / n, and margin = 1.96 s / sqrt(n), s² = sum (d_i - difference)² / (n - 1).
    """

    n_books: int
    own_mean: float
    others_mean: float
    # Own less others', in stars: below 0 for a strict reader.
    difference: float
    # Half the width of the 95 % interval of the difference, in stars.
    margin: float

    @property
    def is_clear(self) -> bool:
        """Return whether the difference is more than chance and more than a tenth of a star."""
        enough = self.n_books >= LEAST_RATINGS and abs(self.difference) >= 0.1
        return enough and abs(self.difference) > self.margin


def strictness(books: Iterable[RatedBook]) -> Strictness | None:
    """Compare the reader's stars with everyone's; None without two books to compare."""
    pairs = [(book.stars, book.average) for book in books if book.average is not None]
    n = len(pairs)
    if n < 2:
        return None
    own, others = (math.fsum(values) / n for values in zip(*pairs, strict=True))
    difference = own - others
    square = math.fsum((stars - average - difference) ** 2 for stars, average in pairs) / (n - 1)
    return Strictness(n, own, others, difference, _STANDARD_ERRORS * math.sqrt(square / n))


@dataclass(frozen=True)
class StarShare:
    stars: int
    n_own: int
    # Parts of all, 0..1.
    own: float
    others: float


def star_shares(books: Sequence[RatedBook]) -> list[StarShare]:
    """Return which part of the books got 1, 2, 3, 4 and 5 stars from the reader and from everyone.

    Everyone's part is the mean over the books of that book's own part, so that a book which
    millions rated counts as much as another:  q_k = (1 / n) sum_i others_ik / sum_j others_ij.
    """
    known = [book for book in books if sum(book.others)]
    shares = []
    for stars in range(1, 6):
        n_own = sum(book.stars == stars for book in books)
        others = math.fsum(book.others[stars - 1] / sum(book.others) for book in known)
        shares.append(
            StarShare(
                stars,
                n_own,
                n_own / len(books) if books else 0.0,
                others / len(known) if known else 0.0,
            )
        )
    return shares


@dataclass(frozen=True)
class Group:
    """Rated books that have something in common."""

    # A decade (1990), or None for books before the first one; or the name of a language.
    key: int | str | None
    n_books: int
    mean_stars: float


def by_decade(books: Iterable[RatedBook]) -> list[Group]:
    """Group by decade of publication, the oldest first; books without a year are left out."""
    stars: dict[int, list[int]] = defaultdict(list)
    for book in books:
        if book.year is not None:
            decade = book.year - book.year % 10
            stars[decade if decade >= FIRST_DECADE else FIRST_DECADE - 10].append(book.stars)
    return [
        Group(decade if decade >= FIRST_DECADE else None, len(given), sum(given) / len(given))
        for decade, given in sorted(stars.items())
    ]


def by_language(books: Iterable[RatedBook]) -> list[Group]:
    """Group by language, the most read first; books of an unknown one are left out."""
    stars: dict[str, list[int]] = defaultdict(list)
    for book in books:
        if name := language_name(book.language):
            stars[name].append(book.stars)
    groups = [Group(name, len(given), sum(given) / len(given)) for name, given in stars.items()]
    return sorted(groups, key=lambda group: (-group.n_books, str(group.key)))


def contrary(books: Iterable[RatedBook], k: int) -> tuple[list[RatedBook], list[RatedBook]]:
    """Return the k books most above everyone's mean, and the k most below, by at least a star.

    Ties go to the book that more have rated.
    """
    known = [
        (book.stars - book.average, sum(book.others), -book.book_id, book)
        for book in books
        if book.average is not None
    ]
    above = sorted((row for row in known if row[0] >= CONTRARY_STARS), reverse=True)
    below = sorted(
        (row for row in known if row[0] <= -CONTRARY_STARS),
        key=lambda row: (row[0], -row[1], -row[2]),
    )
    return [row[3] for row in above[:k]], [row[3] for row in below[:k]]


@dataclass(frozen=True)
class GenreTaste:
    slug: str
    name: str
    # Liked books of this genre, each counted by its share of the genre.
    weight: float
    # Parts of all that is liked, 0..1: the reader's, drawn towards everyone's, and everyone's.
    share: float
    others: float

    @property
    def lift(self) -> float:
        """How many times as much of the genre as everyone; above 0."""
        return self.share / self.others


def genre_tastes(
    own: Mapping[int, float], everyone: Mapping[int, float], names: Mapping[int, tuple[str, str]]
) -> list[GenreTaste]:
    """Compare the genres of what a reader likes with everyone's, the reader's largest first.

    With w_g the sum of the shares of genre g in the books that the reader gave 4 or 5 stars, and
    p_g everyone's part of that genre,

        share_g = (w_g + m p_g) / (sum_h w_h + m),    m = 10 books,

    the mean of a Dirichlet prior around everyone's parts after the reader's books: two books say
    little, two hundred nearly everything.

    Parameters are by genre id; `names` has (slug, name). A genre that nobody else likes is left
    out: there is nothing to compare it with.
    """
    total_own = math.fsum(own.values())
    total = math.fsum(everyone.values())
    tastes = []
    for genre, weight in everyone.items():
        if weight <= 0:
            continue
        others = weight / total
        mine = own.get(genre, 0.0)
        share = (mine + GENRE_PRIOR_BOOKS * others) / (total_own + GENRE_PRIOR_BOOKS)
        tastes.append(GenreTaste(*names[genre], mine, share, others))
    return sorted(tastes, key=lambda taste: (-taste.share, taste.slug))


@dataclass(frozen=True)
class AuthorTaste:
    author_id: int
    name: str
    n_books: int
    # Of the books rated, plain.
    mean_stars: float
    # Drawn towards the reader's mean; what the order goes by.
    shrunk_mean: float


def author_tastes(rows: Iterable[tuple[int, str, int, int]], own_mean: float) -> list[AuthorTaste]:
    """Order authors by how well the reader likes them.

    Rows are (author id, name, number of books rated, sum of stars). With mean x of n books and
    the reader's own mean mu,

        shrunk mean = (n x + m mu) / (n + m),    m = 3 books,

    so that five books with 4.8 stars come before two with 5.
    """
    tastes = [
        AuthorTaste(
            author_id,
            name,
            n,
            total / n,
            (total + AUTHOR_PRIOR_BOOKS * own_mean) / (n + AUTHOR_PRIOR_BOOKS),
        )
        for author_id, name, n, total in rows
        if n >= LEAST_BOOKS_OF_AUTHOR
    ]
    return sorted(tastes, key=lambda taste: (-taste.shrunk_mean, -taste.n_books, taste.name))


def rated_books(user: User) -> list[RatedBook]:
    """Return the reader's rated books that are visible, in the order of their ids: one query."""
    rows = Rating.objects.filter(user=user, book__is_hidden=False).order_by("book_id")
    facts = ("publication_year", "language", "average_rating", *(f"stars_{n}" for n in range(1, 6)))
    return [
        RatedBook(
            book_id,
            stars,
            year,
            language,
            # Goodreads writes 0.00 for a book without ratings.
            float(average) if average else None,
            tuple(others),
        )
        for book_id, stars, year, language, average, *others in rows.values_list(
            "book_id", "stars", *(f"book__{name}" for name in facts)
        )
    ]


def favourite_authors(user: User, own_mean: float) -> list[AuthorTaste]:
    """Return the authors of whom the reader rated at least two books, the best liked first."""
    rows = (
        Authorship.objects.filter(book__ratings__user=user, book__is_hidden=False)
        .values("author_id")
        .annotate(n=Count("book"), total=Sum("book__ratings__stars"))
        .filter(n__gte=LEAST_BOOKS_OF_AUTHOR)
        .values_list("author_id", "author__name", "n", "total")
    )
    return author_tastes(rows, own_mean)


def favourite_genres(user: User) -> list[GenreTaste]:
    """Return all genres, those of most of what the reader likes first: two queries.

    Everyone's likes are the 4 and 5 stars that the books have on Goodreads.
    """
    genres = BookGenre.objects.filter(book__is_hidden=False).order_by()
    own: Any = (
        genres.filter(book__ratings__user=user, book__ratings__stars__gte=LIKED_STARS)
        .values_list("genre_id")
        .annotate(weight=Sum("share"))
    )
    likes = Cast(F("book__stars_4") + F("book__stars_5"), FloatField())
    everyone: dict[int, float] = {}
    names: dict[int, tuple[str, str]] = {}
    for genre, slug, name, weight in genres.values_list(
        "genre_id", "genre__slug", "genre__name"
    ).annotate(weight=Sum(F("share") * likes)):
        everyone[genre], names[genre] = weight, (slug, name)
    return genre_tastes(dict(own), everyone, names)
