"""Stars of somebody without an account: kept in the session, taken along at log-in."""

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import UserFactory
from ratings.errors import InvalidStars, TooManyGuestRatings
from ratings.guest import (
    MAX_RATINGS,
    SESSION_KEY,
    carry_over,
    guest_opinions,
    guest_stars,
    rate_as_guest,
    remove_guest_rating,
)
from ratings.models import Dismissal, Rating, Reading, ShelfEntry
from ratings.services import dismiss_book, rate_book, shelve_book
from ratings.tests.readers import Readers, make_readers

pytestmark = pytest.mark.django_db

PASSWORD = "a long enough passphrase"


@pytest.fixture
def readers(db) -> Readers:
    return make_readers()


@pytest.fixture
def session() -> SessionStore:
    return SessionStore()


def rate(client, book, **fields):
    return client.post(reverse("rate_book", args=[book.pk]), fields)


def stars_of(user) -> dict[int, int]:
    return dict(Rating.objects.filter(user=user).values_list("book", "stars"))


def test_a_guest_rates_on_any_page_and_is_told_for_how_long_it_is_kept(client, readers):
    book = readers.books[3]
    answer = rate(client, book, stars="4", next="/books/?page=1")
    assert answer["Location"] == f"/books/?page=1#book-{book.pk}"
    assert client.session[SESSION_KEY] == {str(book.pk): 4}
    page = client.get(answer["Location"]).content.decode()
    assert "You gave “Volume 4” 4 stars. They are kept for this visit" in page
    assert not Rating.objects.filter(book=book, stars=4).exclude(user=readers.alice).exists()


def test_a_guest_changes_and_removes_stars(client, readers):
    book = readers.books[3]
    rate(client, book, stars="4")
    rate(client, book, stars="1")
    assert client.session[SESSION_KEY] == {str(book.pk): 1}
    rate(client, book, stars="remove")
    assert SESSION_KEY not in client.session
    rate(client, book, stars="remove")
    assert SESSION_KEY not in client.session


@pytest.mark.parametrize("stars", ["9", "0", "-1", "abc", "", "4.5", "٣", "1\0", "9" * 5000])
def test_a_guests_stars_that_are_none_are_refused(client, readers, stars):
    rate(client, readers.books[0], stars=stars)
    assert SESSION_KEY not in client.session


@pytest.mark.parametrize("stars", [0, 6, -1, True, "3", 2.0, None])
def test_rate_as_guest_takes_whole_numbers_from_1_to_5_only(session, readers, stars):
    with pytest.raises(InvalidStars):
        rate_as_guest(session, book=readers.books[0], stars=stars)
    assert SESSION_KEY not in session


def test_another_guest_sees_nothing_of_it(client, readers):
    rate(client, readers.books[0], stars="5")
    assert SESSION_KEY not in Client().session


def test_a_guest_who_only_looks_gets_no_session(client, readers):
    for address in (reverse("home"), reverse("browse"), readers.books[0].get_absolute_url()):
        assert "sessionid" not in client.get(address).cookies


def test_a_guest_has_opinions_like_a_reader(session, readers):
    for place in (4, 1):
        rate_as_guest(session, book=readers.books[place], stars=place)
    found = guest_opinions(session)
    ids = [readers.books[place].pk for place in (1, 4)]
    assert list(found.stars.items()) == list(zip(ids, (1, 4), strict=True))
    assert found.taken == set(ids)


def test_there_is_room_for_so_many_books_and_for_changing_their_stars(session, readers):
    session[SESSION_KEY] = {str(10_000_000 + n): 3 for n in range(MAX_RATINGS - 1)}
    rate_as_guest(session, book=readers.books[0], stars=2)
    rate_as_guest(session, book=readers.books[0], stars=5)
    with pytest.raises(TooManyGuestRatings):
        rate_as_guest(session, book=readers.books[1], stars=5)
    assert remove_guest_rating(session, book=readers.books[0])
    rate_as_guest(session, book=readers.books[1], stars=5)
    assert guest_stars(session) == {readers.books[1].pk: 5}


def test_one_book_too_many_is_told_and_not_kept(client, readers):
    session = client.session
    session[SESSION_KEY] = {str(10_000_000 + n): 3 for n in range(MAX_RATINGS)}
    session.save()
    rate(client, readers.books[0], stars="5")
    assert "200 ratings are as many" in client.get(reverse("browse")).content.decode()
    assert str(readers.books[0].pk) not in client.session[SESSION_KEY]


@pytest.mark.parametrize(
    "kept",
    [
        None,
        7,
        "7",
        [1, 2],
        [["1", 5]],
        {"": 5, "abc": 4, "-1": 3, "1.5": 3, "٣": 3, "1\0": 3, "0": 3},
        {"9" * 5000: 5, str(2**63): 4, "9" * 19: 3},
        {"1": 0, "2": 6, "3": "5", "4": None, "5": True, "6": 2.5, "7": [5], "8": {"a": 1}},
    ],
)
def test_what_never_was_a_guests_stars_is_dropped(client, readers, kept):
    session = client.session
    session[SESSION_KEY] = kept
    session.save()
    assert guest_stars(client.session) == {}
    assert client.get(reverse("browse")).status_code == 200
    assert rate(client, readers.books[0], stars="5").status_code == 302
    assert guest_stars(client.session) == {readers.books[0].pk: 5}


def test_books_that_were_deleted_or_hidden_since_are_dropped(session, readers):
    hidden, deleted, there = readers.books[20:23]
    for book in (hidden, deleted, there):
        rate_as_guest(session, book=book, stars=5)
    hidden.is_hidden = True
    hidden.save(update_fields=["is_hidden"])
    deleted.delete()
    assert guest_stars(session) == {there.pk: 5}
    assert carry_over(session, readers.charlie) == 1
    assert stars_of(readers.charlie) == {there.pk: 5}


def test_a_guest_without_stars_costs_no_query(session, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert guest_stars(session) == {}


def test_logging_in_takes_the_stars_along_and_the_accounts_own_win(client, readers):
    first, new = readers.books[0], readers.books[20]
    rate(client, first, stars="5")
    rate(client, new, stars="4")
    answer = client.post(
        reverse("account_login"), {"login": "bob", "password": PASSWORD}, follow=True
    )
    assert stars_of(readers.bob) == {first.pk: 3, readers.books[1].pk: 3, new.pk: 4}
    assert SESSION_KEY not in client.session
    assert "The book that you rated before is in your account now." in answer.content.decode()


def test_signing_up_takes_the_stars_along(client, readers):
    for book in readers.books[:5]:
        rate(client, book, stars="5")
    answer = client.post(
        reverse("account_signup"),
        {
            "username": "dora",
            "email": "dora@example.org",
            "password": PASSWORD,
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
        follow=True,
    )
    dora = Rating.objects.get(user__username="dora", book=readers.books[0]).user
    assert stars_of(dora) == {book.pk: 5 for book in readers.books[:5]}
    assert "The 5 books that you rated before" in answer.content.decode()
    assert SESSION_KEY not in client.session


def test_nothing_of_a_reader_is_left_for_the_next_at_the_same_machine(client, readers):
    rate(client, readers.books[20], stars="5")
    client.force_login(readers.bob)
    client.logout()
    client.force_login(readers.charlie)
    assert stars_of(readers.charlie) == {}


def test_a_log_in_without_guest_stars_writes_nothing(client, readers, django_assert_num_queries):
    before = Rating.objects.count()
    client.force_login(readers.charlie)
    assert Rating.objects.count() == before
    session = SessionStore()
    with django_assert_num_queries(0):
        assert carry_over(session, readers.charlie) == 0


def test_a_carried_book_leaves_the_shelves_that_say_otherwise(session, readers):
    shelved, dismissed, own = readers.books[:3]
    user = UserFactory()
    shelve_book(user=user, book=shelved)
    dismiss_book(user=user, book=dismissed)
    shelve_book(user=user, book=own, shelf="holidays")
    for book in (shelved, dismissed, own):
        rate_as_guest(session, book=book, stars=3)
    assert carry_over(session, user) == 3
    assert list(ShelfEntry.objects.filter(user=user).values_list("shelf", flat=True)) == [
        "holidays"
    ]
    assert not Dismissal.objects.filter(user=user).exists()
    assert not Reading.objects.filter(user=user).exists()


def test_many_stars_are_carried_over_in_a_few_queries(
    session, readers, django_assert_max_num_queries
):
    for book in readers.books:
        rate_as_guest(session, book=book, stars=2)
    with django_assert_max_num_queries(10):
        assert carry_over(session, readers.charlie) == 30


def test_the_accounts_own_stars_stay_as_they_were(session, readers):
    rate_book(user=readers.charlie, book=readers.books[0], stars=1)
    before = Rating.objects.get(user=readers.charlie)
    rate_as_guest(session, book=readers.books[0], stars=5)
    assert carry_over(session, readers.charlie) == 0
    after = Rating.objects.get(user=readers.charlie)
    assert (after.pk, after.stars, after.updated_at) == (before.pk, 1, before.updated_at)
