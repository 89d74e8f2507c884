"""The home page: what guests see, and where readers go on."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import ImportedReaderFactory, UserFactory
from bookrec_site.pages.onboarding import DONE_KEY
from catalog.models import Book, BookGenre, Genre, Series, Volume
from catalog.tests.factories import BookFactory
from ratings.services import dismiss_book, mark_read, rate_book, shelve_book
from ratings.tests.factories import RatingFactory
from ratings.tests.readers import Readers, make_readers

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(db) -> Readers:
    return make_readers()


@pytest.fixture
def dragon_lover(trained) -> User:
    user = UserFactory(username="alice")
    for book in trained["Dragon"][:5]:
        rate_book(user=user, book=book, stars=5)
    return user


def home(client, **params):
    response = client.get(reverse("home"), params)
    assert response.status_code == 200
    return response


def names(marks) -> list[str]:
    return [mark.book.title for mark in marks]


def skip_welcome(client) -> None:
    client.post(reverse("welcome_done"))


# Guests


def test_a_guest_is_offered_to_try_it_and_to_sign_up(client, readers):
    html = home(client).content.decode()
    assert f'href="{reverse("try_out")}"' in html
    assert f'href="{reverse("account_signup")}"' in html
    assert "Loved by readers of all kinds" in html


def test_a_guest_who_has_begun_is_led_on(client, readers):
    client.post(reverse("rate_book", args=[readers.books[0].pk]), {"stars": "5"})
    assert "Go on: 1 book rated" in home(client).content.decode()
    assert "Go on" not in home(Client()).content.decode()


def test_a_guest_who_only_looks_gets_no_session(client, readers):
    response = home(client)
    assert "sessionid" not in response.cookies


def test_an_empty_catalogue_says_so(client):
    html = home(client).content.decode()
    assert "No books yet" in html
    assert "Most read" not in html


def test_no_book_is_on_a_guests_page_twice(client, readers):
    html = home(client).content.decode()
    for book in readers.books:
        assert html.count(f'id="book-{book.pk}"') <= 1


def test_new_books_come_by_year_then_by_readers(client):
    year = timezone.now().year
    for title, published, read in (
        ("Old", 1900, 99),
        ("Latest, little read", year, 1),
        ("Latest", year, 5),
        ("To come", year + 1, 9),
        ("No year", None, 9),
        ("Last year's", year - 1, 9),
    ):
        BookFactory(title=title, publication_year=published, ratings_count=read)
    BookFactory(title="Hidden", publication_year=year, is_hidden=True)
    # Sixteen well-read books fill what everybody loves.
    for n in range(16):
        BookFactory(title=f"Loved {n}", ratings_count=1000)
    assert names(home(client).context["new"]) == [
        "Latest",
        "Latest, little read",
        "Last year's",
        "Old",
    ]


@pytest.fixture
def rated_lately(readers) -> list[Book]:
    """Five of the last books, rated by two readers of this site each, the first by three."""
    books = readers.books[20:25]
    for book in books:
        RatingFactory(book=book)
        RatingFactory(book=book)
    RatingFactory(book=books[3])
    return books


def test_trending_is_what_most_readers_of_the_site_rated_lately(client, rated_lately, readers):
    # One reader is no trend; who is no reader of this site, or has no date, does not count.
    RatingFactory(book=readers.books[26])
    for _ in range(5):
        RatingFactory(user=ImportedReaderFactory(), book=readers.books[27])
    for _ in range(5):
        before = timezone.now() - timedelta(days=31)
        RatingFactory(book=readers.books[28], created_at=before)
    response = home(client)
    assert names(response.context["read"]) == [
        "Volume 24",
        *("Volume 21", "Volume 22", "Volume 23", "Volume 25"),
    ]
    html = response.content.decode()
    assert "Trending" in html
    assert "Rated by most readers here in the last 30 days" in html


def test_without_a_trend_the_most_read_are_shown_and_called_that(client, readers):
    response = home(client)
    html = response.content.decode()
    assert "Trending" not in html
    assert "too little was rated here lately" in html
    assert names(response.context["read"])[0] == "Volume 17"


def test_a_genre_narrows_what_is_new_and_read(client, readers):
    horror = Genre.objects.create(slug="horror", name="Horror")
    for book in readers.books[20:23]:
        BookGenre.objects.create(book=book, genre=horror, share=1)
    response = home(client, genre="horror")
    assert "Most read in Horror" in response.content.decode()
    assert names(response.context["read"]) == ["Volume 21", "Volume 22", "Volume 23"]
    part = client.get(
        reverse("home"),
        {"genre": "horror"},
        headers={"HX-Request": "true", "HX-Target": "by-genre"},
    )
    html = part.content.decode()
    assert "<html" not in html
    assert "Most read in Horror" in html
    assert names(part.context["read"]) == names(response.context["read"])


def test_genres_have_the_language_of_the_page_and_a_book_to_show(client, readers):
    for slug, name in (("horror", "Horror"), ("humour", "Humour"), ("travel", "Travel")):
        genre = Genre.objects.create(slug=slug, name=name)
        if slug != "travel":
            book = readers.books[0 if slug == "humour" else 1]
            BookGenre.objects.create(book=book, genre=genre, share=1)
    tab = re.compile(r'genre=([\w-]+)#by-genre"[^>]*>([^<]*)</a>')
    client.cookies["django_language"] = "de"
    html = home(client, genre="humour").content.decode()
    assert tab.findall(html) == [("horror", "Horror"), ("humour", "Humor")]
    assert "Neu in Humor" in html
    Book.objects.filter(pk=readers.books[1].pk).update(is_hidden=True)
    assert tab.findall(home(client).content.decode()) == [("humour", "Humor")]
    assert client.get(reverse("home"), {"genre": "travel"}).status_code == 404


@pytest.mark.parametrize("genre", ["nonsense", "\0", "x" * 5000, "<b>"])
def test_a_genre_that_there_is_not_is_not_found(client, readers, genre):
    assert client.get(reverse("home"), {"genre": genre}).status_code == 404


# Readers


def test_a_newcomer_is_asked_for_books_first_and_may_skip_that(client, readers):
    client.force_login(readers.charlie)
    assert client.get(reverse("home"))["Location"] == reverse("welcome")
    skip_welcome(client)
    assert client.session[DONE_KEY]
    html = home(client).content.decode()
    assert "Ten to begin with" in html
    assert "Rate 5 more books" in html


def test_a_reader_gets_ten_with_reasons(client, dragon_lover):
    client.force_login(dragon_lover)
    response = home(client)
    top = response.context["top"]
    assert len(top) == 10
    assert names(mark for _, mark in top)[0].startswith("Dragon")
    html = response.content.decode()
    assert "Your next ten" in html
    assert "From your 5 ratings" in html
    assert "Because you gave Dragon" in html
    assert "no-store" in response["Cache-Control"]


def test_the_ten_are_those_of_the_list_page(client, dragon_lover, trained):
    client.force_login(dragon_lover)
    dismiss_book(user=dragon_lover, book=trained["Detective"][0])
    shown = [item.book for item, _ in home(client).context["top"]]
    listed = client.get(reverse("recommendations")).context["rows"]
    assert shown == [row.item.book for row in listed]


def test_who_wants_no_recommendations_gets_none_and_the_other_rows(client, dragon_lover, trained):
    shelve_book(user=dragon_lover, book=trained["Detective"][0])
    dragon_lover.wants_recommendations = False
    dragon_lover.save()
    client.force_login(dragon_lover)
    response = home(client)
    html = response.content.decode()
    assert response.context["top"] == []
    assert response.context["because"] == []
    assert response.context["rows"].predicted == {}
    assert "Because you gave" not in html
    assert "Recommendations are turned off" in html
    assert names(response.context["to_read"]) == ["Detective 0"]


def test_a_newcomer_without_recommendations_is_not_asked_for_books(client, readers):
    readers.charlie.wants_recommendations = False
    readers.charlie.save()
    client.force_login(readers.charlie)
    assert "Recommendations are turned off" in home(client).content.decode()


def test_home_works_before_any_run(client, readers):
    client.force_login(readers.alice)
    response = home(client)
    assert len(response.context["top"]) == 10
    assert response.context["rows"].predicted.keys() <= {book.pk for book in readers.books}
    # Volume 13 comes next in the series.
    assert names(response.context["to_read"]) == ["Volume 14"]


def test_no_book_is_on_a_readers_page_twice(client, dragon_lover, trained):
    for book in trained["Dragon"][6:9]:
        shelve_book(user=dragon_lover, book=book)
    shelve_book(user=dragon_lover, book=trained["Dragon"][9], shelf="reading")
    series = Series.objects.create(name="Dragons")
    for number, place in ((1, 0), (2, 10)):
        Volume.objects.create(book=trained["Dragon"][place], series=series, number=number)
    client.force_login(dragon_lover)
    html = home(client).content.decode()
    assert html.count(f'id="book-{trained["Dragon"][10].pk}"') == 1
    for book in Book.objects.all():
        assert html.count(f'id="book-{book.pk}"') <= 1


def test_charlie_sees_nothing_of_alice(client, dragon_lover, trained):
    for book in trained["Dragon"][6:9]:
        shelve_book(user=dragon_lover, book=book)
    client.force_login(UserFactory(username="charlie"))
    skip_welcome(client)
    response = home(client)
    assert response.context["to_read"] == []
    assert response.context["because"] == []
    assert response.context["next_volumes"] == []
    assert not response.context["rows"].is_personal


def test_the_next_volume_is_shown_after_the_one_read_last(client, readers):
    client.force_login(readers.alice)
    rate_book(user=readers.alice, book=readers.books[2], stars=5)
    [(item, mark)] = home(client).context["next_volumes"]
    assert mark.book.title == "Volume 13"
    assert item.after.title == "Volume 3"
    assert "The Long Series #13, after Volume 3" in home(client).content.decode()


def test_a_shelved_next_volume_is_in_the_series_row_alone(client, readers):
    client.force_login(readers.alice)
    response = home(client)
    assert names(mark for _, mark in response.context["next_volumes"]) == ["Volume 13"]
    assert "Volume 13" not in names(response.context["to_read"])


def test_what_is_being_read_has_a_row(client, readers):
    shelve_book(user=readers.alice, book=readers.books[20], shelf="reading")
    client.force_login(readers.alice)
    response = home(client)
    assert names(response.context["reading"]) == ["Volume 21"]
    assert "Reading now" in response.content.decode()


def test_a_hidden_book_is_in_no_row(client, readers):
    shelve_book(user=readers.alice, book=readers.books[20], shelf="reading")
    for book in (readers.books[12], readers.books[13], readers.books[20]):
        book.is_hidden = True
        book.save()
    client.force_login(readers.alice)
    response = home(client)
    assert response.context["reading"] == []
    assert response.context["to_read"] == []
    assert response.context["next_volumes"] == []
    # The series goes on with the next volume that there is.
    assert names(mark for _, mark in response.context["top"])[0] == "Volume 15"


def test_home_asks_few_queries_however_much_there_is(
    client, dragon_lover, trained, django_assert_max_num_queries
):
    for book in trained["Detective"][:8]:
        shelve_book(user=dragon_lover, book=book)
    for n in range(1, 9):
        begun = BookFactory(series=f"Series {n}", series__number=1)
        BookFactory(series=f"Series {n}", series__number=2)
        rate_book(user=dragon_lover, book=begun, stars=4)
        mark_read(user=dragon_lover, book=begun)
    shelve_book(user=dragon_lover, book=BookFactory(), shelf="reading")
    dismiss_book(user=dragon_lover, book=BookFactory())
    client.force_login(dragon_lover)
    home(client)  # what the new books borrow is looked up once
    # Every row at once, and whether a curator has pinned a list.
    with django_assert_max_num_queries(13):
        response = home(client)
    assert len(response.context["next_volumes"]) == 8
    assert len(response.context["to_read"]) == 8
    with django_assert_max_num_queries(12):
        home(Client())
    for n in range(1, 9):
        rate_book(user=dragon_lover, book=trained["Dragon"][n], stars=1)
    with django_assert_max_num_queries(13):
        home(client)
