"""A reader who is deleted while they ask: known when the request came, gone before it writes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts import account_api, email_api, forms, settings_views
from accounts.authentication import TokenAuthentication
from accounts.models import ApiToken, User
from accounts.services import issue_token
from accounts.tests.factories import PASSWORD, UserFactory
from bookrec_site.problems import server_error
from bookrec_site.tests.api_inventory import DOORS, Door
from bookrec_site.tests.api_world import PROBLEM, UNSAFE, body, content, holding
from catalog.tests.factories import BookFactory
from moderation.models import Report
from ratings.models import ImportRow, LibraryImport
from ratings.services import rate_book, shelve_book

pytestmark = pytest.mark.django_db

LIBRARY = b"Title,Author,My Rating\r\nA book,An Author,5\r\n"
SHELF = "mine"


@pytest.fixture(autouse=True)
def no_counts():
    cache.clear()
    yield
    cache.clear()


def somebody() -> dict[str, Any]:
    """Return a reader who may do everything, and the keys of what is theirs."""
    reader = UserFactory(is_staff=True, is_superuser=True)
    # Somebody has to be left who looks after the site.
    UserFactory(is_superuser=True)
    book = BookFactory()
    rate_book(user=reader, book=book, stars=5)
    shelve_book(user=reader, book=book, shelf=SHELF)
    brought = LibraryImport.objects.create(
        user=reader,
        file_name="library.csv",
        language="en-gb",
        format=LibraryImport.Format.GOODREADS,
        status=LibraryImport.Status.DONE,
        columns=["Title"],
        counts={"added": 1},
        n_rows=1,
        n_done=1,
    )
    ImportRow.objects.create(
        library_import=brought,
        line=2,
        cells=["A book"],
        outcome=ImportRow.Outcome.NEEDS_REVIEW,
        candidates=[book.pk],
    )
    token, secret = issue_token(reader)
    return {
        "alice": reader,
        "secret": secret,
        "book_id": book.pk,
        "shelf": SHELF,
        "token_id": token.token_key,
        "import_id": brought.pk,
        "line": 2,
        "run_id": 1,
    }


def ask(door: Door, method: str, world: dict[str, Any]) -> Any:
    client, address = holding(world["secret"]), door.address(world)
    if door.name == "api_imports":
        return client.post(address, {"file": SimpleUploadedFile("library.csv", LIBRARY)})
    sent = body(world) | {
        "email": "new@example.org",
        "password": PASSWORD,
        "new_password": "another long pass phrase",
    }
    return client.generic(method, address, json.dumps(sent), content_type="application/json")


def deleting(work: Callable[..., Any], reader_of: Callable[..., User | None]) -> Callable[..., Any]:
    """Return the same function, after which its reader is deleted."""

    def work_and_delete(*args: Any, **kwargs: Any) -> Any:
        done = work(*args, **kwargs)
        reader = reader_of(done, *args)
        if reader is not None:
            User.objects.filter(pk=reader.pk).delete()
        return done

    return work_and_delete


# Foreign keys are checked at the commit: there has to be one.
@pytest.mark.django_db(transaction=True)
def test_no_door_of_the_api_breaks(artifacts, monkeypatch) -> None:
    known = deleting(TokenAuthentication.authenticate, lambda found, *_: found and found[0])
    monkeypatch.setattr(TokenAuthentication, "authenticate", known)
    asked = [
        (door, method)
        for door in DOORS
        for method in door.charlie
        if door.reads_tokens and method in UNSAFE
    ]
    assert len(asked) > 25
    for door, method in asked:
        answer = ask(door, method, somebody())
        assert answer.status_code < 500, (door.name, method, content(answer))
        if answer.status_code >= 400:
            assert answer["Content-Type"] == PROBLEM
    assert not Report.objects.exists()
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    ("module", "check", "name"),
    [
        (email_api, "check_password", "api_address"),
        (account_api, "confirm_reader", "api_password"),
        (account_api, "confirm_reader", "api_deletion"),
    ],
)
def test_nor_one_that_asks_for_the_password(monkeypatch, module, check, name) -> None:
    checked = deleting(getattr(module, check), lambda _done, user, *_: user)
    monkeypatch.setattr(module, check, checked)
    [door] = (door for door in DOORS if door.name == name)
    answer = ask(door, "POST", somebody())
    assert (answer.status_code, answer["Content-Type"]) == (401, PROBLEM)
    assert answer["WWW-Authenticate"] == "Token"
    assert answer.json()["detail"] == "This account is gone."
    assert not User.objects.filter(email="new@example.org").exists()


def test_a_page_that_was_sent_twice_leads_home(monkeypatch) -> None:
    checked = deleting(settings_views.check_password, lambda _done, user, *_: user)
    monkeypatch.setattr(settings_views, "check_password", checked)
    sent_to(reverse("account_delete"), {"password": PASSWORD})


def test_a_page_of_an_account_that_is_gone_leads_home(monkeypatch) -> None:
    clean = deleting(forms.ChangeEmailForm.clean_email, lambda _done, form: form.user)
    monkeypatch.setattr(forms.ChangeEmailForm, "clean_email", clean)
    sent_to(reverse("account_email"), {"action_add": "1", "email": "new@example.org"})


def sent_to(address: str, sent: dict[str, str]) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory())
    answer = client.post(address, sent)
    assert (answer.status_code, answer.headers.get("Location")) == (302, reverse("home"))
    assert not User.objects.exists()


def test_the_same_error_for_somebody_who_is_there_is_our_own_mistake() -> None:
    request = RequestFactory().get("/books/")
    for user, status in (
        (UserFactory(), 500),
        (AnonymousUser(), 500),
        (User(pk=2**40, username="gone"), 302),
    ):
        request.user = user
        try:
            raise DatabaseError("no row was written")
        except DatabaseError:
            assert server_error(request).status_code == status
