"""Another e-mail address by the API: asked for, confirmed by the mailed key, or kept."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import issue_token, sign_up
from accounts.tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

DOOR = "/api/v1/account/email/"
CONFIRMATION = f"{DOOR}confirmation/"
ASKED = {"email": "New@example.org", "password": PASSWORD}


@pytest.fixture(autouse=True)
def no_counts():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def alice() -> User:
    return sign_up(username="alice", email="alice@example.org", password=PASSWORD)


def client_of(user: User, **wishes: str) -> APIClient:
    return APIClient(HTTP_AUTHORIZATION=f"Token {issue_token(user, **wishes)[1]}")


def ask(client: APIClient, **changes: str):
    return client.post(DOOR, ASKED | changes, format="json")


def key_in(message) -> str:
    [key] = re.findall(r"/account/confirm-email/(\S+)/", message.body)
    return key


def confirm(key: str):
    return APIClient().post(CONFIRMATION, {"key": key}, format="json")


def test_the_old_address_stays_until_the_key_is_back_and_is_told(alice, mailoutbox) -> None:
    client = client_of(alice)
    asked = ask(client)
    waiting = {"email": "alice@example.org", "is_confirmed": False, "waiting": "new@example.org"}
    assert (asked.status_code, asked.json()) == (202, waiting)
    assert (client.get(DOOR).json(), asked["Cache-Control"]) == (waiting, "private, no-store")
    [message] = mailoutbox
    assert message.to == ["new@example.org"]
    done = confirm(key_in(message))
    assert (done.status_code, done.json()) == (200, {"email": "new@example.org"})
    assert client.get(DOOR).json() == {
        "email": "new@example.org",
        "is_confirmed": True,
        "waiting": None,
    }
    alice.refresh_from_db()
    assert alice.email == "new@example.org"
    assert (mailoutbox[-1].to, len(mailoutbox)) == (["alice@example.org"], 2)
    # Once, and no cookie for a page that a program never sees.
    assert confirm(key_in(message)).status_code == 404
    assert not asked.cookies
    assert not done.cookies


def test_a_key_of_the_api_is_one_of_the_page(alice, mailoutbox) -> None:
    ask(client_of(alice))
    Client().post(reverse("account_confirm_email", args=[key_in(mailoutbox[0])]))
    alice.refresh_from_db()
    assert alice.email == "new@example.org"


def test_the_address_of_a_sign_up_is_confirmed_by_its_key(client, mailoutbox) -> None:
    sent = {"username": "dora", "email": "dora@example.org", "password": "seven green lamps"}
    client.post(reverse("account_signup"), sent)
    assert confirm(key_in(mailoutbox[0])).json() == {"email": "dora@example.org"}
    assert EmailAddress.objects.get().verified


def test_a_change_is_taken_back_and_its_key_opens_nothing(alice, mailoutbox) -> None:
    client = client_of(alice)
    assert client.delete(DOOR).status_code == 404
    ask(client)
    assert client.delete(DOOR).status_code == 204
    assert client.get(DOOR).json()["waiting"] is None
    assert client.delete(DOOR).status_code == 404
    assert confirm(key_in(mailoutbox[0])).status_code == 404
    assert mailoutbox[-1].to == ["alice@example.org"]
    assert EmailAddress.objects.get().email == "alice@example.org"


@pytest.mark.parametrize("door", [CONFIRMATION, "account_confirm_email"])
def test_a_change_that_is_taken_back_while_it_is_confirmed_is_not_made(
    alice, mailoutbox, monkeypatch, door
) -> None:
    client = client_of(alice)
    ask(client)
    key = key_in(mailoutbox[0])

    def read_then_taken_back(address: str, user: User) -> bool:
        assert client.delete(DOOR).status_code == 204
        return False

    monkeypatch.setattr("accounts.adapter.is_anothers_email", read_then_taken_back)
    answer = confirm(key) if door == CONFIRMATION else Client().post(reverse(door, args=[key]))
    assert answer.status_code == 404
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"
    assert EmailAddress.objects.get().email == "alice@example.org"


def test_a_key_that_came_back_meanwhile_is_seen(alice, mailoutbox) -> None:
    ask(client_of(alice))
    stale = APIClient()
    stale.force_authenticate(User.objects.get(pk=alice.pk))
    assert confirm(key_in(mailoutbox[0])).status_code == 200
    answer = ask(stale, email="third@example.org").json()
    assert (answer["email"], answer["waiting"]) == ("new@example.org", "third@example.org")
    assert set(EmailAddress.objects.values_list("email", "primary")) == {
        ("new@example.org", True),
        ("third@example.org", False),
    }


def test_a_second_change_replaces_the_first_and_the_same_again_keeps_its_key(
    alice, mailoutbox, settings
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"confirm_email": "1/3m/key"}
    client = client_of(alice)
    ask(client, email="first@example.org")
    for _ in range(2):
        assert ask(client).json()["waiting"] == "new@example.org"
    assert [message.to for message in mailoutbox] == [["first@example.org"], ["new@example.org"]]
    assert confirm(key_in(mailoutbox[0])).status_code == 404
    assert confirm(key_in(mailoutbox[1])).status_code == 200


@pytest.mark.parametrize("taken", ["BOB@example.org", "eve@example.org"])
def test_nobody_learns_whether_an_address_is_taken_but_who_has_it(alice, mailoutbox, taken) -> None:
    UserFactory(username="bob", email="bob@example.org")
    UserFactory(username="eve@example.org", email="other@example.org")
    client = client_of(alice)
    answers = [ask(client, email=address) for address in (taken, "free@example.org")]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.json()["waiting"] for answer in answers] == [taken.lower(), "free@example.org"]
    assert [list(answer.json()) for answer in answers] == [["email", "is_confirmed", "waiting"]] * 2
    told, asked = mailoutbox
    assert (told.to, asked.to) == ([taken.lower()], ["free@example.org"])
    assert "http" not in told.body
    assert key_in(asked)


def test_an_address_that_somebody_took_meanwhile_is_not_confirmed(alice, mailoutbox) -> None:
    ask(client_of(alice))
    UserFactory(username="bob", email="NEW@example.org")
    answer = confirm(key_in(mailoutbox[0]))
    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert not answer.cookies
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"email": "a\0b@example.org"}, "email"),
        ({"email": "x" * 300 + "@a.bc"}, "email"),
        ({"email": "ALICE@example.org"}, "email"),
        ({"email": None}, "email"),
        ({"email": ["new@example.org"]}, "email"),
        ({"password": "guess"}, "password"),
        ({"password": ""}, "password"),
        ({"password": "a\0b"}, "password"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(alice, mailoutbox, changes, field) -> None:
    answer = ask(client_of(alice), **changes)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert EmailAddress.objects.get().email == "alice@example.org"
    assert mailoutbox == []


@pytest.mark.parametrize("key", ["x", "MQ:1abc:def", "-:-", "ä", "x" * 200])
def test_a_forged_key_confirms_nothing(alice, key) -> None:
    assert confirm(key).status_code == 404
    assert not EmailAddress.objects.get().verified


@pytest.mark.parametrize("sent", [{}, {"key": ""}, {"key": "x" * 201}, {"key": "a\0"}, {"key": []}])
def test_what_is_no_key_is_an_error_of_its_field(sent) -> None:
    answer = APIClient().post(CONFIRMATION, sent, format="json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["key"])


def test_with_two_step_log_in_the_address_stays(alice) -> None:
    TOTP.activate(alice, generate_totp_secret())
    answer = ask(client_of(alice))
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["email"])
    assert "two-step" in answer.json()["errors"]["email"][0]


def test_a_token_that_reads_and_nobody_are_kept_out(alice) -> None:
    reading = client_of(alice, scope="read")
    for answer in (reading.get(DOOR), ask(reading), reading.delete(DOOR)):
        assert answer.status_code == 403
    for answer in (APIClient().get(DOOR), ask(APIClient()), APIClient().delete(DOOR)):
        assert answer.status_code == 401


def test_bob_sees_and_forgets_only_what_is_his(alice, mailoutbox) -> None:
    bob = sign_up(username="bob", email="bob@example.org", password=PASSWORD)
    ask(client_of(alice))
    his = client_of(bob)
    assert his.get(DOOR).json() == {
        "email": "bob@example.org",
        "is_confirmed": False,
        "waiting": None,
    }
    assert his.delete(DOOR).status_code == 404
    # Both may wait for the same address; who can read its mail has it.
    assert ask(his).json()["waiting"] == "new@example.org"
    assert confirm(key_in(mailoutbox[0])).status_code == 200
    alice.refresh_from_db()
    bob.refresh_from_db()
    assert (alice.email, bob.email) == ("new@example.org", "bob@example.org")
    assert confirm(key_in(mailoutbox[1])).status_code == 409


def test_asking_is_costly_and_guessing_is_slow(alice, settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "2/5m/key"}
    client = client_of(alice)
    for _ in range(2):
        ask(client, password="guess")
    assert "too many wrong tries" in ask(client).json()["errors"]["password"][0]
