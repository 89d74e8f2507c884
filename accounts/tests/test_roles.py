"""Groups are given what is new, once."""

import pytest
from django.contrib.auth.models import Group, Permission

from accounts.roles import give_once

pytestmark = pytest.mark.django_db

VIEW, CHANGE = "accounts.view_user", "accounts.change_user"


def held() -> set[str]:
    return set(Group.objects.get(name="helper").permissions.values_list("codename", flat=True))


def test_a_group_is_made_and_given_permissions_once():
    assert give_once("helper", [VIEW, "accounts.fly_user"]) == 1
    assert give_once("helper", [VIEW]) == 0
    assert held() == {"view_user"}


def test_a_later_permission_comes_along_and_one_that_was_taken_away_stays_away():
    give_once("helper", [VIEW])
    group = Group.objects.get(name="helper")
    group.permissions.clear()
    group.permissions.add(Permission.objects.get(codename="delete_user"))
    assert give_once("helper", [VIEW, CHANGE]) == 1
    assert held() == {"delete_user", "change_user"}
    assert give_once("helper", [VIEW, CHANGE]) == 0


def test_a_group_that_was_deleted_begins_anew():
    give_once("helper", [VIEW])
    Group.objects.get(name="helper").delete()
    assert give_once("helper", [VIEW]) == 1
