"""Two-step log-in: on the pages, at the administration's door and through the API."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from accounts.services import sign_up
from accounts.tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

TOKEN = "/api/v1/auth/token/"


@pytest.fixture(autouse=True)
def no_used_codes():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def alice() -> User:
    return UserFactory(username="alice", is_staff=True)


def code_for(secret: str) -> str:
    """Return what an authenticator app shows now."""
    now = list(yield_hotp_counters_from_time())[1]
    return format_hotp_value(hotp_value(secret, now))


def turn_on(user: User) -> tuple[Client, str, list[str]]:
    """Turn two-step log-in on as a reader does; return the browser, the secret, the codes."""
    client = Client()
    client.force_login(user)
    asked = client.get(reverse("mfa_activate_totp"))
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    client.post(asked["Location"], {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    done = client.post(reverse("mfa_activate_totp"), {"code": code_for(secret)}, follow=True)
    codes = re.findall(r"<code>(\d{8})</code>", done.content.decode())
    assert len(codes) == 10
    cache.clear()
    return client, secret, codes


def log_in(client: Client, user: User, **more: str) -> str:
    answer = client.post(
        reverse("account_login"), {"login": user.username, "password": PASSWORD, **more}
    )
    assert answer.status_code == 302
    return answer["Location"]


def is_logged_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_code_is_drawn_within_the_policy(alice):
    client = Client()
    client.force_login(alice)
    asked = client.get(reverse("mfa_activate_totp"))
    client.post(asked["Location"], {"password": PASSWORD})
    html = client.get(reverse("mfa_activate_totp")).content.decode()
    assert '<svg class="qr"' in html
    assert "data:image" not in html
    assert "style=" not in html


def test_a_password_alone_does_not_open_the_account(alice):
    _, secret, codes = turn_on(alice)
    client = Client()
    assert log_in(client, alice, next="/books/?page=2") == reverse("mfa_authenticate")
    assert not is_logged_in(client)
    assert client.get(reverse("account")).status_code == 302
    answer = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "not right" in answer.content.decode()
    answer = client.post(reverse("mfa_authenticate"), {"code": code_for(secret)})
    assert answer["Location"] == "/books/?page=2"
    assert is_logged_in(client)


def test_a_code_works_once(alice):
    _, secret, codes = turn_on(alice)
    for code in (code_for(secret), codes[0]):
        for works in (True, False):
            client = Client()
            log_in(client, alice)
            client.post(reverse("mfa_authenticate"), {"code": code})
            assert is_logged_in(client) is works


def test_the_administration_asks_for_the_second_step(alice):
    _, secret, _ = turn_on(alice)
    client = Client()
    door = client.get("/admin/", follow=True)
    assert door.request["PATH_INFO"] == reverse("account_login")
    log_in(client, alice, next="/admin/")
    assert client.get("/admin/").status_code == 302
    answer = client.post(reverse("mfa_authenticate"), {"code": code_for(secret)})
    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_the_session_key_changes_at_each_door(alice):
    client = Client()
    client.get(reverse("account_login"))
    session = client.session
    session["guest"] = "rated something"
    session.save()
    client.cookies["sessionid"] = session.session_key
    planted = session.session_key
    log_in(client, alice)
    assert client.session.session_key != planted
    assert client.session["guest"] == "rated something"


@pytest.mark.parametrize("code", ["", "a\0b", "٣" * 6, "x" * 5000, "000 000"])
def test_a_code_that_is_none_is_wrong_and_no_more(alice, code):
    client, _, _ = turn_on(alice)
    guest = Client()
    log_in(guest, alice)
    for answer in (
        guest.post(reverse("mfa_authenticate"), {"code": code}),
        client.post(reverse("mfa_reauthenticate"), {"code": code}),
        APIClient().post(
            TOKEN, {"username": "alice", "password": PASSWORD, "code": code}, format="json"
        ),
    ):
        assert answer.status_code in (200, 400)
    assert not is_logged_in(guest)
    assert not ApiToken.objects.exists()


def test_guessing_codes_is_limited_for_the_account_over_all_doors(alice, settings):
    _, secret, _ = turn_on(alice)
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/5m/key"}
    for _ in range(3):
        client = Client()
        log_in(client, alice)
        client.post(reverse("mfa_authenticate"), {"code": "000000"})
    right = {"username": "alice", "password": PASSWORD, "code": code_for(secret)}
    answer = APIClient().post(TOKEN, right, format="json")
    assert answer.status_code == 400
    assert "too many wrong tries" in str(answer.json()["errors"]["code"])


def test_the_api_gives_no_token_for_a_password_alone(alice):
    _, secret, codes = turn_on(alice)
    login = {"username": "alice", "password": PASSWORD}
    answer = APIClient().post(TOKEN, login, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["code"]
    assert not ApiToken.objects.exists()
    for code in (code_for(secret), codes[0]):
        answer = APIClient().post(TOKEN, login | {"code": code}, format="json")
        assert answer.status_code == 200
        assert "sessionid" not in answer.cookies
        assert APIClient().post(TOKEN, login | {"code": code}, format="json").status_code == 400


def test_a_wrong_password_says_nothing_of_the_second_step(alice):
    turn_on(alice)
    guess = {"username": "alice", "password": "wrong", "code": "000000"}
    with_it = APIClient().post(TOKEN, guess, format="json")
    without = APIClient().post(TOKEN, guess | {"username": "nobody"}, format="json")
    assert with_it.json() == without.json()


def test_a_lost_password_does_not_open_the_second_step(alice, mailoutbox):
    turn_on(alice)
    client = Client()
    client.post(reverse("account_reset_password"), {"email": alice.email})
    [path] = re.findall(r"http://testserver(/account/password/\S+)", mailoutbox[-1].body)
    form = client.get(path, follow=True)
    new = "eight yellow boats"
    client.post(form.request["PATH_INFO"], {"password1": new, "password2": new})
    assert not is_logged_in(client)
    answer = client.post(reverse("account_login"), {"login": "alice", "password": new})
    assert answer["Location"] == reverse("mfa_authenticate")


def test_turning_it_off_takes_the_codes_along(alice):
    client, _, _ = turn_on(alice)
    client.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.exists()
    fresh = Client()
    assert log_in(fresh, alice) == reverse("home")
    assert is_logged_in(fresh)


def test_turning_it_on_or_off_needs_the_password_again(alice):
    client, _, _ = turn_on(alice)
    later = Client()
    later.force_login(alice)
    for name in ("mfa_deactivate_totp", "mfa_generate_recovery_codes"):
        assert later.post(reverse(name))["Location"].startswith(reverse("account_reauthenticate"))
    assert later.get(reverse("mfa_view_recovery_codes")).status_code in (302, 403)
    assert Authenticator.objects.filter(type="totp").exists()


def test_new_recovery_codes_end_the_old_ones_and_can_be_downloaded(alice):
    client, _, codes = turn_on(alice)
    client.post(reverse("mfa_generate_recovery_codes"))
    answer = client.get(reverse("mfa_download_recovery_codes"))
    fresh = answer.content.decode().split()
    assert "no-store" in answer["Cache-Control"]
    assert len(fresh) == 10
    assert not set(fresh) & set(codes)
    guest = Client()
    log_in(guest, alice)
    guest.post(reverse("mfa_authenticate"), {"code": codes[0]})
    assert not is_logged_in(guest)


def test_an_unconfirmed_address_is_told_to_be_confirmed_first(client):
    dora = sign_up(username="dora", email="dora@example.org", password=PASSWORD)
    client.force_login(dora)
    answer = client.get(reverse("mfa_activate_totp"), follow=True)
    assert "Confirm your e-mail address first" in answer.content.decode()


def test_deleting_the_account_takes_the_second_step_along(alice):
    client, _, _ = turn_on(alice)
    client.post(reverse("account_delete"), {"password": PASSWORD})
    assert not User.objects.filter(username="alice").exists()
    assert not Authenticator.objects.exists()


def test_the_administration_takes_the_second_step_off_but_shows_no_secret(alice, admin_client):
    _, secret, _ = turn_on(alice)
    second = Authenticator.objects.get(type="totp")
    page = f"/admin/mfa/authenticator/{second.pk}"
    assert secret not in admin_client.get(f"{page}/change/").content.decode()
    assert admin_client.post(f"{page}/change/", {"data": "{}"}).status_code == 403
    admin_client.post(f"{page}/delete/", {"post": "yes"})
    assert not Authenticator.objects.filter(pk=second.pk).exists()


def test_every_page_of_it_is_ours(alice):
    client, _, _ = turn_on(alice)
    for name in (
        "mfa_index",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_deactivate_totp",
        "mfa_reauthenticate",
    ):
        answer = client.get(reverse(name))
        html = answer.content.decode()
        assert answer.status_code == 200
        assert 'class="site-header' in html
        assert html.count("<h1") == 1
        assert "style=" not in html
