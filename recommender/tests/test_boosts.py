"""What a curator's boost does to lists, and that it does no more."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.factories import UserFactory
from catalog.curation.boosts import boost_book, end_boost
from catalog.curation.undo import undo
from catalog.models import Boost, CurationChange
from ratings.services import rate_book
from recommender.home_rows import home_rows
from recommender.serving import popular_books, recommendations_for, similar_books
from recommender.standing import standing

pytestmark = pytest.mark.django_db


@pytest.fixture
def bob(trained):
    bob = UserFactory(username="bob")
    for book in trained["Dragon"][:3]:
        rate_book(user=bob, book=book, stars=5)
    return bob


def ids(reader, k=24) -> list[int]:
    return [item.book.pk for item in recommendations_for(reader, k=k).items]


def boost(book_id: int, direction: str = "up", days: float = 7) -> Boost:
    return boost_book(
        book_id,
        direction,
        reason="the film is out",
        ends_at=timezone.now() + timedelta(days=days),
        by=None,
    )


def test_a_boosted_book_rises_and_the_others_keep_their_order(bob) -> None:
    before = ids(bob)
    ranked = sum(bool(item.reasons) for item in recommendations_for(bob, k=24).items)
    boost(before[7])
    after = ids(bob)
    # 1 - log 8 / log(n + 1) + .25 is the relevance of place 8 / (n + 1)^.25.
    assert after.index(before[7]) == int(8 / (ranked + 1) ** 0.25)
    assert [pk for pk in after if pk != before[7]] == [pk for pk in before if pk != before[7]]
    found = recommendations_for(bob, k=8).items
    assert [item.score for item in found] == sorted((i.score for i in found), reverse=True)
    assert next(item for item in found if item.book.pk == before[7]).reasons


def test_a_buried_book_sinks_and_does_not_vanish(bob) -> None:
    before = ids(bob)
    ranked = sum(bool(item.reasons) for item in recommendations_for(bob, k=24).items)
    boost(before[0], "down")
    after = ids(bob)
    # Worth what place (n + 1)^.5 is, behind those before it.
    assert after.index(before[0]) == int((ranked + 1) ** 0.5) - 1
    assert sorted(after) == sorted(before)


def test_a_boost_of_a_book_that_is_in_no_list_changes_none(bob, trained) -> None:
    before = recommendations_for(bob, k=5)
    boost(trained["Dragon"][0].pk)  # Bob has read it
    after = recommendations_for(bob, k=5)
    assert [(i.book, i.score) for i in after.items] == [(i.book, i.score) for i in before.items]


def test_what_has_ended_or_not_begun_does_nothing(bob) -> None:
    before = ids(bob)
    row = boost(before[7])
    now = timezone.now()
    for starts, ends in ((-9, -1), (1, 9)):
        Boost.objects.filter(pk=row.pk).update(
            starts_at=now + timedelta(days=starts), ends_at=now + timedelta(days=ends)
        )
        assert standing().boosts == ()
        assert ids(bob) == before


def test_ending_and_undoing_hold_at_the_next_request(bob) -> None:
    before = ids(bob)
    row = boost(before[7])
    assert ids(bob) != before
    assert end_boost(row.pk, by=None)
    assert ids(bob) == before
    undo(CurationChange.objects.get(action="ended").pk, by=None)
    assert ids(bob) != before
    undo(CurationChange.objects.get(action="boosted").pk, by=None)
    assert ids(bob) == before
    assert not end_boost(row.pk, by=None)


def test_strangers_similar_books_and_the_home_page_see_it_too(trained, bob) -> None:
    charlie = UserFactory(username="charlie")
    book = trained["Detective"][0]
    lists = {
        "popular": lambda: [b.pk for b in popular_books(24)],
        "charlie": lambda: ids(charlie),
        "similar": lambda: [b.pk for b in similar_books(book, 10)],
        "top": lambda: [item.book.pk for item in home(bob).top],
        "api": lambda: [
            row["id"] for row in Client().get(f"/api/v1/books/{book.pk}/similar/").json()["results"]
        ],
    }

    for name, made in lists.items():
        before = made()
        moved = boost(before[6])
        after = made()
        assert after.index(before[6]) < 4, name
        undo(CurationChange.objects.get(subject_id=moved.pk, action="boosted").pk, by=None)


def home(reader):
    from ratings.latest import latest_of
    from ratings.opinions import opinions_of

    return home_rows(opinions_of(reader), latest_of(reader), recommends=True)


def test_what_is_wrong_is_named(bob, trained) -> None:
    book, now = trained["Dragon"][5], timezone.now()
    with pytest.raises(ValidationError) as raised:
        boost_book(book.pk, "sideways", reason=" ", ends_at=now - timedelta(days=1), by=None)
    assert set(raised.value.message_dict) == {"direction", "reason", "ends_at"}
    with pytest.raises(ValidationError, match="at most 366 days"):
        boost(book.pk, days=400)
    boost(book.pk)
    with pytest.raises(ValidationError, match="moved up until"):
        boost(book.pk, "down")


def test_boosts_cost_no_query_of_their_own(bob) -> None:
    ids(bob)
    with CaptureQueriesContext(connection) as before:
        shown = ids(bob, 10)
    boost(shown[7])
    with CaptureQueriesContext(connection) as after:
        ids(bob, 10)
    assert len(after) == len(before)
