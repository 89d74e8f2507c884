"""Who knocks at the API in tests, and what everybody must be answered."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import User

PROBLEM = "application/problem+json"


def signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def assert_private(response: Any) -> None:
    assert response["Cache-Control"] == "private, no-store"


def assert_problem(response: Any, status: int) -> None:
    assert response.status_code == status
    assert response["Content-Type"] == PROBLEM
    assert response.json()["status"] == status


def assert_only(client: APIClient, address: str, allowed: set[str]) -> None:
    """Every other method is answered with the ones that there are."""
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - allowed:
        response = client.generic(method, address, "{}", content_type="application/json")
        assert_problem(response, 405)
        assert {*response["Allow"].split(", ")} - {"HEAD", "OPTIONS"} == allowed, method


def assert_for_readers_only(address: str, methods: set[str]) -> None:
    for method in methods:
        response = APIClient().generic(method, address, "{}", content_type="application/json")
        assert_problem(response, 401)
        assert response["WWW-Authenticate"] == "Token"
        assert_private(response)


def made_up_cursor(position: str) -> str:
    return base64.b64encode(f"p={position}".encode()).decode()


@contextmanager
def at_most_queries(limit: int = 8) -> Iterator[None]:
    """Count what the database is asked, not the marks within a test's own transaction."""
    with CaptureQueriesContext(connection) as context:
        yield
    asked = [query["sql"] for query in context if "SAVEPOINT" not in query["sql"]]
    assert len(asked) <= limit, "\n".join(asked)
