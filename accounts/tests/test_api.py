import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from accounts.tests.factories import PASSWORD, ImportedReaderFactory, UserFactory

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
    assert response["Cache-Control"] == "private, no-store"
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


def test_an_imported_reader_gets_no_token() -> None:
    reader = ImportedReaderFactory()
    login = {"username": reader.username, "password": "!"}
    assert APIClient().post(TOKEN, login, format="json").status_code == 400
    assert not ApiToken.objects.exists()


def test_signing_up_through_the_api_sends_the_mail_to_confirm_the_address(mailoutbox) -> None:
    APIClient().post(SIGNUP, GOOD, format="json")
    [mail] = mailoutbox
    assert mail.to == ["alice@example.org"]
    assert "/account/confirm-email/" in mail.body


def test_no_token_for_an_address_that_must_be_confirmed_first(settings) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    client = APIClient()
    client.post(SIGNUP, GOOD, format="json")
    login = {"username": "alice", "password": PASSWORD}
    answer = client.post(TOKEN, login, format="json")
    assert answer.status_code == 400
    assert "Confirm your e-mail address" in answer.json()["errors"]["non_field_errors"][0]
    EmailAddress.objects.update(verified=True)
    assert client.post(TOKEN, login, format="json").status_code == 200


def test_wrong_passwords_for_one_account_close_it_for_a_while_from_every_address(settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/5m/key"}
    cache.clear()
    UserFactory(username="alice")
    for number in range(3):
        APIClient(REMOTE_ADDR=f"203.0.113.{number}").post(
            TOKEN, {"username": "alice", "password": "guess"}, format="json"
        )
    right = {"username": "Alice", "password": PASSWORD}
    answer = APIClient(REMOTE_ADDR="203.0.113.9").post(TOKEN, right, format="json")
    assert answer.status_code == 400
    assert "too many wrong tries" in answer.json()["errors"]["non_field_errors"][0]
    cache.clear()


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
