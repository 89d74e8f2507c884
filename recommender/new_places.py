"""New books among the places of a ranked list: few, where they belong, and with their reasons."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recommender.engine.newcomers import Newcomers
from recommender.engine.reranking import BOOST_LIFT, USUAL_LENGTH
from recommender.newcomers import borrowed_by
from recommender.reasons import LIKED_STARS, MAX_REASONS, MIN_SHARE

if TYPE_CHECKING:
    from recommender.places import Asked

# Of so many places at most one is a new book's, the last of them at worst.
PLACES_EACH = 10
# It has to be among so many best by its own estimate.
REACH = 100


def new_books_placed(
    asked: "Asked", k: int, known_scores: NDArray[np.floating]
) -> list[tuple[int, int, int]]:
    """Return (place from 0, book id, number among the newcomers), by place.

    A new book's score comes from the similarity index (`engine.newcomers`): it stands where that
    would put it among the known candidates, but not below the end of its ten.

    Parameters
    ----------
    asked : who asks, for what.
    k : length of the list.
    known_scores : the similarity index's scores of the known candidates, in any order.
    """
    borrowed = borrowed_by(asked.model, asked.new)
    if borrowed is None or k < 1:
        return []
    newcomers = borrowed.newcomers
    scores = newcomers.scores(asked.profile, asked.model.linear)
    boosts = dict(asked.boosts)
    left_out = asked.taken | asked.gone
    above = np.sort(-known_scores)
    found: list[tuple[float, int, int]] = []
    for number, (book, score) in enumerate(
        zip(newcomers.ids.tolist(), scores.tolist(), strict=True)
    ):
        is_out = book in left_out or boosts.get(book, 0) < 0
        if score <= 0 or is_out or not (asked.matching is None or book in asked.matching):
            continue
        rank = float(np.searchsorted(above, -score))
        if boosts.get(book, 0) > 0:
            rank *= (USUAL_LENGTH + 1) ** -BOOST_LIFT
        if rank < REACH:
            found.append((rank, book, number))
    # A later volume waits for those before it, hidden ones aside.
    known = asked.opinions.read | asked.gone
    fitting = [row for row in sorted(found) if borrowed.earlier.get(row[1], known) <= known]
    chosen = fitting[: max(1, k // PLACES_EACH)]
    placed = [
        (min(int(rank), PLACES_EACH * (turn + 1) - 1), book, number)
        for turn, (rank, book, number) in enumerate(chosen)
    ]
    return sorted(row for row in placed if row[0] < k)


def terms_of(asked: "Asked", newcomers: Newcomers, number: int) -> list[tuple[int, float]]:
    """Return (book id, share) of the reader's books that say anything of a new one, descending."""
    items, values = newcomers.terms(number, asked.profile, asked.model.linear)
    total = float(np.maximum(values, 0.0).sum())
    if total <= 0:
        return []
    ids = asked.model.catalog.items.ids[items]
    order = np.argsort(-values, kind="stable")
    return [(int(ids[place]), float(values[place]) / total) for place in order if values[place]]


def causes_among(asked: "Asked", terms: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the few that are named as reasons: liked, or shelved, and of some weight."""
    stars = asked.opinions.stars
    liked = [
        (book, share)
        for book, share in terms
        if share >= MIN_SHARE and stars.get(book, LIKED_STARS) >= LIKED_STARS
    ]
    return liked[:MAX_REASONS]
