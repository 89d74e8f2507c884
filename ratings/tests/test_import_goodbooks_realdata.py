"""The real files, imported once."""

import os
from pathlib import Path

import pytest
from django.db.models import Count

from accounts.models import User
from catalog.models import Author, Authorship, Book, BookGenre, BookTag, Series, Tag, Volume
from ratings.models import Rating, ShelfEntry
from ratings.tests.goodbooks_data import import_into_test_database

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


def _rows_and_readers(path: Path) -> tuple[int, set[str]]:
    with path.open() as file:
        header = next(file)
        assert header.startswith("user_id,")
        users = [line.partition(",")[0] for line in file]
    return len(users), set(users)


@pytest.mark.django_db
def test_the_real_files_give_the_known_numbers(tmp_path: Path) -> None:
    folder = Path(os.environ["GOODBOOKS_DIR"])

    n_ratings, raters = _rows_and_readers(folder / "ratings.csv")
    _, shelvers = _rows_and_readers(folder / "to_read.csv")
    readers = raters | shelvers

    result = import_into_test_database(folder, tmp_path / "skipped.csv")

    assert Book.objects.count() == 10_000
    assert Author.objects.count() == 5_833
    assert Series.objects.count() == 1_705
    assert Volume.objects.count() == 4_573
    assert Book.objects.exclude(volumes=None).count() == 4_447
    assert Tag.objects.count() == 34_252
    assert BookTag.objects.count() == 999_912 - 8 - 6
    assert Book.objects.exclude(isbn10="").count() == 9_277
    assert Book.objects.exclude(isbn13="").count() == 9_277
    assert Book.objects.filter(publication_year__lt=0).count() == 31
    assert Book.objects.filter(publication_year=None).count() == 21
    assert Book.objects.filter(language="").count() == 1_084
    assert Book.objects.filter(language="eng").count() == 6_341 + 2_070 + 257 + 58 + 4
    assert Book.objects.filter(cover_url="").count() == 3_332
    assert Book.objects.filter(description_source="language_model").count() == 9_942
    assert not Book.objects.filter(genres=None).exists()
    assert BookGenre.objects.values("book").annotate(n=Count("id")).filter(n__gt=5).count() == 0
    # The official ratings.csv and the part of it that is to be had elsewhere differ in rows alone.
    assert Rating.objects.count() == n_ratings
    assert ShelfEntry.objects.count() == 912_705
    assert User.objects.filter(source=User.Source.GOODBOOKS).count() == len(readers)
    assert result.files["book_tags.csv"].counts.reasons == {
        "count is not positive": 6,
        "repeated in a later row": 6,
        "repeated in a later row with another count": 2,
    }
    assert result.files["books.csv"].warnings == {"isbn has a wrong check digit; left empty": 23}

    hobbit = Book.objects.get(pk=7)
    assert (hobbit.external_id, hobbit.title) == (7, "The Hobbit")
    first = Authorship.objects.select_related("author").get(book=hobbit, position=0)
    assert first.author.name == "J.R.R. Tolkien"


@pytest.mark.django_db
def test_the_older_ratings_are_of_the_same_readers_and_books(tmp_path: Path) -> None:
    folder = Path(os.environ["GOODBOOKS_DIR"])
    if not (folder / "kaggle" / "ratings.csv").is_file():
        pytest.skip("GOODBOOKS_DIR has no folder kaggle with the older ratings.csv")
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "books.csv").symlink_to(folder / "books.csv")
    import_into_test_database(tmp_path / "books", tmp_path / "books.csv")

    result = import_into_test_database(folder / "kaggle", tmp_path / "kaggle.csv")

    counts = result.files["ratings.csv"].counts
    assert (counts.read, counts.added, counts.skipped) == (981_756, 979_478, 2_278)
    assert set(counts.reasons) == {
        "repeated in a later row",
        "repeated in a later row with other stars",
    }
    assert not import_into_test_database(folder / "kaggle", tmp_path / "kaggle.csv").changed
