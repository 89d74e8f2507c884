"""What is sent where it cannot be read: without the last slash, or in chunks."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from bookrec_site.tests.api_world import PROBLEM, UNSAFE
from catalog.tests.factories import BookFactory
from ratings.models import Reading
from ratings.services import mark_read

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader():
    return UserFactory()


@pytest.fixture
def client(reader) -> APIClient:
    return APIClient(HTTP_AUTHORIZATION=f"Token {issue_token(reader)[1]}")


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("path", ["/api/v1/account", "/api/v1/events", "/api/v1/books/1/rating"])
def test_a_write_without_the_last_slash_is_told_the_address(client, method, path) -> None:
    answer = client.generic(method, path, b"{}", content_type="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)
    assert "Location" not in answer
    assert f"{path}/" in answer.json()["detail"]


def test_a_write_to_nowhere_is_told_no_address(client) -> None:
    answer = client.post("/api/v1/nowhere", {}, format="json")
    assert answer.json()["detail"] == "There is nothing at /api/v1/nowhere."


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_without_the_last_slash_is_led_there(client, method) -> None:
    answer = client.generic(method, "/api/v1/books?page_size=5")
    assert (answer.status_code, answer["Location"]) == (301, "/api/v1/books/?page_size=5")


def test_pages_are_led_to_their_slash_as_ever(client) -> None:
    for answer in (Client().get("/books"), Client().post("/books")):
        assert (answer.status_code, answer["Location"]) == (301, "/books/")


@pytest.mark.parametrize("length", ["", None])
def test_a_body_in_chunks_is_refused_and_changes_nothing(client, reader, length) -> None:
    book = BookFactory()
    mark_read(user=reader, book=book, finished_on="2020-01-02")
    # As gunicorn has it: the body may be read, but nobody says how long it is.
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked"} | (
        {"CONTENT_LENGTH": ""} if length == "" else {}
    )
    address = f"/api/v1/readings/{book.pk}/"
    answer = client.generic("PUT", address, content_type="application/json", **chunked)
    assert (answer.status_code, answer["Content-Type"]) == (411, PROBLEM)
    assert "Content-Length" in answer.json()["detail"]
    assert str(Reading.objects.get().finished_on) == "2020-01-02"


def test_a_form_in_chunks_is_refused_too() -> None:
    answer = Client().generic("POST", "/account/login/", HTTP_TRANSFER_ENCODING="chunked")
    assert (answer.status_code, answer["Content-Type"]) == (411, "text/plain")


def test_a_body_of_known_length_is_read(client) -> None:
    book = BookFactory()
    answer = client.put(
        f"/api/v1/readings/{book.pk}/", {"finished_on": "2020-01-02"}, format="json"
    )
    assert answer.json() == {"book": book.pk, "finished_on": "2020-01-02"}
