"""Lists by the API name books from memory: the same lists as pages show, never an old name."""

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from catalog.models import Author, Authorship, Book
from ratings.services import dismiss_book, rate_book
from recommender.book_sources import BookRows, BooksInMemory
from recommender.list_options import ListOptions
from recommender.serving import recommendations_for

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/recommendations/"


@pytest.fixture
def alice(trained):
    alice = UserFactory(username="alice")
    for book in trained["Detective"][:4]:
        rate_book(user=alice, book=book, stars=5)
    return alice


@pytest.fixture
def client(alice) -> APIClient:
    client = APIClient()
    client.force_authenticate(alice)
    return client


def listed(client) -> list[dict[str, object]]:
    return [item["book"] for item in client.get(ADDRESS, {"k": 8}).json()["results"]]


def test_a_list_asks_few_questions(client, django_assert_num_queries):
    listed(client)
    # What the list is made of, in one; and, since a quick run predicts no stars, the books' means.
    with django_assert_num_queries(2):
        listed(client)


def test_what_a_curator_changes_shows_in_the_next_list(client):
    first, second, third = (item["id"] for item in listed(client)[:3])
    Book.objects.filter(pk=first).update(title="Renamed")
    Book.objects.filter(pk=second).update(is_hidden=True)
    now = {item["id"]: item for item in listed(client)}
    assert now[first]["title"] == "Renamed"
    assert second not in now
    Book.objects.filter(pk=second).update(is_hidden=False)
    Book.objects.filter(pk=third).delete()
    now = {item["id"]: item for item in listed(client)}
    assert second in now
    assert third not in now


def test_authors_are_named_in_the_order_of_the_cover(client):
    book = listed(client)[0]["id"]
    one = Authorship.objects.get(book=book)
    other = Authorship.objects.create(
        book_id=book, author=Author.objects.create(name="Second Author"), position=one.position + 1
    )
    assert listed(client)[0]["authors"] == [one.author.name, "Second Author"]
    Authorship.objects.filter(pk=one.pk).update(position=one.position + 2)
    assert listed(client)[0]["authors"] == ["Second Author", one.author.name]
    Author.objects.filter(pk=other.author_id).update(name="Pen Name")
    assert listed(client)[0]["authors"] == ["Pen Name", one.author.name]


@pytest.mark.parametrize(
    "options",
    [
        ListOptions(),
        ListOptions(explain=True),
        ListOptions(diversity=0.5, novelty=0.5),
        ListOptions(year_from=1900),
        ListOptions(exclude_read=False),
    ],
    ids=str,
)
def test_pages_and_the_api_show_the_same_lists(trained, alice, options):
    bob, charlie = UserFactory(username="bob"), UserFactory(username="charlie")
    rate_book(user=bob, book=trained["Dragon"][0], stars=5)
    dismiss_book(user=bob, book=trained["Dragon"][1])
    Book.objects.filter(pk=trained["Detective"][5].pk).update(is_hidden=True)
    Book.objects.update(publication_year=1950, average_rating=4)
    for reader in (alice, bob, charlie):
        for k in (3, 20):
            page, api = (
                recommendations_for(
                    reader, k, options=options, with_predicted_stars=True, source=source
                )
                for source in (BookRows(), BooksInMemory())
            )
            assert told(page) == told(api)
            assert len(page.items) >= 3


def told(found) -> tuple[object, ...]:
    return (
        found.basis,
        found.run_id,
        found.n_filled_up,
        [
            (
                item.rank,
                item.book.pk,
                item.book.title,
                item.score,
                item.predicted,
                [(reason.text, reason.share) for reason in item.reasons],
                [(part.book.pk, part.stars, part.share) for part in item.contributions],
            )
            for item in found.items
        ],
    )
