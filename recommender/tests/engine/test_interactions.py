from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.engine import InputError, Interactions, Profile, Vocabulary


def test_from_pairs_puts_each_rating_at_its_user_and_item() -> None:
    interactions = Interactions.from_pairs(
        [7, 3, 7], [50, 40, 40], [5, 1, 2], shelf_user_ids=[9], shelf_item_ids=[50]
    )
    assert interactions.user_ids.tolist() == [3, 7, 9]
    assert interactions.item_ids.tolist() == [40, 50]
    assert interactions.ratings.toarray().tolist() == [[1, 0], [2, 5], [0, 0]]
    assert interactions.shelved.toarray().tolist() == [[0, 0], [0, 0], [0, 1]]
    assert interactions.ratings.dtype == np.float32


def test_of_a_repeated_pair_the_last_rating_wins_and_the_others_are_counted() -> None:
    interactions = Interactions.from_pairs([1, 1, 1], [2, 3, 2], [5, 4, 1])
    assert interactions.ratings.toarray().tolist() == [[1, 4]]
    assert interactions.n_duplicates == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=60
    )
)
def test_from_pairs_agrees_with_a_dictionary_filled_in_order(
    rows: list[tuple[int, int, int]],
) -> None:
    users, items, stars = (list(column) for column in zip(*rows, strict=True))
    interactions = Interactions.from_pairs(users, items, stars)
    wanted = {(user, item): value for user, item, value in rows}
    coordinates = interactions.ratings.tocoo()
    got = {
        (int(interactions.user_ids[u]), int(interactions.item_ids[i])): int(value)
        for u, i, value in zip(coordinates.row, coordinates.col, coordinates.data, strict=True)
    }
    assert got == wanted
    assert interactions.n_duplicates == len(rows) - len(wanted)


def test_books_without_interactions_are_items_when_the_catalog_names_them() -> None:
    interactions = Interactions.from_pairs([1], [2], [3], catalog_ids=[4, 2, 1])
    assert interactions.item_ids.tolist() == [1, 2, 4]
    assert interactions.item_index([2, 3, 4]).tolist() == [1, -1, 2]


def test_an_item_outside_the_catalog_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="the first is 8"):
        Interactions.from_pairs([1, 1], [2, 8], [3, 3], catalog_ids=[2])


@pytest.mark.parametrize("wrong", [0, 6, 2.5, np.nan, np.inf, -1])
def test_from_pairs_refuses_stars_that_are_not_whole_and_1_to_5(wrong: float) -> None:
    with pytest.raises(InputError, match="position 1"):
        Interactions.from_pairs([1, 2], [1, 1], [3, wrong])


@pytest.mark.parametrize(
    "arrays",
    [([1, 2], [1], [3, 3]), ([1], [1, 2], [3, 3]), ([1.5], [1], [3]), (["a"], [1], [3])],
)
def test_from_pairs_refuses_unequal_lengths_and_ids_that_are_no_integers(
    arrays: tuple[list[float], list[float], list[float]],
) -> None:
    with pytest.raises(InputError):
        Interactions.from_pairs(*arrays)


def test_unequal_shelf_columns_are_refused() -> None:
    with pytest.raises(InputError, match="shelf_item_ids"):
        Interactions.from_pairs([1], [1], [3], shelf_user_ids=[1], shelf_item_ids=[])


def test_nothing_at_all_gives_an_empty_matrix() -> None:
    empty = Interactions.from_pairs([], [], [])
    assert (empty.n_users, empty.n_items) == (0, 0)


def test_without_users_drops_their_ratings_and_shelves_and_keeps_the_items() -> None:
    interactions = Interactions.from_pairs(
        [1, 2], [10, 20], [5, 4], shelf_user_ids=[1, 3], shelf_item_ids=[20, 10]
    )
    rest = interactions.without_users([1, 99])
    assert rest.user_ids.tolist() == [2, 3]
    assert rest.item_ids.tolist() == [10, 20]
    assert rest.ratings.toarray().tolist() == [[0, 4], [0, 0]]
    assert rest.shelved.toarray().tolist() == [[0, 0], [1, 0]]


def test_select_users_refuses_a_mask_of_another_length() -> None:
    with pytest.raises(InputError, match="bool"):
        Interactions.from_pairs([1], [1], [1]).select_users(np.array([True, False]))


def test_a_row_comes_back_as_a_profile() -> None:
    interactions = Interactions.from_pairs(
        [1, 1, 2], [10, 30, 20], [5, 4, 3], shelf_user_ids=[1], shelf_item_ids=[20]
    )
    profile = interactions.profile(0)
    assert profile.item_indices.tolist() == [0, 2]
    assert profile.stars.tolist() == [5, 4]
    assert profile.shelf_indices.tolist() == [1]
    with pytest.raises(InputError, match="user_index"):
        interactions.profile(-1)


def test_a_profile_masks_unknown_books_and_keeps_the_stars_of_the_others() -> None:
    items = Vocabulary.of([10, 20, 30])
    profile = Profile.from_ids(items, [99, 30, 5, 10], [1, 2, 3, 4], shelf_ids=[7, 20])
    assert profile.item_indices.tolist() == [0, 2]
    assert profile.stars.tolist() == [4, 2]
    assert profile.shelf_indices.tolist() == [1]


def test_of_a_book_rated_twice_the_profile_keeps_the_last_rating() -> None:
    profile = Profile.from_ids(Vocabulary.of([10, 20]), [20, 10, 20], [1, 2, 5])
    assert profile.stars.tolist() == [2, 5]


def test_a_book_rated_and_shelved_counts_as_rated() -> None:
    profile = Profile.from_ids(Vocabulary.of([10, 20]), [10], [3], shelf_ids=[10, 20, 20])
    assert profile.shelf_indices.tolist() == [1]


def test_a_reader_of_unknown_books_only_has_an_empty_profile() -> None:
    assert Profile.from_ids(Vocabulary.of([1]), [5], [3], shelf_ids=[6]).is_empty
    assert not Profile.from_ids(Vocabulary.of([1]), [], [], shelf_ids=[1]).is_empty


@pytest.mark.parametrize(
    ("items", "stars", "complaint"),
    [
        ([-1], [3], "negative"),
        ([1, 1], [3, 4], "twice"),
        ([1], [3, 4], "1 items and 2 stars"),
        ([1], [5.5], "stars"),
    ],
)
def test_a_profile_refuses_what_would_score_wrong_books(
    items: list[int], stars: list[float], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        Profile(np.array(items), np.array(stars))
