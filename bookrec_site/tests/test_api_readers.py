"""Readers like oneself by the API: who is shown, and what is told of them."""

import pytest

from accounts.models import User
from accounts.tests.factories import UserFactory
from ratings.tests.api_doors import (
    assert_for_readers_only,
    assert_only,
    assert_private,
    assert_problem,
    at_most_queries,
    signed_in,
)
from recommender.tests.test_like_minded import world  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/readers-like-me/"


def named(client) -> dict[str, dict]:
    return {row["name"]: row for row in client.get(ADDRESS, {"k": 50}).json()["results"]}


def test_open_readers_are_told_of_and_private_ones_are_not(world) -> None:  # noqa: F811
    User.objects.exclude(source=User.Source.SITE).delete()
    client = signed_in(world["alice"])
    with at_most_queries(8):
        response = client.get(ADDRESS)
    assert_private(response)
    body = response.json()
    assert (body["is_ready"], body["has_taste"]) == (True, True)
    people = named(client)
    assert set(people) == {world["open"].username, world["profile only"].username}
    friend = people[world["open"].username]
    assert friend["page"] == f"/readers/{friend['name']}/"
    assert friend["n_shared"] == 6
    assert len(friend["shared"]) == 3
    assert len(friend["new"]) == 2
    closed = people[world["profile only"].username]
    assert (closed["n_shared"], closed["shared"], closed["new"]) == (None, [], [])


def test_a_reader_who_turns_private_is_gone_at_the_next_request(world) -> None:  # noqa: F811
    client, friend = signed_in(world["alice"]), world["open"]
    assert friend.username in named(client)
    User.objects.filter(pk=friend.pk).update(profile_is_public=False)
    assert friend.username not in named(client)


def test_without_a_model_or_a_taste_there_is_nobody(world) -> None:  # noqa: F811
    body = signed_in(UserFactory()).get(ADDRESS).json()
    assert body == {"is_ready": True, "has_taste": False, "results": []}


def test_without_a_model_nobody_is_ready(db) -> None:
    assert signed_in(UserFactory()).get(ADDRESS).json()["is_ready"] is False


@pytest.mark.parametrize("k", ["0", "51", "-1", "ten", "1.5", "٣", "\0", "9" * 30])
def test_a_length_that_is_none_is_answered_by_name(k: str) -> None:
    response = signed_in(UserFactory()).get(ADDRESS, {"k": k})
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["k"]


def test_the_door_has_one_method_and_is_for_readers() -> None:
    assert_only(signed_in(UserFactory()), ADDRESS, {"GET"})
    assert_for_readers_only(ADDRESS, {"GET"})
