"""Sign-up, log-in and log-out as a browser uses them."""

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import PASSWORD, ImportedReaderFactory, UserFactory
from accounts.throttling import LoginThrottle, SignUpThrottle

pytestmark = pytest.mark.django_db
SIGN_UP = {"username": "dora", "email": "dora@example.org", "password": "seven green lamps"}


def logged_in(client) -> bool:
    return "_auth_user_id" in client.session


def test_signing_up_logs_in_and_leads_home(client):
    response = client.post(reverse("account_signup"), SIGN_UP)
    assert response.status_code == 302
    assert response["Location"] == reverse("home")
    assert logged_in(client)
    assert "Welcome, dora" in client.get(reverse("home"), follow=True).content.decode()


def test_signing_up_leads_back_where_one_came_from(client):
    page = client.get(reverse("account_signup"), {"next": "/books/?page=2#book-7"})
    assert page.context["redirect_field_value"] == "/books/?page=2#book-7"
    response = client.post(
        reverse("account_signup"), {**SIGN_UP, "next": page.context["redirect_field_value"]}
    )
    assert response["Location"] == "/books/?page=2#book-7"


@pytest.mark.parametrize("name", ["account_signup", "account_login"])
@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_led_to_another_site(client, name, target):
    UserFactory(username="alice")
    fields = SIGN_UP if name == "account_signup" else {"login": "alice", "password": PASSWORD}
    response = client.post(reverse(name) + f"?next={target}", {**fields, "next": target})
    assert response["Location"] == reverse("home")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "ALICE"}, "username"),
        ({"username": "no spaces allowed"}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"username": "nul\0byte"}, "username"),
        ({"email": ""}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"email": "Alice@Example.org"}, "email"),
        ({"password": ""}, "password"),
        ({"password": "12345"}, "password"),
        ({"password": "password123"}, "password"),
        ({"password": "x" * 129}, "password"),
    ],
)
def test_a_bad_field_is_named_and_nobody_is_signed_up(client, change, field):
    UserFactory(username="alice", email="alice@example.org")
    response = client.post(reverse("account_signup"), SIGN_UP | change)
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    html = response.content.decode()
    assert f'id="id_{field}_error"' in html
    assert 'aria-invalid="true"' in html
    assert User.objects.count() == 1
    assert not logged_in(client)


def test_a_refused_form_does_not_send_the_password_back(client):
    response = client.post(reverse("account_signup"), SIGN_UP | {"email": "nonsense"})
    assert SIGN_UP["password"] not in response.content.decode()


@pytest.mark.parametrize("name", ["alice", "Alice", "alice@example.org", "ALICE@example.ORG"])
def test_log_in_by_username_or_email_in_any_case(client, name):
    UserFactory(username="alice", email="alice@example.org")
    response = client.post(reverse("account_login"), {"login": name, "password": PASSWORD})
    assert response.status_code == 302
    assert logged_in(client)


@pytest.mark.parametrize(
    ("name", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("al\0ice", PASSWORD)]
)
def test_a_wrong_log_in_does_not_say_which_part_was_wrong(client, name, password):
    UserFactory(username="alice")
    response = client.post(reverse("account_login"), {"login": name, "password": password})
    assert response.status_code == 200
    assert not logged_in(client)
    if "\0" not in name:
        assert "do not go together" in response.content.decode()


def test_imported_readers_and_closed_accounts_cannot_log_in(client):
    imported = ImportedReaderFactory()
    closed = UserFactory(username="closed", is_active=False)
    for username in (imported.username, closed.username):
        for password in ("", "!", PASSWORD):
            client.post(reverse("account_login"), {"login": username, "password": password})
            assert not logged_in(client)


def test_log_out_is_a_post(client):
    client.force_login(UserFactory())
    assert client.get(reverse("account_logout")).status_code == 200
    assert logged_in(client)
    response = client.post(reverse("account_logout"))
    assert response["Location"] == reverse("home")
    assert not logged_in(client)


@pytest.mark.parametrize("name", ["account_login", "account_signup"])
def test_who_is_logged_in_needs_no_form(client, name):
    client.force_login(UserFactory())
    assert client.get(reverse(name))["Location"] == reverse("home")


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_logout"])
def test_forms_without_the_token_are_refused(name):
    strict = Client(enforce_csrf_checks=True)
    UserFactory(username="alice")
    response = strict.post(reverse(name), {**SIGN_UP, "login": "alice", "password": PASSWORD})
    assert response.status_code == 403
    assert not logged_in(strict)


@pytest.mark.parametrize(
    ("name", "throttle"), [("account_login", LoginThrottle), ("account_signup", SignUpThrottle)]
)
def test_too_many_tries_are_told_to_wait(client, monkeypatch, name, throttle):
    cache.clear()
    monkeypatch.setattr(throttle, "THROTTLE_RATES", {throttle.scope: "3/min"})
    fields = {"login": "nobody", "username": "nobody", "email": "nonsense", "password": "wrong"}
    answers = [client.post(reverse(name), fields) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 61
    assert "A little slower" in answers[-1].content.decode()
    assert client.get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", ["account_login", "account_signup"])
def test_fields_are_labelled_and_known_to_password_managers(client, name):
    html = client.get(reverse(name)).content.decode()
    for field in client.get(reverse(name)).context["form"]:
        assert f'for="{field.id_for_label}"' in html
        assert "autocomplete" in field.field.widget.attrs
    assert django_settings.CSRF_COOKIE_NAME in client.cookies


@pytest.mark.parametrize(
    ("old", "new"), [("/login/", "account_login"), ("/signup/", "account_signup")]
)
def test_the_old_addresses_lead_to_the_new_ones(client, old, new):
    response = client.get(old, {"next": "/books/?page=2"})
    assert response.status_code == 301
    assert response["Location"] == reverse(new) + "?next=%2Fbooks%2F%3Fpage%3D2"
