"""What a page says that two similar books have in common."""

import pytest
from django.utils import translation

from catalog.models import Book, BookGenre, BookTag, Genre, Tag
from catalog.selectors import for_comparison
from catalog.tests.factories import BookFactory
from recommender.book_neighbours import why_similar

pytestmark = pytest.mark.django_db


def reason(book: Book, other: Book) -> str:
    found = for_comparison(Book.objects.prefetch_related("authorships__author")).in_bulk(
        [book.pk, other.pk]
    )
    return why_similar(found[book.pk], found[other.pk], is_loved=False)


@pytest.fixture
def books() -> list[Book]:
    """Two books that readers shelved as classics and as gothic; both are classics."""
    books = [BookFactory(ratings_count=10, authors=[name]) for name in ("Ann Radcliffe", "Emily")]
    classics = Genre.objects.create(slug="classics", name="Classics")
    for place, name in enumerate(("classics", "gothic")):
        tag = Tag.objects.create(name=name)
        for book in books:
            BookTag.objects.create(book=book, tag=tag, count=50 - place)
    for book in books:
        BookGenre.objects.create(book=book, genre=classics, share=1)
    return books


def test_a_genre_is_named_once_in_the_language_of_the_page(books):
    assert reason(*books) == "Both: gothic, classics"
    with translation.override("de"):
        assert reason(*books) == "Beide: gothic, klassiker"


def test_a_tag_tells_where_the_genre_is_not_shared(books):
    BookGenre.objects.filter(book=books[1]).delete()
    assert reason(*books) == "Both: classics, gothic"
