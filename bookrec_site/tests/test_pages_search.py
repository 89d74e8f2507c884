"""What the search field offers while a reader types, and the page of a near miss."""

import re

import pytest
from django.urls import reverse

from catalog.models import Book
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def library(db):
    for number in range(1, 10):
        BookFactory(
            title=f"Harry Potter and the Test of {number}",
            authors=["J.K. Rowling"],
            series="Harry Potter",
            series__number=number,
            ratings_count=100 - number,
        )
    BookFactory(title="The Hobbit", authors=["J.R.R. Tolkien"])
    BookFactory(title="Quotes & <b>Signs</b>", authors=['A "Quoted" Author'])


def suggested(client, q):
    response = client.get(reverse("search_suggest"), {"q": q})
    assert response.status_code == 200
    return response.content.decode()


def addresses(html) -> list[str]:
    return re.findall(r'role="option"[^>]* data-href="([^"]+)"', html)


def test_books_authors_and_series_are_offered(client, library):
    html = suggested(client, "harr")
    found = addresses(html)
    first = Book.objects.get(title="Harry Potter and the Test of 1")
    assert found[0] == first.get_absolute_url()
    assert len([address for address in found if re.fullmatch(r"/books/\d+/", address)]) == 6
    assert any(address.startswith("/books/?series=") for address in found)
    assert found[-1] == "/books/?q=harr"
    assert "Show all 9 books" in html
    assert any(
        address.startswith("/books/?author=") for address in addresses(suggested(client, "rowl"))
    )
    for address in found:
        assert client.get(address.replace("&amp;", "&")).status_code == 200


@pytest.mark.parametrize("q", ["Hary Poter", "harrypotter"])
def test_a_near_miss_offers_seven_and_each_leads_somewhere(client, library, q):
    html = suggested(client, q)
    found = addresses(html)
    assert "Did you mean" in html
    assert len(found) == len(set(found)) == 7
    assert found[0].startswith("/books/?series=")
    for address in found:
        assert client.get(address).status_code == 200


@pytest.mark.parametrize(
    "q", ["", " ", "\0", "xqzwv", "🙂", "???", "x" * 5000, "\u202e", "%", "%00"]
)
def test_what_finds_nothing_offers_nothing(client, library, q):
    assert addresses(suggested(client, q)) == []


def test_names_are_escaped(client, library):
    html = suggested(client, "quotes")
    assert "<b>" not in html
    assert "Quotes &amp; &lt;b&gt;Signs&lt;/b&gt;" in html
    assert "<script" not in suggested(client, "<script>alert(1)</script>")


def test_hidden_books_are_never_offered(client, library):
    Book.objects.filter(title="The Hobbit").update(is_hidden=True)
    for q in ("hobbit", "hobit", "tolkien", "tolkein"):
        assert addresses(suggested(client, q)) == []


def test_suggestions_cost_few_queries_and_only_get_is_answered(
    client, library, django_assert_max_num_queries
):
    suggested(client, "harry")
    for q in ("harry", "hary poter"):
        with django_assert_max_num_queries(5):
            suggested(client, q)
    assert client.post(reverse("search_suggest"), {"q": "harry"}).status_code == 405


def test_suggestions_may_be_kept_for_a_moment(client, library):
    response = client.get(reverse("search_suggest"), {"q": "harry"})
    assert response["Cache-Control"] == "private, max-age=30"


def test_too_many_at_once_are_told_to_wait(client, library, monkeypatch):
    monkeypatch.setattr("accounts.throttling.SearchThrottle.rate", "2/min", raising=False)
    address = {"REMOTE_ADDR": "192.0.2.77"}
    answers = [client.get(reverse("search_suggest"), {"q": "harry"}, **address) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1]["Retry-After"]) > 0


def test_the_page_of_a_near_miss_shows_what_was_meant(client, library):
    html = client.get(reverse("browse"), {"q": "Hary Poter"}).content.decode()
    assert "Nothing is spelt “Hary Poter”" in html
    assert "<strong>harry potter</strong>" in html
    assert "9 books" in html
    near = html.split('id="did-you-mean"')[1].split("</ul>")[0]
    assert 1 <= near.count('class="chip"') <= 7


def test_the_page_of_an_exact_query_asks_nothing(client, library):
    html = client.get(reverse("browse"), {"q": "the hobbit"}).content.decode()
    assert "Did you mean" not in html
    assert "Nothing is spelt" not in html


def test_the_page_of_nonsense_says_so_and_suggests_nothing(client, library):
    html = client.get(reverse("browse"), {"q": "xqzwv"}).content.decode()
    assert "Did you mean" not in html
    assert "Nothing found" in html


def test_search_needs_no_script(client, library):
    html = client.get(reverse("home")).content.decode()
    assert re.search(r'<form class="search" role="search" action="/books/"', html)
    assert 'name="q"' in html
