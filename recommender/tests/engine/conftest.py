"""Small interaction matrices with known structure."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.engine import Interactions

N_ITEMS = 12


@pytest.fixture
def checkerboard() -> Interactions:
    """Even users rate even items 5, odd users odd items 3; each leaves one item of his out.

    Item ids are 100 + item index, so that an id is never a valid index by accident.
    """
    pairs = [
        (user, item)
        for user in range(48)
        for item in range(N_ITEMS)
        if user % 2 == item % 2 and item != user % N_ITEMS
    ]
    users, items = (np.array(column) for column in zip(*pairs, strict=True))
    return Interactions.from_pairs(users, 100 + items, np.where(items % 2 == 0, 5, 3))


def random_interactions(
    seed: int, *, n_users: int = 80, n_items: int = 25, density: float = 0.3
) -> Interactions:
    """Ratings and shelves drawn at random; ids are not indices and item 7 is never touched."""
    generator = np.random.default_rng(seed)
    drawn = generator.random((n_users, n_items))
    drawn[:, 7] = 1.0
    users, items = np.nonzero(drawn < density)
    shelvers, shelved = np.nonzero((drawn >= density * 0.9) & (drawn < density * 1.4))
    return Interactions.from_pairs(
        1000 + users,
        10 * items,
        generator.integers(1, 6, len(users)),
        shelf_user_ids=1000 + shelvers,
        shelf_item_ids=10 * shelved,
        catalog_ids=10 * np.arange(n_items),
    )
