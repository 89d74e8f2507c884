"""The old addresses of a merged book lead to the one that it is part of, for as long as it is."""

import pytest
from django.test import Client

from accounts.services import issue_token
from accounts.tests.factories import UserFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.book_merges import merge_books, undo_merge
from ratings.guest import guest_stars
from ratings.library_import.entries import Entry
from ratings.library_import.matching import CatalogueIndex
from ratings.models import Rating

pytestmark = pytest.mark.django_db


@pytest.fixture
def merged() -> tuple[Book, Book, int]:
    """The one that went, the one that stayed, and the merge."""
    goes, stays = BookFactory(isbn13="9780441013593", goodreads_book_id=7), BookFactory()
    made = merge_books(merged=goes.pk, survivor=stays.pk, by=UserFactory(username="curator"))
    return goes, stays, made.pk


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/books/{}/", "/books/{}/"),
        ("/books/{}/?shelf=a%20b&x=1", "/books/{}/?shelf=a%20b&x=1"),
        ("/covers/{}.svg", "/covers/{}.svg"),
        ("/map/books/{}/", "/map/books/{}/"),
    ],
)
def test_pages_lead_on_for_good(client, merged, old, new):
    goes, stays, _ = merged
    answer = client.get(old.format(goes.pk))
    assert (answer.status_code, answer["Location"]) == (301, new.format(stays.pk))
    # A merge may be undone: nobody keeps the answer.
    assert answer["Cache-Control"] == "no-cache"


def test_the_api_leads_on_with_the_method_kept(client, merged):
    goes, stays, _ = merged
    for path in ("/api/v1/books/{}/", "/api/v1/books/{}/similar/?k=3"):
        answer = client.get(path.format(goes.pk))
        assert (answer.status_code, answer["Location"]) == (308, path.format(stays.pk))
    reader = UserFactory()
    _, secret = issue_token(reader)
    headers = {"authorization": f"Token {secret}"}
    path = "/api/v1/books/{}/rating/"
    for method in ("get", "put", "delete"):
        answer = getattr(client, method)(
            path.format(goes.pk),
            data={"stars": 4} if method == "put" else None,
            content_type="application/json",
            headers=headers,
        )
        assert (answer.status_code, answer["Location"]) == (308, path.format(stays.pk)), method
    # Who is nobody is asked who they are first.
    assert client.get(path.format(goes.pk)).status_code == 401


def test_a_form_that_was_open_during_the_merge_is_sent_on(merged):
    goes, stays, _ = merged
    client, reader = Client(), UserFactory()
    client.force_login(reader)
    answer = client.post(f"/books/{goes.pk}/rate/", {"stars": "4"})
    assert (answer.status_code, answer["Location"]) == (308, f"/books/{stays.pk}/rate/")
    client.post(f"/books/{goes.pk}/rate/", {"stars": "4"}, follow=True)
    assert Rating.objects.get(user=reader).book == stays


def test_what_was_never_there_is_still_not_there(client, merged):
    nowhere = BookFactory(is_hidden=True)
    for address in (f"/books/{nowhere.pk}/", "/books/99999999/", f"/books/{2**70}/"):
        assert client.get(address).status_code == 404


def test_a_chain_leads_to_its_end_and_an_undone_merge_nowhere(client, merged):
    goes, stays, merge_id = merged
    last = BookFactory()
    curator = UserFactory()
    second = merge_books(merged=stays.pk, survivor=last.pk, by=curator)
    assert client.get(f"/books/{goes.pk}/")["Location"] == f"/books/{last.pk}/"
    undo_merge(merge_id=second.pk, by=curator)
    undo_merge(merge_id=merge_id, by=curator)
    for book in (goes, stays, last):
        assert client.get(f"/books/{book.pk}/").status_code == 200


def test_a_merged_book_is_in_no_list_and_no_search(client, merged):
    goes, stays, _ = merged
    listed = client.get("/api/v1/books/?page_size=100").json()["results"]
    assert stays.pk in {row["id"] for row in listed}
    assert goes.pk not in {row["id"] for row in listed}
    found = client.get("/api/v1/books/", {"search": goes.title}).json()["results"]
    assert goes.pk not in {row["id"] for row in found}


def test_a_guests_stars_go_over_unless_the_other_has_some(merged):
    goes, stays, _ = merged
    assert guest_stars({"guest_stars": {str(goes.pk): 2}}) == {stays.pk: 2}
    both = {str(goes.pk): 2, str(stays.pk): 5}
    assert guest_stars({"guest_stars": both}) == {stays.pk: 5}


def test_a_library_finds_the_book_by_the_numbers_of_the_merged_one(merged):
    _, stays, _ = merged
    index = CatalogueIndex.load()
    rows = (
        Entry(title="Elsewhere", isbns=["9780441013593"]),
        Entry(title="Elsewhere", goodreads_id=7),
    )
    assert [index.match(row).book_id for row in rows] == [stays.pk, stays.pk]
