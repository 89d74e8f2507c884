"""What readers report, through the pages and through the API, and what becomes of it."""

import json

import pytest
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services import issue_token
from accounts.tests.factories import ImportedReaderFactory, UserFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from moderation.errors import AlreadyReported, CannotReport
from moderation.models import Report
from moderation.services import report

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_counted_yet():
    cache.clear()


@pytest.fixture
def alice() -> User:
    return UserFactory(username="alice", profile_is_public=True)


@pytest.fixture
def bob() -> User:
    return UserFactory(username="bob")


@pytest.fixture
def book() -> Book:
    return BookFactory(title="Dune")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_reader_reports_a_book_once_until_it_is_decided(alice, bob, book):
    made = report(reporter=bob, of=book, reason="wrong", text="  It is of 1965.\0 ")
    assert (made.text, made.status, made.decided_at) == ("It is of 1965.", "open", None)
    with pytest.raises(AlreadyReported):
        report(reporter=bob, of=book, reason="offensive")
    report(reporter=alice, of=book, reason="wrong")
    Report.objects.filter(pk=made.pk).update(status="dismissed", decided_at=timezone.now())
    report(reporter=bob, of=book, reason="wrong")
    assert Report.objects.count() == 3


@pytest.mark.parametrize(
    ("reason", "text"), [("", ""), ("dull", ""), ("other", " "), ("wrong", "x" * 1001)]
)
def test_what_is_no_report_is_told(bob, book, reason, text):
    with pytest.raises(CannotReport):
        report(reporter=bob, of=book, reason=reason, text=text)
    assert not Report.objects.exists()


def test_only_what_can_be_seen_can_be_reported(alice, bob):
    for of in (
        bob,
        UserFactory(profile_is_public=False),
        UserFactory(profile_is_public=True, is_active=False),
        ImportedReaderFactory(),
        BookFactory(is_hidden=True),
    ):
        with pytest.raises(CannotReport):
            report(reporter=bob, of=of, reason="offensive")
    report(reporter=bob, of=alice, reason="spam")


@pytest.mark.parametrize("both", [True, False])
def test_a_report_is_of_one_thing(alice, bob, book, both):
    things = {"book": book, "profile": alice} if both else {}
    with pytest.raises(IntegrityError), transaction.atomic():
        Report.objects.create(reporter=bob, reason="spam", created_at=timezone.now(), **things)


def test_reports_go_with_who_reported_and_with_what_was_reported(alice, bob, book):
    report(reporter=bob, of=alice, reason="spam")
    report(reporter=alice, of=book, reason="wrong")
    report(reporter=bob, of=book, reason="wrong")
    alice.delete()
    assert [found.reporter for found in Report.objects.all()] == [bob]
    bob.delete()
    assert not Report.objects.exists()


def test_the_page_takes_a_report_and_says_thank_you(bob, book):
    client = signed_in(bob)
    assert "Report this book" in client.get(f"/books/{book.pk}/").content.decode()
    page = client.get(f"/books/{book.pk}/report/")
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    done = client.post(
        f"/books/{book.pk}/report/", {"reason": "duplicate", "text": "See 42."}, follow=True
    )
    assert done.redirect_chain == [(f"/books/{book.pk}/", 302)]
    assert "Somebody will look at it" in done.content.decode()
    made = Report.objects.get()
    assert (made.book, made.reporter, made.reason, made.text) == (book, bob, "duplicate", "See 42.")
    again = client.post(f"/books/{book.pk}/report/", {"reason": "wrong"})
    assert again.status_code == 400
    assert "You have reported this already" in again.content.decode()


def test_a_profile_is_reported_without_its_reader_ever_knowing(alice, bob):
    client = signed_in(bob)
    assert "Report this profile" in client.get("/readers/alice/").content.decode()
    client.post("/readers/alice/report/", {"reason": "offensive", "text": "Look at the name."})
    assert Report.objects.get().profile == alice
    reported = signed_in(alice)
    for address in ("/", "/readers/alice/", "/account/", "/account/data/"):
        page = reported.get(address, follow=True).content.decode()
        assert "Look at the name" not in page
        assert "bob" not in page
    # Nobody reports themselves.
    assert "Report this profile" not in reported.get("/readers/alice/").content.decode()
    assert reported.get("/readers/alice/report/").status_code == 404


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"reason": "spam"},
        {"reason": "other", "text": ""},
        {"reason": "wrong", "text": "x" * 1001},
    ],
)
def test_a_form_that_is_wrong_is_shown_again(bob, book, data):
    answer = signed_in(bob).post(f"/books/{book.pk}/report/", data)
    assert answer.status_code == 400 if data else 200
    assert not Report.objects.exists()


def test_a_guest_is_asked_to_log_in_and_what_is_private_is_not_there(bob, book):
    for address in (f"/books/{book.pk}/report/", "/readers/alice/report/"):
        for method in ("get", "post"):
            answer = getattr(Client(), method)(address)
            assert answer["Location"].startswith("/account/login/?next=")
    client = signed_in(bob)
    for address in ("/books/999999/report/", "/readers/nobody/report/", "/readers/bob/report/"):
        assert client.get(address).status_code == 404
    assert client.delete(f"/books/{book.pk}/report/").status_code == 405


def test_reports_are_throttled_over_page_and_api_together(settings, monkeypatch, bob):
    from accounts.throttling import ReportThrottle

    monkeypatch.setattr(ReportThrottle, "rate", "2/hour", raising=False)
    books = BookFactory.create_batch(3)
    client = signed_in(bob)
    assert client.post(f"/books/{books[0].pk}/report/", {"reason": "wrong"}).status_code == 302
    assert api(bob, {"book": books[1].pk, "reason": "wrong"}).status_code == 201
    for _ in range(2):
        late = client.post(f"/books/{books[2].pk}/report/", {"reason": "wrong"})
        assert (late.status_code, int(late["Retry-After"]) > 3000) == (429, True)
    assert api(bob, {"book": books[2].pk, "reason": "wrong"}).status_code == 429
    assert Report.objects.count() == 2


def api(user: User | None, body: object):
    headers = {}
    if user is not None:
        _, secret = issue_token(user)
        headers = {"authorization": f"Token {secret}"}
    return Client().post(
        "/api/v1/reports/", json.dumps(body), content_type="application/json", headers=headers
    )


def test_a_program_reports(alice, bob, book):
    told = api(bob, {"book": book.pk, "reason": "other", "text": "No cover."})
    assert told.status_code == 201
    assert told.json()["id"] == Report.objects.get().pk
    assert told["Cache-Control"] == "private, no-store"
    assert api(bob, {"book": book.pk, "reason": "wrong"}).status_code == 409
    assert api(bob, {"profile": "Alice", "reason": "spam"}).status_code == 201
    assert api(None, {"book": book.pk, "reason": "wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "wrong"}, "book"),
        ({"book": 1, "profile": "alice", "reason": "wrong"}, "book"),
        ({"book": "1", "reason": "wrong"}, "book"),
        ({"book": 1}, "reason"),
        ({"book": 1, "reason": "dull"}, "reason"),
        ({"book": 1, "reason": "wrong", "text": 7}, "text"),
        ({"profile": "bob", "reason": "spam"}, "profile"),
        ({"profile": "alice", "reason": "duplicate"}, "reason"),
        ({"profile": "alice", "reason": "other"}, "text"),
    ],
)
def test_a_request_that_is_wrong_says_where(alice, bob, body, field):
    answer = api(bob, body)
    assert answer.status_code == 400, answer.json()
    assert field in answer.json()["errors"]


def test_what_is_not_to_be_seen_cannot_be_reported_by_a_program(bob):
    UserFactory(username="charlie")
    hidden = BookFactory(is_hidden=True)
    for body in (
        {"book": hidden.pk, "reason": "wrong"},
        {"book": 2**62, "reason": "wrong"},
        {"profile": "charlie", "reason": "spam"},
        {"profile": "nobody\x00", "reason": "spam"},
    ):
        assert api(bob, body).status_code in (400, 404), body
    assert not Report.objects.exists()
