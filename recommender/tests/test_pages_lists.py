"""Pages that show lists of the model: the top ten, home, and what is similar to a book."""

import pytest
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import UserFactory
from ratings.services import rate_book, shelve_book

pytestmark = pytest.mark.django_db


@pytest.fixture
def dragon_lover(trained) -> User:
    user = UserFactory(username="alice")
    for book in trained["Dragon"][:5]:
        rate_book(user=user, book=book, stars=5)
    return user


def titles(response) -> list[str]:
    return [row.item.book.title for row in response.context["rows"] if row.item]


def test_the_top_ten_is_shown_in_order_with_its_reasons(client, trained, dragon_lover):
    client.force_login(dragon_lover)
    response = client.get(reverse("recommendations"))
    html = response.content.decode()
    shown = titles(response)
    assert len(shown) == 10
    assert not set(shown) & {book.title for book in trained["Dragon"][:5]}
    found = response.context["found"]
    places = [html.index(f'id="book-{item.book.pk}"') for item in found.items]
    assert places == sorted(places)
    share = found.items[0].reasons[0].percent
    assert f'<span class="percent">{share} %</span>' in html
    assert html.count('name="stars" value="5"') == 10
    assert html.count('class="shelf-button"') == 10


def test_stars_given_in_place_change_the_list_at_once(client, dragon_lover):
    client.force_login(dragon_lover)
    page = reverse("recommendations")
    before = titles(client.get(page))
    first = client.get(page).context["found"].items[0].book
    answer = client.post(reverse("rate_book", args=[first.pk]), {"stars": 5, "next": page})
    assert answer["Location"] == f"{page}#book-{first.pk}"
    after = titles(client.get(page))
    assert first.title not in after
    assert before[1:] != after


def test_a_shelved_book_leaves_the_list_and_may_be_its_reason(client, trained, dragon_lover):
    client.force_login(dragon_lover)
    first = client.get(reverse("recommendations")).context["found"].items[0].book
    shelve_book(user=dragon_lover, book=first)
    assert first.title not in titles(client.get(reverse("recommendations")))


def test_who_rated_nothing_is_told_that_the_list_is_everybodys(client, trained):
    client.force_login(UserFactory(username="charlie"))
    response = client.get(reverse("recommendations"))
    assert response.context["found"].basis == "popular"
    assert "readers of all kinds" in response.content.decode()
    assert 'class="because"' not in response.content.decode()
    assert len(titles(response)) == 10


def test_similar_books_are_of_the_same_kind(client, trained):
    response = client.get(trained["Dragon"][0].get_absolute_url())
    similar = [mark.book.title for _why, mark in response.context["similar"]]
    assert similar
    assert sum(title.startswith("Dragon") for title in similar) > len(similar) / 2


def test_no_page_asks_more_than_twelve_queries(
    client, trained, dragon_lover, django_assert_max_num_queries
):
    shelve_book(user=dragon_lover, book=trained["Detective"][0])
    client.get(reverse("home"))
    for reader in (None, dragon_lover):
        if reader:
            client.force_login(reader)
        for address in (
            reverse("home"),
            reverse("recommendations"),
            trained["Dragon"][0].get_absolute_url(),
            reverse("browse"),
        ):
            with django_assert_max_num_queries(12):
                client.get(address)
