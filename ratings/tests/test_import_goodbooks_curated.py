"""An import beside what curators changed: theirs stays, and nothing else does."""

from pathlib import Path

import pytest

from catalog.curation.books import edit_book, set_hidden
from catalog.curation.tags import make_synonyms, set_genre
from catalog.curation.undo import undo
from catalog.models import Book, CurationChange, Genre, Tag
from catalog.tests.goodbooks_folders import book, write_books, write_dataset
from ratings.tests.goodbooks_data import import_folder

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = write_dataset(tmp_path / "goodbooks")
    import_folder(folder)
    return folder


def test_what_a_curator_changed_wins_and_the_rest_follows_the_file(folder: Path) -> None:
    mort = Book.objects.get(external_id=1)
    edit_book(mort.pk, {"title": "Gevatter Tod", "series": [["Scheibenwelt", "4"]]}, by=None)
    set_hidden([mort.pk], True, by=None)
    changed = book(
        1,
        "Mort! (Discworld, #99)",
        authors="T. Pratchett",
        ratings_count="151",
        original_publication_year="1988.0",
    )
    write_books(folder, [changed])
    import_folder(folder)
    mort.refresh_from_db()
    assert (mort.title, mort.is_hidden) == ("Gevatter Tod", True)
    assert [(v.series.name, v.label) for v in mort.volumes.all()] == [("Scheibenwelt", "4")]
    assert (mort.ratings_count, mort.publication_year) == (151, 1988)
    assert [a.author.name for a in mort.authorships.all()] == ["T. Pratchett"]
    # The one text of both: found by the curator's title and by the file's author.
    assert mort.search_text == "gevatter tod mort scheibenwelt t pratchett"


def test_a_second_import_writes_nothing(folder: Path) -> None:
    mort = Book.objects.get(external_id=1)
    edit_book(mort.pk, {"title": "Gevatter Tod", "authors": ["Pratchett"]}, by=None)
    assert not import_folder(folder).changed


def test_an_undone_change_is_the_files_again(folder: Path) -> None:
    mort = Book.objects.get(external_id=1)
    change = edit_book(mort.pk, {"title": "Gevatter Tod"}, by=None)
    assert change is not None
    undo(change.pk, by=None)
    write_books(folder, [book(1, "Mort!")])
    import_folder(folder)
    mort.refresh_from_db()
    assert mort.title == "Mort!"


def test_tags_and_genres_of_curators_stay(folder: Path) -> None:
    to_read, scifi = Tag.objects.get(name="to-read"), Tag.objects.get(name="sci-fi")
    horror, fantasy = Genre.objects.get(slug="horror"), Genre.objects.get(slug="fantasy")
    set_genre([to_read.pk], horror, by=None)
    make_synonyms([scifi.pk], Tag.objects.get(name="fantasy"), by=None)
    odyssey = Book.objects.get(external_id=4)
    edit_book(odyssey.pk, {"genres": ["fantasy", "horror"]}, by=None)
    before = CurationChange.objects.count()
    import_folder(folder)

    def slugs(number: int) -> list[str]:
        book = Book.objects.get(external_id=number)
        return list(book.book_genres.order_by("-share").values_list("genre__slug", flat=True))

    assert slugs(1) == ["horror", "fantasy"]
    assert slugs(3) == [fantasy.slug]
    assert slugs(4) == ["fantasy", "horror"]
    assert CurationChange.objects.count() == before
