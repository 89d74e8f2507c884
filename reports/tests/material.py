"""Material of a handful of ratings, whose figures can be worked out by hand."""

from catalog.models import Book
from catalog.tests.factories import BookFactory
from recommender.dataset import Dataset
from recommender.engine import Catalog, Interactions
from reports.material import Material


def books(*titles: str) -> list[Book]:
    return [BookFactory(title=title) for title in titles]


def material_of(
    ratings: list[tuple[int, Book, int]],
    shelved: list[tuple[int, Book]] = (),  # type: ignore[assignment]
    catalog: list[Book] | None = None,
) -> Material:
    """Return what readers (numbers) gave to books, without any run."""
    ids = sorted({book.pk for book in catalog or [book for _, book, _ in ratings]})
    interactions = Interactions.from_pairs(
        [reader for reader, _, _ in ratings],
        [book.pk for _, book, _ in ratings],
        [stars for _, _, stars in ratings],
        shelf_user_ids=[reader for reader, _ in shelved],
        shelf_item_ids=[book.pk for _, book in shelved],
        catalog_ids=ids,
    )
    data = Dataset(interactions, Catalog.bare(interactions.items), {})
    return Material(data, None, {}, None, None, "No run is active.", [])
