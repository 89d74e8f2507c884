"""What a reader takes along by the API is what the site's own page gives."""

import csv
import io
import json
import zipfile

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import UserFactory
from accounts.throttling import CostlyThrottle
from catalog.tests.factories import BookFactory
from ratings.services import rate_book, shelve_book, write_note
from ratings.tests.api_doors import (
    assert_for_readers_only,
    assert_only,
    assert_private,
    assert_problem,
    at_most_queries,
    signed_in,
)

pytestmark = pytest.mark.django_db

EXPORT = "/api/v1/export/"
EVERYTHING, GOODREADS = f"{EXPORT}bookrec.zip", f"{EXPORT}goodreads_library_export.csv"


@pytest.fixture
def alice(db):
    alice = UserFactory(username="alice", email="alice@example.org")
    for number in range(3):
        book = BookFactory(title=f"Book {number}", authors=["Ann Author"])
        rate_book(user=alice, book=book, stars=number + 3)
        write_note(user=alice, book=book, text=f"Note {number}.")
        shelve_book(user=alice, book=book, shelf="sea")
    return alice


def read(response) -> bytes:
    return b"".join(response.streaming_content)


def test_the_forms_are_listed_with_their_addresses(alice) -> None:
    client = signed_in(alice)
    with at_most_queries(8):
        forms = client.get(EXPORT).json()["results"]
    assert {form["name"]: form["media_type"] for form in forms} == {
        "everything": "application/zip",
        "goodreads": "text/csv",
    }
    for form in forms:
        response = client.get(form["address"], headers={"Accept": form["media_type"]})
        assert response["Content-Type"].split(";")[0] == form["media_type"]
        read(response)


def test_everything_comes_as_the_page_gives_it(alice) -> None:
    response = signed_in(alice).get(EVERYTHING)
    assert_private(response)
    assert response["Content-Disposition"].startswith('attachment; filename="bookrec-20')
    assert response.streaming
    page = Client()
    page.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    files = []
    for content in (read(response), read(page.get(reverse("export_zip")))):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files.append({name: archive.read(name) for name in archive.namelist()})
    own, pages = files
    assert own.keys() == pages.keys()
    # The page's own session is in the account's part of it.
    assert own["ratings.csv"] == pages["ratings.csv"]
    assert own["notes.csv"] == pages["notes.csv"]
    document = json.loads(own["bookrec.json"])
    assert document["account"]["e-mail addresses"][0]["address"] == "alice@example.org"
    assert [book["stars"] for book in document["books"]] == [3, 4, 5]


def test_the_library_comes_as_goodreads_would_give_it(alice) -> None:
    response = signed_in(alice).get(GOODREADS)
    assert_private(response)
    assert response["Content-Disposition"].endswith('"goodreads_library_export.csv"')
    rows = list(csv.DictReader(io.StringIO(read(response).decode("utf-8-sig"))))
    assert [(row["Title"], row["My Rating"]) for row in rows] == [
        ("Book 0", "3"),
        ("Book 1", "4"),
        ("Book 2", "5"),
    ]


@pytest.mark.parametrize(("address", "limit"), [(EVERYTHING, 13), (GOODREADS, 8)])
def test_each_table_is_read_once_for_up_to_500_books(alice, address: str, limit: int) -> None:
    """A file of everything reads every table that anything of a reader is in."""
    with at_most_queries(limit):
        read(signed_in(alice).get(address))


def test_nobody_elses_data_is_in_it(alice) -> None:
    charlie = UserFactory(username="charlie", email="charlie@example.org")
    with zipfile.ZipFile(io.BytesIO(read(signed_in(charlie).get(EVERYTHING)))) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert b"charlie@example.org" in whole
    for secret in (b"alice", b"Note 1", b"Book 1"):
        assert secret not in whole
    assert b"Book" not in read(signed_in(charlie).get(GOODREADS)).partition(b"\n")[2]


def test_what_is_not_spoken_is_a_problem(alice) -> None:
    for address in (EVERYTHING, GOODREADS):
        response = signed_in(alice).get(address, headers={"Accept": "application/json"})
        assert_problem(response, 406)


@pytest.mark.parametrize("address", [EXPORT, EVERYTHING, GOODREADS])
def test_each_door_is_for_its_reader_and_for_looking(alice, address: str) -> None:
    assert_only(signed_in(alice), address, {"GET"})
    assert_for_readers_only(address, {"GET"})


def test_files_are_counted(alice, monkeypatch) -> None:
    monkeypatch.setattr(CostlyThrottle, "THROTTLE_RATES", {"costly": "1/hour"})
    client = signed_in(alice)
    read(client.get(EVERYTHING))
    refused = client.get(GOODREADS)
    assert_problem(refused, 429)
    assert int(refused["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("address", "media_type"), [(EVERYTHING, "application/zip"), (GOODREADS, "text/csv")]
)
def test_what_a_door_takes_is_told_in_json(alice, address, media_type) -> None:
    told = signed_in(alice).options(address)
    assert (told.status_code, told["Content-Type"]) == (200, "application/json")
    assert told.json()["renders"] == [media_type]
