"""Alice with one of everything, and whoever asks for it by the API."""

import json
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from rest_framework.test import APIClient

from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from bookrec_site.tests.api_inventory import Door
from catalog.curation.lists import save_list
from catalog.tests.factories import BookFactory
from ratings.models import ImportRow, LibraryImport
from ratings.services import dismiss_book, mark_read, rate_book, shelve_book, write_note

PROBLEM = "application/problem+json"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# Stands in all that Alice wrote.
MARK = "qzxalice"
SHELF = f"{MARK} shelf"


@pytest.fixture
def world(artifacts) -> dict[str, Any]:
    """Alice with one of everything, all private; and the keys of it that addresses name."""
    alice = UserFactory(username=MARK, email=f"{MARK}@example.org")
    EmailAddress.objects.create(user=alice, email=f"{MARK}2@example.org")
    book = BookFactory(title="A book", authors=["An Author"])
    rate_book(user=alice, book=book, stars=5)
    shelve_book(user=alice, book=book, shelf=SHELF)
    mark_read(user=alice, book=book)
    write_note(user=alice, book=book, text=MARK)
    dismissed = BookFactory(title="Another book")
    dismiss_book(user=alice, book=dismissed)
    token, secret = issue_token(alice, name=MARK)
    brought = LibraryImport.objects.create(
        user=alice,
        file_name=f"{MARK}.csv",
        language="en-gb",
        format=LibraryImport.Format.GOODREADS,
        status=LibraryImport.Status.DONE,
        n_rows=1,
        n_done=1,
    )
    ImportRow.objects.create(
        library_import=brought,
        line=2,
        title=MARK,
        outcome=ImportRow.Outcome.NEEDS_REVIEW,
        candidates=[book.pk],
    )
    return {
        "alice": alice,
        "secret": secret,
        "book_id": book.pk,
        "author_id": book.authorships.get().author_id,
        "series_id": 1,
        "list_id": save_list(None, {"title": "Everybody's"}, [book.pk], by=None).pk,
        "shelf": SHELF,
        "token_id": token.token_key,
        "import_id": brought.pk,
        "line": 2,
        "run_id": 1,
    }


def body(world: dict[str, Any]) -> dict[str, Any]:
    """Return a body in which every door finds what it wants, where there is such a thing."""
    return {
        "book": world["book_id"],
        "stars": 1,
        "text": "changed",
        "reason": "wrong",
        "name": "changed",
        "scope": "read",
        "finished_on": "2001-01-01",
        "ratings": [{"book": world["book_id"], "stars": 1}],
        "profile_is_public": True,
        "username": world["alice"].username,
        "email": world["alice"].email,
        "password": "not the password",
        "new_password": "not the password",
    }


def holding(secret: str) -> APIClient:
    client = APIClient(HTTP_AUTHORIZATION=f"Token {secret}")
    client.raise_request_exception = False
    return client


def ask(client: APIClient, method: str, door: Door, world: dict[str, Any]) -> Any:
    sent = "" if method == "GET" else json.dumps(body(world))
    return client.generic(method, door.address(world), sent, content_type="application/json")


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content
