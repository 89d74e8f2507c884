"""Every address of the API for nobody, for another reader, and for a token that only reads."""

import pytest
from django.core import serializers
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from bookrec_site.tests.api_inventory import DOORS, Door, For, methods_of_addresses
from bookrec_site.tests.api_world import (  # noqa: F401 - world is a fixture
    MARK,
    PROBLEM,
    UNSAFE,
    ask,
    content,
    holding,
    world,
)
from ratings.models import (
    Dismissal,
    ImportRow,
    LibraryImport,
    Note,
    Rating,
    Reading,
    ShelfEntry,
)

pytestmark = pytest.mark.django_db

OPEN_DOORS = [pytest.param(door, id=door.name) for door in DOORS]


def all_of(alice: User) -> str:
    """Return every row of Alice's as it is in the database."""
    own = [
        list(model.objects.filter(user=alice).order_by("pk"))
        for model in (Rating, ShelfEntry, Reading, Note, Dismissal, LibraryImport)
    ]
    rows = [
        *(row for of_a_kind in own for row in of_a_kind),
        *ImportRow.objects.filter(library_import__user=alice),
        *User.objects.filter(pk=alice.pk),
    ]
    tokens = ApiToken.objects.filter(user=alice).order_by("pk").values_list("pk", "name", "scope")
    return serializers.serialize("json", rows) + str(list(tokens))


def test_every_address_says_who_may_pass() -> None:
    """A new address, or method of one, is declared in `api_inventory`, or this says what to add."""
    declared = {door.name: set(door.charlie) for door in DOORS}
    assert len(declared) == len(DOORS)
    assert declared == methods_of_addresses()


@pytest.mark.parametrize("door", OPEN_DOORS)
def test_nobody_passes_where_readers_are_meant(door: Door, world) -> None:  # noqa: F811
    client, before = APIClient(), all_of(world["alice"])
    for method in door.charlie:
        answer = ask(client, method, door, world)
        if door.who is For.ANYBODY:
            assert answer.status_code == door.charlie[method]
        else:
            assert answer.status_code == 401, method
            assert answer["Content-Type"] == PROBLEM
            assert answer["WWW-Authenticate"] == "Token"
        assert MARK.encode() not in content(answer)
    assert all_of(world["alice"]) == before


@pytest.mark.parametrize("door", OPEN_DOORS)
def test_another_reader_sees_and_changes_nothing_of_alices(door: Door, world) -> None:  # noqa: F811
    client = holding(issue_token(UserFactory(username="charlie"))[1])
    before = all_of(world["alice"])
    for method, status in door.charlie.items():
        answer = ask(client, method, door, world)
        assert answer.status_code == status, (method, answer.content)
        if status >= 400:
            assert answer["Content-Type"] == PROBLEM
        told = content(answer)
        # A shelf of his own may have the name that he wrote into the address.
        if method == "GET" or "shelf" not in door.keys:
            assert MARK.encode() not in told, (method, told)
        assert all_of(world["alice"]) == before, method


@pytest.mark.parametrize("door", OPEN_DOORS)
def test_a_token_that_only_reads_reads_and_no_more(door: Door, world) -> None:  # noqa: F811
    operator = door.who is For.OPERATORS
    if operator:
        User.objects.filter(pk=world["alice"].pk).update(is_staff=True, is_superuser=True)
    reads = holding(issue_token(world["alice"], scope="read")[1])
    writes, before = holding(world["secret"]), all_of(world["alice"])
    for method in door.charlie:
        answer = ask(reads, method, door, world)
        if not door.reads_tokens:
            assert answer.status_code == door.charlie[method]
        elif method in UNSAFE or door.who is For.WRITERS:
            assert answer.status_code == 403, method
            assert answer.json()["detail"] == "This token only reads."
        else:
            assert answer.status_code == ask(writes, method, door, world).status_code != 403
        assert all_of(world["alice"]) == before, method
