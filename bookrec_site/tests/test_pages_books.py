"""Browsing, and the page of one book."""

import re

import pytest
from django.urls import reverse

from catalog.models import Book, BookGenre, Genre, Volume
from catalog.tests.factories import BookFactory
from ratings.tests.factories import RatingFactory
from ratings.tests.readers import Readers, make_readers

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(db) -> Readers:
    return make_readers()


@pytest.fixture
def genres(readers) -> dict[str, Genre]:
    """The first ten books are fantasy, the first three of them horror too."""
    made = {
        slug: Genre.objects.create(slug=slug, name=slug.capitalize())
        for slug in ("fantasy", "horror", "western")
    }
    for book in readers.books[:10]:
        BookGenre.objects.create(book=book, genre=made["fantasy"], share=0.6)
    for book in readers.books[:3]:
        BookGenre.objects.create(book=book, genre=made["horror"], share=0.4)
    return made


def titles(response) -> list[str]:
    return [mark.book.title for mark in response.context["books"]]


def browse(client, **params):
    response = client.get(reverse("browse"), params)
    assert response.status_code == 200
    return response


def test_browse_shows_24_a_page_the_most_popular_first(client, readers):
    first, second = browse(client), browse(client, page=2)
    assert titles(first) == [f"Volume {n}" for n in range(1, 25)]
    assert titles(second) == [f"Volume {n}" for n in range(25, 31)]
    assert "30 books, page 1 of 2" in first.content.decode()
    assert 'href="?page=2"' in first.content.decode()


def test_genres_are_counted_among_what_was_searched(client, genres):
    counts = {row.key: row.n_books for row in browse(client).context["facets"].genres}
    assert counts == {"fantasy": 10, "horror": 3}
    searched = browse(client, q="volume 2").context["facets"]
    counts = {row.key: row.n_books for row in searched.genres}
    # "2" begins 2 and 20 to 29; of these only Volume 2 is in a genre.
    assert counts == {"fantasy": 1, "horror": 1}


def test_a_genre_narrows_the_list_and_keeps_the_other_parameters(client, genres):
    response = browse(client, genre="horror", sort="title", page=1)
    assert titles(response) == ["Volume 1", "Volume 2", "Volume 3"]
    assert 'href="?genre=fantasy&amp;sort=title"' in response.content.decode()


def test_a_genre_without_a_match_says_so_kindly(client, genres):
    response = browse(client, genre="western", q="volume")
    assert titles(response) == []
    assert "Nothing found" in response.content.decode()


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("rating", ["B", "C", "A", "D"]),
        ("year", ["C", "A", "B", "D"]),
        ("title", ["A", "B", "C", "D"]),
        ("popular", ["D", "A", "B", "C"]),
        ("nonsense", ["D", "A", "B", "C"]),
        ("best", ["D", "A", "B", "C"]),
    ],
)
def test_browse_sorts(client, sort, expected):
    BookFactory(title="A", average_rating=3, publication_year=1900, ratings_count=8)
    BookFactory(title="B", average_rating=5, publication_year=-380, ratings_count=7)
    BookFactory(title="C", average_rating=4, publication_year=2020, ratings_count=6)
    BookFactory(title="D", average_rating=None, publication_year=None, ratings_count=9)
    assert titles(browse(client, sort=sort)) == expected


def test_browse_by_author_and_by_series(client, readers):
    author = readers.books[4].authors.get(name="Writer 5")
    assert titles(browse(client, author=author.pk)) == ["Volume 5"]
    series = readers.books[0].series.get()
    response = browse(client, series=series.pk)
    assert response.context["page"].paginator.count == 30
    assert "The Long Series" in response.content.decode()


def test_search_finds_and_says_what_was_searched(client, readers):
    response = browse(client, q="  VOLUME   7 ")
    assert titles(response) == ["Volume 7"]
    assert "Results for “VOLUME 7”" in response.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "?q=" + "a" * 10_000,
        "?q=%00",
        "?q=%00dune%00",
        "?q=%3Cscript%3Ealert(1)%3C/script%3E",
        "?q=%FF%FE",
        "?q=%27%22%5C%25_",
        "?page=abc",
        "?page=0",
        "?page=-5",
        "?page=99999999999999999999",
        "?sort=%00",
        "?q=volume&sort=best&page=2",
        "?q=a&q=b&sort=&genre=&author=&series=",
        "?unknown=1&x[]=2",
    ],
)
def test_odd_parameters_are_answered_politely(client, readers, query):
    response = client.get(reverse("browse") + query)
    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "?genre=nonsense",
        "?genre=%00",
        "?genre=" + "x" * 10_000,
        "?author=0",
        "?author=abc",
        "?author=" + "9" * 30,
        "?series=-1",
        "?series=1e3",
        "?author=%00",
    ],
)
def test_a_genre_author_or_series_that_does_not_exist_is_not_found(client, readers, query):
    response = client.get(reverse("browse") + query)
    assert response.status_code == (200 if query == "?genre=%00" else 404)


def test_hidden_books_are_in_no_list_and_have_no_page(client, genres, readers):
    hidden = readers.books[0]
    hidden.is_hidden = True
    hidden.save(update_fields=["is_hidden"])
    for params in ({}, {"q": "volume 1"}, {"genre": "fantasy"}, {"sort": "title"}):
        assert hidden.title not in titles(browse(client, **params))
    assert browse(client).context["facets"].genres[0].n_books == 9
    assert client.get(hidden.get_absolute_url()).status_code == 404
    neighbour = client.get(readers.books[1].get_absolute_url()).content.decode()
    assert f'"{hidden.get_absolute_url()}"' not in neighbour


def test_cards_show_ones_own_stars_and_nobody_elses(client, readers):
    def lit(user) -> list[int | None]:
        if user:
            client.force_login(user)
        return [mark.stars for mark in browse(client).context["books"]]

    assert lit(None) == [None] * 24
    assert lit(readers.alice) == [n % 5 + 1 for n in range(12)] + [None] * 12
    assert lit(readers.bob) == [3, 3] + [None] * 22
    assert lit(readers.charlie) == [None] * 24


def test_stars_on_a_card_are_labelled_buttons_that_know_their_state(client, readers):
    client.force_login(readers.bob)
    html = client.get(readers.books[0].get_absolute_url()).content.decode()
    form = re.search(r'<form class="stars large".*?</form>', html, re.S)[0]
    assert re.findall(r'value="(\d)" aria-pressed="(\w+)"', form) == [
        ("1", "false"),
        ("2", "false"),
        ("3", "true"),
        ("4", "false"),
        ("5", "false"),
    ]
    assert form.count('class="star lit"') == 3
    assert "Your stars for Volume 1" in form
    assert 'value="remove"' in form
    client.force_login(readers.charlie)
    html = client.get(readers.books[0].get_absolute_url()).content.decode()
    assert 'value="remove"' not in html


@pytest.fixture
def republic(db) -> Book:
    book = BookFactory(
        title="The Republic",
        original_title="Πολιτεία",
        authors=["Plato", "Desmond Lee"],
        publication_year=-380,
        language="grc",
        description="Justice <b>itself</b>.\n\nA city in speech.",
        description_source=Book.DescriptionSource.LANGUAGE_MODEL,
        average_rating="3.90",
        ratings_count=110,
        stars_1=10,
        stars_2=10,
        stars_3=20,
        stars_4=30,
        stars_5=40,
    )
    for name, share in (("Politics", 0.3), ("Philosophy", 0.7)):
        genre = Genre.objects.create(slug=name.lower(), name=name)
        BookGenre.objects.create(book=book, genre=genre, share=share)
    RatingFactory.create_batch(3, book=book, stars=5)
    RatingFactory(book=book, stars=1)
    return book


def test_the_page_of_a_book_says_all_that_is_known(client, republic):
    html = client.get(republic.get_absolute_url()).content.decode()
    for text in ("The Republic", "Πολιτεία", "380 BCE", "Ancient Greek", "A city in speech."):
        assert text in html
    assert "Justice &lt;b&gt;itself&lt;/b&gt;." in html
    assert "Written by a language model; may be wrong." in html
    assert html.index("?genre=philosophy") < html.index("?genre=politics")
    for author in republic.authors.all():
        assert f'href="/authors/{author.pk}/"' in html
    assert html.index(">Plato<") < html.index(">Desmond Lee<")


def test_a_description_by_a_curator_is_not_called_a_machines(client, republic):
    republic.description_source = Book.DescriptionSource.CURATOR
    republic.save()
    html = client.get(republic.get_absolute_url()).content.decode()
    assert "language model; may be wrong" not in html
    assert "Written by a curator" in html


def test_the_two_histograms_are_told_apart(client, republic):
    response = client.get(republic.get_absolute_url())
    assert response.context["site_histogram"] == [1, 0, 0, 0, 3]
    assert response.context["goodreads_histogram"] == [10, 10, 20, 30, 40]
    html = response.content.decode()
    here, goodreads = html.index("<h3>Readers here</h3>"), html.index("<h3>Goodreads</h3>")
    assert "4 ratings" in html[here:goodreads]
    assert "110 ratings" in html[goodreads:]
    # 40 of 110, as a bar whose width needs no style attribute.
    assert '<rect width="36.36"' in html[goodreads:]


def test_a_book_that_nobody_rated_has_no_goodreads_figures(client):
    html = client.get(BookFactory().get_absolute_url()).content.decode()
    assert "No ratings yet." in html
    assert "<h3>Goodreads</h3>" not in html


def test_the_volumes_of_a_series_are_listed_in_order(client, readers):
    series = readers.books[0].series.get()
    omnibus = BookFactory(title="Omnibus")
    Volume.objects.create(book=omnibus, series=series, label="1-3", number=None)
    novella = BookFactory(title="Novella")
    Volume.objects.create(book=novella, series=series, label="0.5", number="0.5")
    [(_, volumes)] = client.get(readers.books[4].get_absolute_url()).context["series"]
    assert [row.volume.book.title for row in volumes] == [
        "Novella",
        *(f"Volume {n}" for n in range(1, 31)),
        "Omnibus",
    ]
    html = client.get(readers.books[4].get_absolute_url()).content.decode()
    assert f'href="{readers.books[4].get_absolute_url()}" aria-current="page"' in html


def test_only_reading_is_allowed(client, readers):
    for address in (
        reverse("home"),
        reverse("browse"),
        readers.books[0].get_absolute_url(),
        reverse("placeholder_cover", args=[readers.books[0].pk]),
    ):
        assert client.head(address).status_code == 200
        for method in ("post", "put", "patch", "delete"):
            assert getattr(client, method)(address).status_code == 405


def test_no_page_asks_more_than_twelve_queries(
    client, genres, readers, django_assert_max_num_queries
):
    author = readers.books[0].authors.first()
    series = readers.books[0].series.get()
    addresses = (
        reverse("home"),
        reverse("browse"),
        f"/books/?q=volume&genre=fantasy&author={author.pk}&series={series.pk}&sort=best",
        readers.books[0].get_absolute_url(),
    )
    for reader in (None, readers.charlie, readers.alice):
        if reader:
            client.force_login(reader)
        for address in addresses:
            with django_assert_max_num_queries(12):
                client.get(address)


def test_more_books_ask_no_more_queries(client, readers, django_assert_num_queries):
    client.force_login(readers.alice)
    with django_assert_num_queries(8):
        assert len(titles(browse(client))) == 24
    with django_assert_num_queries(8):
        assert len(titles(browse(client, page=2))) == 6
