"""The pages where readers look after their account."""

import pytest
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, User
from accounts.open_sessions import NOTE_EVERY_SECONDS
from accounts.services import issue_token
from accounts.tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

PAGES = [
    "account",
    "account_email",
    "account_change_password",
    "mfa_index",
    "account_sessions",
    "account_tokens",
    "account_data",
]
POSTS = [
    "account_privacy",
    "account_recommendations",
    "account_end_others",
    "account_tokens",
    "account_delete",
]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def alice() -> User:
    return UserFactory(username="alice")


@pytest.fixture
def bob() -> User:
    return UserFactory(username="bob")


def logged_in(user: User, **headers: str) -> Client:
    """Return a browser in which the reader logged in through the page."""
    client = Client(**headers)
    answer = client.post(reverse("account_login"), {"login": user.username, "password": PASSWORD})
    assert answer.status_code == 302
    return client


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_the_readers_alone_and_cheap(
    client, alice, name, django_assert_max_num_queries
):
    answer = client.get(reverse(name))
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/account/login/")
    client.force_login(alice)
    with django_assert_max_num_queries(12):
        answer = client.get(reverse(name))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Frame-Options"] == "DENY"
    html = answer.content.decode()
    assert html.count("<h1") == 1
    assert html.count('aria-current="page"') == 1


@pytest.mark.parametrize("name", POSTS)
def test_nothing_changes_without_the_forms_token_or_a_log_in(alice, name):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(reverse(name), {"password": PASSWORD}).status_code == 403
    guest = Client().post(reverse(name), {"password": PASSWORD})
    assert guest["Location"].startswith("/account/login/")
    assert User.objects.filter(pk=alice.pk).exists()
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    "name", ["account_privacy", "account_recommendations", "account_end_others", "account_delete"]
)
def test_only_a_post_changes_anything(client, alice, name):
    client.force_login(alice)
    assert client.get(reverse(name)).status_code == 405


def test_a_new_reader_shows_nothing_and_switches_each_part_on(client, alice, bob):
    client.force_login(alice)
    assert "checked" not in client.get(reverse("account")).content.decode().split("Recommend")[0]
    client.post(reverse("account_privacy"), {"profile_is_public": "on", "shelves_are_public": "on"})
    alice.refresh_from_db()
    assert (alice.profile_is_public, alice.ratings_are_public, alice.shelves_are_public) == (
        True,
        False,
        True,
    )
    client.post(reverse("account_privacy"), {})
    alice.refresh_from_db()
    assert not alice.profile_is_public
    bob.refresh_from_db()
    assert not bob.profile_is_public


def test_privacy_sets_nothing_but_what_it_shows(client, alice):
    client.force_login(alice)
    client.post(
        reverse("account_privacy"), {"is_staff": "on", "is_superuser": "on", "username": "root"}
    )
    alice.refresh_from_db()
    assert (alice.is_staff, alice.is_superuser, alice.username) == (False, False, "alice")


def test_recommendations_go_off_and_on(client, alice):
    client.force_login(alice)
    client.post(reverse("account_recommendations"), {})
    alice.refresh_from_db()
    assert not alice.wants_recommendations
    client.post(reverse("account_recommendations"), {"wants_recommendations": "on"})
    alice.refresh_from_db()
    assert alice.wants_recommendations


# Sessions


def test_a_reader_sees_where_they_are_logged_in(alice, bob):
    here = logged_in(alice, REMOTE_ADDR="203.0.113.1", HTTP_USER_AGENT=FIREFOX)
    logged_in(alice, REMOTE_ADDR="203.0.113.2", HTTP_USER_AGENT="x" * 5000)
    logged_in(bob, REMOTE_ADDR="203.0.113.3")
    answer = here.get(reverse("account_sessions"))
    found = answer.context["sessions"]
    assert [(one.address, one.is_current) for one in found] == [
        ("203.0.113.1", True),
        ("203.0.113.2", False),
    ]
    html = answer.content.decode()
    assert "Firefox on Linux" in html
    assert "203.0.113.3" not in html


def test_an_ended_session_is_logged_out_at_once(alice):
    here, there = logged_in(alice), logged_in(alice)
    [other] = [
        one
        for one in here.get(reverse("account_sessions")).context["sessions"]
        if not one.is_current
    ]
    here.post(reverse("account_end_session", args=[other.id]))
    assert there.get(reverse("account")).status_code == 302
    assert here.get(reverse("account")).status_code == 200
    assert len(here.get(reverse("account_sessions")).context["sessions"]) == 1


def test_nobody_ends_anothers_session(alice, bob):
    victim, attacker = logged_in(alice), logged_in(bob)
    [session] = victim.get(reverse("account_sessions")).context["sessions"]
    for number in (session.id, 10**30, 0):
        answer = attacker.post(reverse("account_end_session", args=[number]))
        assert answer.status_code == 404
    assert victim.get(reverse("account")).status_code == 200


def test_all_other_sessions_end_together(alice, bob):
    here, there, elsewhere, other = (logged_in(who) for who in (alice, alice, alice, bob))
    answer = here.post(reverse("account_end_others"), follow=True)
    assert "2 other sessions have ended" in answer.content.decode()
    assert there.get(reverse("account")).status_code == 302
    assert elsewhere.get(reverse("account")).status_code == 302
    assert here.get(reverse("account")).status_code == 200
    assert other.get(reverse("account")).status_code == 200


def test_sessions_that_ended_otherwise_are_not_listed(alice):
    here, there, elsewhere = logged_in(alice), logged_in(alice), logged_in(alice)
    there.post(reverse("account_logout"))
    Session.objects.filter(session_key=elsewhere.session.session_key).update(
        expire_date="2001-01-01T00:00:00Z"
    )
    assert len(here.get(reverse("account_sessions")).context["sessions"]) == 1


def test_a_visit_is_noted_now_and_then_and_costs_nothing_between(alice, django_assert_num_queries):
    client = logged_in(alice, REMOTE_ADDR="203.0.113.1")
    with django_assert_num_queries(3):  # the session, the reader, where the data is from
        client.get(reverse("account"))
    session = client.session
    session["seen_at"] -= NOTE_EVERY_SECONDS + 1
    session.save()
    client.get(reverse("account"), REMOTE_ADDR="203.0.113.77")
    [seen] = client.get(reverse("account_sessions")).context["sessions"]
    assert seen.address == "203.0.113.77"


def test_many_sessions_are_listed_in_few_queries(alice, django_assert_max_num_queries):
    clients = [logged_in(alice) for _ in range(12)]
    with django_assert_max_num_queries(6):
        answer = clients[0].get(reverse("account_sessions"))
    assert len(answer.context["sessions"]) == 12


# Tokens


def test_a_token_is_shown_once_and_opens_the_api(client, alice):
    client.force_login(alice)
    wish = {"name": "my phone", "scope": "read", "days": 7}
    answer = client.post(reverse("account_tokens"), wish)
    secret = answer.context["secret"]
    assert secret in answer.content.decode()
    headers = {"Authorization": f"Token {secret}"}
    assert Client().get("/api/v1/recommendations/", headers=headers).status_code == 200
    later = client.get(reverse("account_tokens")).content.decode()
    assert secret not in later
    [token] = ApiToken.objects.all()
    assert token.token_key in later
    # When, in words: now, or a second ago on a busy machine.
    for shown in ("my phone", "reads</span>", "last used "):
        assert shown in later
    client.post(reverse("account_revoke_token", args=[token.token_key]))
    assert Client().get("/api/v1/recommendations/", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 61},
        {"name": "a\0b"},
        {"scope": "admin"},
        {"days": 0},
        {"days": 366},
        {"days": "9" * 50},
    ],
)
def test_a_token_is_made_as_the_form_says_or_not_at_all(client, alice, wrong):
    client.force_login(alice)
    wish = {"name": "my phone", "scope": "read", "days": 7} | wrong
    answer = client.post(reverse("account_tokens"), wish)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == list(wrong)
    assert not ApiToken.objects.exists()


def test_anothers_token_is_neither_listed_nor_revoked(client, alice, bob):
    token, _ = issue_token(alice)
    client.force_login(bob)
    assert token.token_key not in client.get(reverse("account_tokens")).content.decode()
    assert client.post(reverse("account_revoke_token", args=[token.token_key])).status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()


@pytest.mark.parametrize("key", ["%00", "a%00b", "x" * 3000, "..", "%F0%9F%93%9A"])
def test_a_token_that_is_none_is_not_found(client, alice, key):
    client.force_login(alice)
    assert client.post(f"/account/tokens/{key}/revoke/").status_code == 404


# Deletion


def test_deleting_needs_the_password(client, alice):
    client.force_login(alice)
    for password in ("", "wrong", "a\0b", PASSWORD.upper(), "x" * 5000):
        answer = client.post(reverse("account_delete"), {"password": password})
        assert answer.status_code == 200
        assert answer.context["form"].errors["password"]
    assert User.objects.filter(pk=alice.pk).exists()


def test_a_deleted_account_is_gone_with_its_sessions(alice, bob):
    here, there, other = logged_in(alice), logged_in(alice), logged_in(bob)
    _, secret = issue_token(alice)
    answer = here.post(reverse("account_delete"), {"password": PASSWORD})
    assert answer["Location"] == reverse("home")
    assert "are gone" in str(next(iter(get_messages(answer.wsgi_request))))
    assert not User.objects.filter(username="alice").exists()
    assert there.get(reverse("account")).status_code == 302
    keys = Session.objects.values_list("session_key", flat=True)
    assert other.session.session_key in keys
    assert all(
        Session.objects.get(pk=key).get_decoded().get("_auth_user_id") in (None, str(bob.pk))
        for key in keys
    )
    headers = {"Authorization": f"Token {secret}"}
    assert Client().get("/api/v1/recommendations/", headers=headers).status_code == 401
    login = {"login": "alice", "password": PASSWORD}
    assert Client().post(reverse("account_login"), login).status_code == 200


def test_guessing_the_password_to_delete_with_is_slow(client, alice, settings):
    from django.core.cache import cache

    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "2/5m/key"}
    cache.clear()
    client.force_login(alice)
    for _ in range(2):
        client.post(reverse("account_delete"), {"password": "guess"})
    answer = client.post(reverse("account_delete"), {"password": PASSWORD})
    assert "too many wrong tries" in answer.content.decode()
    assert User.objects.filter(pk=alice.pk).exists()
    cache.clear()


def test_the_last_administrator_is_told_why_not(client):
    last = UserFactory(is_superuser=True, is_staff=True)
    client.force_login(last)
    answer = client.post(reverse("account_delete"), {"password": PASSWORD})
    assert answer.status_code == 409
    assert "only administrator" in answer.content.decode()
    assert User.objects.filter(pk=last.pk).exists()


# The header


def test_the_header_has_a_menu_for_readers_and_two_doors_for_guests(client, alice):
    guest = client.get(reverse("home")).content.decode()
    assert reverse("account_login") in guest
    assert reverse("account_signup") in guest
    client.force_login(alice)
    reader = client.get(reverse("browse")).content.decode()
    assert "<summary" in reader
    assert f'href="{reverse("account")}"' in reader
    assert f'action="{reverse("account_logout")}"' in reader
    assert "/admin/" not in reader
