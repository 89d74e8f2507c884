"""The reader's own account by the API."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from accounts.services import issue_token, sign_up
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.tests.test_two_step import code_for

pytestmark = pytest.mark.django_db

ACCOUNT = "/api/v1/account/"
PASSWORD_DOOR, DELETION = f"{ACCOUNT}password/", f"{ACCOUNT}deletion/"
NEW = "seven green lamps burn"
SWITCHES = {
    "profile_is_public": False,
    "ratings_are_public": False,
    "shelves_are_public": False,
    "wants_recommendations": True,
}


@pytest.fixture(autouse=True)
def no_counts():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def alice() -> User:
    return sign_up(username="alice", email="alice@example.org", password=PASSWORD)


def client_of(user: User) -> APIClient:
    return APIClient(HTTP_AUTHORIZATION=f"Token {issue_token(user)[1]}")


def test_an_account_says_who_one_is(alice, django_assert_max_num_queries) -> None:
    client = client_of(alice)
    with django_assert_max_num_queries(8):
        answer = client.get(ACCOUNT)
    assert answer["Cache-Control"] == "private, no-store"
    body = answer.json()
    assert body.pop("date_joined")
    assert body == {
        "id": alice.pk,
        "username": "alice",
        "email": "alice@example.org",
        "email_is_confirmed": False,
        "has_two_step": False,
        "scope": "write",
        **SWITCHES,
    }


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_is_turned_alone(alice, name) -> None:
    turned = not SWITCHES[name]
    body = client_of(alice).patch(ACCOUNT, {name: turned}, format="json").json()
    assert {key: body[key] for key in SWITCHES} == SWITCHES | {name: turned}
    alice.refresh_from_db()
    assert getattr(alice, name) is turned


@pytest.mark.parametrize("value", ["true", "on", 1, 0, None, [], {}, "\0"])
def test_a_switch_is_true_or_false(alice, value) -> None:
    answer = client_of(alice).patch(ACCOUNT, {"profile_is_public": value}, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["profile_is_public"]


def test_what_is_no_switch_stays_as_it_is(alice) -> None:
    sent = {"username": "bob", "is_staff": True, "email": "x@example.org", "is_superuser": True}
    assert client_of(alice).patch(ACCOUNT, sent, format="json").status_code == 200
    alice.refresh_from_db()
    assert (alice.username, alice.is_staff, alice.is_superuser) == ("alice", False, False)


def test_a_private_profile_is_gone_at_the_next_request(alice) -> None:
    client = client_of(alice)
    page = reverse("public_profile", args=["alice"])
    client.patch(ACCOUNT, {"profile_is_public": True}, format="json")
    assert Client().get(page).status_code == 200
    client.patch(ACCOUNT, {"profile_is_public": False}, format="json")
    assert Client().get(page).status_code == 404


def test_a_new_password_needs_the_old_one_and_ends_sessions(alice, mailoutbox) -> None:
    browser, client = Client(), client_of(alice)
    browser.force_login(alice, backend=django_settings.AUTHENTICATION_BACKENDS[0])
    wrong = client.post(PASSWORD_DOOR, {"password": "guess", "new_password": NEW}, format="json")
    assert (wrong.status_code, list(wrong.json()["errors"])) == (400, ["password"])
    weak = client.post(PASSWORD_DOOR, {"password": PASSWORD, "new_password": "1"}, format="json")
    assert (weak.status_code, list(weak.json()["errors"])) == (400, ["new_password"])
    done = client.post(PASSWORD_DOOR, {"password": PASSWORD, "new_password": NEW}, format="json")
    assert (done.status_code, done.content) == (204, b"")
    assert not done.cookies
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert browser.get(reverse("account")).status_code == 302
    assert client.get(ACCOUNT).status_code == 200
    assert mailoutbox[-1].to == ["alice@example.org"]
    assert "password" in mailoutbox[-1].subject.lower()


def test_the_session_that_changes_the_password_goes_on(alice) -> None:
    here, there = APIClient(), Client()
    issue_token(alice)
    for client in (here, there):
        client.post(reverse("account_login"), {"login": "alice", "password": PASSWORD})
    sent = {"password": PASSWORD, "new_password": NEW}
    assert here.post(PASSWORD_DOOR, sent, format="json").status_code == 204
    assert here.get(ACCOUNT).status_code == 200
    assert there.get(ACCOUNT).status_code == 401
    assert not ApiToken.objects.exists()


def test_a_new_password_ends_every_token_but_the_one_that_asks(alice) -> None:
    maker, _ = issue_token(alice)
    asking, secret = issue_token(alice, made_with=maker)
    others = [maker, issue_token(alice, made_with=asking)[0], issue_token(alice)[0]]
    bobs, _ = issue_token(UserFactory(username="bob"))
    client = APIClient(HTTP_AUTHORIZATION=f"Token {secret}")
    sent = {"password": PASSWORD, "new_password": NEW}
    assert (
        client.post(PASSWORD_DOOR, sent | {"password": "guess"}, format="json").status_code == 400
    )
    assert ApiToken.objects.count() == len(others) + 2
    assert client.post(PASSWORD_DOOR, sent, format="json").status_code == 204
    assert set(ApiToken.objects.all()) == {asking, bobs}
    assert client.get(ACCOUNT).status_code == 200


def test_an_account_is_deleted_with_the_password_alone(alice) -> None:
    client, bob = client_of(alice), UserFactory(username="bob")
    for sent in ({}, {"password": ""}, {"password": "guess"}, {"password": "a\0b"}):
        answer = client.post(DELETION, sent, format="json")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["password"])
    assert client.post(DELETION, {"password": PASSWORD}, format="json").status_code == 204
    assert list(User.objects.all()) == [bob]
    assert not ApiToken.objects.exists()
    assert client.get(ACCOUNT).status_code == 401


def test_a_session_deletes_its_account_and_ends(alice) -> None:
    client = APIClient()
    client.post(reverse("account_login"), {"login": "alice", "password": PASSWORD})
    assert client.post(DELETION, {"password": PASSWORD}, format="json").status_code == 204
    assert not User.objects.exists()
    assert client.get(ACCOUNT).status_code == 401


@pytest.mark.parametrize("door", [PASSWORD_DOOR, DELETION])
def test_with_two_step_log_in_the_code_is_asked_for(alice, door) -> None:
    secret = generate_totp_secret()
    TOTP.activate(alice, secret)
    client = client_of(alice)
    sent = {"password": PASSWORD, "new_password": NEW}
    for code in ({}, {"code": ""}, {"code": "000000"}):
        answer = client.post(door, sent | code, format="json")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["code"])
    assert Authenticator.objects.filter(user=alice).exists()
    assert client.post(door, sent | {"code": code_for(secret)}, format="json").status_code == 204


@pytest.mark.parametrize("door", [PASSWORD_DOOR, DELETION])
def test_guessing_with_a_stolen_token_is_slow(alice, door, settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "2/5m/key"}
    client = client_of(alice)
    sent = {"password": PASSWORD, "new_password": NEW}
    for _ in range(2):
        client.post(door, sent | {"password": "guess"}, format="json")
    answer = client.post(door, sent, format="json")
    assert answer.status_code == 400
    assert "too many wrong tries" in answer.json()["errors"]["password"][0]


def test_the_last_administrator_is_told_why_not() -> None:
    last = UserFactory(is_superuser=True, is_staff=True)
    answer = client_of(last).post(DELETION, {"password": PASSWORD}, format="json")
    assert answer.status_code == 409
    assert "only administrator" in answer.json()["detail"]
