"""A password that somebody else sets, by whatever way, ends sessions and tokens."""

import getpass

import pytest
from django.contrib.auth import get_user
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from accounts.open_sessions import open_sessions
from accounts.services import issue_token
from accounts.tests.factories import UserFactory

pytestmark = pytest.mark.django_db

NEW = "eight yellow boats"
ACCOUNT = "/api/v1/account/"
SET = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
DISABLED = {"usable_password": "false", "unset-password": "1"}


@pytest.fixture
def alice() -> User:
    return UserFactory(username="alice")


@pytest.fixture
def bobs() -> ApiToken:
    return issue_token(UserFactory(username="bob"))[0]


def page(user: User) -> str:
    return f"/admin/accounts/user/{user.pk}/password/"


@pytest.mark.parametrize("sent", [SET, DISABLED])
def test_the_administration_ends_sessions_and_tokens(alice, bobs, admin_client, sent) -> None:
    program = APIClient(HTTP_AUTHORIZATION=f"Token {issue_token(alice)[1]}")
    browser = Client()
    browser.force_login(alice)
    assert program.get(ACCOUNT).status_code == 200
    assert admin_client.post(page(alice), sent).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(NEW) == (sent is SET)
    assert alice.has_usable_password() == (sent is SET)
    assert program.get(ACCOUNT).status_code == 401
    assert not get_user(browser).is_authenticated
    assert list(ApiToken.objects.all()) == [bobs]
    # The administrator goes on, and sees so.
    administrator = get_user(admin_client)
    assert administrator.is_authenticated
    [own] = open_sessions(administrator, admin_client.session.session_key)
    assert own.is_current


def test_an_administrator_keeps_the_session_in_which_the_own_password_changed(admin_client) -> None:
    administrator = get_user(admin_client)
    issue_token(administrator)
    elsewhere = Client()
    elsewhere.force_login(administrator)
    assert admin_client.post(page(administrator), SET).status_code == 302
    assert admin_client.get("/admin/").status_code == 200
    assert not get_user(elsewhere).is_authenticated
    assert not ApiToken.objects.exists()
    administrator.refresh_from_db()
    [own] = open_sessions(administrator, admin_client.session.session_key)
    assert own.is_current


@pytest.mark.parametrize("sent", [{}, SET | {"password2": "another"}, SET | {"password1": "1"}])
def test_a_password_that_is_refused_ends_nothing(alice, admin_client, sent) -> None:
    program = APIClient(HTTP_AUTHORIZATION=f"Token {issue_token(alice)[1]}")
    assert admin_client.post(page(alice), sent).status_code == 200
    assert program.get(ACCOUNT).status_code == 200


@pytest.mark.parametrize("named", [["alice"], []])
def test_the_command_ends_them_too(alice, bobs, monkeypatch, capsys, named) -> None:
    issue_token(alice)
    browser = Client()
    browser.force_login(alice)
    monkeypatch.setattr(getpass, "getuser", lambda: "alice")
    monkeypatch.setattr(getpass, "getpass", lambda prompt: NEW)
    call_command("changepassword", *named)
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert not get_user(browser).is_authenticated
    assert list(ApiToken.objects.all()) == [bobs]


def test_the_command_that_is_broken_off_ends_nothing(alice, monkeypatch) -> None:
    token, _ = issue_token(alice)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "")
    with pytest.raises(CommandError, match="aborted"):
        call_command("changepassword", "alice")
    assert list(ApiToken.objects.all()) == [token]


@pytest.mark.parametrize("fields", [None, ["password"]])
@pytest.mark.parametrize("is_set", [True, False])
def test_whoever_sets_a_password_ends_them(alice, bobs, is_set, fields) -> None:
    issue_token(alice)
    browser = Client()
    browser.force_login(alice)
    user = User.objects.get(pk=alice.pk)
    if is_set:
        user.set_password(NEW)
    else:
        user.set_unusable_password()
    assert ApiToken.objects.filter(user=alice).exists()
    user.save(update_fields=fields)
    assert list(ApiToken.objects.all()) == [bobs]
    assert not get_user(browser).is_authenticated
    # Later changes have nothing to do with it.
    token, _ = issue_token(user)
    user.profile_is_public = True
    user.save()
    assert list(ApiToken.objects.filter(user=user)) == [token]


def test_a_password_that_is_hashed_anew_ends_nothing(settings, alice) -> None:
    """As at the first log-in after an upgrade of Django."""
    alice.set_password(NEW)
    alice.save()
    token, _ = issue_token(alice)
    before = alice.password
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"] + [
        *settings.PASSWORD_HASHERS
    ]
    assert Client().login(username="alice", password=NEW)
    alice.refresh_from_db()
    assert alice.password.startswith("scrypt$") > before.startswith("scrypt$")
    assert list(ApiToken.objects.filter(user=alice)) == [token]
