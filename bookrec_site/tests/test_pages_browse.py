"""Facets, authors, series and A to Z, held against counting by hand."""

import random
from collections import Counter

import pytest
from django.http import QueryDict
from django.urls import reverse

from catalog.browsing import facets
from catalog.filters import read_filters
from catalog.models import Book, BookGenre, BookTag, Genre, Tag
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db

YEARS = (None, -1750, -1, 0, 499, 500, 1499, 1500, 1799, 1800, 1899, 1900, 1909, 1910, 1999, 2017)
LANGUAGES = ("eng", "ger", "")
GENRES = ("fantasy", "horror", "poetry")


@pytest.fixture
def books() -> list[Book]:
    """Sixty books with years at the edges of periods, every seventh hidden."""
    chance = random.Random(5)
    genres = [Genre.objects.create(slug=slug, name=slug.capitalize()) for slug in GENRES]
    tag = Tag.objects.create(name="dragons")
    made = []
    for n in range(60):
        book = BookFactory(
            title=f"Book {n}",
            authors=[f"Author {n % 4}"],
            publication_year=YEARS[n % len(YEARS)],
            language=chance.choice(LANGUAGES),
            ratings_count=10_000,
            is_hidden=n % 7 == 0,
        )
        for genre in chance.sample(genres, chance.randrange(3)):
            BookGenre.objects.create(book=book, genre=genre, share=0.5)
        # With one of 5,000 raters or fewer it is chance.
        BookTag.objects.create(book=book, tag=tag, count=n % 4)
        made.append(book)
    return made


def period_of(year: int | None) -> str:
    """Return the key of a year's period, as a reader would say it."""
    if year is None:
        return ""
    if year < 500:
        return "before-500"
    if year < 1500:
        return "500-1499"
    if year < 1800:
        return "1500-1799"
    if year < 1900:
        return "1800-1899"
    return str(year)[:3] + "0"


def meets(book: Book, wanted: dict[str, str], but: str = "") -> bool:
    given = {key: value for key, value in wanted.items() if key != but}
    slugs = set(book.genres.values_list("slug", flat=True))
    return (
        not book.is_hidden
        and given.get("genre", "") in slugs | {""}
        and given.get("decade", "") in (period_of(book.publication_year), "")
        and ("language" not in given or (book.language or "und") == given["language"])
        and ("tag" not in given or book.book_tags.get().count >= 2)
    )


@pytest.mark.parametrize(
    "query",
    [
        "",
        "genre=fantasy",
        "language=und",
        "decade=before-500",
        "decade=1900&genre=horror",
        "genre=poetry&language=eng",
        "genre=fantasy&language=ger&decade=1990",
        "tag=dragons",
        "tag=dragons&genre=horror",
    ],
)
def test_every_count_is_right_under_the_other_filters(client, books, query):
    wanted = dict(QueryDict(query).items())
    found = facets(read_filters(QueryDict(query)))
    assert found.n_books == sum(meets(book, wanted) for book in books)
    genres = Counter(
        slug
        for book in books
        if meets(book, wanted, but="genre")
        for slug in book.genres.values_list("slug", flat=True)
    )
    assert {choice.key: choice.n_books for choice in found.genres} == dict(genres)
    languages = Counter(b.language or "und" for b in books if meets(b, wanted, but="language"))
    assert {choice.key: choice.n_books for choice in found.languages} == dict(languages)
    periods = Counter(
        period_of(b.publication_year) for b in books if meets(b, wanted, but="decade")
    )
    periods.pop("", None)
    assert {choice.key: choice.n_books for choice in found.periods} == dict(periods)
    response = client.get(reverse("browse") + "?" + query)
    assert {mark.book.pk for mark in response.context["books"]} <= {
        book.pk for book in books if meets(book, wanted)
    }
    assert response.context["page"].paginator.count == found.n_books


def test_pages_neither_repeat_nor_miss_a_book(client, books):
    for sort in ("popular", "rating", "year", "oldest", "title"):
        seen = [
            mark.book.pk
            for page in (1, 2, 3)
            for mark in client.get(reverse("browse"), {"sort": sort, "page": page}).context["books"]
        ]
        visible = {book.pk for book in books if not book.is_hidden}
        # The page after the last shows the last.
        assert set(seen) == visible
        assert len(seen) - len(visible) in (0, len(visible) % 24 or 24)


@pytest.mark.parametrize(
    "query",
    [
        "?decade=abc",
        "?decade=1995",
        "?decade=0000",
        "?decade=%D9%A1%D9%A9%D9%A9%D9%A0",
        "?decade=" + "9" * 9999,
        "?language=%00",
        "?language=" + "e" * 9999,
        "?tag=%00",
        "?tag=to-read",
        "?tag=nothing",
        "?tag=" + "x" * 9999,
    ],
)
def test_a_filter_that_means_nothing_is_not_found(client, books, query):
    assert client.get(reverse("browse") + query).status_code == 404


@pytest.mark.parametrize(
    "query", ["?page=9e9", "?page=%00", "?page=" + "9" * 5000, "?language=xyz"]
)
def test_odd_numbers_and_unused_languages_are_answered(client, books, query):
    for name in ("browse", "authors", "all_series"):
        assert client.get(reverse(name) + query).status_code == 200


def test_chips_take_one_filter_off_and_keep_the_others(client, books):
    html = client.get(reverse("browse") + "?genre=fantasy&language=eng&page=1").content.decode()
    assert 'class="chip on" href="?language=eng"' in html
    assert 'class="chip on" href="?genre=fantasy"' in html


def test_authors_are_ordered_by_last_name_without_accents_and_hidden_ones_left_out(client):
    for name in ("Émile Zola", "Kurt Vonnegut Jr.", "Jane Austen", "Ødegård", "村上春樹", "1984"):
        BookFactory(authors=[name])
    BookFactory(authors=["Hidden Aaron"], is_hidden=True)
    context = client.get(reverse("authors")).context
    names = [row.name for row in context["names"]]
    # Digits come before letters, other scripts after them.
    assert names == [
        "1984",
        "Jane Austen",
        "Ødegård",
        "Kurt Vonnegut Jr.",
        "Émile Zola",
        "村上春樹",
    ]
    assert "Hidden Aaron" not in names
    letters = {row.key: row.n_names for row in context["letters"]}
    assert letters == {"A": 1, "O": 1, "V": 1, "Z": 1, "other": 2}
    assert [
        row.name for row in client.get(reverse("authors"), {"q": "emile"}).context["names"]
    ] == ["Émile Zola"]
    assert client.get(reverse("authors"), {"letter": "AB"}).status_code == 404


def test_an_author_or_series_of_hidden_books_alone_is_not_found(client):
    book = BookFactory(authors=["A"], series="S", series__number=1)
    author, series = book.authors.get(), book.series.get()
    for row in (author, series):
        assert client.get(row.get_absolute_url()).status_code == 200
    Book.objects.update(is_hidden=True)
    for row in (author, series):
        assert client.get(row.get_absolute_url()).status_code == 404
    assert client.get("/authors/999999999999999999999999/").status_code == 404


def test_index_pages_ask_few_queries(client, books, django_assert_max_num_queries):
    BookFactory(series="S", series__number=1)
    for address in (
        reverse("authors"),
        reverse("all_series"),
        books[1].authors.get().get_absolute_url(),
        "/books/?genre=fantasy&language=eng&decade=1990&tag=dragons&q=book",
    ):
        with django_assert_max_num_queries(12):
            client.get(address)
