"""What a reader sees when something is not there, not allowed or not working."""

import socket
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError, connection
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.urls import reverse
from django.utils import translation

from bookrec_site.problems import page_not_found, server_error
from catalog.tests.factories import BookFactory
from ratings.tests.readers import make_readers


@pytest.fixture
def unreachable_database(django_db_blocker):
    """A port that nobody listens on, in place of PostgreSQL's."""
    with socket.socket() as taken:
        # Bound and not listening: nobody else gets the port meanwhile.
        taken.bind(("127.0.0.1", 0))
        with django_db_blocker.unblock():
            connection.close()
            before = dict(connection.settings_dict)
            connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": taken.getsockname()[1]}
            try:
                yield
            finally:
                connection.close()
                connection.settings_dict.update(before)


@pytest.mark.parametrize("address", ["/", "/books/", "/books/1/", "/authors/", "/no-such-page/"])
def test_a_page_without_a_database_is_503_and_says_to_try_again(
    client, unreachable_database, address
):
    client.raise_request_exception = False
    response = client.get(address)
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert response["Cache-Control"] == "no-store"
    assert "closed for a moment" in response.content.decode()
    assert "Traceback" not in response.content.decode()


def test_a_session_without_a_database_is_503_too(client, unreachable_database, settings):
    client.raise_request_exception = False
    client.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    assert client.get("/books/").status_code == 503


def test_the_api_without_a_database_answers_a_problem(client, unreachable_database):
    client.raise_request_exception = False
    response = client.get(
        "/api/v1/recommendations/", headers={"Authorization": f"Token {'a' * 64}"}
    )
    assert response.status_code == 503
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 503
    assert int(response["Retry-After"]) > 0


@pytest.mark.django_db
def test_the_page_is_back_when_the_database_is(client):
    assert client.get("/books/").status_code == 200


def test_other_errors_stay_500():
    request = RequestFactory().get("/books/")
    for error, status in ((ValueError("x"), 500), (OperationalError("gone"), 503)):
        try:
            raise error
        except (ValueError, OperationalError):
            assert server_error(request).status_code == status


@pytest.mark.django_db
def test_a_page_that_is_not_there_offers_search_ways_on_and_a_few_books(
    client, django_assert_max_num_queries
):
    readers = make_readers()
    client.force_login(readers.alice)
    with django_assert_max_num_queries(12):
        response = client.get("/no-such-page/")
    assert response.status_code == 404
    html = response.content.decode()
    assert 'role="search"' in html
    for name in ("browse", "authors", "all_series", "home"):
        assert f'href="{reverse(name)}"' in html
    assert [mark.book.title for mark in response.context["books"]] == [
        f"Volume {n}" for n in range(1, 7)
    ]
    assert response.context["books"][0].stars == 1
    assert 'name="robots" content="noindex"' in html


@pytest.mark.django_db
def test_a_page_that_is_not_there_shows_no_hidden_book_and_none_when_there_are_none(client):
    BookFactory(is_hidden=True, title="Nobody may see this")
    response = client.get("/no-such-page/")
    assert response.status_code == 404
    assert list(response.context["books"]) == []
    assert "Nobody may see this" not in response.content.decode()


@pytest.mark.django_db
def test_not_found_is_answered_before_anybody_knows_the_user():
    request = RequestFactory().get("/x/")
    assert page_not_found(request, Exception()).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en-gb", "de"])
@pytest.mark.parametrize("code", ["400", "403", "403_csrf", "404", "429", "500", "503"])
def test_error_pages_are_whole_documents(code, language):
    class Checker(HTMLParser):
        headings = 0
        language = ""

        def handle_starttag(self, tag, attrs):
            self.headings += tag == "h1"
            if tag == "html":
                self.language = dict(attrs)["lang"]

    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    request.resolver_match = None
    with translation.override(language):
        html = render_to_string(f"{code}.html", {"user": request.user}, request=request)
    checker = Checker()
    checker.feed(html)
    assert checker.headings == 1
    assert checker.language == language
    assert "style=" not in html


@pytest.mark.django_db
def test_the_empty_catalogue_says_so_and_tells_staff_what_to_do(client, admin_client):
    assert "The shelves are still empty" in client.get("/books/").content.decode()
    html = admin_client.get("/books/").content.decode()
    assert reverse("admin:catalog_book_add") in html
    assert reverse("admin:catalog_book_add") not in client.get("/books/").content.decode()


@pytest.mark.django_db
def test_search_engines_are_told_where_to_look(client):
    shown = BookFactory(authors=["Shown"], series="Shown Series", series__number=1)
    hidden = BookFactory(authors=["Hidden"], series="Hidden Series", is_hidden=True)
    robots = client.get("/robots.txt")
    assert robots["Content-Type"].startswith("text/plain")
    assert "Disallow: /recommendations/" in robots.content.decode()
    assert "Sitemap: http://testserver/sitemap.xml" in robots.content.decode()
    index = client.get("/sitemap.xml").content.decode()
    for section in ("pages", "books", "authors", "series"):
        assert f"<loc>http://testserver/sitemap-{section}.xml</loc>" in index
    found = "".join(
        client.get(f"/sitemap-{section}.xml").content.decode()
        for section in ("pages", "books", "authors", "series")
    )
    for row in (shown, shown.authors.get(), shown.series.get()):
        assert f"<loc>http://testserver{row.get_absolute_url()}</loc>" in found
    for row in (hidden, hidden.authors.get(), hidden.series.get()):
        assert f"<loc>http://testserver{row.get_absolute_url()}</loc>" not in found
    assert client.get("/sitemap-books.xml?p=2").status_code == 404
    assert client.get("/sitemap-nothing.xml").status_code == 404
