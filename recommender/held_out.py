"""The readers whom no run is fitted on, so that any two runs can be measured on them.

Who they are, and which of their ratings are to be found, says a keyed hash of ids: the same readers
and the same halves in every run, whoever signs up or is deleted in between. A fixed share of all
readers is withheld from every fit, those with few ratings too: a reader who was in the fit of one
run must not become one on whom it is measured later.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.engine import Interactions, Profile, Vocabulary

# Another key means other readers: runs of before could no longer be compared with.
KEY: Final = b"bookrec held-out readers 1"
SHARE: Final = 0.02
MAX_MEASURED: Final = 1000
MIN_RATINGS: Final = 5
TARGET_SHARE: Final = 0.2
RELEVANT_STARS: Final = 4

_ONE: Final = 1 << 64


@dataclass(frozen=True, eq=False)
class HeldOutReader:
    """One reader in database ids: what is shown of them, and what must be found."""

    user_id: int
    shown_ids: NDArray[np.int64]
    shown_stars: NDArray[np.float32]
    shelf_ids: NDArray[np.int64]
    target_ids: NDArray[np.int64]
    target_stars: NDArray[np.float32]

    @property
    def relevant_ids(self) -> NDArray[np.int64]:
        """The books to be found: those of the target that they liked."""
        relevant: NDArray[np.int64] = self.target_ids[self.target_stars >= RELEVANT_STARS]
        return relevant

    def profile(self, items: Vocabulary) -> Profile:
        """Return what is shown of them, as the input of a model with these items."""
        return Profile.from_ids(items, self.shown_ids, self.shown_stars, self.shelf_ids)


def keyed_hash(*ids: int) -> int:
    """Return a number of 64 bits that nobody can foresee from the ids without the key."""
    message = b"".join(number.to_bytes(8, "big", signed=True) for number in ids)
    return int.from_bytes(hashlib.blake2b(message, digest_size=8, key=KEY).digest(), "big")


def is_held_out(user_id: int) -> bool:
    """Return whether a reader is withheld from every fit."""
    return keyed_hash(user_id) < SHARE * _ONE


def held_out_ids(user_ids: Iterable[int]) -> list[int]:
    """Return those of the readers who are withheld from every fit, lowest hash first."""
    return sorted(filter(is_held_out, user_ids), key=keyed_hash)


def split_off(interactions: Interactions) -> tuple[Interactions, list[HeldOutReader]]:
    """Return what runs are fitted on, and the readers to measure them on.

    Of the withheld, at most 1,000 are measured: those of the lowest hash with at least five
    ratings, among whose targets there is a book that they liked.
    """
    withheld = held_out_ids(interactions.user_ids.tolist())
    readers: list[HeldOutReader] = []
    for user_id in withheld:
        if len(readers) == MAX_MEASURED:
            break
        [row] = interactions.users.indices([user_id])
        reader = _split(user_id, interactions.profile(int(row)), interactions.item_ids)
        if reader is not None:
            readers.append(reader)
    return interactions.without_users(withheld), readers


def _split(user_id: int, whole: Profile, item_ids: NDArray[np.int64]) -> HeldOutReader | None:
    n_rated = len(whole.item_indices)
    if n_rated < MIN_RATINGS:
        return None
    rated = item_ids[whole.item_indices]
    order = np.argsort(
        np.array([keyed_hash(user_id, book_id) for book_id in rated.tolist()], dtype=np.uint64)
    )
    n_target = max(1, round(TARGET_SHARE * n_rated))
    target, shown = order[:n_target], order[n_target:]
    if not (whole.stars[target] >= RELEVANT_STARS).any():
        return None
    return HeldOutReader(
        user_id,
        rated[shown],
        whole.stars[shown],
        item_ids[whole.shelf_indices],
        rated[target],
        whole.stars[target],
    )
