import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from accounts.tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

SIGNUP = "/api/v1/auth/signup/"
TOKEN = "/api/v1/auth/token/"
GOOD = {"username": "alice", "email": "alice@example.org", "password": PASSWORD}


def test_a_program_signs_up_and_gets_a_token() -> None:
    client = APIClient()
    response = client.post(SIGNUP, GOOD, format="json")
    assert response.status_code == 201
    assert response.json() == {
        "id": User.objects.get().pk,
        "username": "alice",
        "email": "alice@example.org",
    }
    response = client.post(TOKEN, {"username": "alice", "password": PASSWORD}, format="json")
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    client.credentials(HTTP_AUTHORIZATION=f"Token {response.json()['token']}")
    assert client.get("/api/v1/recommendations/").status_code == 200


def test_sign_up_answers_with_every_wrong_field_as_problem_details() -> None:
    response = APIClient().post(
        SIGNUP, {"username": "a b", "email": "x", "password": "1"}, format="json"
    )
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == 400
    assert "email" in body["errors"]
    assert not User.objects.exists()


def test_sign_up_names_a_taken_username() -> None:
    UserFactory(username="ALICE", email="other@example.org")
    response = APIClient().post(SIGNUP, GOOD, format="json")
    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["username"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ("null", "application/json", 400),
        ('{"username": {"a": 1}, "email": [], "password": 5}', "application/json", 400),
        ('{"username": "a\\u0000b", "email": "a@b.co", "password": "x"}', "application/json", 400),
        ("username=alice", "application/x-www-form-urlencoded", 415),
        ("\xff\xfe", "application/json", 400),
    ],
)
@pytest.mark.parametrize("address", [SIGNUP, TOKEN])
def test_nothing_a_client_sends_is_a_server_error(
    address: str, body: str, content_type: str, status: int
) -> None:
    response = APIClient().generic("POST", address, body.encode("latin-1"), content_type)
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status


@pytest.mark.parametrize("address", [SIGNUP, TOKEN])
def test_only_post_is_allowed(address: str) -> None:
    response = APIClient().get(address)
    assert response.status_code == 405
    assert response["Content-Type"] == "application/problem+json"


def test_a_wrong_password_and_an_unknown_name_are_answered_alike() -> None:
    UserFactory(username="alice")
    client = APIClient()
    wrong = client.post(TOKEN, {"username": "alice", "password": "wrong"}, format="json")
    unknown = client.post(TOKEN, {"username": "nobody", "password": "wrong"}, format="json")
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.json() == unknown.json()
    assert not ApiToken.objects.exists()


def test_a_forged_token_is_refused_with_the_way_to_authenticate() -> None:
    client = APIClient(HTTP_AUTHORIZATION="Token " + "0" * 64)
    response = client.get("/api/v1/recommendations/")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"
    assert response["Content-Type"] == "application/problem+json"


def test_guessing_passwords_is_throttled_by_address(monkeypatch) -> None:
    from accounts.throttling import LoginThrottle

    cache.clear()
    monkeypatch.setattr(LoginThrottle, "THROTTLE_RATES", {"login": "3/min"})
    client = APIClient()
    guess = {"username": "alice", "password": "guess"}
    answers = [client.post(TOKEN, guess, format="json") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    # An address made up in a header does not open the door again.
    response = client.post(TOKEN, guess, format="json", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert response.status_code == 429
    cache.clear()
