"""A small world with two tastes, and a model trained on it by the real code path."""

from collections.abc import Sequence
from itertools import count, islice

import numpy as np
import pytest
from django.db import connection

from accounts.models import User
from accounts.tests.factories import ImportedReaderFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.models import Rating
from recommender.active import holder
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
        taste: [
            BookFactory(title=f"{taste} {n}", authors=[f"{taste} author {n}"]) for n in range(12)
        ]
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


def reader_ids(n: int, *, held_out: bool) -> list[int]:
    """Return numbers of readers whom runs withhold, or do not."""
    return list(islice((i for i in count(5_000_000) if is_held_out(i) == held_out), n))


def add_readers(shelves: dict[str, list[Book]], ids: Sequence[int]) -> list[User]:
    """Add readers, by turns of the one taste and of the other, with nine ratings each."""
    rng = np.random.default_rng(ids[0])
    readers = [ImportedReaderFactory(id=number) for number in ids]
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
    other.close()
