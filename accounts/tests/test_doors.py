"""The doors when something is amiss: Redis away, a lying address, odd input."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.counting import Limit, admit
from accounts.models import User
from accounts.services import sign_up
from accounts.tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

SIGN_UP = {"username": "dora", "email": "dora@example.org", "password": "seven green lamps"}


@pytest.fixture
def no_redis(settings):
    """Nobody listens where Redis should; limits are those of a real site, and low."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": f"redis://127.0.0.1:{port}/0"}
    }
    settings.ACCOUNT_RATE_LIMITS = {}
    yield


def test_doors_are_open_while_redis_is_away(no_redis, caplog):
    client = Client()
    assert client.post(reverse("account_signup"), SIGN_UP).status_code == 302
    assert "_auth_user_id" in client.session
    assert "Redis is away" in caplog.text
    for _ in range(3):
        fresh = Client()
        login = {"login": "dora", "password": SIGN_UP["password"]}
        assert fresh.post(reverse("account_login"), login).status_code == 302
        assert "_auth_user_id" in fresh.session
    login = {"username": "dora", "password": SIGN_UP["password"]}
    api = Client().post("/api/v1/auth/token/", login, content_type="application/json")
    assert api.status_code == 200
    ask = {"email": "dora@example.org"}
    assert Client().post(reverse("account_reset_password"), ask).status_code == 302
    assert fresh.post(reverse("account_delete"), {"password": "wrong"}).status_code == 200


def test_redis_that_is_away_is_left_alone_for_a_while(no_redis, caplog):
    for _ in range(20):
        assert cache.get("key", "nothing") == "nothing"
        assert cache.add("key", 1)
        cache.set("key", 1)
        assert cache.delete("key") is False
    # Each thread has a cache of its own, and all of them know.
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: admit([Limit("x", 1, 60)]), range(40))) == [0.0] * 40
    assert caplog.text.count("Redis is away") == 1


def test_behind_a_unix_socket_nobody_is_locked_out(client):
    answer = client.post(reverse("account_signup"), SIGN_UP, REMOTE_ADDR="")
    assert answer.status_code == 302
    assert client.get(reverse("account_sessions"), REMOTE_ADDR="").status_code == 200


ODD = ["\0", "a\0b", "\ud83d", "٣٤٥", "x" * 5000, "[]", "%00", "<script>", "\r\nSet-Cookie: a=b"]
FORMS = {
    "account_login": ("login", "password", "next"),
    "account_signup": ("username", "email", "password", "next"),
    "account_reset_password": ("email",),
    "account_reauthenticate": ("password", "next"),
    "account_email": ("email", "action_add"),
    "account_change_password": ("oldpassword", "password1", "password2", "next"),
    "account_privacy": ("profile_is_public", "ratings_are_public"),
    "account_recommendations": ("wants_recommendations",),
    "account_delete": ("password",),
    "account_logout": ("next",),
    "mfa_activate_totp": ("code",),
}


@pytest.mark.parametrize("logged_in", [True, False])
@pytest.mark.parametrize("name", FORMS)
def test_no_form_fails_on_odd_input(client, name, logged_in):
    alice = UserFactory(username="alice")
    for odd in ODD:
        if logged_in:
            client.force_login(alice)
        fields = {field: odd.encode("utf-8", "surrogatepass") for field in FORMS[name]}
        answer = client.post(reverse(name), fields, headers={"User-Agent": "x" * 3000})
        assert answer.status_code < 500
        assert "a" not in answer.cookies
        assert (
            client.get(reverse(name), {"next": odd[:50].encode("utf-8", "replace")}).status_code
            < 500
        )
    assert User.objects.count() == 1


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_logout"])
@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "http:///evil.example",
        "https:evil.example",
        "\t//evil.example",
    ],
)
def test_no_door_leads_to_another_site(client, name, target):
    if name == "account_logout":
        client.force_login(UserFactory())
    UserFactory(username="alice")
    fields = SIGN_UP | {"login": "alice", "next": target}
    if name == "account_login":
        fields["password"] = PASSWORD
    assert client.post(reverse(name), fields)["Location"] == reverse("home")


def test_no_door_leads_to_a_host_that_is_merely_allowed(client, settings):
    settings.ALLOWED_HOSTS = ["testserver", "other.example"]
    UserFactory(username="alice")
    login = {"login": "alice", "password": PASSWORD, "next": "http://other.example/"}
    assert client.post(reverse("account_login"), login)["Location"] == reverse("home")


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_doors_cannot_be_framed_or_kept(client, name):
    answer = client.get(reverse(name))
    assert answer["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]


def test_who_is_logged_in_as_somebody_else_is_not_mixed_up(client):
    """The first reader's session is thrown away when a second one logs in over it."""
    alice = sign_up(username="alice", email="alice@example.org", password=PASSWORD)
    client.force_login(alice)
    session = client.session
    session["private"] = "of alice"
    session.save()
    client.force_login(UserFactory())
    assert "private" not in client.session


def test_a_program_gets_the_page_like_everybody(client):
    answer = client.post(
        reverse("account_login"),
        {"login": "a", "password": "b"},
        headers={"Accept": "application/json"},
    )
    assert answer["Content-Type"].startswith("text/html")
