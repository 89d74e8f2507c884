"""Every list on a page carries its id, and a form says which list it stands in."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import UserFactory
from ratings.services import rate_book
from recommender.feedback.list_ids import ServedList, read_list_id
from recommender.models import FeedbackEvent, Surface

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(trained):
    alice = UserFactory(username="alice")
    for book in trained["Detective"][:5]:
        rate_book(user=alice, book=book, stars=5)
    return alice


def client_of(user=None, **headers: str) -> Client:
    client = Client(headers=headers)
    if user:
        client.force_login(user)
    return client


def lists(html: str, reader=None) -> dict[Surface, list[tuple[ServedList, list[int]]]]:
    """Return the lists of a page by surface, each with the books that stand in it."""
    found: dict[Surface, list[tuple[ServedList, list[int]]]] = {}
    parts = re.findall(r'data-list="([\w-]+)"(.*?)(?=data-list=|</?section|\Z)', html, re.DOTALL)
    for list_id, inside in parts:
        served, is_own = read_list_id(list_id, reader.pk if reader else None)
        assert is_own == (reader is not None)
        books = [int(book) for book in re.findall(r'data-book="(\d+)"', inside)]
        found.setdefault(served.surface, []).append((served, books))
    return found


def test_the_page_of_the_list_names_its_books_in_their_order(alice) -> None:
    html = client_of(alice).get(reverse("recommendations"), {"k": 20}).content.decode()
    [(served, books)] = lists(html, alice)[Surface.LIST]
    assert list(served.books) == books
    assert (served.basis, served.k, len(books)) == ("ratings", 20, len(set(books)))
    # Each row's stars say which list they stand in.
    assert html.count('name="list"') == len(books)


def test_more_like_a_book_is_another_surface(alice, trained) -> None:
    like = {"like": trained["Dragon"][0].pk}
    html = client_of(alice).get(reverse("recommendations"), like).content.decode()
    [(served, books)] = lists(html, alice)[Surface.LIKE]
    assert list(served.books) == books
    assert books


def test_home_has_a_list_of_ten_whose_stars_name_it(alice) -> None:
    html = client_of(alice).get(reverse("home")).content.decode()
    [(served, books)] = lists(html, alice)[Surface.HOME]
    assert list(served.books) == books
    assert (served.basis, len(books)) == ("ratings", 10)
    assert html.count('name="list"') == 10


def test_guests_see_lists_of_nobodys(trained) -> None:
    client = client_of()
    html = client.get(reverse("home")).content.decode()
    # In two parts: the shelf and the row below.
    [(served, shelf), (again, row)] = lists(html)[Surface.HOME_GUEST]
    assert served == again
    assert list(served.books) == shelf + row
    for address in ("try_out", "try_out_list"):
        html = client.get(reverse(address)).content.decode()
        [(served, books)] = lists(html)[Surface.TRY_OUT]
        assert list(served.books) == books


def test_the_page_of_a_book_has_its_lists(trained, alice) -> None:
    address = trained["Detective"][0].get_absolute_url()
    for reader in (alice, None):
        found = lists(client_of(reader).get(address).content.decode(), reader)
        [(served, books)] = found[Surface.SIMILAR]
        assert (served.basis, list(served.books)) == ("book", books)


@pytest.mark.parametrize("header", ["DNT", "Sec-GPC"])
def test_a_page_for_who_asks_not_to_be_tracked_carries_no_list(alice, trained, header: str) -> None:
    book = trained["Detective"][0].get_absolute_url()
    for reader, addresses in ((alice, ["/", "/recommendations/", book]), (None, ["/", "/try/"])):
        for address in addresses:
            html = client_of(reader, **{header: "1"}).get(address).content.decode()
            assert "data-list" not in html
            assert 'name="list"' not in html


def test_a_page_for_who_wants_no_recommendations_carries_no_list(alice, trained) -> None:
    alice.wants_recommendations = False
    alice.save()
    for address in ("/", "/recommendations/", trained["Detective"][0].get_absolute_url()):
        html = client_of(alice).get(address).content.decode()
        assert "data-list" not in html
        assert 'name="list"' not in html


def test_without_javascript_a_rating_counts_for_its_list(
    alice, django_capture_on_commit_callbacks
) -> None:
    client = client_of(alice)
    html = client.get(reverse("recommendations")).content.decode()
    [list_id, *_] = re.findall(r'name="list" value="([\w-]+)"', html)
    served, _ = read_list_id(list_id, alice.pk)
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(
            reverse("rate_book", args=[served.books[4]]), {"stars": "4", "list": list_id}
        )
    assert response.status_code == 302
    event = FeedbackEvent.objects.get()
    assert (event.kind, event.position, event.stars, event.reader) == ("rated", 5, 4, alice)


def test_an_answer_to_htmx_says_again_which_list_it_stands_in(alice) -> None:
    client = client_of(alice)
    html = client.get(reverse("home")).content.decode()
    [list_id, *_] = re.findall(r'name="list" value="([\w-]+)"', html)
    book = read_list_id(list_id, alice.pk)[0].books[0]
    for sent, shown in ((list_id, list_id), ("x" * 5000, None), ('"><b>', "&quot;&gt;&lt;b&gt;")):
        answer = client.post(
            reverse("rate_book", args=[book]),
            {"stars": "4", "list": sent},
            headers={"HX-Request": "true"},
        ).content.decode()
        assert re.findall(r'name="list" value="([^"]*)"', answer) == ([shown] if shown else [])


def test_a_guests_rating_counts_for_its_list_without_a_reader(trained) -> None:
    client = client_of()
    html = client.get(reverse("try_out")).content.decode()
    [(served, books)] = lists(html)[Surface.TRY_OUT]
    [list_id] = re.findall(r'data-list="([\w-]+)"', html)
    client.post(reverse("rate_book", args=[books[1]]), {"stars": "5", "list": list_id})
    event = FeedbackEvent.objects.get()
    assert (event.kind, event.surface, event.stars, event.reader) == ("rated", "try_out", 5, None)
    # No rating, no event.
    client.post(reverse("rate_book", args=[books[2]]), {"stars": "9", "list": list_id})
    assert FeedbackEvent.objects.count() == 1


def test_the_api_says_a_public_lists_id_beside_an_answer_that_caches_may_keep(
    trained, alice, client
) -> None:
    book = trained["Detective"][0]
    title = {"title": book.title}
    for address, params, surface, k in (
        (f"/api/v1/books/{book.pk}/similar/", {"k": 3}, Surface.API_SIMILAR, 3),
        ("/api/v1/recommend/", title, Surface.API_TITLE, 5),
    ):
        first = client_of(alice).get(address, params)
        # Nobody's, whoever asked.
        served, is_own = read_list_id(first["Bookrec-List"], alice.pk)
        assert (is_own, served.surface, served.k) == (False, surface, k)
        assert list(served.books) == [row["id"] for row in first.json()["results"]]
        again = client.get(address, params)
        assert again["ETag"] == first["ETag"]
        assert again["Bookrec-List"] != first["Bookrec-List"]
        assert "Bookrec-List" not in client.get(address, params, headers={"DNT": "1"})
