"""Who is held out says a hash alone."""

import hashlib

import numpy as np
import pytest

from recommender import held_out
from recommender.engine import Interactions
from recommender.held_out import held_out_ids, is_held_out, keyed_hash, split_off


def test_the_hash_is_blake2b_with_the_key() -> None:
    message = (42).to_bytes(8, "big", signed=True) + (7).to_bytes(8, "big", signed=True)
    expected = hashlib.blake2b(message, digest_size=8, key=b"bookrec held-out readers 1")
    assert keyed_hash(42, 7) == int(expected.hexdigest(), 16)


def test_the_same_readers_are_held_out_for_ever() -> None:
    """Another answer makes every published run incomparable: then change the key's name."""
    assert held_out_ids(range(1, 400)) == [237, 144, 169, 34]


def test_about_two_percent_are_held_out() -> None:
    share = len(held_out_ids(range(1, 50_001))) / 50_000
    # Five standard deviations of a share of 2 % of 50,000.
    assert share == pytest.approx(0.02, abs=5 * (0.02 * 0.98 / 50_000) ** 0.5)


def interactions(ratings: dict[int, dict[int, int]]) -> Interactions:
    rows = [(user, book, stars) for user in ratings for book, stars in ratings[user].items()]
    users, books, stars = np.array(rows).T
    return Interactions.from_pairs(users, books, stars)


OUT = [number for number in range(1, 2000) if is_held_out(number)]
IN = [number for number in range(1, 2000) if not is_held_out(number)]
TEN = dict.fromkeys(range(1, 11), 5)


def test_held_out_readers_are_in_no_fit_even_with_few_ratings() -> None:
    train, readers = split_off(interactions({IN[0]: TEN, OUT[0]: TEN, OUT[1]: {1: 5}}))
    assert train.user_ids.tolist() == [IN[0]]
    assert [reader.user_id for reader in readers] == [OUT[0]]


def test_a_reader_is_split_into_what_is_shown_and_a_fifth_to_be_found() -> None:
    _, [reader] = split_off(interactions({OUT[0]: TEN}))
    assert len(reader.target_ids) == 2
    assert set(reader.target_ids) | set(reader.shown_ids) == set(TEN)
    assert not set(reader.target_ids) & set(reader.shown_ids)


def test_the_split_does_not_depend_on_who_else_there_is() -> None:
    _, [alone] = split_off(interactions({OUT[0]: TEN}))
    _, together = split_off(interactions(dict.fromkeys([*IN[:50], OUT[0], OUT[3]], TEN)))
    [same] = [reader for reader in together if reader.user_id == OUT[0]]
    assert np.array_equal(alone.shown_ids, same.shown_ids)
    assert np.array_equal(alone.target_ids, same.target_ids)


def test_only_liked_books_are_to_be_found() -> None:
    stars = {book: 1 + book % 5 for book in range(1, 51)}
    _, [reader] = split_off(interactions({OUT[0]: stars}))
    assert len(reader.target_ids) == 10
    assert all(stars[book] >= 4 for book in reader.relevant_ids.tolist())
    disliked = [book for book in reader.target_ids.tolist() if book not in reader.relevant_ids]
    assert disliked
    assert all(stars[book] < 4 for book in disliked)


def test_a_reader_who_liked_nothing_of_the_target_is_not_measured() -> None:
    train, readers = split_off(interactions({OUT[0]: dict.fromkeys(TEN, 2), IN[0]: TEN}))
    assert (readers, train.user_ids.tolist()) == ([], [IN[0]])


def test_at_most_so_many_are_measured_those_of_the_lowest_hash(monkeypatch) -> None:
    monkeypatch.setattr(held_out, "MAX_MEASURED", 3)
    train, readers = split_off(interactions(dict.fromkeys([*OUT, IN[0]], TEN)))
    assert [reader.user_id for reader in readers] == sorted(OUT, key=keyed_hash)[:3]
    assert train.user_ids.tolist() == [IN[0]]


def test_a_profile_leaves_out_books_that_a_model_does_not_know() -> None:
    _, [reader] = split_off(interactions({OUT[0]: TEN}))
    items = interactions({1: {int(reader.shown_ids[0]): 5}}).items
    assert reader.profile(items).item_indices.tolist() == [0]
