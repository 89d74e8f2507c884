"""The API's list, read in one statement, is the one that is read part by part."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.factories import UserFactory
from catalog.curation.books import set_hidden
from catalog.curation.boosts import boost_book
from catalog.models import Book
from catalog.tests.factories import BookFactory
from catalog.versions import catalog_version
from ratings.opinions import opinions_of
from ratings.services import dismiss_book, rate_book, shelve_book
from recommender.active import holder
from recommender.book_sources import BooksInMemory
from recommender.list_options import NO_OPTIONS, ListOptions
from recommender.listed import listed_recommendations, moment_of
from recommender.serving import recommendations_for
from recommender.standing import standing
from recommender.training import run_training

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(trained):
    user = UserFactory(username="alice")
    for book in trained["Dragon"][:3]:
        rate_book(user=user, book=book, stars=5)
    shelve_book(user=user, book=trained["Dragon"][4])
    dismiss_book(user=user, book=trained["Dragon"][5])
    assert holder.current() is not None
    return user


def part_by_part(user, options=NO_OPTIONS):
    return recommendations_for(
        user, 10, options=options, with_predicted_stars=True, source=BooksInMemory()
    )


@pytest.mark.parametrize(
    "options",
    [
        NO_OPTIONS,
        ListOptions(diversity=0.5, explain=True),
        ListOptions(exclude_read=False),
        ListOptions(year_from=1900),
    ],
)
def test_a_list_is_the_same(alice, options) -> None:
    for user in (alice, UserFactory(), UserFactory(wants_recommendations=False)):
        assert listed_recommendations(user, 10, options) == part_by_part(user, options)


def test_a_list_takes_one_query(alice, django_assert_num_queries) -> None:
    """And a second one for everybody's stars, as this run predicts none."""
    listed_recommendations(alice, 10, NO_OPTIONS)
    with django_assert_num_queries(2):
        found = listed_recommendations(alice, 10, NO_OPTIONS)
    assert found.basis == "ratings"
    assert found.items


def test_what_the_one_statement_reads_is_what_each_part_reads(alice, trained) -> None:
    model, curator = holder.current(), UserFactory()
    dragons = trained["Dragon"]
    set_hidden([dragons[6].pk], True, by=curator, reason="test")
    ends_at = timezone.now() + timedelta(days=1)
    boost_book(dragons[7].pk, direction="up", by=curator, reason="test", ends_at=ends_at)
    new = BookFactory(title="Newer than the run")
    moment = moment_of(alice, model)
    assert moment.opinions == opinions_of(alice)
    assert moment.standing == standing(newer_than=model.newest_book)
    assert moment.standing.new == (new.pk,)
    assert moment.standing.hidden == {dragons[6].pk}
    assert moment.standing.boosts == ((dragons[7].pk, 1),)
    assert moment.run == (model.run_id, model.artifact)
    assert moment.version == catalog_version()


def test_a_hidden_book_and_a_new_rating_show_at_once(alice) -> None:
    hidden, rated, *_ = (item.book for item in listed_recommendations(alice, 10, NO_OPTIONS).items)
    set_hidden([hidden.pk], True, by=UserFactory(), reason="test")
    rate_book(user=alice, book=Book.objects.get(pk=rated.pk), stars=1)
    after = listed_recommendations(alice, 10, NO_OPTIONS).book_ids
    assert not {hidden.pk, rated.pk} & set(after)
    assert after == part_by_part(alice).book_ids


def test_another_run_is_served_as_soon_as_it_is_active(alice) -> None:
    before = listed_recommendations(alice, 10, NO_OPTIONS)
    run = run_training(trigger="test")
    # The first request after a swap is answered by the run before.
    assert listed_recommendations(alice, 10, NO_OPTIONS) == before
    holder.settle()
    after = listed_recommendations(alice, 10, NO_OPTIONS)
    assert after.run_id == run.pk != before.run_id
    assert after == part_by_part(alice)
