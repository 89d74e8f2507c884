"""Rows of an import by the API: what became of each, and what the reader decides of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.tests.factories import UserFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.library_import.requests import request_undo
from ratings.library_import.working import work_at
from ratings.models import LibraryImport, Rating
from ratings.services import rate_book
from ratings.states import load_states
from ratings.tests.api_doors import (
    assert_private,
    assert_problem,
    at_most_queries,
    made_up_cursor,
    signed_in,
)
from ratings.tests.libraries import goodreads_csv, library_file, make_catalogue, run_import

pytestmark = pytest.mark.django_db

# A row that says everything at once writes four tables of opinions, beside six things to be asked.
DECISION = 10

# Everything at once that a row may say: stars, two shelves, a day and a note.
EMMA = {
    "Title": "Emma",
    "Author": "Jane Austen",
    "My Rating": "4",
    "Exclusive Shelf": "read",
    "Bookshelves": "classics, favourites",
    "Date Read": "2020/02/29",
    "Date Added": "2020/02/01",
    "My Review": "Read aloud.",
}
LIBRARY = goodreads_csv(
    EMMA,
    {"Title": "A Pamphlet", "Author": "Nobody", "My Rating": "3"},
    {"Title": "The Hobbit", "Author": "J.R.R. Tolkien", "My Rating": "5"},
)


@pytest.fixture
def books(db) -> dict:
    return make_catalogue()


@pytest.fixture
def alice(books):
    return UserFactory()


@pytest.fixture
def done(alice) -> LibraryImport:
    return run_import(alice, LIBRARY)


def rows_of(done: LibraryImport) -> str:
    return f"/api/v1/imports/{done.pk}/rows/"


def test_the_rows_of_an_outcome_go_from_page_to_page(alice) -> None:
    done = run_import(alice, library_file("goodreads_2023.csv"))
    client = signed_in(alice)
    with at_most_queries(8):
        response = client.get(rows_of(done), {"outcome": "added", "page_size": 4})
    assert_private(response)
    page = response.json()
    rest = client.get(page["next"]).json()
    assert (len(page["results"]), len(rest["results"]), rest["next"]) == (4, 2, None)
    added = [*page["results"], *rest["results"]]
    assert [row["line"] for row in added] == sorted(row["line"] for row in added)
    assert {row["outcome"] for row in added} == {"added"}
    backwards = client.get(rows_of(done), {"outcome": "added", "ordering": "last"}).json()
    assert backwards["results"] == added[::-1]
    assert added[0]["book"]["title"] == "The Hunger Games"
    assert len(client.get(rows_of(done)).json()["results"]) == 9
    [failed] = client.get(rows_of(done), {"outcome": "failed"}).json()["results"]
    assert (failed["title"], failed["book"]) == ("The Catcher in the Rye", None)
    assert any("stars go from 0 to 5" in message for message in failed["messages"])


@pytest.mark.parametrize("query", ["outcome=", "outcome=wrong", "outcome=added&outcome=failed"])
def test_an_outcome_that_is_none_is_named(alice, done, query: str) -> None:
    response = signed_in(alice).get(f"{rows_of(done)}?{query}")
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["outcome"]


@pytest.mark.parametrize("cursor", ["x", made_up_cursor("x"), made_up_cursor("9" * 30)])
def test_a_cursor_that_was_made_up_is_not_found(alice, done, cursor: str) -> None:
    assert_problem(signed_in(alice).get(rows_of(done), {"cursor": cursor}), 404)


def test_a_row_tells_what_it_says_and_which_books_it_may_mean(alice, done, books) -> None:
    client = signed_in(alice)
    with at_most_queries(8):
        row = client.get(f"{rows_of(done)}2/").json()
    assert (row["title"], row["outcome"], row["is_chosen"]) == ("Emma", "needs_review", False)
    cells = {cell["column"]: cell["text"] for cell in row["cells"]}
    assert (cells["My Rating"], cells["My Review"]) == ("4", "Read aloud.")
    emmas = [books["emma"].pk, books["another emma"].pk]
    assert [book["id"] for book in row["likely_books"]] == emmas
    with at_most_queries(8):
        row = client.get(f"{rows_of(done)}2/", {"search": "hobbit \0"}).json()
    assert [book["title"] for book in row["likely_books"]] == ["The Hobbit"]
    decided = client.get(f"{rows_of(done)}4/").json()
    assert decided["book"] == {"id": books["hobbit"].pk, "title": "The Hobbit"}
    assert (decided["cells"], decided["likely_books"]) == ([], [])
    assert_problem(client.get(f"{rows_of(done)}99/"), 404)


def test_a_book_is_chosen_and_the_choice_taken_back(alice, done, books) -> None:
    client, address = signed_in(alice), f"{rows_of(done)}2/"
    with at_most_queries(DECISION):
        response = client.post(f"{address}choose/", {"book": books["emma"].pk}, format="json")
    assert response.status_code == 200
    told = response.json()
    assert (told["outcome"], told["is_chosen"]) == ("added", True)
    assert told["book"] == {"id": books["emma"].pk, "title": "Emma"}
    state = load_states(alice, [books["emma"].pk])[books["emma"].pk]
    assert set(state) == {"stars", "own/classics", "own/favourites", "read", "note"}
    done.refresh_from_db()
    assert done.counts == {"added": 2, "needs_review": 1}
    # Decided is decided, until it is opened again.
    again = client.post(f"{address}choose/", {"book": books["hobbit"].pk}, format="json")
    assert_problem(again, 409)
    assert_problem(client.post(f"{address}skip/"), 409)
    with at_most_queries(DECISION):
        opened = client.post(f"{address}reopen/").json()
    assert (opened["outcome"], opened["book"], opened["is_chosen"]) == ("needs_review", None, False)
    assert load_states(alice, [books["emma"].pk])[books["emma"].pk] == {}
    done.refresh_from_db()
    assert done.counts == {"added": 1, "needs_review": 2}


def test_a_choice_beside_what_is_there_already(alice, done, books) -> None:
    """As dear as the one above: what is there is changed, and put back."""
    rate_book(user=alice, book=books["emma"], stars=2)
    client, address = signed_in(alice), f"{rows_of(done)}2/"
    with at_most_queries(DECISION):
        client.post(f"{address}choose/", {"book": books["emma"].pk}, format="json")
    assert Rating.objects.get(user=alice, book=books["emma"]).stars == 2
    with at_most_queries(DECISION):
        assert client.post(f"{address}reopen/").status_code == 200
    assert Rating.objects.get(user=alice, book=books["emma"]).stars == 2


def test_a_row_is_skipped_and_opened_again(alice, done) -> None:
    client, address = signed_in(alice), f"{rows_of(done)}3/"
    with at_most_queries(8):
        assert client.post(f"{address}skip/").json()["outcome"] == "skipped"
    assert_problem(client.post(f"{address}skip/"), 409)
    with at_most_queries(8):
        assert client.post(f"{address}reopen/").json()["outcome"] == "needs_review"
    assert_problem(client.post(f"{address}reopen/"), 409)
    # What the import decided by itself is nobody's choice.
    assert_problem(client.post(f"{rows_of(done)}4/reopen/"), 409)


@pytest.mark.parametrize("book", [None, "1", 0, -1, 1.5, True, 2**63, [1], {}])
def test_a_book_that_is_none_is_named(alice, done, book) -> None:
    response = signed_in(alice).post(f"{rows_of(done)}2/choose/", {"book": book}, format="json")
    assert_problem(response, 400)
    assert list(response.json()["errors"]) == ["book"]


def test_a_book_that_is_hidden_or_not_there_is_not_found(alice, done) -> None:
    client = signed_in(alice)
    for number in (BookFactory(is_hidden=True).pk, 2**62):
        response = client.post(f"{rows_of(done)}2/choose/", {"book": number}, format="json")
        assert_problem(response, 404)


def test_nothing_is_decided_of_an_import_that_was_undone(alice, done, books) -> None:
    request_undo(done)
    work_at(done.pk)
    client, address = signed_in(alice), f"{rows_of(done)}2/"
    assert client.get(address).json()["likely_books"] == []
    response = client.post(f"{address}choose/", {"book": books["emma"].pk}, format="json")
    assert_problem(response, 409)
    assert_problem(client.post(f"{address}skip/"), 409)


@pytest.mark.django_db(transaction=True)
def test_of_two_choices_at_once_one_is_done_and_the_other_refused(alice, done, books) -> None:
    """The second waits for the first, and then sees what that has made of the row."""
    chosen = [books["emma"], books["another emma"]]

    def choose(book: Book) -> int:
        try:
            address = f"{rows_of(done)}2/choose/"
            return signed_in(alice).post(address, {"book": book.pk}, format="json").status_code
        finally:
            connection.close()

    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(choose, chosen)) == [200, 409]
        [rating] = Rating.objects.filter(user=alice, book__in=chosen)
        row = done.rows.select_related("book").get(line=2)
        assert (row.book, row.is_chosen) == (rating.book, True)
        done.refresh_from_db()
        assert done.counts == {"added": 2, "needs_review": 1}
        assert signed_in(alice).post(f"{rows_of(done)}2/reopen/").status_code == 200
        assert not Rating.objects.filter(user=alice, book__in=chosen).exists()
