"""Onboarding and the try-out: books to rate, and the list that grows beside them."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import UserFactory
from bookrec_site.pages.asking import BOOKS_ASKED
from catalog.tests.factories import BookFactory
from ratings.guest import SESSION_KEY
from ratings.models import Rating
from ratings.services import rate_book
from ratings.tests.readers import make_readers

pytestmark = pytest.mark.django_db

PASSWORD = "a long enough passphrase"


@pytest.fixture
def newcomer(trained) -> User:
    return UserFactory(username="charlie")


def page(client, name="try_out", **params):
    response = client.get(reverse(name), params)
    assert response.status_code == 200
    return response


def part(client, target, name="try_out", **params):
    response = client.get(
        reverse(name), params, headers={"HX-Request": "true", "HX-Target": target}
    )
    assert response.status_code == 200
    assert "<html" not in response.content.decode()
    return response


def rate(client, book, stars):
    client.post(reverse("rate_book", args=[book.pk]), {"stars": str(stars)})


def titles(marks) -> list[str]:
    return [mark.book.title for mark in marks]


def listed(response) -> list[str]:
    return [item.book.title for item in response.context["found"].items]


@pytest.mark.parametrize("name", ["try_out", "welcome"])
def test_both_tastes_are_asked_about_first(client, newcomer, name):
    if name == "welcome":
        client.force_login(newcomer)
    asked = titles(page(client, name).context["asked"])
    assert {title.split()[0] for title in asked[:2]} == {"Dragon", "Detective"}
    assert len(asked) == len(set(asked)) == 24


def test_a_guests_list_changes_with_every_star(client, trained):
    everybodys = page(client)
    assert everybodys.context["found"].basis == "popular"
    assert "What readers of all kinds love" in everybodys.content.decode()
    for book in trained["Dragon"][:3]:
        rate(client, book, 5)
    response = page(client)
    assert response.context["found"].basis == "ratings"
    assert not set(listed(response)) & {"Dragon 0", "Dragon 1", "Dragon 2"}
    assert all(title.startswith("Dragon") for title in listed(response)[:5])
    html = response.content.decode()
    assert "Because you gave Dragon" in html
    assert "3 of 5 rated" in html
    rate(client, trained["Dragon"][0], "remove")
    assert "2 of 5 rated" in page(client).content.decode()


def test_a_rated_book_keeps_its_place_and_shows_its_stars(client, trained):
    before = page(client).context["asked"]
    rate(client, before[3].book, 2)
    after = page(client).context["asked"]
    assert titles(after) == titles(before)
    assert [mark.stars for mark in after[:5]] == [None, None, None, 2, None]


def test_other_books_are_shown_until_there_are_none_and_never_one_twice(client, trained):
    for n in range(100):
        book = BookFactory(title=f"Newer {n}", ratings_count=5)
        assert book.pk
    response = page(client)
    first = response.context["asked"]
    link = re.search(r'href="(/try/\?seen=[0-9.]+)"', response.content.decode())
    # All 24 books of the active run are on the first page, so the next one says so.
    assert link
    following = client.get(link[1])
    assert following.context["asked"] == []
    assert "That is all we would ask" in following.content.decode()
    seen = ".".join(str(mark.book.pk) for mark in first[:10])
    again = page(client, seen=seen).context["asked"]
    assert not set(titles(again)) & set(titles(first[:10]))
    assert len(again) == 14


def test_there_is_an_end_to_other_books(client, db):
    make_readers()
    response = page(client, seen=".".join(map(str, range(10_000, 10_120))))
    assert response.context["asked"] == []
    response = page(client, seen=".".join(map(str, range(10_000, 10_119))))
    assert len(response.context["asked"]) == BOOKS_ASKED
    assert response.context["seen_next"] == ""


@pytest.mark.parametrize(
    "seen",
    ["abc", "1.", ".1", "1..2", "-1", "1.5e3", "\0", "٣", "9" * 30, "1." * 5000, "<script>"],
)
@pytest.mark.parametrize("target", ["", "asking", "found", "nonsense"])
def test_an_odd_list_of_books_seen_names_none(client, trained, seen, target):
    headers = {"HX-Request": "true", "HX-Target": target} if target else {}
    response = client.get(reverse("try_out"), {"seen": seen}, headers=headers)
    assert response.status_code == 200
    assert "<script>" not in response.content.decode().partition("<body")[2][:0]
    if target != "found":
        assert len(response.context["asked"]) == 24


@pytest.mark.parametrize("query", ["", " ", "\0", "a" * 5000, "%_'\"\\", "<b>", "٣"])
def test_odd_searches_are_answered_politely(client, trained, query):
    assert page(client, q=query).status_code == 200
    assert part(client, "found", q=query).status_code == 200


def test_a_book_that_is_not_shown_is_found_and_rated_in_place(client, trained):
    book = BookFactory(title="The Unlikely Gardener")
    response = part(client, "found", q="unlikely gard")
    assert titles(response.context["found_books"]) == ["The Unlikely Gardener"]
    assert f'action="{reverse("rate_book", args=[book.pk])}"' in response.content.decode()
    whole = page(client, q="unlikely", seen="1.2")
    assert titles(whole.context["found_books"]) == ["The Unlikely Gardener"]
    assert 'name="seen" value="1.2"' in whole.content.decode()
    assert "Nothing found for “xyzzyq”" in page(client, q="xyzzyq").content.decode()


def test_the_list_alone_comes_with_the_progress(client, trained):
    rate(client, trained["Dragon"][0], 5)
    response = client.get(reverse("try_out_list"))
    html = response.content.decode()
    assert "<html" not in html
    assert 'hx-swap-oob="innerHTML:#asking-progress"' in html
    assert "1 of 5 rated" in html
    assert len(listed(response)) == 10


def test_onboarding_counts_and_lists_what_a_reader_rated(client, newcomer, trained):
    for book in trained["Detective"][:5]:
        rate_book(user=newcomer, book=book, stars=5)
    client.force_login(newcomer)
    response = page(client, "welcome")
    assert listed(response)[0].startswith("Detective")
    assert "5 books rated: the list is yours" in response.content.decode()
    assert client.post(reverse("welcome_done"))["Location"] == reverse("home")
    assert client.get(reverse("home")).status_code == 200


def test_onboarding_shows_nobody_elses_stars(client, newcomer, trained):
    alice = UserFactory(username="alice")
    for book in trained["Dragon"]:
        rate_book(user=alice, book=book, stars=1)
    client.force_login(newcomer)
    response = page(client, "welcome")
    assert {mark.stars for mark in response.context["asked"]} == {None}
    assert response.context["n_ratings"] == 0


def test_who_wants_no_recommendations_gets_no_list_here(client, newcomer):
    newcomer.wants_recommendations = False
    newcomer.save()
    client.force_login(newcomer)
    response = page(client, "welcome")
    assert response.context["found"] is None
    assert "You have turned recommendations off" in response.content.decode()
    assert client.get(reverse("welcome_list")).status_code == 200


def test_guests_and_readers_are_led_to_their_own_page(client, newcomer):
    assert client.get(reverse("welcome"))["Location"] == reverse("try_out")
    assert client.get(reverse("welcome_list"))["Location"] == reverse("try_out_list")
    client.post(reverse("welcome_done"))
    assert "sessionid" not in client.cookies
    client.force_login(newcomer)
    assert client.get(reverse("try_out"))["Location"] == reverse("welcome")
    assert client.get(reverse("try_out_list"))["Location"] == reverse("welcome_list")


def test_a_guest_signs_up_and_finds_the_list_again(client, trained):
    for book in trained["Dragon"][:5]:
        rate(client, book, 5)
    before = listed(page(client))
    answer = client.post(
        reverse("account_signup"),
        {
            "username": "dora",
            "email": "dora@example.org",
            "password": PASSWORD,
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
        follow=True,
    )
    assert answer.status_code == 200
    client.force_login(User.objects.get(username="dora"))
    after = [item.book.title for item, _ in client.get(reverse("home")).context["top"]]
    assert after == before
    assert Rating.objects.filter(user__username="dora").count() == 5


def test_a_guest_may_start_over(client, trained):
    rate(client, trained["Dragon"][0], 5)
    answer = client.post(reverse("start_over"), follow=True)
    assert "Your stars are forgotten" in answer.content.decode()
    assert SESSION_KEY not in client.session
    assert client.post(reverse("start_over")).status_code == 302


def test_another_guest_sees_nothing_of_it(client, trained):
    rate(client, trained["Dragon"][0], 5)
    other = page(Client())
    assert other.context["n_ratings"] == 0
    assert {mark.stars for mark in other.context["asked"]} == {None}
    assert "sessionid" not in other.cookies


@pytest.mark.parametrize("kept", [7, {"x": 1}, {"1": 9}, ["1"], {"99999999999": 5}])
def test_an_odd_session_is_read_as_none(client, trained, kept):
    session = client.session
    session[SESSION_KEY] = kept
    session.save()
    assert page(client).context["n_ratings"] == 0
    assert client.get(reverse("try_out_list")).status_code == 200
    assert client.get(reverse("home")).status_code == 200


def test_without_a_run_the_most_read_books_are_asked_about(client, db):
    make_readers()
    response = page(client)
    assert titles(response.context["asked"])[:2] == ["Volume 1", "Volume 2"]
    assert len(listed(response)) == 10
    following = page(client, seen=response.context["seen_next"])
    assert titles(following.context["asked"]) == [f"Volume {n}" for n in range(25, 31)]


def test_an_empty_catalogue_says_so(client, db):
    html = page(client).content.decode()
    assert "No books yet" in html
    assert "Nothing to recommend yet" in html


def test_hidden_books_are_not_asked_about(client, trained):
    book = trained["Dragon"][0]
    book.is_hidden = True
    book.save()
    assert book.title not in titles(page(client).context["asked"])


@pytest.mark.parametrize("name", ["try_out", "try_out_list", "welcome", "welcome_list"])
def test_pages_of_ones_own_are_kept_by_no_cache(client, newcomer, name):
    if name.startswith("welcome"):
        client.force_login(newcomer)
    assert "no-store" in client.get(reverse(name))["Cache-Control"]
    assert client.post(reverse(name)).status_code == 405


@pytest.mark.parametrize("name", ["start_over", "welcome_done"])
def test_only_post_changes_anything(client, newcomer, name):
    assert client.get(reverse(name)).status_code == 405
    assert Client(enforce_csrf_checks=True).post(reverse(name)).status_code == 403


def test_no_page_asks_more_than_twelve_queries(
    client, newcomer, trained, django_assert_max_num_queries
):
    for book in trained["Dragon"][:5]:
        rate(client, book, 4)
    for address in (reverse("try_out") + "?q=dragon", reverse("try_out_list")):
        with django_assert_max_num_queries(12):
            client.get(address)
    client.force_login(newcomer)
    for address in (reverse("welcome") + "?q=dragon", reverse("welcome_list")):
        with django_assert_max_num_queries(12):
            client.get(address)
