"""A book that a curator added a moment ago, in the lists of those who like its like."""

import pytest

from accounts.tests.factories import UserFactory
from catalog.curation.books import add_book, edit_book, set_hidden
from catalog.models import Book
from ratings.services import dismiss_book, rate_book, shelve_book
from recommender.list_options import ListOptions
from recommender.serving import recommendations_for, similar_books
from recommender.training import run_training

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob(trained):
    """A reader with three ratings, all for dragons."""
    bob = UserFactory(username="bob")
    for book in trained["Dragon"][:3]:
        rate_book(user=bob, book=book, stars=5)
    return bob


@pytest.fixture
def alice(trained):
    """A reader of detectives."""
    alice = UserFactory(username="alice")
    for book in trained["Detective"][:6]:
        rate_book(user=alice, book=book, stars=5)
    return alice


def new_dragon(**values) -> Book:
    known = {"title": "Dragon, new", "authors": ["Dragon author 1"]}
    return add_book(known | values, by=None)


def ids(reader, k=10, **options) -> list[int]:
    found = recommendations_for(reader, k=k, options=ListOptions(**options))
    return [item.book.pk for item in found.items]


def test_it_is_recommended_at_the_next_request_to_who_likes_its_author(bob, alice, trained) -> None:
    before = ids(bob)
    alices = ids(alice)
    book = new_dragon()
    after = ids(bob)
    assert book.pk in after
    # One place is its own, the others keep their order.
    assert [pk for pk in after if pk != book.pk] == before[:9]
    assert ids(alice)[:9] == alices[:9]
    item = next(i for i in recommendations_for(bob).items if i.book.pk == book.pk)
    assert item.reasons[0].book == trained["Dragon"][1]
    scores = [i.score for i in recommendations_for(bob).items]
    assert scores == sorted(scores, reverse=True)
    charlie = UserFactory(username="charlie")
    assert book.pk not in ids(charlie)


def test_at_most_one_in_ten_is_new(bob) -> None:
    new = {new_dragon(title=f"New {n}").pk for n in range(5)}
    assert len(new & set(ids(bob))) == 1
    assert len(new & set(ids(bob, k=20))) == 2


def test_wishes_and_curators_hold_for_it_too(bob) -> None:
    book = new_dragon(language="de")
    assert book.pk in ids(bob, language="ger")
    edit_book(book.pk, {"language": "en"}, by=None)
    assert book.pk in ids(bob)
    set_hidden([book.pk], True, by=None)
    assert book.pk not in ids(bob)
    set_hidden([book.pk], False, by=None)
    assert book.pk in ids(bob)
    for take in (shelve_book, dismiss_book):
        take(user=bob, book=book)
        assert book.pk not in ids(bob)


def test_a_later_volume_waits_for_the_earlier_ones(bob) -> None:
    first = new_dragon(title="First", series=[["Saga", "1"]])
    second = new_dragon(title="Second", series=[["Saga", "2"]])
    assert first.pk in ids(bob, k=20)
    assert second.pk not in ids(bob, k=20)
    rate_book(user=bob, book=first, stars=4)
    assert second.pk in ids(bob, k=20)


def test_similar_books_know_it_from_both_sides(bob, trained) -> None:
    book = new_dragon()
    assert similar_books(book, k=4)[0] == trained["Dragon"][1]
    assert book in similar_books(trained["Dragon"][1], k=4)
    assert book not in similar_books(trained["Detective"][1], k=4)


def test_what_is_known_of_it_may_change(bob, alice) -> None:
    book = new_dragon()
    edit_book(book.pk, {"authors": ["Detective author 2"]}, by=None)
    assert book.pk in ids(alice)
    # Two tastes of sixty readers each hardly ever cross.
    assert ids(bob).count(book.pk) <= 1


def test_after_the_next_run_it_is_new_until_somebody_rates_it(bob) -> None:
    book = new_dragon()
    run_training(trigger="test", force=True)
    assert book.pk in ids(bob)


def test_a_book_of_which_nothing_is_known_is_in_no_list(bob) -> None:
    book = add_book({"title": "?", "authors": ["Nobody else"]}, by=None)
    assert book.pk not in ids(bob, k=9)  # further on, the catalogue fills up


def test_it_costs_one_query_once_it_is_known(bob, django_assert_num_queries) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    ids(bob)
    with CaptureQueriesContext(connection) as before:
        ids(bob)
    new_dragon()
    ids(bob)
    with CaptureQueriesContext(connection) as after:
        ids(bob)
    # The catalogue's version, asked by each use; whether its series may go on.
    assert len(after) <= len(before) + 3
