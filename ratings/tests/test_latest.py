"""What a reader did last, next volumes, and what the site's readers rate these days."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.tests.factories import ImportedReaderFactory, UserFactory
from catalog.models import Book, BookGenre, Genre, Volume
from catalog.tests.factories import BookFactory
from ratings.latest import Latest, latest_of
from ratings.next_volumes import NextVolume, next_volumes
from ratings.opinions import Opinions, opinions_of
from ratings.services import dismiss_book, mark_read, rate_book, shelve_book
from ratings.tests.factories import RatingFactory, ShelfEntryFactory
from ratings.trending import trending_book_ids

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(db):
    return UserFactory()


def at(day: int) -> datetime:
    return datetime(2026, 1, day, tzinfo=UTC)


def volume(series: str, number: float, **fields) -> Book:
    return BookFactory(title=f"{series} {number}", series=series, series__number=number, **fields)


def following(user) -> list[str]:
    found = next_volumes(opinions_of(user), latest_of(user), 10)
    titles = dict(Book.objects.values_list("pk", "title"))
    return [titles[item.book_id] for item in found]


def test_what_was_rated_read_and_shelved_comes_latest_first(user, django_assert_num_queries):
    rated, older, read, undated = (BookFactory() for _ in range(4))
    RatingFactory(user=user, book=rated, updated_at=at(20))
    RatingFactory(user=user, book=older, updated_at=at(10))
    RatingFactory(user=user, book=undated, updated_at=None)
    mark_read(user=user, book=read, finished_on=date(2026, 1, 15))
    shelves = [(BookFactory(), shelf) for shelf in ("reading", "to_read", "abandoned")]
    for day, (book, shelf) in enumerate(shelves, start=1):
        ShelfEntryFactory(user=user, book=book, shelf=shelf, added_at=at(day))
    wished = ShelfEntryFactory(user=user, added_at=at(9)).book
    ShelfEntryFactory(user=user, shelf="holidays")
    RatingFactory(updated_at=at(25))
    with django_assert_num_queries(1):
        found = latest_of(user)
    reading, to_read, abandoned = (book.pk for book, _ in shelves)
    assert found == Latest(
        read=(rated.pk, read.pk, older.pk, undated.pk),
        reading=(reading,),
        to_read=(wished.pk, to_read),
        abandoned=(abandoned,),
    )


def test_a_book_that_is_rated_and_read_is_there_once(user):
    book = BookFactory()
    mark_read(user=user, book=book, finished_on=date(2026, 1, 1))
    rate_book(user=user, book=book, stars=4)
    assert latest_of(user).read == (book.pk,)


def test_who_did_nothing_has_nothing(user, django_assert_num_queries):
    assert latest_of(user) == Latest((), (), (), ())
    with django_assert_num_queries(0):
        assert next_volumes(Opinions(), Latest((), (), (), ()), 5) == []


def test_the_lowest_unread_volume_comes_next_and_says_after_which(user):
    first, second, third = (volume("Dune", n) for n in (1, 2, 3))
    rate_book(user=user, book=third, stars=4)
    rate_book(user=user, book=first, stars=3)
    [found] = next_volumes(opinions_of(user), latest_of(user), 5)
    assert found == NextVolume(
        found.series_id, series="Dune", number=2, book_id=second.pk, after=first.pk
    )


@pytest.mark.parametrize(("stars", "expected"), [(1, []), (2, []), (3, ["S 2"]), (5, ["S 2"])])
def test_a_series_goes_on_from_three_stars(user, stars, expected):
    first = volume("S", 1)
    volume("S", 2)
    rate_book(user=user, book=first, stars=stars)
    assert following(user) == expected


def test_a_volume_read_without_stars_lets_the_series_go_on(user):
    mark_read(user=user, book=volume("S", 1))
    volume("S", 2)
    assert following(user) == ["S 2"]


def test_halves_prequels_and_boxed_sets_do_not_come_next(user):
    rate_book(user=user, book=volume("S", 1), stars=5)
    volume("S", 0)
    volume("S", 1.5)
    BookFactory(title="Box", series="S")
    assert following(user) == []
    volume("S", 2)
    assert following(user) == ["S 2"]


def test_another_printing_of_a_volume_counts_as_that_volume(user):
    rate_book(user=user, book=volume("S", 1), stars=5)
    BookFactory(title="Other printing", series="S", series__number=1)
    volume("S", 2, ratings_count=5)
    BookFactory(title="Popular printing", series="S", series__number=2, ratings_count=9)
    assert following(user) == ["Popular printing"]


def test_a_series_given_up_or_dismissed_or_being_read_is_left_out(user):
    for name in ("Given up", "Dismissed", "Being read", "Going on"):
        rate_book(user=user, book=volume(name, 1), stars=5)
    shelve_book(user=user, book=volume("Given up", 2), shelf="abandoned")
    dismiss_book(user=user, book=volume("Dismissed", 2))
    shelve_book(user=user, book=volume("Being read", 2), shelf="reading")
    shelve_book(user=user, book=volume("Going on", 2), shelf="to_read")
    assert following(user) == ["Going on 2"]


def test_hidden_volumes_are_passed_over(user):
    rate_book(user=user, book=volume("S", 1), stars=5)
    volume("S", 2, is_hidden=True)
    volume("S", 3)
    assert following(user) == ["S 3"]


def test_only_the_first_series_of_a_title_counts(user):
    book = volume("Discworld", 1)
    other = volume("Rincewind", 2)
    Volume.objects.create(book=book, series=other.series.get(), number=1, label="1", position=1)
    rate_book(user=user, book=book, stars=5)
    assert following(user) == []


def test_the_series_read_last_comes_first(user):
    for day, name in ((3, "C"), (9, "A"), (6, "B")):
        RatingFactory(user=user, book=volume(name, 1), updated_at=at(day), stars=4)
        volume(name, 2)
    assert following(user) == ["A 2", "B 2", "C 2"]
    assert len(next_volumes(opinions_of(user), latest_of(user), 2)) == 2


def test_many_series_ask_one_query(user, django_assert_num_queries):
    for n in range(12):
        rate_book(user=user, book=volume(f"S{n}", 1), stars=4)
        volume(f"S{n}", 2)
    opinions, latest = opinions_of(user), latest_of(user)
    with django_assert_num_queries(1):
        assert len(next_volumes(opinions, latest, 20)) == 12


def test_another_readers_series_are_their_own(user):
    RatingFactory(book=volume("S", 1), stars=5)
    volume("S", 2)
    assert following(user) == []


def test_a_trend_needs_two_readers_of_the_site_in_30_days(django_assert_num_queries):
    three, two, one, old, imported, hidden = (BookFactory() for _ in range(6))
    for book, n in ((three, 3), (two, 2), (one, 1), (hidden, 4)):
        RatingFactory.create_batch(n, book=book)
    Book.objects.filter(pk=hidden.pk).update(is_hidden=True)
    long_ago = timezone.now() - timedelta(days=30, minutes=1)
    RatingFactory.create_batch(3, book=old, created_at=long_ago)
    for _ in range(3):
        RatingFactory(book=imported, user=ImportedReaderFactory())
        RatingFactory(book=imported, created_at=None, updated_at=None)
    with django_assert_num_queries(1):
        assert trending_book_ids(5) == [three.pk, two.pk]
    assert trending_book_ids(1) == [three.pk]


def test_a_trend_of_a_genre_is_of_its_books():
    horror = Genre.objects.create(slug="horror", name="Horror")
    scary, other = BookFactory(), BookFactory()
    BookGenre.objects.create(book=scary, genre=horror, share=1)
    for book in (scary, other):
        RatingFactory.create_batch(2, book=book)
    assert trending_book_ids(5, genre="horror") == [scary.pk]
    assert trending_book_ids(5, genre="western") == []
