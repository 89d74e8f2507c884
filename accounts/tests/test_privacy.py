"""Who may see what of whom."""

import itertools

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts.selectors import (
    can_see_profile,
    can_see_ratings,
    can_see_shelves,
    public_profile,
    public_readers,
)
from accounts.tests.factories import ImportedReaderFactory, UserFactory

pytestmark = pytest.mark.django_db

SWITCHES = list(itertools.product([False, True], repeat=3))


@pytest.mark.parametrize(("profile", "ratings", "shelves"), SWITCHES)
def test_others_see_what_is_public_and_ratings_and_shelves_only_on_a_public_profile(
    profile: bool, ratings: bool, shelves: bool
) -> None:
    alice = UserFactory(
        profile_is_public=profile, ratings_are_public=ratings, shelves_are_public=shelves
    )
    for viewer in (AnonymousUser(), UserFactory(), UserFactory(is_staff=True, is_superuser=True)):
        assert can_see_profile(alice, viewer) is profile
        assert can_see_ratings(alice, viewer) is (profile and ratings)
        assert can_see_shelves(alice, viewer) is (profile and shelves)


def test_a_new_reader_is_seen_by_nobody() -> None:
    charlie = UserFactory()
    assert public_profile(charlie.username, UserFactory()) is None
    assert not public_readers().exists()


@pytest.mark.parametrize(("profile", "ratings", "shelves"), SWITCHES)
def test_everybody_sees_all_of_themselves(profile: bool, ratings: bool, shelves: bool) -> None:
    alice = UserFactory(
        profile_is_public=profile, ratings_are_public=ratings, shelves_are_public=shelves
    )
    assert can_see_profile(alice, alice)
    assert can_see_ratings(alice, alice)
    assert can_see_shelves(alice, alice)
    assert public_profile(alice.username, alice) == alice


def test_a_profile_is_found_in_any_case_and_listed() -> None:
    alice = UserFactory(username="Alice", profile_is_public=True)
    for typed in ("Alice", "alice", "ALICE"):
        assert public_profile(typed, AnonymousUser()) == alice
    assert list(public_readers()) == [alice]


def test_a_closed_account_and_an_imported_reader_have_no_profile() -> None:
    closed = UserFactory(profile_is_public=True, is_active=False)
    imported = ImportedReaderFactory(profile_is_public=True)
    for owner in (closed, imported):
        assert public_profile(owner.username, AnonymousUser()) is None
        assert not can_see_profile(owner, UserFactory())
    assert not public_readers().exists()


@pytest.mark.parametrize("name", ["", "nobody", "a\0b", "x" * 5000, "\ud83d", "%", "٣"])
def test_a_name_that_nobody_has_has_no_profile(name: str) -> None:
    assert public_profile(name, AnonymousUser()) is None
