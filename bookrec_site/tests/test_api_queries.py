"""Every operation of the API asks the database little, whatever it does."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, URLResolver
from rest_framework.test import APIClient

from bookrec_site import api_urls
from bookrec_site.api.description import description
from bookrec_site.tests.conformance_world import ApiWorld, api_world  # noqa: F401 - a fixture
from ratings.library_import import requests
from ratings.models import ImportRow
from ratings.services import dismiss_book
from ratings.tests.api_doors import at_most_queries
from ratings.tests.libraries import goodreads_csv
from recommender import runs
from recommender.tests.feedback.lists import list_of

pytestmark = pytest.mark.django_db

QUERIES = 8


@dataclass(frozen=True)
class Ask:
    """How an operation is asked, and with what it answers."""

    status: int = 200
    # A body, as JSON; `{book}` in a text of it, or in the query, is the id of one, and `{list}` in
    # a body that of a list of the reader's with the book.
    body: Any = None
    query: str = ""


READ, REMOVED = Ask(), Ask(204)
PASSWORD = {"password": "reads quite a lot"}
ASKED: dict[str, Ask] = {
    "sign_up": Ask(201, {"username": "ann", "email": "ann@example.org", **PASSWORD}),
    "create_token": Ask(200, {"username": "alice", **PASSWORD}),
    "list_tokens": READ,
    "make_token": Ask(201, {"name": "frame", "scope": "read"}),
    "revoke_token": REMOVED,
    "get_account": READ,
    "change_account": Ask(200, {"profile_is_public": True, "wants_recommendations": True}),
    # The only superuser stays.
    "delete_account": Ask(409, PASSWORD),
    "change_password": Ask(204, {**PASSWORD, "new_password": "reads even more books"}),
    "get_address": READ,
    "change_address": Ask(202, {**PASSWORD, "email": "new@example.org"}),
    # None waits, and this key is none.
    "keep_address": Ask(404),
    "confirm_address": Ask(404, {"key": "MQ:1abc:def"}),
    "list_books": Ask(query="search=dragon&genre=fantasy&page_size=5"),
    "list_popular_books": Ask(query="genre=fantasy&page_size=5"),
    "list_new_books": Ask(query="genre=fantasy&page_size=5"),
    "list_trending_books": Ask(query="genre=fantasy&page_size=5"),
    "get_book": READ,
    "list_similar_books": READ,
    "recommend_by_title": Ask(query="title=Dragon 1"),
    "list_authors": Ask(query="search=drake"),
    "get_author": READ,
    "list_series": READ,
    "get_series": READ,
    "list_genres": READ,
    "list_editorial_lists": READ,
    "get_editorial_list": READ,
    "list_tags": READ,
    "get_rating": READ,
    "rate_book": Ask(200, {"stars": 4, "list": "{list}"}),
    "remove_rating": REMOVED,
    "list_ratings": READ,
    "get_own_rating": READ,
    "give_stars": Ask(200, {"stars": 4}),
    "take_stars_back": REMOVED,
    "rate_books": Ask(200, {"ratings": [{"book": "{book}", "stars": 5}, {"book": 1, "stars": 9}]}),
    "list_shelves": READ,
    "list_shelf": READ,
    "rename_shelf": Ask(200, {"name": "Lake"}),
    "delete_shelf": REMOVED,
    "get_shelf_entry": READ,
    "shelve_book": READ,
    "unshelve_book": REMOVED,
    "list_readings": READ,
    "get_reading": READ,
    "mark_read": Ask(200, {"finished_on": "2024-02-29"}),
    "unmark_read": REMOVED,
    "list_dismissals": READ,
    "dismiss_book": Ask(201, {"book": "{book}"}),
    "get_dismissal": READ,
    "undo_dismissal": REMOVED,
    "list_notes": READ,
    "get_note": READ,
    "write_note": Ask(200, {"text": "Read twice."}),
    "remove_note": REMOVED,
    "list_recommendations": Ask(query="k=5&genre=fantasy&explain=true"),
    "recommend_for_session": Ask(200, {"ratings": [{"book": "{book}", "stars": 5}]}),
    "predict_stars": Ask(query="book={book}"),
    "list_readers_like_me": READ,
    "send_events": Ask(
        200,
        {
            "events": [
                {"list": "{list}", "event": "shown", "book": "{book}"},
                {"list": "{list}", "event": "rated", "book": "{book}", "stars": 5},
            ]
        },
    ),
    "list_imports": READ,
    # Under way: a second one waits.
    "upload_import": Ask(202),
    "get_import": READ,
    "undo_import": Ask(202),
    "download_import_failures": READ,
    "list_import_rows": READ,
    "get_import_row": READ,
    "choose_book_of_row": Ask(200, {"book": "{book}"}),
    "skip_import_row": READ,
    # Nothing was decided of it yet.
    "reopen_import_row": Ask(409),
    "report": Ask(201, {"book": "{book}", "reason": "wrong", "text": "Not by A. Drake."}),
    "list_exports": READ,
    "list_runs": Ask(query="status=retired"),
    "start_run": Ask(202, {"kind": "quick"}),
    "get_run": READ,
    # It has ended, and never had files.
    "cancel_run": Ask(409),
    "activate_run": Ask(409),
    "roll_back": Ask(409),
}
# Taken away whole: a query for every table that is in them.
FILES = {"export_everything": 2 * QUERIES, "export_goodreads": 2 * QUERIES}
# Described by none of them: they show the description.
PAGES = {"schema/", "swagger/", "redoc/"}
OPERATIONS = {
    operation["operationId"]: (method, path)
    for path, operations in description()["paths"].items()
    for method, operation in operations.items()
}


def routes(patterns: list[URLPattern | URLResolver]) -> set[str]:
    found: set[str] = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found |= routes(pattern.url_patterns)
        else:
            found.add(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern)))
    return found


def test_every_operation_and_every_address_is_asked() -> None:
    """Of a new one this says what to add."""
    assert sorted({*ASKED, *FILES} ^ OPERATIONS.keys()) == []
    described = {path.removeprefix("/api/v1/") for _method, path in OPERATIONS.values()}
    assert sorted(routes(api_urls.urlpatterns) ^ described) == sorted(PAGES)


def filled(value: Any, names: dict[str, Any]) -> Any:
    """Return the value with what it names by a text in braces."""
    if isinstance(value, dict):
        return {key: filled(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


@pytest.fixture
def client(api_world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> APIClient:  # noqa: F811
    """A reader with a password and a token, whom no worker helps."""
    monkeypatch.setattr(requests, "_send", lambda import_id: None)
    monkeypatch.setattr(runs, "_send", lambda run_id: None)
    # Not set_password(), which would end the token.
    api_world.reader.password = make_password(PASSWORD["password"])
    api_world.reader.save()
    dismiss_book(user=api_world.reader, book=api_world.books[0])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {api_world.token}")
    return client


def ask(client: APIClient, world: ApiWorld, operation: str, asked: Ask) -> Any:
    method, path = OPERATIONS[operation]
    book = world.books[0]
    unsure = world.library_import.rows.filter(outcome=ImportRow.Outcome.NEEDS_REVIEW).earliest(
        "line"
    )
    address = path.format(
        book_id=book.pk,
        author_id=book.authors.earliest("pk").pk,
        series_id=book.series.get().pk,
        shelf="sea",
        import_id=world.library_import.pk,
        line=unsure.line,
        run_id=world.run.pk,
        list_id=world.editorial.pk,
        token_id=world.token[:15],
    )
    if asked.query:
        address += "?" + asked.query.format(book=book.pk)
    if operation == "upload_import":
        library = goodreads_csv({"Title": book.title, "Author": "A. Drake", "My Rating": "5"})
        body = {"file": SimpleUploadedFile("library.csv", library)}
        return lambda: client.post(address, body, format="multipart")
    names = {"{book}": book.pk, "{list}": list_of(world.books, world.reader)}
    body = filled(asked.body, names)
    return lambda: getattr(client, method)(address, body, format="json" if body else None)


@pytest.mark.parametrize("operation", [*ASKED, *FILES])
def test_an_operation_costs_few_queries(
    api_world: ApiWorld,  # noqa: F811
    client: APIClient,
    operation: str,
    django_capture_on_commit_callbacks: Any,
) -> None:
    """What follows on the commit is the reader's wait too."""
    asked = ASKED.get(operation, READ)
    doing = ask(client, api_world, operation, asked)
    if OPERATIONS[operation][0] == "get":
        # What a process reads once, such as the index of a search, is read.
        doing().getvalue()
    with (
        at_most_queries(FILES.get(operation, QUERIES)),
        django_capture_on_commit_callbacks(execute=True),
    ):
        answer = doing()
        answer.getvalue()
    assert answer.status_code == asked.status, answer.getvalue()
    assert "Cache-Control" in answer
