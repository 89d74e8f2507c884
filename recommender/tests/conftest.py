"""A small world with two tastes, and a model trained on it by the real code path."""

from collections.abc import Sequence
from itertools import count, islice

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from redis import Redis

from accounts.models import User
from accounts.tests.factories import ImportedReaderFactory
from catalog.models import Author, Authorship, Book
from ratings.models import Rating
from recommender.active import holder
from recommender.feedback import served
from recommender.held_out import is_held_out
from recommender.training import run_training


@pytest.fixture
def artifacts(settings, tmp_path):
    """An artifacts folder of this test's own, and nothing loaded from elsewhere."""
    settings.ARTIFACTS_DIR = tmp_path / "artifacts"
    settings.STORAGES = settings.STORAGES | {
        "artifacts": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": settings.ARTIFACTS_DIR},
        }
    }
    holder.forget()
    yield settings.ARTIFACTS_DIR
    holder.forget()


@pytest.fixture
def two_tastes(db) -> dict[str, list[Book]]:
    """Sixty readers of dragons and sixty of detectives, who hardly ever cross over."""
    shelves = {
        taste: add_books([(f"{taste} {n}", f"{taste} author {n}") for n in range(12)])
        for taste in ("Dragon", "Detective")
    }
    # Numbers that no run withholds, wherever the database's own count stands.
    add_readers(shelves, reader_ids(120, held_out=False))
    return shelves


@pytest.fixture
def measured_tastes(two_tastes) -> dict[str, list[Book]]:
    """The two tastes with forty more readers, whom every run withholds and is measured on."""
    add_readers(two_tastes, reader_ids(40, held_out=True))
    return two_tastes


def add_books(titles_and_authors: Sequence[tuple[str, str]]) -> list[Book]:
    """Add books by different authors, as fast as the database takes them."""
    books = Book.objects.bulk_create(
        Book(title=title, search_text=title.lower()) for title, _ in titles_and_authors
    )
    authors = Author.objects.bulk_create([Author(name=name) for _, name in titles_and_authors])
    Authorship.objects.bulk_create(
        [
            Authorship(book=book, author=author, position=0)
            for book, author in zip(books, authors, strict=True)
        ]
    )
    return books


def reader_ids(n: int, *, held_out: bool) -> list[int]:
    """Return numbers of readers whom runs withhold, or do not."""
    return list(islice((i for i in count(5_000_000) if is_held_out(i) == held_out), n))


def add_readers(shelves: dict[str, list[Book]], ids: Sequence[int]) -> list[User]:
    """Add readers, by turns of the one taste and of the other, with nine ratings each."""
    rng = np.random.default_rng(ids[0])
    readers = User.objects.bulk_create(ImportedReaderFactory.build(id=number) for number in ids)
    ratings = []
    for place, reader in enumerate(readers):
        liked, other = ("Dragon", "Detective") if place % 2 else ("Detective", "Dragon")
        for book in rng.choice(shelves[liked], size=8, replace=False):
            ratings.append(Rating(user=reader, book=book, stars=int(rng.integers(4, 6))))
        book = rng.choice(shelves[other])
        ratings.append(Rating(user=reader, book=book, stars=2))
    Rating.objects.bulk_create(ratings)
    return readers


@pytest.fixture
def trained(two_tastes, artifacts) -> dict[str, list[Book]]:
    """The two tastes with an active run."""
    run_training(trigger="test")
    return two_tastes


@pytest.fixture
def second_session(db):
    """A second connection to the test database, as another process has one."""
    other = connection.copy()
    other.ensure_connection()
    yield other
    end(other)


def end(session: BaseDatabaseWrapper) -> None:
    """Close a connection, and wait for the server to end what it held, its locks too."""
    if session.connection is None:
        return
    number = session.connection.info.backend_pid
    session.close()
    with connection.cursor() as cursor:
        # By itself it ends what is closed when it comes to it. Milliseconds.
        cursor.execute("SELECT pg_terminate_backend(%s, 60000)", [number])


@pytest.fixture
def nothing_served(monkeypatch):
    """Other tests serve lists on this day too."""
    with Redis.from_url(django_settings.REDIS_URL) as redis:
        for key in redis.keys("bookrec:served-lists:*"):
            redis.delete(key)
    monkeypatch.setattr(served, "_away", served._Away())
