"""Who is shown as like a reader, and what of them."""

import numpy as np
import pytest

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Book
from ratings.services import rate_book, shelve_book
from recommender.dataset import load_dataset
from recommender.engine import ReaderNeighbours
from recommender.like_minded import LOVED_STARS, like_minded_readers
from recommender.tests.published_runs import fitted_parts, put_live

OPEN = {"profile_is_public": True, "ratings_are_public": True}


def reader_of(books: list[Book], *, stars: int = 5, **facts) -> User:
    user = UserFactory(**facts)
    for book in books:
        rate_book(user=user, book=book, stars=stars)
    return user


@pytest.fixture
def world(two_tastes, artifacts) -> dict[str, User]:
    """Alice and readers of the same six books, each with other wishes for privacy."""
    dragons, detectives = two_tastes["Dragon"], two_tastes["Detective"]
    people = {
        "alice": reader_of(dragons[:6], username="alice", **OPEN),
        "open": reader_of(dragons[:8], username="open", **OPEN),
        "profile only": reader_of(dragons[:6], profile_is_public=True),
        "ratings only": reader_of(dragons[:6], ratings_are_public=True),
        "private": reader_of(dragons[:6]),
        "closed": reader_of(dragons[:6], is_active=False, **OPEN),
        "other taste": reader_of(detectives[:6], **OPEN),
    }
    data = load_dataset()
    readers = ReaderNeighbours().fit(data.interactions)
    put_live(fitted_parts() | {"readers": readers.to_part()})
    return people


def found(user: User, k: int = 200) -> dict[int, object]:
    return {reader.user.pk: reader for reader in like_minded_readers(user, k).readers}


def test_only_readers_with_a_public_profile_and_imported_ones_are_shown(world):
    shown = found(world["alice"])
    people = {name for name, user in world.items() if user.pk in shown}
    assert people == {"open", "profile only"}
    others = User.objects.filter(pk__in=shown).exclude(source=User.Source.SITE)
    assert len(others) == len(shown) - 2 >= 60


def test_a_reader_who_turns_private_is_gone_at_once_without_a_new_model(world):
    friend = world["open"]
    assert friend.pk in found(world["alice"])
    for change in ({"profile_is_public": False}, {"is_active": False}):
        User.objects.filter(pk=friend.pk).update(**change)
        assert friend.pk not in found(world["alice"])
        User.objects.filter(pk=friend.pk).update(profile_is_public=True, is_active=True)
    friend.delete()
    assert friend.pk not in found(world["alice"])


def test_what_is_shared_and_new_is_told(world, two_tastes):
    alice, friend = world["alice"], world["open"]
    dragons = two_tastes["Dragon"]
    told = found(alice)[friend.pk]
    assert told.n_shared == 6
    assert len(told.shared) == 3
    assert set(told.shared) <= set(dragons[:6])
    assert set(told.new) == set(dragons[6:8])
    assert 0.9 < told.similarity <= 1
    shelve_book(user=alice, book=dragons[6])
    rate_book(user=alice, book=dragons[0], stars=LOVED_STARS - 1)
    told = found(alice)[friend.pk]
    assert told.n_shared == 5
    assert told.new == [dragons[7]]
    Book.objects.filter(pk=dragons[7].pk).update(is_hidden=True)
    assert found(alice)[friend.pk].new == []


def test_private_ratings_are_named_nowhere(world):
    told = found(world["alice"])[world["profile only"].pk]
    assert (told.n_shared, told.shared, told.new) == (None, [], [])
    User.objects.filter(pk=world["open"].pk).update(ratings_are_public=False)
    assert found(world["alice"])[world["open"].pk].n_shared is None


def test_the_order_is_that_of_the_model(world):
    readers = like_minded_readers(world["alice"], 10).readers
    similarities = [reader.similarity for reader in readers]
    assert len(readers) == 10
    assert similarities == sorted(similarities, reverse=True)


def test_hidden_readers_take_nobodys_place(world, two_tastes):
    """All who are nearest are private: those behind them are found all the same."""
    imported = User.objects.exclude(source=User.Source.SITE)
    for user in (world["open"], world["profile only"]):
        User.objects.filter(pk=user.pk).update(profile_is_public=False)
    assert len(found(world["alice"], k=1)) == 1
    assert imported.filter(pk__in=found(world["alice"], k=3)).count() == 3


def test_the_same_new_book_is_not_shown_by_all(world):
    readers = like_minded_readers(world["alice"], 2).readers
    first, second = (reader.new for reader in readers)
    if second and first:
        assert first[0] != second[0]


def test_few_queries(world, django_assert_max_num_queries):
    like_minded_readers(world["alice"])
    with django_assert_max_num_queries(7):
        like_minded_readers(world["alice"])


def test_a_reader_who_liked_little_has_no_neighbours(world, two_tastes):
    newcomer = reader_of(two_tastes["Dragon"][:4])
    answer = like_minded_readers(newcomer)
    assert (answer.readers, answer.is_ready, answer.has_taste) == ([], True, False)
    harsh = reader_of(two_tastes["Dragon"], stars=1)
    assert not like_minded_readers(harsh).has_taste


@pytest.mark.parametrize("live", [False, True])
def test_without_a_model_of_readers_nothing_is_ready(two_tastes, artifacts, live):
    alice = reader_of(two_tastes["Dragon"][:6])
    if live:
        put_live(fitted_parts())
    answer = like_minded_readers(alice)
    assert (answer.readers, answer.is_ready) == ([], False)


def test_similarities_are_plain_numbers(world):
    [reader, *_] = like_minded_readers(world["alice"]).readers
    assert isinstance(reader.similarity, float)
    assert not isinstance(reader.similarity, np.floating)
