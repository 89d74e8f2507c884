from __future__ import annotations

import numpy as np
import pytest

from recommender.engine import InputError, Interactions
from recommender.engine.exposure import gini_at_k, novelty_at_k, self_information


def test_self_information_counts_raters_and_shelvers_once() -> None:
    """Four users; item 10 has all of them, item 20 two, item 30 one, item 40 nobody."""
    interactions = Interactions.from_pairs(
        [1, 2, 3, 4, 1, 3],
        [10, 10, 10, 10, 20, 30],
        [5, 4, 3, 2, 1, 5],
        shelf_user_ids=[1, 2],
        shelf_item_ids=[20, 20],
        catalog_ids=[10, 20, 30, 40],
    )
    assert self_information(interactions).tolist() == [0.0, 1.0, 2.0, 2.0]


def test_novelty_is_the_mean_over_the_places_filled() -> None:
    information = np.array([0.0, 1.0, 2.0, 5.0])
    assert novelty_at_k([[0, 3, 1], [2]], information, 2) == pytest.approx((0 + 5 + 2) / 3)
    assert novelty_at_k([[], []], information, 2) == 0.0


def test_gini_is_0_when_every_item_is_listed_as_often() -> None:
    assert gini_at_k([[0, 1], [2, 3]], 2, n_items=4) == 0.0


def test_gini_of_one_item_that_takes_all_places() -> None:
    """(n - 1) / n, by hand: only the last term is left, (2 n - n - 1) c / (n c)."""
    assert gini_at_k([[2], [2], [2]], 10, n_items=4) == pytest.approx(0.75)


def test_gini_by_hand() -> None:
    """Counts 0, 1, 3: (-2 * 0 + 0 * 1 + 2 * 3) / (3 * 4)."""
    assert gini_at_k([[0, 1], [0], [0]], 5, n_items=3) == pytest.approx(0.5)


def test_gini_equals_the_mean_absolute_difference_of_all_pairs() -> None:
    """The definition: sum_ij |c_i - c_j| / (2 n^2 mean)."""
    generator = np.random.default_rng(0)
    lists = [generator.permutation(20)[:6] for _ in range(15)]
    counts = np.bincount(np.concatenate(lists), minlength=20)
    differences = np.abs(counts[:, np.newaxis] - counts).sum()
    assert gini_at_k(lists, 6, n_items=20) == pytest.approx(differences / (2 * 400 * counts.mean()))


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match="k is 0"):
        gini_at_k([[1]], 0, n_items=2)
    with pytest.raises(InputError, match="item index 2"):
        gini_at_k([[2]], 1, n_items=2)
    with pytest.raises(InputError, match="k is 0"):
        novelty_at_k([[1]], np.ones(3), 0)
    with pytest.raises(InputError, match="no training user"):
        self_information(Interactions.from_pairs([], [], [], catalog_ids=[1]))
