"""The map of books: its page, its files, the card of a book, a reader's own marks."""

import gzip
import re

import pytest
from django.urls import reverse

from accounts.tests.factories import UserFactory
from catalog.models import Book, BookGenre, Genre
from catalog.tests.factories import BookFactory
from ratings.services import mark_read, rate_book, shelve_book
from recommender.book_map import placed_books
from recommender.tests.conftest import artifacts, two_tastes  # noqa: F401 - fixtures
from recommender.tests.published_runs import fitted_parts, put_live
from recommender.tests.test_book_map import put_map_live

pytestmark = pytest.mark.django_db


@pytest.fixture
def live(two_tastes, artifacts):  # noqa: F811
    return put_map_live()


def page(client) -> str:
    response = client.get(reverse("map"))
    assert response.status_code == 200
    return response.content.decode()


def address(html, name) -> str:
    found = re.search(rf'data-{name}="([^"]+)"', html)
    assert found
    return found[1]


def test_the_page_is_for_everybody_and_links_what_it_draws(client, live):
    html = page(client)
    for name in ("books", "tsne", "pca", "titles"):
        assert client.get(address(html, name)).status_code == 200
    assert "data-mine" not in html
    assert "noscript" in html
    for slug in re.findall(r'href="/books/\?genre=([\w-]+)"', html):
        assert client.get(reverse("browse"), {"genre": slug}).status_code == 200


def test_the_page_says_so_while_there_is_no_map(client, two_tastes, artifacts):  # noqa: F811
    assert "The map is not drawn yet" in page(client)
    put_live(fitted_parts())
    assert "The map is not drawn yet" in page(client)


def test_genres_stand_in_for_the_map_where_they_have_books(client, db):
    for slug, name in (("humour", "Humour"), ("travel", "Travel")):
        Genre.objects.create(slug=slug, name=name)
    BookGenre.objects.create(book=BookFactory(), genre=Genre.objects.get(slug="humour"), share=1)
    client.cookies["django_language"] = "de"
    assert re.findall(r'genre=([\w-]+)">([^<]+)<', page(client)) == [("humour", "Humor")]


def test_the_page_says_so_when_every_book_is_hidden(client, live):
    Book.objects.update(is_hidden=True)
    assert "The map is not drawn yet" in page(client)


def test_the_menu_leads_to_the_map(client, live):
    assert f'<a href="{reverse("map")}" aria-current="page">' in page(client)
    assert f'<a href="{reverse("map")}">' in client.get(reverse("browse")).content.decode()


def test_a_file_is_kept_for_ever_under_its_own_address(client, live):
    at = address(page(client), "tsne")
    response = client.get(at, HTTP_ACCEPT_ENCODING="gzip, br")
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in response["Vary"]
    plain = client.get(at)
    assert "Content-Encoding" not in plain
    assert plain.content == gzip.decompress(response.content)
    assert not response.cookies
    again = client.get(at, HTTP_IF_NONE_MATCH=response["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == response["ETag"]
    assert client.get(at, HTTP_IF_NONE_MATCH='"another"').status_code == 200


def test_a_hidden_book_is_in_no_file_and_the_old_ones_are_gone(client, live):
    at = address(page(client), "titles")
    before = client.get(at)
    hidden = Book.objects.order_by("pk").first()
    Book.objects.filter(pk=hidden.pk).update(is_hidden=True)
    assert client.get(at).status_code == 404
    assert client.get(at, HTTP_IF_NONE_MATCH=before["ETag"]).status_code == 404
    fresh = address(page(client), "titles")
    assert fresh != at
    assert hidden.title in [title for title, _ in before.json()]
    assert hidden.title not in [title for title, _ in client.get(fresh).json()]
    assert client.get(reverse("map_book", args=[hidden.pk])).status_code == 404


@pytest.mark.parametrize("rest", ["x/books", "1-a-2-3/tsne", "0/0"])
def test_addresses_that_nobody_gave_out_are_not_found(client, live, rest):
    assert client.get(f"/map/{rest}").status_code == 404


def test_a_name_that_is_no_file_is_not_found(client, live):
    token = placed_books().token
    for name in ("nothing", "BOOKS", "__class__", "mine"):
        assert client.get(f"/map/{token}/{name}").status_code == 404


def test_the_card_of_a_book_lists_the_nearest(client, live):
    placed = placed_books()
    book_id = int(placed.ids[4])
    for on in ("tsne", "pca"):
        html = client.get(reverse("map_book", args=[book_id]), {"on": on}).content.decode()
        assert [int(pk) for pk in re.findall(r'data-book="(\d+)"', html)] == placed.nearest(
            book_id, on, 8
        )
        assert Book.objects.get(pk=book_id).get_absolute_url() in html


@pytest.mark.parametrize("on", ["", "umap", "\0", "tsne" * 1000])
def test_an_unknown_layout_gives_way_to_the_usual_one(client, live, on):
    book_id = int(placed_books().ids[0])
    answer = client.get(reverse("map_book", args=[book_id]), {"on": on})
    usual = client.get(reverse("map_book", args=[book_id]), {"on": "tsne"})
    assert answer.content == usual.content


def test_a_book_that_came_after_the_run_says_so(client, live):
    html = client.get(reverse("map_book", args=[BookFactory().pk])).content.decode()
    assert "no place on the map yet" in html
    assert client.get(reverse("map_book", args=[10**12])).status_code == 404


def test_marks_are_the_readers_own_and_never_kept(client, live):
    alice, bob = UserFactory(), UserFactory()
    first, second, third = Book.objects.order_by("pk")[:3]
    rate_book(user=alice, book=first, stars=5)
    mark_read(user=alice, book=second)
    shelve_book(user=alice, book=third)
    assert client.get(reverse("map_mine")).status_code == 302
    client.force_login(bob)
    assert client.get(reverse("map_mine")).json() == {"read": [], "to_read": []}
    client.force_login(alice)
    response = client.get(reverse("map_mine"))
    assert response.json() == {"read": [first.pk, second.pk], "to_read": [third.pk]}
    assert "no-store" in response["Cache-Control"]
    assert "data-mine" in page(client)


def test_the_map_costs_few_queries(client, live, django_assert_max_num_queries):
    client.force_login(UserFactory())
    at = address(page(client), "books")
    with django_assert_max_num_queries(6):
        page(client)
    with django_assert_max_num_queries(3):
        client.get(at)
    with django_assert_max_num_queries(8):
        client.get(reverse("map_book", args=[int(placed_books().ids[0])]))
    with django_assert_max_num_queries(4):
        client.get(reverse("map_mine"))
    Book.objects.filter(pk=int(placed_books().ids[0])).update(is_hidden=True)
    with django_assert_max_num_queries(8):
        page(client)


def test_nothing_on_the_page_needs_a_looser_policy(client, live):
    response = client.get(reverse("map"))
    html = response.content.decode()
    assert "unsafe" not in response["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", html)
    assert " style=" not in html
    assert not re.search(r'\son\w+="', html)
    assert client.post(reverse("map")).status_code == 405
