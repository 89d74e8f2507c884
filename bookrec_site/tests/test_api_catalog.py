"""The catalogue by the API: what anybody may read."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from accounts.tests.factories import UserFactory
from catalog.models import Book, BookGenre, BookTag, Genre, Tag, Volume
from catalog.search import find
from catalog.tests.factories import BookFactory
from ratings.services import rate_book

pytestmark = pytest.mark.django_db

BOOKS = "/api/v1/books/"
RECOMMEND = "/api/v1/recommend/"
NAMES = ["authors", "series", "genres", "tags"]
QUERIES = 8


@pytest.fixture
def client() -> APIClient:
    return APIClient()


@pytest.fixture
def library() -> dict[str, Book]:
    """Four books that readers may see, and one that is hidden."""
    books = {
        "dune": BookFactory(
            title="Dune",
            authors=["Frank Herbert"],
            series="Dune Chronicles",
            series__number=1,
            publication_year=1965,
            language="eng",
            ratings_count=900,
            average_rating="4.20",
            isbn13="9780441013593",
            stars_1=1,
            stars_5=7,
        ),
        "messiah": BookFactory(
            title="Dune Messiah",
            authors=["Frank Herbert"],
            series="Dune Chronicles",
            series__number=2,
            publication_year=1969,
            language="eng",
            ratings_count=300,
            average_rating="3.86",
        ),
        "emma": BookFactory(
            title="Emma", authors=["Jane Austen"], publication_year=1815, ratings_count=500
        ),
        "iliad": BookFactory(title="The Iliad", authors=["Homer"], publication_year=-750),
        "hidden": BookFactory(
            title="Dune Secrets",
            authors=["Nobody Known"],
            series="Secret Series",
            series__number=1,
            is_hidden=True,
            ratings_count=10_000,
        ),
    }
    for slug, names in (
        ("science-fiction", ("dune", "messiah", "hidden")),
        ("classics", ("emma",)),
    ):
        genre = Genre.objects.create(slug=slug, name=slug.replace("-", " ").title())
        for name in names:
            BookGenre.objects.create(book=books[name], genre=genre, share=0.5)
    secret = Genre.objects.create(slug="secrets", name="Secrets")
    BookGenre.objects.create(book=books["hidden"], genre=secret, share=0.5)
    for number, (name, tag) in enumerate(
        (
            ("dune", "desert-planet"),
            ("dune", "to-read"),
            ("emma", "matchmaking"),
            ("hidden", "xx-secret"),
        )
    ):
        row, _ = Tag.objects.get_or_create(name=tag)
        BookTag.objects.create(book=books[name], tag=row, count=50 + number)
    return books


def titles(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [book["title"] for book in answer.json()["results"]]


def every_page(client: APIClient, address: str, params: dict[str, object]) -> Iterator[dict]:
    answer = client.get(address, params)
    while True:
        body = answer.json()
        assert answer.status_code == 200, body
        yield from body["results"]
        if body["next"] is None:
            return
        answer = client.get(body["next"])


def test_the_list_shows_books_by_popularity_and_never_a_hidden_one(client, library) -> None:
    body = client.get(BOOKS).json()
    assert [book["title"] for book in body["results"]] == [
        "Dune",
        "Emma",
        "Dune Messiah",
        "The Iliad",
    ]
    assert body["next"] is None
    assert set(body) == {"next", "results"}
    series = Volume.objects.get(book=library["dune"]).series
    assert body["results"][0] == {
        "id": library["dune"].pk,
        "title": "Dune",
        "original_title": "",
        "authors": [{"id": library["dune"].authors.get().pk, "name": "Frank Herbert"}],
        "series": [{"id": series.pk, "name": "Dune Chronicles", "label": "1"}],
        "genres": [{"slug": "science-fiction", "name": "Science Fiction"}],
        "year": 1965,
        "language": "eng",
        "average_rating": 4.2,
        "ratings_count": 900,
        "cover_url": None,
    }


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"genre": "science-fiction"}, ["Dune", "Dune Messiah"]),
        ({"genre": "no-such-genre"}, []),
        ({"language": "eng"}, ["Dune", "Dune Messiah"]),
        ({"year_from": 1815, "year_to": 1965}, ["Dune", "Emma"]),
        ({"year_to": -1}, ["The Iliad"]),
        ({"min_ratings": 500}, ["Dune", "Emma"]),
        ({"genre": "science-fiction", "min_ratings": 500}, ["Dune"]),
        ({"author": 2**62}, []),
        ({"search": "dune", "ordering": "newest"}, ["Dune Messiah", "Dune"]),
        ({"search": " ", "cursor": ""}, ["Dune", "Emma", "Dune Messiah", "The Iliad"]),
        (
            {"no_such_parameter": "x", "author[]": "1"},
            ["Dune", "Emma", "Dune Messiah", "The Iliad"],
        ),
    ],
)
def test_filters_can_be_combined(client, library, params, expected) -> None:
    assert titles(client.get(BOOKS, params)) == expected


def test_filters_by_author_and_series(client, library) -> None:
    author, series = library["dune"].authors.get(), library["dune"].series.get()
    for params in ({"author": author.pk}, {"series": series.pk}):
        assert titles(client.get(BOOKS, params)) == ["Dune", "Dune Messiah"]


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [
        ("popular", ["Dune", "Emma", "Dune Messiah", "The Iliad"]),
        ("rating", ["Dune", "Dune Messiah", "Emma", "The Iliad"]),
        ("newest", ["Dune Messiah", "Dune", "Emma", "The Iliad"]),
        ("title", ["Dune", "Dune Messiah", "Emma", "The Iliad"]),
    ],
)
@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_every_order_can_be_paged_through(client, library, ordering, expected, page_size) -> None:
    params = {"ordering": ordering, "page_size": page_size}
    assert [book["title"] for book in every_page(client, BOOKS, params)] == expected


@pytest.mark.parametrize("ordering", ["popular", "rating", "newest", "title"])
def test_pages_neither_repeat_nor_skip_among_equals(client, ordering) -> None:
    for number in range(30):
        BookFactory(
            title=f"Same {number % 3}",
            ratings_count=number % 2,
            average_rating=None if number % 3 else Decimal("4.00"),
            publication_year=None if number % 4 else 2000,
        )
    found = [
        book["id"] for book in every_page(client, BOOKS, {"ordering": ordering, "page_size": 7})
    ]
    assert sorted(found) == sorted(Book.objects.values_list("pk", flat=True))
    assert len(set(found)) == 30


def test_a_book_that_comes_meanwhile_moves_no_other(client, library) -> None:
    first = client.get(BOOKS, {"page_size": 2}).json()
    BookFactory(title="Suddenly Popular", ratings_count=5000)
    assert titles(client.get(first["next"])) == ["Dune Messiah", "The Iliad"]


def test_a_page_has_at_most_a_hundred(client) -> None:
    BookFactory.create_batch(105)
    for size in (101, 10**30):
        assert len(client.get(BOOKS, {"page_size": size}).json()["results"]) == 100
    assert len(client.get(BOOKS).json()["results"]) == 20


def test_a_search_answers_as_the_site_does(client, library) -> None:
    body = client.get(BOOKS, {"search": "Dune", "page_size": 1}).json()
    assert [book["title"] for book in body["results"]] == ["Dune"]
    assert (body["reading"], body["suggestions"]) == ("", [])
    both = every_page(client, BOOKS, {"search": "Dune", "page_size": 1})
    assert [book["title"] for book in both] == ["Dune", "Dune Messiah"]
    assert titles(client.get(BOOKS, {"search": "9780441013593"})) == ["Dune"]
    site = client.get("/books/", {"q": "Dune"}).content.decode()
    assert site.index(">Dune<") < site.index("Dune Messiah")


def test_a_near_miss_is_read_and_suggested(client, library) -> None:
    body = client.get(BOOKS, {"search": "Dune Mesiah"}).json()
    site = find("Dune Mesiah")
    assert body["reading"] == site.reading == "dune messiah"
    assert [book["title"] for book in body["results"]] == ["Dune Messiah"]
    assert body["suggestions"] == [
        {"kind": item.kind.value, "id": item.pk, "text": item.text} for item in site.suggestions
    ]
    assert body["suggestions"][0]["text"] == "Dune Messiah"
    assert client.get(BOOKS, {"search": "Dune Secrets"}).json()["results"] == []


def test_the_detail_has_everything_of_a_book(client, library) -> None:
    dune = library["dune"]
    dune.description, dune.description_source = "Sand.", "language_model"
    dune.save()
    rate_book(user=UserFactory(), book=dune, stars=4)
    body = client.get(f"{BOOKS}{dune.pk}/").json()
    assert body["description"] == {"text": "Sand.", "source": "language_model"}
    assert (body["isbn10"], body["isbn13"]) == ("", "9780441013593")
    assert body["goodreads_histogram"] == {"1": 1, "2": 0, "3": 0, "4": 0, "5": 7}
    assert body["site_histogram"] == {"1": 0, "2": 0, "3": 0, "4": 1, "5": 0}
    # "to-read" says nothing of the book.
    [tag] = body["tags"]
    assert tag == {
        "id": Tag.objects.get(name="desert-planet").pk,
        "name": "desert-planet",
        "label": "desert planet",
        "count": 50,
    }
    assert client.get(f"{BOOKS}{library['emma'].pk}/").json()["description"] is None


@pytest.mark.parametrize("below", ["", "similar/"])
def test_a_hidden_book_and_one_that_is_none_are_not_found(client, library, below) -> None:
    for book_id in (library["hidden"].pk, 0, 2**31, 2**63, 10**30, "abc", "%00", -1):
        answer = client.get(f"{BOOKS}{book_id}/{below}")
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"


def test_similar_books_are_those_of_the_same_readers(client, trained) -> None:
    book = trained["Dragon"][0]
    found = titles(client.get(f"{BOOKS}{book.pk}/similar/", {"k": 3}))
    assert len(found) == 3
    assert book.title not in found
    assert all(title.startswith("Dragon") for title in found)
    Book.objects.filter(title=found[0]).update(is_hidden=True)
    assert found[0] not in titles(client.get(f"{BOOKS}{book.pk}/similar/"))


def test_without_a_model_nothing_is_similar(client, library, artifacts) -> None:
    assert titles(client.get(f"{BOOKS}{library['dune'].pk}/similar/")) == []


def test_an_exact_title_gets_five_similar_books_with_their_ratings(client, trained) -> None:
    Book.objects.update(average_rating="4.05", ratings_count=10)
    body = client.get(RECOMMEND, {"title": "dragon 3"}).json()
    assert body["match"] == "exact"
    assert body["book"]["id"] == trained["Dragon"][3].pk
    assert len(body["results"]) == 5
    for book in body["results"]:
        assert set(book) == {"id", "title", "authors", "average_rating", "ratings_count"}
        assert (book["average_rating"], book["ratings_count"]) == (4.05, 10)


def test_a_title_that_is_nearly_one_gets_suggestions(client, library) -> None:
    body = client.get(RECOMMEND, {"title": "Dune Mesiah"}).json()
    assert set(body) == {"match", "suggestions"}
    assert body["match"] == "near_miss"
    assert body["suggestions"][0] == {"id": library["messiah"].pk, "title": "Dune Messiah"}
    assert len(body["suggestions"]) <= 7
    hidden = client.get(RECOMMEND, {"title": "Dune Secrets"}).json()
    assert library["hidden"].pk not in [book["id"] for book in hidden["suggestions"]]


def test_names_come_with_the_number_of_books_that_are_shown(client, library) -> None:
    def listed(name: str) -> dict[str, int]:
        return {
            row["name"]: row["books"]
            for row in every_page(client, f"/api/v1/{name}/", {"page_size": 1})
        }

    assert listed("authors") == {"Jane Austen": 1, "Frank Herbert": 2, "Homer": 1}
    assert listed("series") == {"Dune Chronicles": 2}
    assert listed("genres") == {"Classics": 1, "Science Fiction": 2}
    assert listed("tags") == {"desert-planet": 1, "matchmaking": 1, "to-read": 1}


@pytest.mark.parametrize(
    ("name", "query", "expected"),
    [
        ("authors", "HERB", ["Frank Herbert"]),
        ("authors", "nobody", []),
        ("series", "dûne", ["Dune Chronicles"]),
        ("genres", "fiction", ["Science Fiction"]),
        ("tags", "planet", ["desert-planet"]),
    ],
)
def test_names_are_searched(client, library, name, query, expected) -> None:
    answer = client.get(f"/api/v1/{name}/", {"search": query})
    assert [row["name"] for row in answer.json()["results"]] == expected


ADDRESSES = [BOOKS, "{book}", "{book}similar/", RECOMMEND, *(f"/api/v1/{name}/" for name in NAMES)]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("signed_in", [False, True])
def test_an_endpoint_costs_few_queries(
    client, trained, address, signed_in, django_assert_max_num_queries
) -> None:
    address = address.format(book=f"{BOOKS}{trained['Dragon'][0].pk}/")
    params = {"search": "Dragon 1", "title": "Dragon 1", "page_size": 10}
    if signed_in:
        client.force_login(UserFactory())
    client.get(address, params)
    with django_assert_max_num_queries(QUERIES):
        assert client.get(address, params).status_code == 200


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_has_not_changed_is_not_sent_again(client, library, address) -> None:
    address = address.format(book=f"{BOOKS}{library['dune'].pk}/")
    answer = client.get(address, {"title": "dune"})
    again = client.get(address, {"title": "dune"}, headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    Book.objects.update(title="Dunes", average_rating=1)
    BookGenre.objects.all().delete()
    BookFactory(title="Dunkirk", authors=["A New One"], series="A New One", series__number=1)
    for model, link in ((Genre, BookGenre), (Tag, BookTag)):
        fields = {"share": 1} if link is BookGenre else {"count": 1}
        row = model.objects.create(name="A New One", **({"slug": "new"} if model is Genre else {}))
        link.objects.create(book=library["emma"], **{model.__name__.lower(): row}, **fields)
    if not address.endswith("similar/"):
        again = client.get(address, {"title": "dune"}, headers={"If-None-Match": answer["ETag"]})
        assert again.status_code == 200


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_what_an_endpoint_does_not_do_is_a_problem_document(
    client, library, address, method
) -> None:
    address = address.format(book=f"{BOOKS}{library['dune'].pk}/")
    client.force_authenticate(UserFactory())
    answer = getattr(client, method)(address, {"a": 1}, format="json")
    assert answer.status_code == 405
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["title"] == "Method Not Allowed"
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize(
    ("address", "name", "value"),
    [
        *(
            (BOOKS, name, value)
            for name in ("author", "series")
            for value in ("x", "0", "-1", "1.0", "٣", "9" * 30)
        ),
        *(
            (BOOKS, name, value)
            for name in ("year_from", "year_to")
            for value in ("x", "10000", "1e3")
        ),
        (BOOKS, "min_ratings", "-1"),
        (BOOKS, "min_ratings", str(2**31)),
        (BOOKS, "genre", "a\0b"),
        (BOOKS, "genre", "Not A Slug"),
        (BOOKS, "language", "english!"),
        (BOOKS, "ordering", "-title"),
        *(
            (address, "page_size", value)
            for address in (BOOKS, "/api/v1/tags/")
            for value in ("0", "-5", "x", "٣")
        ),
        *((BOOKS, name, "") for name in ("genre", "author", "year_to", "ordering", "page_size")),
        *((BOOKS, name, ["1", "2"]) for name in ("genre", "author", "search", "cursor")),
        (RECOMMEND, "title", ""),
        (RECOMMEND, "title", ["a", "b"]),
    ],
)
def test_a_wrong_parameter_is_named(client, library, address, name, value) -> None:
    answer = client.get(address, {name: value})
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert list(answer.json()["errors"]) == [name]


@pytest.mark.parametrize("k", ["0", "51", "x", "-1", "9" * 30])
def test_a_number_of_similar_books_that_is_none_is_named(client, library, k) -> None:
    answer = client.get(f"{BOOKS}{library['dune'].pk}/similar/", {"k": k})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["k"]


def test_a_recommendation_needs_a_title(client) -> None:
    answer = client.get(RECOMMEND)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["title"])


@pytest.mark.parametrize("address", [BOOKS, "/api/v1/tags/"])
@pytest.mark.parametrize("cursor", ["x", "a:b:c", "\0", "é:é:é", "x" * 5000])
def test_a_cursor_that_is_none_leads_nowhere(client, library, address, cursor) -> None:
    answer = client.get(address, {"cursor": cursor})
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_a_cursor_of_another_list_is_refused(client, library) -> None:
    following = client.get(BOOKS, {"page_size": 1}).json()["next"]
    cursor = following.partition("cursor=")[2].partition("&")[0].replace("%3A", ":")
    for address, params in (
        (BOOKS, {"ordering": "title"}),
        (BOOKS, {"search": "dune"}),
        ("/api/v1/authors/", {}),
    ):
        assert client.get(address, {**params, "cursor": cursor}).status_code == 404


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "x" * 5000, "%", "_", "'", "\\", "🐙", "!!!", "\u200b"]
)
def test_no_text_breaks_a_search(client, library, text) -> None:
    for address in (BOOKS, *(f"/api/v1/{name}/" for name in NAMES)):
        assert client.get(address, {"search": text}).status_code == 200
    assert client.get(RECOMMEND, {"title": text}).status_code == 200
