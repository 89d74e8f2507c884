import threading

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.tests.factories import UserFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.errors import BookGone, InvalidStars
from ratings.models import Rating, ShelfEntry
from ratings.selectors import site_histogram, stars_by_book, stars_given
from ratings.services import rate_book, remove_rating, shelve_book, unshelve_book
from ratings.signals import rating_changed
from ratings.tests.factories import RatingFactory


@pytest.mark.django_db
def test_rating_again_changes_the_one_rating_there_is() -> None:
    alice, book = UserFactory(), BookFactory()
    first = rate_book(user=alice, book=book, stars=2)
    created = Rating.objects.get().created_at
    second = rate_book(user=alice, book=book, stars=5)
    rating = Rating.objects.get()
    assert (rating.pk, rating.stars) == (first.pk, 5) == (second.pk, second.stars)
    assert rating.created_at == created
    assert rating.updated_at > created


@pytest.mark.django_db
@pytest.mark.parametrize("stars", [0, 6, -1, 4.5, 4.0, "4", None, True])
def test_rate_book_rejects_what_are_no_stars(stars: object) -> None:
    with pytest.raises(InvalidStars, match="whole numbers from 1 to 5"):
        rate_book(user=UserFactory(), book=BookFactory(), stars=stars)
    assert not Rating.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("stars", [0, 6])
def test_the_database_refuses_wrong_stars_from_anywhere(stars: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        RatingFactory(stars=stars)


@pytest.mark.django_db
def test_a_rated_book_leaves_the_to_read_shelf_of_its_reader_only() -> None:
    alice, bob, book = UserFactory(), UserFactory(), BookFactory()
    shelve_book(user=alice, book=book)
    shelve_book(user=bob, book=book)
    rate_book(user=alice, book=book, stars=3)
    assert list(ShelfEntry.objects.values_list("user_id", flat=True)) == [bob.pk]


@pytest.mark.django_db
def test_removing_says_whether_there_was_something() -> None:
    alice, bob, book = UserFactory(), UserFactory(), BookFactory()
    rate_book(user=bob, book=book, stars=1)
    assert not remove_rating(user=alice, book=book)
    assert stars_given(bob, book) == 1
    assert remove_rating(user=bob, book=book)
    assert stars_given(bob, book) is None


@pytest.mark.django_db
def test_shelving_twice_leaves_one_entry() -> None:
    alice, book = UserFactory(), BookFactory()
    assert shelve_book(user=alice, book=book).pk == shelve_book(user=alice, book=book).pk
    assert unshelve_book(user=alice, book=book)
    assert not unshelve_book(user=alice, book=book)


@pytest.mark.django_db
def test_selectors_count_and_order() -> None:
    alice, first, second = UserFactory(), BookFactory(), BookFactory()
    rate_book(user=alice, book=second, stars=5)
    rate_book(user=alice, book=first, stars=2)
    RatingFactory(book=first, stars=2)
    RatingFactory(book=first, stars=4)
    assert stars_by_book(alice) == [(first.pk, 2), (second.pk, 5)]
    assert site_histogram(first) == [0, 2, 0, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_others_hear_of_a_rating_after_the_commit_only() -> None:
    alice, book = UserFactory(), BookFactory()
    heard: list[tuple[int, int, int | None]] = []

    def listen(*, user_id: int, book_id: int, stars: int | None, **kwargs: object) -> None:
        heard.append((user_id, book_id, stars))

    rating_changed.connect(listen)
    try:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            rate_book(user=alice, book=book, stars=5)
            raise ZeroDivisionError
        assert heard == []
        rate_book(user=alice, book=book, stars=4)
        remove_rating(user=alice, book=book)
        assert heard == [(alice.pk, book.pk, 4), (alice.pk, book.pk, None)]
    finally:
        rating_changed.disconnect(listen)


@pytest.mark.django_db(transaction=True)
def test_ratings_given_at_once_from_two_tabs_leave_one_row() -> None:
    alice, book = UserFactory(), BookFactory()
    start = threading.Barrier(4)
    failures: list[Exception] = []

    def rate(stars: int) -> None:
        try:
            start.wait()
            rate_book(user=alice, book=book, stars=stars)
        except Exception as error:  # noqa: BLE001 - reported by the assertion below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=rate, args=(stars,)) for stars in (1, 2, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Rating.objects.get().stars in (1, 2, 4, 5)


@pytest.mark.django_db(transaction=True)
def test_a_book_that_is_deleted_meanwhile_is_named() -> None:
    alice, book = UserFactory(), BookFactory()
    stale = Book.objects.get(pk=book.pk)
    book.delete()
    with pytest.raises(BookGone):
        rate_book(user=alice, book=stale, stars=5)
    with pytest.raises(BookGone):
        shelve_book(user=alice, book=stale)
    assert not Rating.objects.exists()
