"""Pages of the admin that are Django's or a package's, in our frame and by our rules."""

import re

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from accounts.models import User
from accounts.tests.factories import UserFactory
from bookrec_site.roles import MODERATOR, OPERATOR

pytestmark = pytest.mark.django_db


def client_with(role: str) -> Client:
    user = UserFactory(is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("is_new", [True, False])
def test_the_form_of_a_periodic_task_runs_no_script_that_the_policy_forbids(is_new):
    name = "admin:django_celery_beat_periodictask_"
    address = (
        reverse(f"{name}add")
        if is_new
        else reverse(f"{name}change", args=[PeriodicTask.objects.earliest("pk").pk])
    )
    html = page(client_with(OPERATOR), address)
    assert 'name="task"' in html
    assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", html) == []
    # What the package's script would hide for its own words.
    assert "field-crontab_translation" in html


def test_a_moderator_sees_a_reader_but_nothing_of_the_password():
    reader = UserFactory(username="bob")
    reader.set_password("a long enough one 42")
    reader.save()
    html = page(client_with(MODERATOR), reverse("admin:accounts_user_change", args=[reader.pk]))
    assert reader.email in html
    assert "algorithm" not in html
    assert "/password/" not in html


def test_an_administrator_sees_the_way_to_another_password():
    User.objects.create_superuser("root", "root@example.org", "a long enough one 42")
    client = Client()
    client.force_login(User.objects.get(username="root"))
    reader = UserFactory()
    html = page(client, reverse("admin:accounts_user_change", args=[reader.pk]))
    assert "../password/" in html
