"""What is remembered is what would be worked out again, and nothing else."""

from dataclasses import fields, replace

import numpy as np
import pytest

from accounts.tests.factories import UserFactory
from catalog.curation.books import set_hidden
from ratings.opinions import Opinions, opinions_of
from ratings.services import dismiss_book, rate_book, remove_rating, shelve_book
from recommender import remembered
from recommender.active import holder
from recommender.engine import Profile
from recommender.list_options import ListOptions
from recommender.places import Asked, profile_of, ranked_places
from recommender.remembered import Memory, memory, remembered_places, remembered_stars
from recommender.serving import recommendations_for
from recommender.training import run_training

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered():
    memory.forget()
    yield
    memory.forget()


@pytest.fixture
def alice(trained):
    user = UserFactory(username="alice")
    for book in trained["Dragon"][:3]:
        rate_book(user=user, book=book, stars=5)
    return user


@pytest.fixture
def asked(alice) -> Asked:
    model = holder.current()
    opinions = opinions_of(alice)
    return Asked(model, opinions, profile_of(model, opinions), ListOptions(), frozenset(), None)


@pytest.fixture
def worked_out(monkeypatch) -> list[int]:
    """How many places each time that lists were worked out."""
    counts: list[int] = []

    def count(asked: Asked, k: int):
        places = ranked_places(asked, k)
        counts.append(len(places))
        return places

    monkeypatch.setattr(remembered, "ranked_places", count)
    return counts


def listed(user) -> list[int]:
    return [item.book.pk for item in recommendations_for(user).items]


def test_the_same_question_is_answered_the_same_to_the_last_bit(asked, worked_out) -> None:
    first, second = remembered_places(asked, 10), remembered_places(asked, 10)
    assert len(worked_out) == 1
    assert first == second == ranked_places(asked, 10)
    assert [type(value) for value in vars(first[0]).values()] == [
        type(value) for value in vars(second[0]).values()
    ]
    assert any(place.causes for place in first)


def test_every_input_is_in_the_key(asked) -> None:
    """A field that is added to what lists are made of, and forgotten here, fails this test."""
    book = next(iter(asked.opinions.stars))
    opinions = {
        "stars": {**asked.opinions.stars, book: 1},
        "to_read": frozenset({book}),
        "dismissed": frozenset({book}),
        "read": frozenset(),
        "shelved_otherwise": frozenset({book}),
    }
    assert set(opinions) == {field.name for field in fields(Opinions)}
    options = {
        "genre": "fantasy",
        "language": "eng",
        "year_from": 1,
        "year_to": 2,
        "diversity": 0.1,
        "novelty": 0.1,
        "like": book,
        "exclude_read": False,
        "explain": True,
    }
    assert set(options) == {field.name for field in fields(ListOptions)}
    others = {
        "profile": Profile(np.array([0]), np.array([4.0])),
        "gone": frozenset({book}),
        "matching": frozenset({book}),
        "boosts": ((book, 1),),
        "new": replace(asked.new, latest_change=asked.new.latest_change + 1),
    }
    assert set(others) == {field.name for field in fields(Asked)} - {
        "model", "opinions", "options",
    }  # fmt: skip
    changed = [
        *(replace(asked, opinions=replace(asked.opinions, **{k: v})) for k, v in opinions.items()),
        *(replace(asked, options=replace(asked.options, **{k: v})) for k, v in options.items()),
        *(replace(asked, **{k: v}) for k, v in others.items()),
        replace(asked, model=replace(asked.model, artifact="run-2")),
    ]
    keys = {remembered._key(*remembered._inputs(one)) for one in [asked, *changed]}
    assert len(keys) == len(changed) + 1
    assert remembered._key(*remembered._inputs(asked)) in keys


def test_each_change_shows_in_the_next_list(alice, trained, worked_out) -> None:
    before = listed(alice)
    assert listed(alice) == before
    assert len(worked_out) == 1
    rate_book(user=alice, book=trained["Detective"][0], stars=5)
    assert listed(alice) != before
    remove_rating(user=alice, book=trained["Detective"][0])
    # As it was: known.
    assert listed(alice) == before
    assert len(worked_out) == 2
    for change in (dismiss_book, shelve_book):
        [first, *_rest] = recommendations_for(alice).items
        change(user=alice, book=first.book)
        assert first.book.pk not in listed(alice)
    [first, *_rest] = recommendations_for(alice).items
    set_hidden([first.book.pk], True, by=UserFactory(), reason="test")
    assert first.book.pk not in listed(alice)


def test_another_reader_with_the_same_opinions_gets_the_same_places(
    alice, trained, worked_out
) -> None:
    bob = UserFactory(username="bob")
    for book in trained["Dragon"][:3]:
        rate_book(user=bob, book=book, stars=5)
    assert listed(bob) == listed(alice)
    assert len(worked_out) == 1


def test_a_new_run_is_asked_anew(alice, worked_out) -> None:
    listed(alice)
    run_training(trigger="test")
    # The first request after a swap is answered by the run before.
    listed(alice)
    holder.settle()
    assert recommendations_for(alice).run_id == holder.current().run_id
    assert len(worked_out) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"matching": frozenset()},
        {"options": ListOptions(explain=True)},
    ],
)
def test_what_is_made_of_much_is_worked_out_each_time(asked, worked_out, change) -> None:
    one = replace(asked, **change)
    for _ in range(2):
        remembered_places(one, 10)
    assert len(worked_out) == 2
    assert len(memory) == 0


def test_stars_are_predicted_once() -> None:
    calls: list[int] = []

    def predict(profile: Profile, items: np.ndarray) -> np.ndarray:
        calls.append(len(items))
        return np.array([3.1, 4.2], dtype=np.float32)[: len(items)]

    class Model:
        artifact = "run-1"

    profile, items = Profile(np.array([3]), np.array([5.0])), np.array([1, 2])
    first = remembered_stars(Model(), profile, items, predict)
    assert remembered_stars(Model(), profile, items, predict) == first
    assert first == np.array([3.1, 4.2], dtype=np.float32).tolist()
    remembered_stars(Model(), profile, items[:1], predict)
    remembered_stars(Model(), Profile(np.array([3]), np.array([4.0])), items, predict)
    assert calls == [2, 1, 2]


def test_the_oldest_goes_first() -> None:
    held = Memory(2)
    held.keep(b"a", b"1")
    held.keep(b"b", b"2")
    assert held.recall(b"a") == b"1"
    held.keep(b"c", b"3")
    assert (held.recall(b"a"), held.recall(b"b"), held.recall(b"c")) == (b"1", None, b"3")
    assert len(held) == 2
