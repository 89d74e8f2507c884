"""Editorial lists, as readers, guests and programs see them."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.factories import UserFactory
from catalog.curation.lists import save_list
from catalog.models import Book, EditorialList
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def books() -> list[Book]:
    return [BookFactory(title=f"Chosen {n}") for n in range(3)]


def make(books, **values) -> EditorialList:
    chosen = {"title": "Summer", "title_de": "Sommer", "text": "Light ones.", "is_pinned": True}
    return save_list(None, chosen | values, [book.pk for book in books], by=None)


def seen(client, address: str, **headers: str) -> str:
    return client.get(address, headers=headers).content.decode()


def test_a_pinned_list_is_on_the_home_page_of_guests_and_readers(client, books):
    summer = make(books[::-1])
    others = [BookFactory(ratings_count=100 + n) for n in range(60)]
    assert len(others) == 60
    html = seen(client, "/")
    assert "Summer" in html
    assert html.index("Chosen 2") < html.index("Chosen 1") < html.index("Chosen 0")
    charlie = UserFactory(wants_recommendations=False)
    client.force_login(charlie)
    assert "Summer" in seen(client, "/")
    page = seen(client, summer.get_absolute_url())
    assert page.index("Chosen 2") < page.index("Chosen 0")
    assert "Light ones." in page
    german = seen(client, summer.get_absolute_url(), **{"Accept-Language": "de"})
    assert "<h1>Sommer</h1>" in german
    assert "Von Hand ausgewählt" in german
    answer = client.get(f"/api/v1/lists/{summer.pk}/").json()
    assert [book["title"] for book in answer["books"]] == ["Chosen 2", "Chosen 1", "Chosen 0"]
    [listed] = client.get("/api/v1/lists/").json()["results"]
    assert (listed["title"], listed["n_books"]) == ("Summer", 3)


def test_a_pinned_list_of_books_that_stand_elsewhere_is_shown_all_the_same(client, books):
    # Of so few books the page shows every one anyway, and none twice.
    summer = make(books)
    html = seen(client, "/")
    assert f'href="{summer.get_absolute_url()}"' in html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_a_list_that_is_not_pinned_has_its_page_alone(client, books):
    make(books, is_pinned=False)
    assert "Summer" not in seen(client, "/")
    assert "Summer" in seen(client, "/lists/")


@pytest.mark.parametrize("days", [(-9, -1), (1, 9)], ids=["over", "not yet"])
def test_a_list_is_shown_in_its_time_only(client, books, days):
    now = timezone.now()
    starts, ends = (now + timedelta(days=day) for day in days)
    shown = make(books, starts_at=starts, ends_at=ends)
    for address in (shown.get_absolute_url(), f"/api/v1/lists/{shown.pk}/"):
        assert client.get(address).status_code == 404
    assert "Summer" not in seen(client, "/") + seen(client, "/lists/")
    assert client.get("/api/v1/lists/").json() == {"results": []}


def test_hidden_books_are_in_no_list_and_a_list_of_them_is_none(client, books):
    shown = make(books)
    Book.objects.filter(pk=books[1].pk).update(is_hidden=True)
    addresses = ("/", "/lists/", shown.get_absolute_url(), f"/api/v1/lists/{shown.pk}/")
    for address in addresses:
        assert "Chosen 1" not in seen(client, address), address
        assert "Chosen 2" in seen(client, address) or address == "/"
    Book.objects.update(is_hidden=True)
    assert client.get(shown.get_absolute_url()).status_code == 404


def test_lists_ask_few_questions(client, books, django_assert_max_num_queries):
    shown = make(books)
    make(books, title="Winter")
    with django_assert_max_num_queries(3):
        client.get("/lists/")
    with django_assert_max_num_queries(4):
        client.get(f"/api/v1/lists/{shown.pk}/")
