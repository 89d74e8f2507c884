"""A small world with two tastes, and a model trained on it by the real code path."""

import numpy as np
import pytest
from django.db import connection

from accounts.tests.factories import ImportedReaderFactory
from catalog.models import Book
from catalog.tests.factories import BookFactory
from ratings.models import Rating
from recommender.active import holder
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
    rng = np.random.default_rng(7)
    shelves = {
        taste: [
            BookFactory(title=f"{taste} {n}", authors=[f"{taste} author {n}"]) for n in range(12)
        ]
        for taste in ("Dragon", "Detective")
    }
    readers = ImportedReaderFactory.create_batch(120)
    ratings = []
    for place, reader in enumerate(readers):
        liked, other = ("Dragon", "Detective") if place % 2 else ("Detective", "Dragon")
        for book in rng.choice(shelves[liked], size=8, replace=False):
            ratings.append(Rating(user=reader, book=book, stars=int(rng.integers(4, 6))))
        book = rng.choice(shelves[other])
        ratings.append(Rating(user=reader, book=book, stars=2))
    Rating.objects.bulk_create(ratings)
    return shelves


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
