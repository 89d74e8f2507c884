"""Limits that hold when many ask at once, and say how long to wait."""

import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest
from django.core.cache import cache, caches
from django.http import HttpRequest
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from accounts.counting import Limit, admit
from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from accounts.throttling import (
    AnonymousThrottle,
    LoginThrottle,
    ReaderThrottle,
    WrongTokenThrottle,
)

AT_ONCE = 16
ACCOUNT, BOOKS = "/api/v1/account/", "/api/v1/genres/"


@pytest.fixture(autouse=True)
def no_counts():
    cache.clear()
    yield
    cache.clear()


def rates(monkeypatch, **given: str) -> None:
    for throttle in (AnonymousThrottle, LoginThrottle, ReaderThrottle, WrongTokenThrottle):
        low = dict.fromkeys(throttle.THROTTLE_RATES, "100000/min") | given
        monkeypatch.setattr(throttle, "THROTTLE_RATES", low)


class Door(APIView):
    """A door of nothing but its throttle: no database, so that threads may knock."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)

    def get(self, request: HttpRequest) -> Response:
        return Response()


def at_once(ask) -> list:
    """Return the answers to as many as begin at the same moment, each in a thread of its own."""
    gate = threading.Barrier(AT_ONCE)

    def begin(_: int):
        gate.wait(30)
        return ask()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(begin, range(AT_ONCE)))


def test_no_more_pass_at_once_than_one_after_the_other(monkeypatch) -> None:
    rates(monkeypatch, login="5/min")
    door, requests = Door.as_view(), APIRequestFactory()
    answers = at_once(lambda: door(requests.get("/")))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 5 + [429] * (AT_ONCE - 5)
    for answer in answers:
        if answer.status_code == 429:
            assert 1 <= int(answer["Retry-After"]) <= 60


def test_a_request_that_one_counter_refuses_is_counted_by_none() -> None:
    tight, wide = Limit("tight", 2, 60), Limit("wide", 5, 60)
    waits = at_once(lambda: admit([tight, wide]))
    assert waits.count(0) == 2
    assert all(0 < wait <= 60 for wait in waits if wait)
    assert at_once(lambda: admit([wide])).count(0) == 3


def test_a_window_ends_with_its_key_however_often_is_asked() -> None:
    limit = Limit("short", 1, 3600)
    assert admit([limit]) == 0
    waits = [admit([limit]) for _ in range(3)]
    # Far from its end, however slow the machine is.
    assert 3000 < waits[-1] <= waits[0] <= 3600
    left = caches["default"].ask_redis(lambda redis: redis.pttl("requests:short"), 0)
    assert 3_000_000 < left <= waits[-1] * 1000
    # What Redis does when that is over.
    caches["default"].ask_redis(lambda redis: redis.delete("requests:short"), 0)
    assert admit([limit]) == 0


@pytest.mark.django_db
def test_a_token_has_a_limit_and_so_have_all_of_a_readers_together(monkeypatch) -> None:
    rates(monkeypatch, token="2/min", reader="3/min")
    alice, bob = UserFactory(), UserFactory()

    def statuses(user, n: int) -> list[int]:
        client = APIClient(HTTP_AUTHORIZATION=f"Token {issue_token(user)[1]}")
        return [client.get(ACCOUNT).status_code for _ in range(n)]

    assert statuses(alice, 4) == [200, 200, 429, 429]
    # What a full token asked for in vain was not counted against its reader.
    assert statuses(alice, 3) == [200, 429, 429]
    session = APIClient()
    session.force_login(alice)
    refused = session.get(ACCOUNT)
    assert refused.status_code == 429
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json()["title"] == "Too Many Requests"
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert statuses(bob, 2) == [200, 200]


@pytest.mark.django_db
def test_guessing_tokens_is_slow_and_shuts_nobody_else_out(monkeypatch) -> None:
    rates(monkeypatch, anonymous="3/min")
    wrong = APIClient(HTTP_AUTHORIZATION="Token " + "0" * 64)
    answers = [wrong.get(ACCOUNT) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert answers[-1]["Content-Type"] == "application/problem+json"
    assert int(answers[-1]["Retry-After"]) >= 1
    # They were strangers' requests from this address; a token that is right is none.
    assert APIClient().get(BOOKS).status_code == 429
    right = APIClient(HTTP_AUTHORIZATION=f"Token {issue_token(UserFactory())[1]}")
    assert right.get(ACCOUNT).status_code == 200
    assert APIClient(REMOTE_ADDR="203.0.113.7").get(BOOKS).status_code == 200


@pytest.mark.django_db
def test_a_token_that_only_reads_knocks_in_vain_no_oftener_than_a_wrong_one(monkeypatch) -> None:
    rates(monkeypatch, anonymous="3/min")
    _token, secret = issue_token(UserFactory(), scope="read")
    client = APIClient(HTTP_AUTHORIZATION=f"Token {secret}")
    answers = [client.patch(ACCOUNT, {}, format="json") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 429, 429]
    assert int(answers[-1]["Retry-After"]) >= 1
    # What it may do, it may go on doing.
    assert client.get(ACCOUNT).status_code == 200


@pytest.mark.django_db
def test_an_address_made_up_in_a_header_is_counted_as_the_real_one(monkeypatch, settings) -> None:
    rates(monkeypatch, anonymous="2/min")

    def statuses(peer: str) -> list[int]:
        client = APIClient(REMOTE_ADDR=peer)
        return [
            client.get(BOOKS, headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code
            for n in range(4)
        ]

    assert statuses("198.51.100.1") == [200, 200, 429, 429]
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    assert statuses("198.51.100.2") == [200, 200, 429, 429]
    assert statuses("10.0.0.1") == [200, 200, 200, 200]
