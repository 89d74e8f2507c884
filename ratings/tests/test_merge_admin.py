"""The admin's pages of duplicates: proposed, compared, merged, undone."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import UserFactory, staff
from catalog.models import Book, DifferentBooks
from catalog.tests.factories import BookFactory
from ratings.models import BookMerge, Rating
from ratings.services import rate_book, shelve_book

pytestmark = pytest.mark.django_db

CANDIDATES = "admin:ratings_bookmerge_candidates"
COMPARE = "admin:ratings_bookmerge_compare"


def logged_in(*codenames: str) -> Client:
    client = Client()
    client.force_login(staff(*codenames))
    return client


@pytest.fixture
def curator(db) -> Client:
    return logged_in("view_bookmerge", "add_bookmerge", "change_bookmerge", "view_book")


@pytest.fixture
def twins() -> tuple[Book, Book]:
    """The one with two readers, and the one with three, of whom one spoke of both."""
    one, other = BookFactory(title="’Salem’s Lot"), BookFactory(title="'Salem's Lot")
    alice, bob, charlie, dora = UserFactory.create_batch(4)
    rate_book(user=alice, book=one, stars=5)
    shelve_book(user=bob, book=one)
    for user in (alice, charlie, dora):
        rate_book(user=user, book=other, stars=3)
    return one, other


def compared(twins: tuple[Book, Book]) -> str:
    return f"{reverse(COMPARE)}?first={twins[0].pk}&second={twins[1].pk}"


def answer(client: Client, twins: tuple[Book, Book], answer: str):
    return client.post(
        reverse(COMPARE), {"merged": twins[0].pk, "survivor": twins[1].pk, "answer": answer}
    )


def test_pairs_are_proposed_with_their_readers(curator, twins, django_assert_max_num_queries):
    for n in range(5):
        BookFactory.create_batch(2, title=f"Twice {n}")
    with django_assert_max_num_queries(16):
        page = curator.get(reverse(CANDIDATES)).content.decode()
    rows = re.findall(r"<tr>\s*<td>.*?</tr>", page, re.DOTALL)
    assert len(rows) == 6
    cells = re.findall(r"<td[^>]*>(.*?)</td>", rows[0])
    # The one with the most readers first.
    assert cells[1::2] == ["3", "2", "the same title and author"]
    assert cells[4] == "1"


def test_two_books_stand_side_by_side(curator, twins):
    page = curator.get(compared(twins)).content.decode()
    assert "Readers of both: <strong>1</strong>; 1 of them" in page
    assert f"Merge book {twins[0].pk} into this one" in page
    assert f"Merge book {twins[1].pk} into this one" in page
    assert "2 ratings of 3 readers move here" not in page
    assert "3 ratings of 3 readers move here" in page
    assert "1 rating of 2 readers move here" in page


def test_a_pair_is_merged_and_the_merge_undone(curator, twins):
    page = answer(curator, twins, "merge")
    merge = BookMerge.objects.get()
    assert page["Location"] == reverse("admin:ratings_bookmerge_change", args=[merge.pk])
    shown = curator.get(page["Location"]).content.decode()
    assert "1 ratings, 1 shelf entries" in shown
    assert Rating.objects.filter(book=twins[1]).count() == 3
    undo = reverse("admin:ratings_bookmerge_undo", args=[merge.pk])
    assert undo in shown
    # Asked first.
    assert "Undo the merge" in curator.get(undo).content.decode()
    assert BookMerge.objects.get().undone_at is None
    curator.post(undo)
    assert BookMerge.objects.get().undone_at is not None
    assert Rating.objects.filter(book=twins[1]).count() == 3
    assert Rating.objects.filter(book=twins[0]).count() == 1
    again = curator.post(undo, follow=True).content.decode()
    assert "This merge was undone" in again


def test_what_is_no_pair_is_told_and_changes_nothing(curator, twins):
    lone = BookFactory(is_hidden=True).pk
    for query in (
        "",
        "?first=x&second=1",
        f"?first={lone}&second={twins[0].pk}",
        f"?first={twins[0].pk}&second={twins[0].pk}",
    ):
        told = curator.get(reverse(COMPARE) + query)
        assert told["Location"] == reverse(CANDIDATES)
    for data in (
        {},
        {"merged": twins[0].pk, "survivor": twins[0].pk, "answer": "merge"},
        {"merged": twins[0].pk, "survivor": twins[0].pk, "answer": "different"},
        {"merged": 2**70, "survivor": twins[0].pk, "answer": "merge"},
        {"merged": 0, "survivor": twins[0].pk, "answer": "different"},
        {"merged": twins[0].pk, "survivor": twins[1].pk, "answer": "perhaps"},
    ):
        assert curator.post(reverse(COMPARE), data)["Location"] == reverse(CANDIDATES)
    assert not BookMerge.objects.exists()


@pytest.mark.parametrize("first", ["x", "-1", "9" * 30])
def test_a_choice_that_is_no_number_is_told(curator, twins, first):
    page = curator.get(reverse(CANDIDATES), {"first": first, "second": twins[0].pk})
    assert page.status_code == 200
    assert "Select a valid choice" in page.content.decode()


def test_two_books_that_are_two_are_proposed_no_more(curator, twins):
    answer(curator, twins, "different")
    assert DifferentBooks.objects.count() == 1
    assert "No two books look like one." in curator.get(reverse(CANDIDATES)).content.decode()


@pytest.mark.parametrize("codenames", [(), ("view_bookmerge", "view_book", "change_book")])
def test_who_may_not_merge_is_refused(twins, codenames):
    client = logged_in(*codenames)
    assert client.get(reverse(CANDIDATES)).status_code == 403
    assert client.get(compared(twins)).status_code == 403
    assert answer(client, twins, "merge").status_code == 403
    assert client.post(reverse("admin:ratings_bookmerge_undo", args=[1])).status_code == 403
    assert not BookMerge.objects.exists()
    guest = Client().get(reverse(CANDIDATES))
    assert guest["Location"].startswith("/admin/login/")


def test_the_list_asks_few_questions(curator, twins, django_assert_max_num_queries):
    by = User.objects.first()
    BookMerge.objects.bulk_create(
        BookMerge(
            merged=BookFactory(),
            survivor=twins[1],
            merged_by=by,
            merged_at="2026-01-01T00:00Z",
            is_undoable=False,
        )
        for _ in range(12)
    )
    with django_assert_max_num_queries(9):
        page = curator.get(reverse("admin:ratings_bookmerge_changelist")).content.decode()
    assert page.count("final after 30 days") == 12
