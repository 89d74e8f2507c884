"""Everything goes out in words, and comes in again as it was."""

import csv
import io
import json
import zipfile
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import ApiToken, User
from accounts.tests.factories import UserFactory
from catalog.models import Book
from ratings.errors import InvalidShelf
from ratings.export import GOODREADS_COLUMNS, export_archive, goodreads_rows
from ratings.library_import.report import csv_lines
from ratings.models import ShelfEntry
from ratings.opinions import opinions_of
from ratings.services import (
    dismiss_book,
    mark_read,
    rate_book,
    shelf_name,
    shelve_book,
    write_note,
)
from ratings.states import DISMISSED, OWN, READ, SHELF, STARS, load_states
from ratings.tests.libraries import FILES, library_file, make_catalogue, run_import


def exported(user: User) -> bytes:
    return "".join(csv_lines(goodreads_rows(user))).encode()


def said(user: User, books: list[Book]) -> list[dict[str, object]]:
    """What the reader has said, without times; a book with stars has been read."""
    words = []
    for state in load_states(user, [book.pk for book in books]).values():
        state.pop(DISMISSED, None)
        if STARS in state and SHELF not in state:
            state.setdefault(READ, [None])
        words.append(
            {
                aspect: True if aspect.startswith(OWN) else value[0]
                for aspect, value in state.items()
            }
        )
    return words


@pytest.mark.django_db
def test_the_columns_are_those_of_goodreads() -> None:
    header = next(csv.reader([(FILES / "goodreads_2023.csv").read_text().partition("\n")[0]]))
    assert list(GOODREADS_COLUMNS) == header


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["goodreads_2012.csv", "goodreads_2023.csv", "storygraph.csv"])
def test_a_library_goes_from_one_account_to_another(name: str) -> None:
    books = make_catalogue()
    books["another emma"].delete()
    books.pop("another emma")
    alice, bob = UserFactory(), UserFactory()
    run_import(alice, library_file(name))

    moved = run_import(bob, exported(alice))

    assert set(moved.counts) == {"added"}
    assert said(bob, list(books.values())) == said(alice, list(books.values()))
    assert opinions_of(bob) == opinions_of(alice)
    again = run_import(alice, exported(alice))
    assert set(again.counts) == {"unchanged"}


RESERVED = {"read", "to-read", "currently-reading", "did-not-finish", *ShelfEntry.Shelf.values}


def is_shelf(name: str) -> bool:
    try:
        return shelf_name(name).lower() not in RESERVED
    except InvalidShelf:
        return False


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
SHELF_NAMES = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("=+-@',\" \t"),
    min_size=1,
    max_size=20,
).filter(is_shelf)
SAID = st.fixed_dictionaries(
    {
        "stars": st.none() | st.integers(1, 5),
        "read": st.none() | st.just("") | st.dates(date(1950, 1, 1), date(2025, 12, 31)),
        "shelf": st.none() | st.sampled_from(ShelfEntry.Shelf.values),
        "own": st.lists(SHELF_NAMES, max_size=4),
        "note": TEXTS | st.sampled_from(["=1+1", "'=1", "@x", "-", "a\r\nb\rc\nd", '"', "<br/>"]),
    }
)


class RoundTrip(TestCase):
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(SAID, min_size=6, max_size=6))
    def test_whatever_a_reader_says_comes_back(self, opinions) -> None:
        catalogue = make_catalogue()
        alice, bob = UserFactory(), UserFactory()
        books = [
            catalogue[name]
            for name in ("hunger games", "gatsby", "hobbit", "1984", "mockingbird", "catcher")
        ]
        for book, opinion in zip(books, opinions, strict=True):
            if opinion["stars"]:
                rate_book(user=alice, book=book, stars=opinion["stars"])
            if opinion["read"] is not None:
                mark_read(user=alice, book=book, finished_on=opinion["read"] or None)
            for shelf in (opinion["shelf"], *opinion["own"]):
                if shelf:
                    shelve_book(user=alice, book=book, shelf=shelf)
            write_note(user=alice, book=book, text=opinion["note"])
        if not any(said(alice, books)):
            return

        moved = run_import(bob, exported(alice))

        assert set(moved.counts) == {"added"}
        assert said(bob, books) == said(alice, books)
        assert opinions_of(bob) == opinions_of(alice)


@pytest.fixture
def alice() -> User:
    books, user = make_catalogue(), UserFactory(username="alice", email="alice@example.org")
    rate_book(user=user, book=books["hunger games"], stars=5)
    shelve_book(user=user, book=books["gatsby"])
    shelve_book(user=user, book=books["gatsby"], shelf="=HYPERLINK(1)")
    mark_read(user=user, book=books["1984"], finished_on=date(2020, 2, 29))
    write_note(user=user, book=books["1984"], text="@home, twice")
    dismiss_book(user=user, book=books["emma"])
    run_import(user, library_file("goodreads_2026.csv"), name="old.csv")
    return user


def archive_of(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.django_db
def test_the_archive_has_everything_in_words(alice) -> None:
    token, secret = ApiToken.objects.create(user=alice)
    with export_archive(alice) as file:
        files = archive_of(file.read())

    whole = json.loads(files["bookrec.json"])
    assert whole["account"]["username"] == "alice"
    assert whole["account"]["e-mail addresses"][0]["address"] == "alice@example.org"
    assert whole["account"]["profile is public"] is False
    assert whole["account"]["imports"][0]["file"] == "old.csv"
    assert whole["account"]["API tokens"][0]["begins with"] == token.token_key
    by_title = {book["title"]: book for book in whole["books"]}
    assert by_title["The Hunger Games"]["stars"] == 5
    assert by_title["The Hunger Games"]["authors"] == ["Suzanne Collins"]
    assert by_title["The Hunger Games"]["isbn"] == "9780439023481"
    assert by_title["Nineteen Eighty-Four"]["finished on"] == "2020-02-29"
    assert by_title["Nineteen Eighty-Four"]["note"] == "@home, twice"
    assert by_title["Emma"]["not interested since"]
    assert {shelf["name"] for shelf in by_title["The Great Gatsby"]["shelves"]} >= {"=HYPERLINK(1)"}
    shelves = list(csv.DictReader(io.StringIO(files["shelves.csv"])))
    assert ("The Great Gatsby", "'=HYPERLINK(1)") in {(s["Title"], s["Shelf"]) for s in shelves}
    notes = list(csv.DictReader(io.StringIO(files["notes.csv"])))
    assert [note["Note"] for note in notes] == ["'@home, twice"]
    assert "Emma" in files["not_interested.csv"]
    assert "2020-02-29" in files["reading.csv"]
    assert "alice@example.org" in files["account.csv"]
    everything = "".join(files.values())
    assert secret not in everything
    assert token.digest not in everything
    assert alice.password not in everything


@pytest.mark.django_db
def test_an_export_is_of_its_reader_alone(alice, client: Client) -> None:
    bob = UserFactory(username="bob")
    client.force_login(bob)

    files = archive_of(client.get(reverse("export_zip")).getvalue())
    library = client.get(reverse("export_goodreads")).getvalue().decode()

    assert json.loads(files["bookrec.json"])["books"] == []
    assert "alice" not in "".join(files.values())
    assert len(library.splitlines()) == 1
    for name in ("export_data", "export_zip", "export_goodreads"):
        assert Client().get(reverse(name)).status_code == 302
        assert client.post(reverse(name)).status_code == 405


@pytest.mark.django_db
def test_the_doors_of_the_export(alice, client: Client, django_assert_max_num_queries) -> None:
    client.force_login(alice)
    with django_assert_max_num_queries(12):
        page = client.get(reverse("export_data")).content.decode()
    assert reverse("export_zip") in page
    response = client.get(reverse("export_zip"))
    assert response["Content-Type"] == "application/zip"
    assert "attachment" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    assert "bookrec.json" in archive_of(response.getvalue())
