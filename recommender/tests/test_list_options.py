"""Reading what a reader asks of a list, and lists that are made so."""

import pytest
from django.http import QueryDict
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from catalog.models import Book, BookGenre, Genre, Series, Volume
from catalog.tests.factories import BookFactory
from ratings.models import Dismissal
from ratings.opinions import Opinions
from ratings.services import dismiss_book, mark_read, rate_book, undo_dismissal
from recommender.list_options import Choices, ListOptions, read_options
from recommender.serving import predicted_stars, recommendations_for, recommendations_from
from recommender.training import run_training

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/recommendations/"


def titles(found) -> list[str]:
    return [item.book.title for item in found.items]


def add_genre(books, slug: str) -> Genre:
    genre, _ = Genre.objects.get_or_create(slug=slug, defaults={"name": slug.title()})
    for book in books:
        BookGenre.objects.create(book=book, genre=genre, share=0.5)
    return genre


@pytest.fixture
def bob(trained):
    """A reader with three ratings, all for dragons."""
    bob = UserFactory(username="bob")
    for book in trained["Dragon"][:3]:
        rate_book(user=bob, book=book, stars=5)
    return bob


def test_a_whole_address_is_read(db) -> None:
    book = BookFactory(language="fre")
    add_genre([book], "fantasy")
    read = read_options(
        QueryDict(
            "k=20&genre=fantasy&language=fre&year_from=-380&year_to=1999&diversity=.5&novelty=1"
            f"&like={book.pk}&page=3"
        )
    )
    assert read.errors == {}
    assert read.k == 20
    assert read.options == ListOptions("fantasy", "fre", -380, 1999, 0.5, 1.0, book.pk)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0.0), ("1", 1.0), (".5", 0.5), ("1e-3", 0.001), ("5.e-324", 5e-324)]
)
def test_a_number_may_be_written_as_programs_write_it(db, text: str, value: float) -> None:
    read = read_options(QueryDict(f"diversity={text}"))
    assert (read.errors, read.options.diversity) == ({}, value)


def test_an_empty_form_asks_for_nothing(db) -> None:
    read = read_options(
        QueryDict("k=&genre=&language=&year_from=&year_to=&diversity=&novelty=&like=")
    )
    assert (read.options, read.k, read.errors) == (ListOptions(), 10, {})
    assert not read.options.filters


WRONG = [
    ("k", ["0", "101", "-1", "ten", "1.5", "1e3", "9" * 5000, "٣", "1\0"]),
    ("genre", ["\0", "no-such", "Fantasy'--", "x" * 5000]),
    ("language", ["\0", "xxx", "ENG"]),
    ("year_from", ["9e99", "1999.5", "9" * 30, "١٩٩٩", "\0", "NaN"]),
    ("year_to", ["later", "10000", "-99999"]),
    (
        "diversity",
        ["nan", "inf", "-0.1", "1.1", "1e3", "1e9999", "0,5", ".", "\0", "٠", "9" * 400],
    ),
    ("novelty", ["NaN", "-1", "2", "1_0"]),
    ("like", ["0", "-1", "9" * 30, "999999999", "one", "\0", "1.0"]),
]


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in WRONG for text in texts]
)
def test_a_wrong_value_is_named_and_has_its_default(db, name, text) -> None:
    params = QueryDict(mutable=True)
    params[name] = text
    read = read_options(params, Choices())
    assert list(read.errors) == [name]
    assert (read.options, read.k) == (ListOptions(), 10)


def test_years_the_wrong_way_round_are_told(db) -> None:
    read = read_options(QueryDict("year_from=2000&year_to=1990&diversity=1"), Choices())
    assert list(read.errors) == ["year_to"]
    assert read.options == ListOptions(diversity=1.0)


def test_a_hidden_book_or_genre_cannot_be_asked_for(db) -> None:
    hidden = BookFactory(is_hidden=True, language="ice")
    add_genre([hidden], "horror")
    read = read_options(QueryDict(f"like={hidden.pk}&genre=horror&language=ice"), Choices())
    assert set(read.errors) == {"like", "genre", "language"}


def test_the_api_names_every_field_that_is_wrong(trained, bob) -> None:
    client = APIClient()
    client.force_authenticate(bob)
    response = client.get(ADDRESS, {"genre": "\0", "year_from": "9e99", "diversity": "nan", "k": 0})
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert set(response.json()["errors"]) == {"genre", "year_from", "diversity", "k"}


@pytest.mark.parametrize(
    "params", [{"genre": "no-such"}, {"language": "xxx"}, {"year_from": 2000, "year_to": 1990}]
)
def test_the_api_has_no_book_of_what_there_is_not(trained, bob, params) -> None:
    """As `books/` does."""
    client = APIClient()
    client.force_authenticate(bob)
    for address, page in ((ADDRESS, "results"), ("/api/v1/books/", "results")):
        response = client.get(address, params)
        assert (response.status_code, response.json()[page]) == (200, [])


def test_the_api_knows_no_book_like_one_that_there_is_not(trained, bob) -> None:
    client = APIClient()
    client.force_authenticate(bob)
    for book_id in (999_999_999, BookFactory(is_hidden=True).pk):
        response = client.get(ADDRESS, {"like": book_id})
        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"
        # Another field is wrong as well: both are named.
        response = client.get(ADDRESS, {"like": book_id, "k": 0})
        assert (response.status_code, set(response.json()["errors"])) == (400, {"like", "k"})
    for text in ("0", "-1", "one", "1.0", "9" * 19, ""):
        response = client.get(ADDRESS, {"like": text})
        assert (response.status_code, set(response.json()["errors"])) == (400, {"like"})


def test_the_api_refuses_what_is_empty_or_given_twice(trained, bob) -> None:
    """As `books/` does."""
    client = APIClient()
    client.force_authenticate(bob)
    for name in ("k", "genre", "language", "year_to", "diversity", "like", "explain"):
        for value in ("", ["1", "1"]):
            response = client.get(ADDRESS, {name: value})
            assert (response.status_code, set(response.json()["errors"])) == (400, {name})


def test_the_api_filters(trained, bob) -> None:
    add_genre(trained["Dragon"][5:8], "fantasy")
    client = APIClient()
    client.force_authenticate(bob)
    body = client.get(ADDRESS, {"genre": "fantasy", "novelty": "0.5", "diversity": 1}).json()
    shown = {item["book"]["id"] for item in body["results"]}
    assert shown == {book.pk for book in trained["Dragon"][5:8]}


def test_every_book_of_a_filtered_list_matches_and_the_list_is_full(trained, bob) -> None:
    wanted = [*trained["Dragon"][6:10], *trained["Detective"][:6]]
    add_genre(wanted, "fantasy")
    Book.objects.filter(pk__in=[book.pk for book in wanted]).update(
        language="fre", publication_year=1990
    )
    everything = titles(recommendations_for(bob, 21))
    for options in (
        ListOptions(genre="fantasy"),
        ListOptions(language="fre"),
        ListOptions(year_from=1985, year_to=1995),
        ListOptions(genre="fantasy", language="fre", year_from=1990, year_to=1990),
    ):
        found = recommendations_for(bob, 10, options=options)
        assert found.basis == "ratings"
        # Ordered as without the filter: dragons first.
        assert set(titles(found)) == {book.title for book in wanted}
        assert titles(found)[:4] == [
            title for title in everything if title in {book.title for book in wanted[:4]}
        ]
    assert recommendations_for(bob, 10, options=ListOptions(year_from=2999)).items == []


def test_a_book_without_a_year_meets_no_year(trained, bob) -> None:
    Book.objects.update(publication_year=None)
    assert recommendations_for(bob, 10, options=ListOptions(year_to=3000)).items == []


def test_who_rated_nothing_gets_popular_books_that_match(trained) -> None:
    wanted = trained["Detective"][2:7]
    add_genre(wanted, "crime")
    newer = BookFactory(title="Newer than the model")
    add_genre([newer], "crime")
    found = recommendations_for(UserFactory(), 10, options=ListOptions(genre="crime"))
    assert found.basis == "popular"
    assert set(titles(found)) == {book.title for book in wanted} | {newer.title}


def test_without_a_model_filters_hold_too(artifacts) -> None:
    little, much = BookFactory(ratings_count=1), BookFactory(ratings_count=9)
    add_genre([little], "crime")
    options = ListOptions(genre="crime", diversity=1.0, novelty=1.0)
    assert recommendations_for(UserFactory(), options=options).items[0].book == little
    assert len(recommendations_for(UserFactory(), options=options).items) == 1
    assert recommendations_for(UserFactory(), options=ListOptions(like=much.pk)).items == []


def test_a_series_whose_next_volume_does_not_match_is_left_out(two_tastes, artifacts) -> None:
    """Volume 2 would be out of order, volume 1 is not what was asked for."""
    series = Series.objects.create(name="Saga")
    first, second = two_tastes["Dragon"][8:10]
    for number, book in ((1, first), (2, second)):
        Volume.objects.create(book=book, series=series, number=number, label=str(number))
    run_training(trigger="test")
    bob = UserFactory(username="bob")
    for book in two_tastes["Dragon"][:3]:
        rate_book(user=bob, book=book, stars=5)
    Book.objects.update(publication_year=1990)
    Book.objects.filter(pk=second.pk).update(publication_year=2005)
    assert titles(recommendations_for(bob, options=ListOptions(year_from=2000))) == []
    shown = titles(recommendations_for(bob, 24, options=ListOptions(year_to=2000)))
    assert first.title in shown
    assert second.title not in shown
    # Read without stars: the second volume is the next, and is found in its year.
    mark_read(user=bob, book=first)
    assert titles(recommendations_for(bob, options=ListOptions(year_from=2000))) == [second.title]


def test_a_dismissed_book_is_gone_and_its_likes_sink(trained, bob) -> None:
    before = titles(recommendations_for(bob, 21))
    dismissed = recommendations_for(bob, 1).items[0].book
    dismiss_book(user=bob, book=dismissed)
    after = titles(recommendations_for(bob, 21))
    assert dismissed.title not in after
    assert sorted(after) == sorted(set(before) - {dismissed.title})
    undo_dismissal(user=bob, book=dismissed)
    assert titles(recommendations_for(bob, 21)) == before


def test_dismissals_turn_a_list_of_popular_books(trained) -> None:
    charlie = UserFactory(username="charlie")
    dismissed = {book.title for book in trained["Dragon"][:6]}
    before = [t for t in titles(recommendations_for(charlie, 24)) if t not in dismissed]
    for book in trained["Dragon"][:6]:
        dismiss_book(user=charlie, book=book)
    after = titles(recommendations_for(charlie, 24))
    assert sorted(after) == sorted(before)
    sunk = [after.index(t) - before.index(t) for t in before if t.startswith("Dragon")]
    assert sum(sunk) > 0


def test_another_readers_dismissals_change_nothing(trained, bob) -> None:
    alice = UserFactory(username="alice")
    for book in trained["Dragon"][:3]:
        rate_book(user=alice, book=book, stars=5)
    before = [(item.book.pk, item.score) for item in recommendations_for(alice, 20).items]
    for item in recommendations_for(bob, 5).items:
        dismiss_book(user=bob, book=item.book)
    assert [(item.book.pk, item.score) for item in recommendations_for(alice, 20).items] == before


def test_sliders_at_nought_leave_the_list_bit_equal(trained, bob) -> None:
    plain = recommendations_for(bob, 20)
    same = recommendations_for(bob, 20, options=ListOptions(diversity=0.0, novelty=0.0))
    assert [(item.book, item.score, item.reasons) for item in same.items] == [
        (item.book, item.score, item.reasons) for item in plain.items
    ]


def test_the_slider_of_variety_parts_books_by_one_author(two_tastes, artifacts) -> None:
    author = two_tastes["Dragon"][3].authorships.get().author
    for book in two_tastes["Dragon"][4:]:
        book.authorships.update(author=author)
    run_training(trigger="test")
    bob = UserFactory(username="bob")
    for book in two_tastes["Dragon"][:3]:
        rate_book(user=bob, book=book, stars=5)

    def by_the_author(diversity: float) -> int:
        found = recommendations_for(bob, 4, options=ListOptions(diversity=diversity))
        scores = [item.score for item in found.items]
        assert scores == sorted(scores, reverse=True)
        return sum(item.book.authorships.all()[0].author_id == author.pk for item in found.items)

    assert by_the_author(1.0) < by_the_author(0.0) == 4


def test_the_slider_of_gems_raises_what_few_have_rated(two_tastes, artifacts) -> None:
    Book.objects.update(ratings_count=1_000_000, stars_4=1_000_000)
    gem = two_tastes["Dragon"][11]
    Book.objects.filter(pk=gem.pk).update(ratings_count=50, stars_4=50)
    run_training(trigger="test")
    bob = UserFactory(username="bob")
    for book in two_tastes["Dragon"][:3]:
        rate_book(user=bob, book=book, stars=5)

    def place(novelty: float) -> int:
        found = recommendations_for(bob, 21, options=ListOptions(novelty=novelty))
        return titles(found).index(gem.title)

    assert place(1.0) <= place(0.5) <= place(0.0)
    assert place(1.0) == 0


def test_more_like_a_book_is_like_it(trained, bob) -> None:
    wanted = trained["Detective"][0]
    found = recommendations_for(bob, 5, options=ListOptions(like=wanted.pk))
    assert found.basis == "ratings"
    assert len(found.items) == 5
    assert wanted.title not in titles(found)
    assert sum(title.startswith("Detective") for title in titles(found)) >= 4
    # Without ratings the book asked for decides alone.
    found = recommendations_for(UserFactory(), 5, options=ListOptions(like=wanted.pk))
    assert found.basis == "book"
    assert all(title.startswith("Detective") for title in titles(found))


def test_more_like_a_book_newer_than_the_model_is_nothing_yet(trained, bob) -> None:
    fresh = BookFactory()
    assert recommendations_for(bob, options=ListOptions(like=fresh.pk)).items == []


def test_who_wants_none_gets_none(trained, bob) -> None:
    bob.wants_recommendations = False
    bob.save()
    found = recommendations_for(bob)
    assert (found.items, found.basis) == ([], "off")
    client = APIClient()
    client.force_authenticate(bob)
    body = client.get(ADDRESS).json()
    assert (body["basis"], body["results"]) == ("off", [])
    assert not any(stars.is_personal for stars in predicted_stars(bob, trained["Dragon"]).values())


def test_a_guest_may_dismiss_too(trained) -> None:
    liked = {book.pk: 5 for book in trained["Dragon"][:3]}
    plain = recommendations_from(Opinions(stars=liked, read=frozenset(liked)))
    dismissed = plain.items[0].book.pk
    found = recommendations_from(
        Opinions(stars=liked, read=frozenset(liked), dismissed=frozenset({dismissed}))
    )
    assert dismissed not in [item.book.pk for item in found.items]
    assert not Dismissal.objects.exists()


def test_a_filtered_list_costs_no_query_more(trained, bob, django_assert_max_num_queries) -> None:
    add_genre(trained["Dragon"], "fantasy")
    dismiss_book(user=bob, book=trained["Dragon"][4])
    options = ListOptions(genre="fantasy", diversity=0.5, novelty=0.5)
    recommendations_for(bob, options=options)
    with django_assert_max_num_queries(6):
        recommendations_for(bob, 5)
    with django_assert_max_num_queries(6):
        recommendations_for(bob, 5, options=options)
