"""What an import does to the database."""

from pathlib import Path

import pytest
from django.db import connection

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.goodbooks import links
from catalog.models import Author, Book, BookTag, DataImport, Genre, Series, Source, Tag
from catalog.tests.factories import BookFactory
from catalog.tests.goodbooks_folders import (
    BOOKS,
    RATINGS,
    book,
    write_books,
    write_dataset,
    write_kaggle_books,
    write_ratings,
    write_table,
)
from ratings.goodbooks.replacing import Removed
from ratings.models import Rating, ShelfEntry
from ratings.services import rate_book, shelve_book
from ratings.tests.goodbooks_data import import_folder

pytestmark = pytest.mark.django_db

TABLES = (
    "accounts_user",
    "catalog_author",
    "catalog_authorship",
    "catalog_book",
    "catalog_bookgenre",
    "catalog_booktag",
    "catalog_dataimport",
    "catalog_genre",
    "catalog_series",
    "catalog_tag",
    "catalog_volume",
    "ratings_rating",
    "ratings_shelfentry",
)


def _places_of_rows() -> dict[str, list[tuple[object, ...]]]:
    """Where every row lies and which transaction wrote it: rewriting a row moves it."""
    places = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT id, ctid::text, xmin::text FROM {table} ORDER BY id")
            places[table] = cursor.fetchall()
    return places


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "goodbooks")


@pytest.fixture(params=[False, True], ids=["upsert", "bulk"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load small tables once as if they were small and once as if they were large."""
    monkeypatch.setattr(links, "BULK_ROWS", 1 if request.param else 1_000_000)


def test_books_have_what_the_file_says_of_them(folder: Path) -> None:
    import_folder(folder)

    mort = Book.objects.get(external_id=1)
    assert (mort.pk, mort.source, mort.title, mort.original_title) == (
        1,
        "goodbooks",
        "Mort",
        "Mort",
    )
    assert (mort.goodreads_book_id, mort.best_book_id, mort.work_id) == (1001, 1001, 2001)
    assert (mort.isbn10, mort.isbn13) == ("0552131067", "9780552131063")
    assert (mort.publication_year, mort.language) == (1987, "eng")
    assert (str(mort.average_rating), mort.ratings_count, mort.text_reviews_count) == (
        "4.21",
        150,
        7,
    )
    assert [getattr(mort, f"stars_{n}") for n in range(1, 6)] == [1, 2, 30, 60, 67]
    assert mort.search_text == ("mort death discworld terry pratchett 0552131067 9780552131063")
    assert not mort.is_hidden
    assert Book.objects.get(external_id=3).language == "eng"
    assert Book.objects.get(external_id=4).publication_year == -720


def test_authors_and_series_are_linked_in_their_order(folder: Path) -> None:
    import_folder(folder)

    odyssey, mort = Book.objects.get(external_id=4), Book.objects.get(external_id=1)
    assert [a.author.name for a in odyssey.authorships.all()] == ["Homer", "Robert Fagles"]
    assert [(v.series.name, v.label, v.number) for v in mort.volumes.all()] == [
        ("Death", "1", 1),
        ("Discworld", "4", 4),
    ]
    assert Author.objects.count() == 4
    assert Series.objects.count() == 3


def test_genres_come_from_tags_with_their_shares(folder: Path) -> None:
    import_folder(folder)

    dune = Book.objects.get(external_id=3)
    assert [(g.genre.slug, g.share) for g in dune.book_genres.select_related("genre")] == [
        ("science-fiction", 0.95),
        ("fantasy", 0.05),
    ]
    mort = Book.objects.get(external_id=1)
    assert [(g.genre.slug, g.share) for g in mort.book_genres.all()] == [("fantasy", 1.0)]
    assert Tag.objects.get(name="sci-fi").genre == Genre.objects.get(slug="science-fiction")
    assert Tag.objects.get(name="to-read").genre is None
    assert BookTag.objects.get(book=mort, tag__name="to-read").count == 500


def test_readers_cannot_log_in(folder: Path) -> None:
    result = import_folder(folder)

    readers = User.objects.order_by("external_id")
    assert [reader.username for reader in readers] == [
        "goodbooks-1",
        "goodbooks-2",
        "goodbooks-3",
        "goodbooks-9",
    ]
    assert result.readers_added == 4
    for reader in readers:
        assert not reader.is_active
        assert not reader.has_usable_password()
        assert reader.source == User.Source.GOODBOOKS


def test_ratings_and_shelves_are_loaded_without_times(folder: Path, either_way: None) -> None:
    result = import_folder(folder)

    ratings = Rating.objects.values_list("user__external_id", "book__external_id", "stars")
    assert sorted(ratings) == sorted(RATINGS)
    assert not Rating.objects.exclude(created_at=None, updated_at=None).exists()
    shelves = ShelfEntry.objects.values_list("user__external_id", "book__external_id", "shelf")
    assert sorted(shelves) == [(1, 4, "to_read"), (9, 3, "to_read")]
    counts = result.files["ratings.csv"].counts
    assert (counts.read, counts.added, counts.updated, counts.unchanged) == (5, 5, 0, 0)


def test_a_second_import_rewrites_no_row_and_says_so(folder: Path, either_way: None) -> None:
    first = import_folder(folder)
    before = _places_of_rows()

    second = import_folder(folder)

    assert first.changed
    assert not second.changed
    assert _places_of_rows() == before
    for name, report in second.files.items():
        counts = report.counts
        assert (counts.added, counts.updated) == (0, 0), name
        assert counts.unchanged == counts.read == first.files[name].counts.added


def test_what_changed_in_the_files_changes_here(folder: Path) -> None:
    import_folder(folder)
    books = [dict(row) for row in BOOKS]
    books[0] |= {"title": "Mort (Discworld, #4; Death, #1)", "authors": "T. Pratchett"}
    books.append(book(5, "Small Gods (Discworld, #13)"))
    write_books(folder, books)
    write_ratings(folder, [(1, 1, 4), (1, 3, 3), (4, 5, 2)])

    result = import_folder(folder)

    counts = result.files["books.csv"].counts
    assert (counts.added, counts.updated, counts.unchanged) == (1, 1, 3)
    mort = Book.objects.get(external_id=1)
    assert [v.series.name for v in mort.volumes.all()] == ["Discworld", "Death"]
    assert [a.name for a in mort.authors.all()] == ["T. Pratchett"]
    counts = result.files["ratings.csv"].counts
    assert (counts.added, counts.updated, counts.unchanged) == (1, 1, 1)
    assert Rating.objects.get(user__external_id=1, book=mort).stars == 4
    # Ratings that are gone from the file stay.
    assert Rating.objects.count() == len(RATINGS) + 1


def test_a_change_of_order_alone_is_a_change(folder: Path) -> None:
    import_folder(folder)
    books = [dict(row) for row in BOOKS]
    books[3]["authors"] = "Robert Fagles, Homer"
    write_books(folder, books)

    result = import_folder(folder)

    odyssey = Book.objects.get(external_id=4)
    assert [a.author.name for a in odyssey.authorships.all()] == ["Robert Fagles", "Homer"]
    assert result.changed


def test_both_variants_say_the_same(folder: Path, tmp_path: Path) -> None:
    kaggle = write_dataset(tmp_path / "kaggle")
    write_kaggle_books(kaggle, BOOKS)
    write_table(
        kaggle / "ratings.csv", ("book_id", "user_id", "rating"), [(b, u, r) for u, b, r in RATINGS]
    )
    import_folder(folder)

    assert not import_folder(kaggle).changed


def test_ratings_alone_are_enough_once_the_catalogue_is_there(folder: Path, tmp_path: Path) -> None:
    import_folder(folder)
    write_ratings(tmp_path / "more", [(7, 2, 3)])

    import_folder(tmp_path / "more")

    assert Rating.objects.filter(user__external_id=7, stars=3).count() == 1


def test_descriptions_are_marked_as_written_by_a_language_model(folder: Path) -> None:
    import_folder(folder)
    Book.objects.filter(external_id=2).update(description="Ours.", description_source="curator")
    rows = [(1, "Death takes\nan apprentice."), (2, "Theirs."), (3, ""), (99, "Whose?")]
    write_table(folder / "descriptions.csv", ("book_id", "description"), rows)

    result = import_folder(folder)

    mort = Book.objects.get(external_id=1)
    assert (mort.description, mort.description_source) == (rows[0][1], "language_model")
    assert Book.objects.get(external_id=2).description == "Ours."
    counts = result.files["descriptions.csv"].counts
    assert (counts.added, counts.skipped) == (1, 3)
    assert not import_folder(folder).changed


def test_opinions_of_readers_of_this_site_are_never_touched(folder: Path, either_way: None) -> None:
    import_folder(folder)
    reader = UserFactory()
    mort = Book.objects.get(external_id=1)
    rate_book(user=reader, book=mort, stars=2)
    shelve_book(user=reader, book=Book.objects.get(external_id=3))
    before = (
        list(Rating.objects.filter(user=reader).values()),
        list(ShelfEntry.objects.filter(user=reader).values()),
    )
    write_ratings(folder, [(user, 1, 5) for user in range(1, 30)])

    import_folder(folder)

    after = (
        list(Rating.objects.filter(user=reader).values()),
        list(ShelfEntry.objects.filter(user=reader).values()),
    )
    assert after == before


def test_a_bulk_load_keeps_the_ratings_that_are_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "BULK_ROWS", 1)
    own = BookFactory()
    rate_book(user=UserFactory(), book=own, stars=3)

    import_folder(folder)

    assert Rating.objects.count() == len(RATINGS) + 1
    assert Rating.objects.get(book=own).stars == 3


def test_a_person_may_have_the_name_of_an_imported_reader(folder: Path) -> None:
    person = UserFactory(username="GoodBooks-1")

    import_folder(folder)

    person.refresh_from_db()
    assert person.username == "GoodBooks-1"
    assert User.objects.get(external_id=1).username == "goodbooks-1-reader"


def test_books_have_their_own_numbers_in_an_empty_catalogue_only(
    folder: Path, tmp_path: Path
) -> None:
    write_books(folder, [book(70, "Seventy"), *BOOKS])
    import_folder(folder)
    assert {b.pk: b.external_id for b in Book.objects.all()} == {n: n for n in (1, 2, 3, 4, 70)}

    later = BookFactory()
    write_books(tmp_path / "more", [book(71, "Seventy-one")])
    import_folder(tmp_path / "more")

    assert later.pk == 71
    assert Book.objects.get(external_id=71).pk == 72


def test_real_data_takes_the_place_of_the_built_in_set(folder: Path, tmp_path: Path) -> None:
    builtin = write_dataset(tmp_path / "builtin")
    write_books(builtin, [*BOOKS, book(5, "Known Here Only")])
    import_folder(builtin, source=Source.BUILTIN)
    assert User.objects.filter(source=User.Source.SIMULATED).count() == 4
    reader = UserFactory()
    rated, shelved, lonely = (Book.objects.get(external_id=number) for number in (1, 2, 5))
    rate_book(user=reader, book=rated, stars=5)
    rate_book(user=reader, book=lonely, stars=2)
    shelve_book(user=reader, book=shelved)

    result = import_folder(folder)

    assert result.removed == Removed(readers=4, books=4, kept_books=1, carried_over=2)
    assert not User.objects.filter(source=User.Source.SIMULATED).exists()
    assert list(Book.objects.filter(source=Source.BUILTIN)) == [lonely]
    assert Book.objects.filter(source=Source.GOODBOOKS).count() == 4
    real = Book.objects.filter(source=Source.GOODBOOKS)
    assert set(Rating.objects.filter(user=reader).values_list("book", "stars")) == {
        (real.get(external_id=1).pk, 5),
        (lonely.pk, 2),
    }
    assert ShelfEntry.objects.get(user=reader).book == real.get(external_id=2)
    assert [row.source for row in DataImport.objects.all()] == [Source.GOODBOOKS]
    assert import_folder(folder).removed is None


def test_names_that_only_the_built_in_set_had_go_with_it(folder: Path, tmp_path: Path) -> None:
    builtin = write_dataset(tmp_path / "builtin")
    write_books(builtin, [*BOOKS, book(5, "X (Y, #1)", authors="Nobody Else")])
    import_folder(builtin, source=Source.BUILTIN)

    import_folder(folder)

    assert not Author.objects.filter(name="Nobody Else").exists()
    assert not Series.objects.filter(name="Y").exists()
    assert Author.objects.filter(name="Homer").exists()


def test_an_import_is_recorded_once_per_digest(folder: Path) -> None:
    first = import_folder(folder)
    import_folder(folder)

    [row] = DataImport.objects.all()
    assert (row.source, row.digest) == ("goodbooks", first.digest)
    assert row.counts["ratings.csv"] == {
        "read": 5,
        "added": 5,
        "updated": 0,
        "unchanged": 0,
        "skipped": 0,
        "reasons": {},
    }
