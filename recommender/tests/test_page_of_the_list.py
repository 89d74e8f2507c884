"""The page of a reader's list: its form, its rows, what htmx is given."""

import re

import pytest
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Book, BookGenre, Genre
from catalog.tests.factories import BookFactory
from ratings.services import dismiss_book, rate_book, shelve_book
from recommender.list_options import ListOptions, ReadOptions
from recommender.list_page import own_address

pytestmark = pytest.mark.django_db

PAGE = "/recommendations/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def alice(client, trained) -> User:
    """A reader of dragons, logged in; half of the dragons are fantasy in French."""
    alice = UserFactory(username="alice")
    for book in trained["Dragon"][:3]:
        rate_book(user=alice, book=book, stars=5)
    fantasy = Genre.objects.create(slug="fantasy", name="Fantasy")
    Genre.objects.create(slug="empty", name="Of no book")
    for book in trained["Dragon"][6:]:
        BookGenre.objects.create(book=book, genre=fantasy, share=0.5)
    Book.objects.filter(pk__in=[book.pk for book in trained["Dragon"][6:]]).update(
        language="fre", publication_year=1990
    )
    client.force_login(alice)
    return alice


def shown(response) -> list[Book]:
    return [item.book for item in response.context["found"].items]


def test_the_form_offers_what_exists_and_keeps_what_was_asked(client, alice, trained):
    response = client.get(PAGE + "?genre=fantasy&language=fre&year_from=1985&diversity=0.4&k=50")
    html = response.content.decode()
    assert set(shown(response)) == set(trained["Dragon"][6:])
    assert '<option value="fantasy" selected>Fantasy</option>' in html
    assert '<option value="fre" selected>French</option>' in html
    assert "Of no book" not in html
    assert (
        'name="year_from" min="-9999" max="9999" step="1" placeholder="from" value="1985"' in html
    )
    assert 'name="diversity" min="0" max="1" step="0.1" value="0.4"' in html
    assert '<option value="50" selected>50 books</option>' in html
    # Chips take one wish away and leave the others.
    links = re.findall(r'<a class="chip" href="([^"]*)"', html)
    assert len(links) == 3
    assert links[0].replace("&amp;", "&") == (
        PAGE + "?language=fre&year_from=1985&diversity=0.4&k=50"
    )


def test_a_plain_list_has_a_plain_address() -> None:
    assert own_address(ReadOptions(ListOptions(), 10)).urlencode() == ""
    options = ListOptions(year_to=-380, novelty=1.0, like=7)
    assert own_address(ReadOptions(options, 20)).urlencode() == "like=7&year_to=-380&novelty=1&k=20"


def test_each_row_says_why_and_offers_every_answer(client, alice, trained):
    response = client.get(PAGE)
    html = response.content.decode()
    item = response.context["found"].items[0]
    for reason in item.reasons:
        assert f'<rect width="{reason.percent}"' in html
        assert f'<span class="percent">{reason.percent} %</span>' in html
    assert sum(r.percent for r in item.reasons) + item.other_percent in (100, 101, 102)
    for name in ("rate_book", "shelve_book", "dismiss_book"):
        address = reverse(name, args=[item.book.pk])
        assert f'method="post" action="{address}" hx-post="{address}"' in html
    assert f'href="{PAGE}?like={item.book.pk}"' in html
    assert "style=" not in html
    assert "<script>" not in html


@pytest.mark.parametrize(
    "query",
    [
        "genre=%00",
        "year_from=9e99&year_to=%D9%A1",
        "diversity=nan&novelty=inf",
        "k=-1",
        "k=" + "9" * 5000,
        "like=%00&like=-1",
        "language=%00&genre[]=a",
        "settled=%00&settled=1-9999&settled=999999999999999999999-1&settled=x",
        "year_from=2000&year_to=1990",
    ],
)
def test_odd_wishes_are_told_and_the_list_is_as_without(client, alice, query):
    plain = shown(client.get(PAGE))
    for headers in ({}, HTMX):
        response = client.get(f"{PAGE}?{query}", headers=headers)
        assert response.status_code == 200
        assert shown(response) == plain


def test_filters_that_match_nothing_say_so(client, alice):
    html = client.get(PAGE + "?year_from=2999").content.decode()
    assert "No book meets all of this" in html
    assert "Reset everything" in html


def test_htmx_is_given_the_list_alone_and_its_address(client, alice):
    address = PAGE + "?genre=fantasy&language=&year_from=&year_to=&diversity=0&novelty=0&k=10"
    response = client.get(address, headers=HTMX | {"HX-Trigger": "list-options"})
    html = response.content.decode()
    assert html.startswith('<section id="list"')
    assert "<html" not in html
    assert response["HX-Push-Url"] == PAGE + "?genre=fantasy"
    assert 'id="list-status"' in html
    # Its forms return to the page, not to the part of it.
    assert html.count(f'name="next" value="{PAGE}?genre=fantasy"') == 3 * len(shown(response))
    # A list that renews itself after an opinion stays where it is.
    assert "HX-Push-Url" not in client.get(address, headers=HTMX | {"HX-Trigger": "list"})
    # Going back in the browser asks for the whole page again.
    back = client.get(address, headers=HTMX | {"HX-History-Restore-Request": "true"})
    assert "<html" in back.content.decode()


def test_what_was_settled_stands_where_it_stood_and_the_next_moves_up(client, alice):
    before = shown(client.get(PAGE + "?k=6"))
    dismissed, rated, wanted = before[0], before[2], before[4]
    dismiss_book(user=alice, book=dismissed)
    rate_book(user=alice, book=rated, stars=4)
    shelve_book(user=alice, book=wanted)
    lines = f"settled={wanted.pk}-4&settled={dismissed.pk}-0&settled={rated.pk}-2&settled="
    response = client.get(f"{PAGE}?k=6&{lines}", headers=HTMX)
    rows = response.context["rows"]
    assert [row.place for row in rows] == list(range(9))
    assert {row.place: row.settled.book for row in rows if row.settled} == {
        0: dismissed,
        2: rated,
        4: wanted,
    }
    assert len(shown(response)) == 6
    assert [row.item.rank for row in rows if row.item] == [1, 2, 3, 4, 5, 6]
    # A book of which nothing is said any more has no line.
    assert not any(
        row.settled for row in client.get(f"{PAGE}?settled={before[5].pk}-1").context["rows"]
    )


def test_another_readers_lines_are_not_shown(client, alice, trained):
    dismissed = shown(client.get(PAGE))[0]
    dismiss_book(user=alice, book=dismissed)
    client.force_login(UserFactory(username="charlie"))
    response = client.get(f"{PAGE}?settled={dismissed.pk}-0", headers=HTMX)
    assert not any(row.settled for row in response.context["rows"])
    assert dismissed in shown(client.get(PAGE + "?k=50"))


def test_more_like_this_says_of_what(client, alice, trained):
    wanted = trained["Detective"][0]
    html = client.get(f"{PAGE}?like={wanted.pk}").content.decode()
    assert f"More like <cite>{wanted.title}</cite>" in html
    assert f'name="like" value="{wanted.pk}"' in html
    fresh = BookFactory()
    html = client.get(f"{PAGE}?like={fresh.pk}").content.decode()
    assert "Too little is known of this book" in html


def test_without_a_model_the_page_says_so(client, artifacts):
    BookFactory()
    client.force_login(UserFactory())
    html = client.get(PAGE).content.decode()
    assert "Nothing has been learned from the ratings yet" in html


def test_who_turned_recommendations_off_gets_none_and_the_way_back(client, alice):
    alice.wants_recommendations = False
    alice.save()
    response = client.get(PAGE)
    assert shown(response) == []
    html = response.content.decode()
    assert "Recommendations are turned off" in html
    assert 'id="list"' not in html


def test_the_page_and_its_part_ask_at_most_twelve_queries(
    client, alice, trained, django_assert_max_num_queries
):
    dismiss_book(user=alice, book=trained["Detective"][0])
    shelve_book(user=alice, book=trained["Detective"][1])
    wishes = (
        f"?genre=fantasy&language=fre&year_from=1900&diversity=0.5&novelty=0.5&k=3"
        f"&settled={trained['Detective'][0].pk}-0"
    )
    client.get(PAGE)
    for query in ("", wishes, f"{wishes}&like={trained['Dragon'][7].pk}"):
        for headers in ({}, HTMX):
            with django_assert_max_num_queries(12):
                client.get(PAGE + query, headers=headers)
