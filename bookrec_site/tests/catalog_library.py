"""A small catalogue to ask the API of, and how its answers are read."""

from collections.abc import Iterator

from rest_framework.test import APIClient

from catalog.models import Book, BookGenre, BookTag, Genre, Tag
from catalog.tests.factories import BookFactory

BOOKS = "/api/v1/books/"
RECOMMEND = "/api/v1/recommend/"
NAMES = ["authors", "series", "genres", "tags"]


def make_library() -> dict[str, Book]:
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
