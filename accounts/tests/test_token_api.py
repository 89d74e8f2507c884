"""Tokens by the API: what each may do, what it may make, and how it ends."""

from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import token_api
from accounts.errors import PasswordChanged
from accounts.models import ApiToken, User
from accounts.services import MAX_TOKENS, issue_token, revoke_token
from accounts.tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

TOKENS, LOG_IN, ACCOUNT = "/api/v1/tokens/", "/api/v1/auth/token/", "/api/v1/account/"
READ = {"name": "reader", "scope": "read"}
WRITE = {"name": "writer", "scope": "write"}


@pytest.fixture
def alice() -> User:
    return UserFactory(username="alice")


def holding(secret: str) -> APIClient:
    return APIClient(HTTP_AUTHORIZATION=f"Token {secret}")


def with_token(user: User, **wishes) -> APIClient:
    return holding(issue_token(user, **wishes)[1])


def in_days(days: float) -> datetime:
    return timezone.now() + timedelta(days=days)


def test_a_token_is_made_listed_without_its_secret_used_and_revoked(alice) -> None:
    client = with_token(alice, name="first")
    made = client.post(TOKENS, WRITE | {"expires_in_days": 7}, format="json")
    assert made.status_code == 201
    assert made["Cache-Control"] == "private, no-store"
    body = made.json()
    assert (body["name"], body["scope"], body["last_used_at"]) == ("writer", "write", None)
    ends = datetime.fromisoformat(body["expires_at"])
    assert in_days(6.9) < ends < in_days(7.1)
    second = holding(body["token"])
    listed = second.get(TOKENS)
    assert body["token"] not in listed.content.decode()
    rows = {row["name"]: row for row in listed.json()["results"]}
    assert (rows["writer"]["is_this"], rows["first"]["is_this"]) == (True, False)
    assert all(row["last_used_at"] for row in rows.values())
    assert set(rows["writer"]) == set(body) - {"token"} | {"is_this"}
    assert client.delete(f"{TOKENS}{body['id']}/").status_code == 204
    assert second.get(ACCOUNT).status_code == 401
    assert client.delete(f"{TOKENS}{body['id']}/").status_code == 404


def test_only_a_digest_of_the_secret_is_stored(alice) -> None:
    _, secret = issue_token(alice, name="x")
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(t)::text FROM accounts_api_token t")
        [(stored,)] = cursor.fetchall()
    assert secret not in stored
    assert secret[:16] not in stored


def test_a_token_that_reads_writes_nothing_and_knows_of_no_token(alice) -> None:
    client = with_token(alice, scope="read")
    assert client.get(ACCOUNT).json()["scope"] == "read"
    assert client.head(ACCOUNT).status_code == 200
    for method, address in (
        ("PATCH", ACCOUNT),
        ("POST", f"{ACCOUNT}deletion/"),
        ("POST", f"{ACCOUNT}password/"),
        ("POST", TOKENS),
        ("GET", TOKENS),
        ("DELETE", f"{TOKENS}{ApiToken.objects.get().token_key}/"),
        ("PUT", "/api/v1/books/1/rating/"),
    ):
        answer = client.generic(method, address, '{"password": "x"}', "application/json")
        assert answer.status_code == 403, (method, address)
        assert answer.json()["detail"] == "This token only reads."
    assert ApiToken.objects.count() == 1


def test_a_token_makes_none_that_lives_longer_than_itself(alice) -> None:
    token, secret = issue_token(alice, days=3)
    client = holding(secret)
    longer = client.post(TOKENS, WRITE | {"expires_in_days": 4}, format="json")
    assert longer.status_code == 409
    assert "no longer than" in longer.json()["detail"]
    made = client.post(TOKENS, WRITE, format="json")
    assert datetime.fromisoformat(made.json()["expires_at"]) == token.expiry
    shorter = client.post(TOKENS, READ | {"expires_in_days": 1}, format="json")
    assert datetime.fromisoformat(shorter.json()["expires_at"]) < in_days(1.1)


def test_what_a_token_made_ends_with_it_through_all_generations(alice) -> None:
    first, secret = issue_token(alice)
    for _ in range(3):
        secret = holding(secret).post(TOKENS, WRITE, format="json").json()["token"]
    other = with_token(alice)
    assert holding(secret).get(ACCOUNT).status_code == 200
    assert revoke_token(alice, first.token_key)
    assert holding(secret).get(ACCOUNT).status_code == 401
    assert other.get(ACCOUNT).status_code == 200


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": 7}, "name"),
        ({"scope": "admin"}, "scope"),
        ({"scope": ["write"]}, "scope"),
        ({"scope": None}, "scope"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": settings.TOKEN_MAX_DAYS + 1}, "expires_in_days"),
        ({"expires_in_days": 10**400}, "expires_in_days"),
        ({"expires_in_days": "7"}, "expires_in_days"),
        ({"expires_in_days": True}, "expires_in_days"),
        ({"expires_in_days": 1.5}, "expires_in_days"),
    ],
)
def test_what_is_wrong_with_a_wish_is_named(alice, wrong, field) -> None:
    client = with_token(alice)
    answer = client.post(TOKENS, WRITE | wrong, format="json")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    if field != "name" or wrong["name"] != "":
        log_in = {"username": "alice", "password": PASSWORD} | wrong
        assert list(client.post(LOG_IN, log_in, format="json").json()["errors"]) == [field]
    assert ApiToken.objects.count() == 1


def test_the_door_for_a_password_takes_wishes_and_has_defaults(alice) -> None:
    log_in = {"username": "alice", "password": PASSWORD}
    plain = APIClient().post(LOG_IN, log_in, format="json").json()
    assert (plain["scope"], plain["name"]) == ("write", "")
    ends = datetime.fromisoformat(plain["expires_at"])
    assert in_days(settings.TOKEN_DAYS - 0.1) < ends < in_days(settings.TOKEN_DAYS + 0.1)
    asked = APIClient().post(LOG_IN, log_in | READ | {"expires_in_days": 1}, format="json").json()
    assert (asked["scope"], asked["name"]) == ("read", "reader")
    assert datetime.fromisoformat(asked["expires_at"]) < in_days(1.1)
    assert holding(asked["token"]).get(TOKENS).status_code == 403


def test_nobody_has_tokens_without_end(alice) -> None:
    ApiToken.objects.bulk_create(
        ApiToken(digest=str(n), token_key=str(n), user=alice, expiry=in_days(1))
        for n in range(MAX_TOKENS - 1)
    )
    client = with_token(alice)
    answers = [
        client.post(TOKENS, WRITE, format="json"),
        client.post(LOG_IN, {"username": "alice", "password": PASSWORD}, format="json"),
    ]
    for answer in answers:
        assert answer.status_code == 409
        assert answer["Content-Type"] == "application/problem+json"
        assert "revoke one first" in answer.json()["detail"]
    ApiToken.objects.filter(digest="0").update(expiry=in_days(-1))
    assert client.post(TOKENS, WRITE, format="json").status_code == 201


def test_a_use_is_noted_now_and_then_and_not_at_every_request(alice) -> None:
    token, secret = issue_token(alice)
    client = holding(secret)
    counts = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            client.get(ACCOUNT)
        counts.append(sum("UPDATE" in query["sql"] for query in queries))
    assert counts == [1, 0, 0]
    long_ago = timezone.now() - timedelta(hours=1)
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=long_ago)
    client.get(ACCOUNT)
    token.refresh_from_db()
    assert token.last_used_at > long_ago + timedelta(minutes=59)


def test_a_token_is_found_with_one_query(alice) -> None:
    for _ in range(5):
        _, secret = issue_token(alice)
    client = holding(secret)
    client.get("/api/v1/notes/1/")
    with CaptureQueriesContext(connection) as queries:
        client.get("/api/v1/notes/1/")
    assert sum("accounts_api_token" in query["sql"] for query in queries) == 1


def test_an_expired_token_opens_nothing_and_is_not_listed(alice) -> None:
    token, secret = issue_token(alice, name="old")
    ApiToken.objects.filter(pk=token.pk).update(expiry=in_days(-1))
    assert holding(secret).get(ACCOUNT).status_code == 401
    names = [row["name"] for row in with_token(alice).get(TOKENS).json()["results"]]
    assert names == [""]


def test_another_readers_tokens_are_out_of_reach(alice) -> None:
    token, _ = issue_token(alice, name="hers")
    charlie = with_token(UserFactory(username="charlie"))
    assert "hers" not in charlie.get(TOKENS).content.decode()
    assert charlie.delete(f"{TOKENS}{token.token_key}/").status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_a_session_works_too_with_its_csrf_token(alice) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.get(TOKENS).status_code == 200
    refused = client.post(TOKENS, WRITE, format="json")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]
    client.get("/account/tokens/")
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    made = client.post(TOKENS, WRITE, format="json", headers=headers)
    assert made.status_code == 201
    assert ApiToken.objects.get().made_with is None


def test_the_database_knows_two_scopes(alice) -> None:
    token, _ = issue_token(alice)
    with pytest.raises(IntegrityError):
        ApiToken.objects.filter(pk=token.pk).update(scope="admin")


def test_a_password_that_is_changed_while_it_is_checked_makes_no_token(alice, monkeypatch) -> None:
    checked = token_api.authenticate_reader

    def checked_then_changed(*args, **wishes) -> User:
        user = checked(*args, **wishes)
        changed = User.objects.get(pk=user.pk)
        changed.set_password("eight yellow boats")
        changed.save()
        return user

    monkeypatch.setattr(token_api, "authenticate_reader", checked_then_changed)
    sent = {"username": "alice", "password": PASSWORD}
    answer = APIClient().post(LOG_IN, sent, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"non_field_errors": ["Wrong username or password."]}
    with pytest.raises(PasswordChanged):
        issue_token(alice)
    assert not ApiToken.objects.exists()
