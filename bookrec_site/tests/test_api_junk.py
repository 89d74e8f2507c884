"""Junk at every address of the API: never our mistake, always a problem document."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from bookrec_site.tests.api_inventory import DOORS, Door
from bookrec_site.tests.api_world import (  # noqa: F401 - world is a fixture
    PROBLEM,
    UNSAFE,
    content,
    holding,
    world,
)

pytestmark = pytest.mark.django_db

BODIES = {
    "nothing": b"",
    "half": b'{"stars": ',
    "null": b"null",
    "a list": b"[]",
    "a number": b"1e999",
    "no number": b'{"stars": NaN}',
    "huge numbers": b'{"book": 1%b, "stars": 1e400, "expires_in_days": 9%b}'
    % (b"0" * 400, b"9" * 5000),
    "deep": b"[" * 100_000,
    "bad utf-8": b'{"name": "\xff\xfe", "text": "\xed\xa0\x80"}',
    "surrogates": b'{"name": "\\ud83d", "text": "\\ud83d", "password": "\\ud800"}',
    "nul": b'{"name": "a\\u0000b", "text": "\\u0000", "password": "\\u0000"}',
    "other types": b'{"name": {}, "text": [], "ratings": "x", "events": {}, "book": [1]}',
    "rows of junk": b'{"ratings": [null, [], {"book": {}}], "events": [null, [], {"list": {}}]}',
    "far away": b'{"book": 9223372036854775807, "finished_on": "9999-12-31", "run": 99999999999}',
    "twice": b'{"name": "a", "name": {"b": 1}}',
}
TYPES = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/json; charset=utf-16",
    "application/json; charset=zlib",
    "application/json; charset=\xff",
    "nonsense",
    "",
)
QUERY = (
    "k=%00&book=%FF&cursor=%ED%A0%80&page_size=9" + "9" * 500 + "&search=%00&title=%F0&genre=%27"
    "&year_from=-1e9&like=1&like=2&ordering=%00&state=%00&since=%00&language=../..&format="
)
HEADERS = (
    {"Accept": "image/png"},
    {"Accept": ";;;,\xff"},
    {"Accept-Language": "x" * 5000},
    {"If-None-Match": '"\xff', "If-Modified-Since": "yesterday"},
    {"Idempotency-Key": "\xff\x00"},
    {"X-Forwarded-For": "\xff, ,", "X-CSRFToken": "\x00"},
    {"Range": "bytes=9-1", "Cookie": 'sessionid="\\000"; csrftoken=\xff'},
    {"Authorization": "Token"},
    {"Authorization": "Token a b"},
    {"Authorization": "Basic \xff"},
    {"Content-Length": "many"},
)


@pytest.mark.parametrize("door", [pytest.param(door, id=door.name) for door in DOORS])
def test_nothing_that_is_sent_is_a_server_error(door: Door, world) -> None:  # noqa: F811
    """By somebody who may do everything: what gets through must stand it."""
    User.objects.filter(pk=world["alice"].pk).update(is_staff=True, is_superuser=True)
    client, address = holding(world["secret"]), door.address(world)
    asked: list[tuple[Any, Any]] = []

    def send(method: str, *args: Any, at: str = address, **headers: str) -> None:
        answer = client.generic(method, at, *args, headers=headers)
        asked.append(((method, at, args, headers), answer))

    methods = [method for method in UNSAFE if method in door.charlie]
    for method in methods:
        for sent in BODIES.values():
            send(method, sent, "application/json")
        for content_type in TYPES:
            send(method, b'{"a": 1}', content_type)
    for method in ("GET", "HEAD", "OPTIONS", *methods):
        send(method, b"{}", "application/json", at=f"{address}?{QUERY}")
    for method in ("HEAD", "OPTIONS", "TRACE", "PROPFIND", "get", "x" * 300):
        send(method)
    for headers in HEADERS:
        send("GET" if "GET" in door.charlie else methods[0], b"{}", "application/json", **headers)
    for what, answer in asked:
        assert answer.status_code < 500, (what, content(answer))
        told = content(answer)
        if answer.status_code >= 400:
            assert answer["Content-Type"] == PROBLEM, (what, told)
            if what[0] != "HEAD":
                assert json.loads(told)["status"] == answer.status_code
        assert b"Traceback" not in told
        if answer.status_code == 405:
            assert set(door.charlie) <= set(answer["Allow"].replace(" ", "").split(",")), what


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nowhere/",
        "books/0x1/",
        "books/99999999999999999999/",
        "books/-1/",
        "%FF/",
        "%00/",
    ],
)
def test_where_there_is_nothing_a_problem_says_so(path: str, world) -> None:  # noqa: F811
    for client in (APIClient(), holding(world["secret"])):
        for method in ("GET", *UNSAFE):
            answer = client.generic(
                method, f"/api/v1/{path}", b"{}", content_type="application/json"
            )
            assert answer.status_code in (404, 405), (method, answer.content)
            assert answer["Content-Type"] == PROBLEM
