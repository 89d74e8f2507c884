"""What a training run reads from the database."""

import numpy as np
import pytest

from accounts.tests.factories import UserFactory
from catalog.models import BookTag, Tag
from catalog.tests.factories import BookFactory
from ratings.models import Rating
from ratings.services import rate_book, shelve_book
from recommender.dataset import load_dataset

pytestmark = pytest.mark.django_db


def test_the_dataset_is_what_is_in_the_database(two_tastes) -> None:
    data = load_dataset()
    user_id, book_id, stars = Rating.objects.values_list("user_id", "book_id", "stars")[5]
    row = data.interactions.users.indices([user_id])[0]
    column = data.interactions.items.indices([book_id])[0]
    assert data.interactions.ratings[row, column] == stars
    assert data.interactions.ratings.nnz == Rating.objects.count()


def test_only_the_to_read_shelf_says_what_a_reader_wants(two_tastes) -> None:
    wanted, begun, given_up, own = two_tastes["Dragon"][:4]
    reader = UserFactory()
    shelve_book(user=reader, book=wanted)
    shelve_book(user=reader, book=begun, shelf="reading")
    shelve_book(user=reader, book=given_up, shelf="abandoned")
    shelve_book(user=reader, book=own, shelf="dragons")
    rate_book(user=reader, book=two_tastes["Dragon"][5], stars=4)
    interactions = load_dataset().interactions
    [row] = np.flatnonzero(interactions.user_ids == reader.pk)
    profile = interactions.profile(int(row))
    assert interactions.item_ids[profile.shelf_indices].tolist() == [wanted.pk]


def test_the_catalogue_is_what_is_in_the_database(db) -> None:
    plain = BookFactory(authors=["Ann"])
    told = BookFactory(
        authors=["Bea", "Ann"],
        series="Tales",
        series__number=2,
        publication_year=-380,
        ratings_count=7,
        text_reviews_count=3,
        stars_1=1,
        stars_5=1,
    )
    for count, name in ((5, "epic"), (2, "old")):
        BookTag.objects.create(book=told, tag=Tag.objects.create(name=name), count=count)
    catalog = load_dataset().catalog
    first, second = catalog.items.indices([plain.pk, told.pk])
    assert catalog.years[[first, second]].tolist() == pytest.approx([np.nan, -380], nan_ok=True)
    assert catalog.n_ratings[[first, second]].tolist() == pytest.approx([np.nan, 7], nan_ok=True)
    assert catalog.n_reviews[second] == 3
    assert (catalog.mean_stars[second], catalog.std_stars[second]) == (3, 2)
    assert np.isnan(catalog.mean_stars[first])
    assert (catalog.series.index[first], catalog.series.number[second]) == (-1, 2)
    authors = catalog.authors.toarray()
    assert authors.sum(axis=1)[[first, second]].tolist() == [1, 2]
    assert authors[first, catalog.author_index[first]] == 1
    assert catalog.author_index[first] != catalog.author_index[second]
    assert sorted(catalog.tags.toarray()[second]) == [2, 5]
    assert not catalog.tags.toarray()[first].any()


def test_a_deleted_reader_is_in_no_later_dataset(two_tastes) -> None:
    alice = UserFactory()
    Rating.objects.create(user=alice, book=two_tastes["Dragon"][0], stars=5)
    assert alice.pk in load_dataset().interactions.user_ids
    user_id = alice.pk
    alice.delete()
    assert user_id not in load_dataset().interactions.user_ids
