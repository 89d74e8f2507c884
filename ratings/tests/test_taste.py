"""What stars say of a taste, against sums worked by hand."""

import statistics

import pytest

from accounts.tests.factories import UserFactory
from catalog.models import Author, Book, BookGenre, Genre
from catalog.tests.factories import BookFactory
from ratings.taste import (
    RatedBook,
    author_tastes,
    by_decade,
    by_language,
    contrary,
    favourite_authors,
    favourite_genres,
    genre_tastes,
    rated_books,
    star_shares,
    strictness,
)
from ratings.tests.factories import RatingFactory

NAMES = {1: ("horror", "Horror"), 2: ("poetry", "Poetry"), 3: ("art", "Art")}


def rated(stars: int, average: float | None = None, **facts) -> RatedBook:
    return RatedBook(facts.pop("book_id", 1), stars, average=average, **facts)


def test_strictness_is_the_mean_difference_with_its_interval():
    stars, averages = [3, 4, 2, 3, 5, 1], [4.0, 4.5, 3.0, 4.0, 4.5, 3.5]
    found = strictness([rated(s, a) for s, a in zip(stars, averages, strict=True)] + [rated(5)])
    differences = [s - a for s, a in zip(stars, averages, strict=True)]
    assert found.n_books == 6
    assert found.difference == pytest.approx(statistics.mean(differences))
    assert found.own_mean - found.others_mean == pytest.approx(found.difference)
    assert found.margin == pytest.approx(1.96 * statistics.stdev(differences) / 6**0.5)
    assert found.difference == pytest.approx(-0.9167, abs=1e-4)
    assert found.is_clear


@pytest.mark.parametrize(
    ("stars", "averages", "clear"),
    [
        # All one star below, without any spread: certain from five books on.
        ([3] * 5, [4.0] * 5, True),
        ([3] * 4, [4.0] * 4, False),
        # Half a star below on average, but now above, now below.
        ([1, 5, 1, 5, 3], [3.5] * 5, False),
        # Certain, and too little to tell anybody.
        ([4] * 9, [4.05] * 9, False),
        ([5] * 9, [4.0] * 9, True),
    ],
)
def test_only_a_clear_difference_is_told(stars, averages, clear):
    found = strictness([rated(s, a) for s, a in zip(stars, averages, strict=True)])
    assert found.is_clear is clear


@pytest.mark.parametrize("books", [[], [rated(3)], [rated(3, 4.0)], [rated(3, 4.0), rated(2)]])
def test_nothing_is_compared_with_fewer_than_two_books(books):
    assert strictness(books) is None


def test_everyones_stars_count_each_book_alike():
    books = [
        rated(5, others=(0, 0, 0, 0, 1_000_000)),
        rated(5, others=(1, 0, 0, 0, 3)),
        rated(1, others=(0, 0, 0, 0, 0)),
        rated(4, others=(0, 0, 0, 4, 0)),
    ]
    shares = star_shares(books)
    assert [share.stars for share in shares] == [1, 2, 3, 4, 5]
    assert [share.n_own for share in shares] == [1, 0, 0, 1, 2]
    assert [share.own for share in shares] == [0.25, 0, 0, 0.25, 0.5]
    assert [share.others for share in shares] == pytest.approx(
        [0.25 / 3, 0, 0, 1 / 3, (1 + 0.75) / 3]
    )
    assert sum(share.others for share in shares) == pytest.approx(1)
    assert [share.own for share in star_shares([])] == [0.0] * 5


def test_decades_are_in_order_with_old_books_together():
    years = [1994, 1990, 1999, 2000, 1899, -380, None, 1900]
    groups = by_decade([rated(n % 5 + 1, year=year) for n, year in enumerate(years)])
    assert [(group.key, group.n_books) for group in groups] == [
        (None, 2),
        (1900, 1),
        (1990, 3),
        (2000, 1),
    ]
    assert groups[2].mean_stars == pytest.approx((1 + 2 + 3) / 3)


def test_languages_of_many_spellings_are_one():
    codes = ["eng", "en-US", "en-GB", "ger", "de", "", "und"]
    groups = by_language([rated(3, language=code) for code in codes])
    assert [(group.key, group.n_books) for group in groups] == [("English", 3), ("German", 2)]


def test_contrary_ratings_are_a_star_or_more_from_everyones():
    books = [
        rated(5, 3.0, book_id=1),
        rated(5, 3.9, book_id=2, others=(1, 1, 1, 1, 1)),
        rated(5, 3.9, book_id=3, others=(9, 9, 9, 9, 9)),
        rated(5, 4.5, book_id=4),
        rated(1, 4.5, book_id=5),
        rated(3, 4.0, book_id=6),
        rated(3, 3.99, book_id=7),
        rated(1, None, book_id=8),
    ]
    above, below = contrary(books, 3)
    assert [book.book_id for book in above] == [1, 3, 2]
    assert [book.book_id for book in below] == [5, 6]
    assert [book.book_id for book in contrary(books, 1)[0]] == [1]


def test_genres_are_drawn_towards_everyones():
    """Three liked books: two of horror, one half poetry, half art."""
    found = genre_tastes({1: 2.0, 2: 0.5, 3: 0.5}, {1: 10.0, 2: 60.0, 3: 30.0}, NAMES)
    assert {taste.slug: taste.share for taste in found} == pytest.approx(
        {
            "horror": (2 + 10 * 0.1) / 13,
            "poetry": (0.5 + 10 * 0.6) / 13,
            "art": (0.5 + 10 * 0.3) / 13,
        }
    )
    assert [taste.slug for taste in found] == ["poetry", "art", "horror"]
    assert sum(taste.share for taste in found) == pytest.approx(1)
    assert found[2].lift == pytest.approx(3 / 13 / 0.1)


def test_without_likes_the_genres_are_everyones_and_with_many_ones_own():
    everyone = {1: 10.0, 2: 90.0}
    assert [t.share for t in genre_tastes({}, everyone, NAMES)] == pytest.approx([0.9, 0.1])
    much = genre_tastes({1: 10_000.0}, everyone, NAMES)
    assert much[0].slug == "horror"
    assert much[0].share == pytest.approx(1, abs=1e-3)
    assert genre_tastes({3: 4.0}, everyone | {3: 0.0}, NAMES)[0].slug == "poetry"
    assert genre_tastes({}, {}, NAMES) == []


def test_authors_with_more_books_come_before_a_lucky_few():
    rows = [(1, "Two Fives", 2, 10), (2, "Five Good", 5, 24), (3, "Once", 1, 5), (4, "Poor", 2, 2)]
    found = author_tastes(rows, own_mean=3.0)
    assert [taste.name for taste in found] == ["Five Good", "Two Fives", "Poor"]
    assert [taste.shrunk_mean for taste in found] == pytest.approx([33 / 8, 19 / 5, 11 / 5])
    assert found[0].mean_stars == pytest.approx(4.8)


@pytest.fixture
def world(db):
    """Alice's six books beside Bob's, who must not count."""
    alice, bob = UserFactory(), UserFactory()
    genres = {slug: Genre.objects.create(slug=slug, name=name) for slug, name in NAMES.values()}
    books = []
    for n, (stars, slug) in enumerate(
        [(5, "horror"), (4, "horror"), (4, "poetry"), (2, "poetry"), (3, "art"), (5, "art")]
    ):
        book = BookFactory(
            authors=["Shared Hand", f"Hand {n}"],
            average_rating="3.50" if n else "0.00",
            stars_4=10,
            stars_5=n,
            stars_1=7,
            language="eng",
            publication_year=1990 + n,
        )
        BookGenre.objects.create(book=book, genre=genres[slug], share=0.8)
        BookGenre.objects.create(
            book=book, genre=genres["art" if slug != "art" else "poetry"], share=0.2
        )
        RatingFactory(user=alice, book=book, stars=stars)
        RatingFactory(user=bob, book=book, stars=1)
        books.append(book)
    Book.objects.filter(pk=books[5].pk).update(is_hidden=True)
    return alice, books


def test_what_is_read_of_a_reader_is_theirs_and_visible(world, django_assert_num_queries):
    alice, books = world
    with django_assert_num_queries(1):
        found = rated_books(alice)
    assert [(book.book_id, book.stars) for book in found] == [
        (book.pk, stars) for book, stars in zip(books[:5], [5, 4, 4, 2, 3], strict=True)
    ]
    assert found[0].average is None
    assert found[1].average == 3.5
    assert found[1].others == (7, 0, 0, 10, 1)


def test_genres_from_the_database_are_those_of_the_formula(world, django_assert_num_queries):
    alice, _ = world
    # Of what Alice liked (two horror, one poetry) and of everyone's 4 and 5 stars.
    own = {"horror": 1.6, "poetry": 0.8, "art": 0.6}
    everyone = {
        "horror": 0.8 * (10 + 11),
        "poetry": 0.8 * (12 + 13) + 0.2 * 14,
        "art": 0.2 * (10 + 11 + 12 + 13) + 0.8 * 14,
    }
    with django_assert_num_queries(2):
        found = favourite_genres(alice)
    for taste in found:
        others = everyone[taste.slug] / sum(everyone.values())
        assert taste.others == pytest.approx(others)
        assert taste.share == pytest.approx((own[taste.slug] + 10 * others) / 13)


def test_authors_from_the_database_have_two_books_or_more(world, django_assert_num_queries):
    alice, _ = world
    with django_assert_num_queries(1):
        [found] = favourite_authors(alice, own_mean=3.6)
    shared = Author.objects.get(name="Shared Hand")
    assert (found.author_id, found.n_books, found.mean_stars) == (shared.pk, 5, 18 / 5)
