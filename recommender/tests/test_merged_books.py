"""Between a merge and the next training run the active run knows both books."""

import pytest

from accounts.tests.factories import UserFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.book_merges import merge_books, undo_merge
from ratings.services import rate_book
from recommender.serving import popular_books, recommendations_for, similar_books

pytestmark = pytest.mark.django_db


@pytest.fixture
def dragons(trained) -> list[Book]:
    return trained["Dragon"]


def listed(user, k=24) -> list[int]:
    return [item.book.pk for item in recommendations_for(user, k=k).items]


def merge(old: Book, new: Book):
    return merge_books(merged=old.pk, survivor=new.pk, by=UserFactory())


def test_the_merged_book_is_in_no_list_and_the_survivor_in_none_of_who_rated_either(dragons):
    reader = UserFactory()
    stranger = UserFactory()
    for book in dragons[:4]:
        rate_book(user=reader, book=book, stars=5)
    assert dragons[10].pk in listed(reader)
    made = merge(dragons[0], dragons[10])
    found = listed(reader)
    assert len(found) > 10
    assert not {dragons[0].pk, dragons[10].pk} & set(found)
    for books in (popular_books(24), similar_books(dragons[1], 24)):
        assert dragons[0] not in books
    assert dragons[0].pk not in listed(stranger)
    undo_merge(merge_id=made.pk, by=stranger)
    assert dragons[10].pk in listed(reader)


def test_what_was_said_of_the_merged_book_still_makes_the_list(dragons):
    """Of the survivor, which the run knows too."""
    reader = UserFactory()
    rate_book(user=reader, book=dragons[0], stars=5)
    merge(dragons[0], dragons[10])
    found = recommendations_for(reader, k=5)
    assert found.basis == "ratings"
    assert all(item.book.title.startswith("Dragon") for item in found.items)
    assert {reason.book for item in found.items for reason in item.reasons} == {dragons[10]}


def test_a_survivor_that_is_new_since_the_fit_counts_as_the_one_that_it_took_in(
    dragons, django_assert_num_queries
):
    reader, same = UserFactory.create_batch(2)
    for user in (reader, same):
        for book in dragons[:2]:
            rate_book(user=user, book=book, stars=5)
    before = recommendations_for(same, k=8)
    new = BookFactory(title="Dragon, revised", authors=["Dragon author 0"])
    merge(dragons[0], new)
    after = recommendations_for(reader, k=8)
    assert after.basis == "ratings"
    assert [item.book for item in after.items] == [item.book for item in before.items]
    assert [item.score for item in after.items] == [item.score for item in before.items]
    # Nothing more is asked of who spoke of known books alone.
    bob = UserFactory()
    rate_book(user=bob, book=dragons[3], stars=5)
    with django_assert_num_queries(6):
        recommendations_for(bob, k=8)
