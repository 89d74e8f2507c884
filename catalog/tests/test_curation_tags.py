import pytest
from django.contrib.auth import get_user_model

from catalog.curation.errors import CurationError
from catalog.curation.tags import make_synonyms, set_blocked, set_genre
from catalog.curation.undo import undo
from catalog.models import BookTag, CurationChange, Genre, Tag
from catalog.tests.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    class World:
        curator = get_user_model().objects.create_user("curator")
        genres = {
            slug: Genre.objects.create(slug=slug, name=slug.title())
            for slug in ("fantasy", "horror")
        }
        fantasy = Tag.objects.create(name="fantasy", genre=genres["fantasy"])
        scary = Tag.objects.create(name="scary", genre=genres["horror"])
        phantastik = Tag.objects.create(name="phantastik")
        book = BookFactory()

        def slugs(self) -> list[str]:
            return list(
                self.book.book_genres.order_by("-share").values_list("genre__slug", flat=True)
            )

    world = World()
    for tag, count in ((world.fantasy, 10), (world.scary, 30), (world.phantastik, 100)):
        BookTag.objects.create(book=world.book, tag=tag, count=count)
    return world


def test_a_synonym_counts_as_the_tag_that_it_stands_for(world) -> None:
    assert make_synonyms([world.phantastik.pk], world.fantasy, by=world.curator) == 1
    assert world.slugs() == ["fantasy", "horror"]
    undo(CurationChange.objects.get().pk, by=world.curator)
    assert world.slugs() == ["horror", "fantasy"]
    world.phantastik.refresh_from_db()
    assert world.phantastik.synonym_of is None


def test_a_blocked_tag_counts_for_nothing(world) -> None:
    assert set_blocked([world.scary.pk], True, by=world.curator, reason="a mood") == 1
    assert world.slugs() == ["fantasy"]
    assert set_blocked([world.scary.pk], True, by=world.curator) == 0
    set_blocked([world.scary.pk], False, by=world.curator)
    assert world.slugs() == ["horror", "fantasy"]


def test_a_tag_is_given_a_genre(world) -> None:
    set_genre([world.phantastik.pk], world.genres["horror"], by=world.curator)
    assert world.slugs() == ["horror", "fantasy"]
    world.phantastik.refresh_from_db()
    assert world.phantastik.genre_is_curated


def test_synonyms_go_along_with_their_tag(world) -> None:
    make_synonyms([world.phantastik.pk], world.scary, by=world.curator)
    make_synonyms([world.scary.pk], world.fantasy, by=world.curator)
    world.phantastik.refresh_from_db()
    assert world.phantastik.synonym_of == world.fantasy
    with pytest.raises(CurationError, match="synonym itself"):
        make_synonyms([world.fantasy.pk], world.scary, by=world.curator)
    assert make_synonyms([world.fantasy.pk], world.fantasy, by=world.curator) == 0


def test_books_that_a_curator_gave_genres_keep_them(world) -> None:
    world.book.curated = ["genres"]
    world.book.save()
    set_blocked([world.scary.pk], True, by=world.curator)
    assert world.slugs() == []
