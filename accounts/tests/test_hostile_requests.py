"""What strangers send to find a crack: each once made a 500."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import sign_up
from accounts.tests.factories import PASSWORD, ImportedReaderFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("token", [b"\xc3\xa9" * 20, b"a\x00b", b"\xff", b"!" * 64])
def test_a_token_of_odd_bytes_is_wrong_and_no_more(token: bytes) -> None:
    client = APIClient(HTTP_AUTHORIZATION=(b"Token " + token).decode("latin-1"))
    assert client.get("/api/v1/recommendations/").status_code == 401


def test_json_nested_without_end_is_a_bad_request() -> None:
    response = APIClient().generic(
        "POST", "/api/v1/auth/token/", b"[" * 200_000, "application/json"
    )
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


def test_a_session_key_with_a_nul_is_nobodys(client: Client) -> None:
    client.cookies["sessionid"] = "aaaaaaaaaaaa\0aaaa"
    assert client.get("/").status_code == 200
    assert client.get("/api/v1/recommendations/").status_code == 401


@pytest.mark.parametrize("charset", ["zlib", "hex", "no-such-thing", "x" * 500])
def test_a_charset_that_is_none_is_a_bad_request(client: Client, charset: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\nann\r\n--b--\r\n'
    response = client.generic(
        "POST", "/account/login/", body, f"multipart/form-data; boundary=b; charset={charset}"
    )
    assert response.status_code == 400


def test_a_body_that_is_too_large_is_a_problem_below_the_api() -> None:
    response = APIClient().post(
        "/api/v1/auth/token/", {"username": "a" * 8_000_000, "password": "b"}, format="json"
    )
    assert response.status_code in (400, 413)
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("address", ["/account/login/", "/account/signup/"])
def test_a_form_that_names_itself_as_the_way_on_leads_home(client: Client, address: str) -> None:
    client.force_login(UserFactory())
    response = client.get(address, {"next": address})
    assert response.status_code == 302
    assert response["Location"] == "/"


def test_the_administration_has_no_log_in_of_its_own(client: Client) -> None:
    """So that its door is counted, and asks for the second step, like the other one."""
    curator = UserFactory(is_staff=True)
    login = {"username": curator.username, "password": PASSWORD, "next": "/admin/"}
    for answer in (client.post("/admin/login/?next=/admin/", login), client.get("/admin/login/")):
        assert answer.status_code == 302
        assert answer["Location"].startswith("/account/login/?next=%2Fadmin%2F")
    assert "_auth_user_id" not in client.session


def test_a_curator_gets_in_and_a_reader_does_not(client: Client) -> None:
    curator = UserFactory(is_staff=True)
    login = {"login": curator.username, "password": PASSWORD, "next": "/admin/"}
    assert client.post("/account/login/", login)["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    client.force_login(UserFactory())
    response = client.get("/admin/", follow=True)
    assert response.request["PATH_INFO"] == "/admin/login/"
    assert response.status_code == 403


@pytest.mark.parametrize("typed", ["Ann", "ann", "\uff21nn", "ann@example.org", "ANN@EXAMPLE.ORG"])
def test_a_token_is_given_for_every_form_of_the_name(typed: str) -> None:
    sign_up(username="Ann", email="ann@example.org", password=PASSWORD)
    answer = APIClient().post(
        "/api/v1/auth/token/", {"username": typed, "password": PASSWORD}, format="json"
    )
    assert answer.status_code == 200


def test_nobody_takes_anothers_address_as_a_name_or_the_reverse() -> None:
    sign_up(username="bob", email="bob@example.org", password=PASSWORD)
    sign_up(username="eve@example.org", email="eve@example.org", password=PASSWORD)
    client = APIClient()
    for taken in (
        {"username": "BOB@example.org", "email": "mallory@example.org"},
        {"username": "mallory", "email": "Eve@Example.org"},
    ):
        response = client.post(
            "/api/v1/auth/signup/", taken | {"password": PASSWORD}, format="json"
        )
        assert response.status_code == 400
    assert User.objects.count() == 2


def test_an_imported_reader_cannot_be_changed_in_the_administration(admin_client: Client) -> None:
    reader = ImportedReaderFactory()
    page = f"/admin/accounts/user/{reader.pk}"
    assert admin_client.get(f"{page}/change/").status_code == 200
    assert admin_client.post(f"{page}/change/", {"is_active": "on"}).status_code == 403
    assert admin_client.get(f"{page}/password/").status_code == 403
