"""Why a book is in a list: which of the reader's own books speak for it, and how much."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from recommender.active import ActiveModel
from recommender.engine import Profile

# A reason with a smaller part of the score than this says nothing about the list.
MIN_SHARE = 0.02
MAX_REASONS = 3
# From so many stars on a book was liked.
LIKED_STARS = 3


@dataclass(frozen=True)
class Reason:
    """One of the reader's own books that speaks for a recommendation."""

    # A row, or what is in memory (`book_sources`).
    book: Any
    # None: the book is on the to-read shelf, not rated.
    stars: int | None
    # Part of all that speaks for the recommendation, 0..1.
    share: float

    @property
    def text(self) -> str:
        pattern = _pattern(get_language(), self.stars)
        return pattern % {"title": self.book.title, "stars": self.stars}

    @property
    def percent(self) -> int:
        """The share in whole percent, 1 at least."""
        return max(1, round(100 * self.share))


@lru_cache(maxsize=100)
def _pattern(language: str | None, stars: int | None) -> str:
    """Return the text of a reason in the language that is active, once for all lists."""
    if stars is None:
        return _("because %(title)s is on your to-read shelf")
    return ngettext(
        "because you gave %(title)s %(stars)s star",
        "because you gave %(title)s %(stars)s stars",
        stars,
    )


def causes_of(
    model: ActiveModel, profile: Profile, items: Sequence[int]
) -> list[list[tuple[int, float]]]:
    """Return for each item (book id, share of all that speaks for it), the strongest first.

    The terms of the similarity index's own sum (`LinearRanker.contributions`), those of all
    items at once. A book that the reader disliked can speak for another in that sum, but is no
    reason to people; it is named only when nothing else speaks for the item.
    """
    own, counts = model.linear.inputs(profile)
    if not len(own) or not len(items):
        return [[] for _item in items]
    terms = counts[:, np.newaxis] * model.linear.weights_between(own, np.array(items))
    terms = np.maximum(terms, 0.0)
    all_of_it = terms.sum(axis=0)
    disliked = np.isin(own, profile.item_indices[profile.stars < LIKED_STARS])
    spoken = terms.copy()
    spoken[disliked] = 0.0
    only_disliked = ~spoken.any(axis=0)
    spoken[:, only_disliked] = terms[:, only_disliked]
    best = np.argsort(-spoken, axis=0, kind="stable")[:MAX_REASONS]
    said = np.take_along_axis(spoken, best, axis=0).T.tolist()
    books = model.catalog.items.ids[own][best].T.tolist()
    return [
        [
            (book, value / total)
            for book, value in zip(its_books, values, strict=True)
            if value > 0 and value / total >= MIN_SHARE
        ]
        for its_books, values, total in zip(books, said, all_of_it.tolist(), strict=True)
    ]


def contributions_of(
    model: ActiveModel, profile: Profile, items: Sequence[int]
) -> list[list[tuple[int, float]]]:
    """Return for each item (book id, share) of all the reader's books that say anything of it.

    The shares of those that speak for it add up to 1; those of the others, below 0, are in the
    same measure. Descending; empty where nothing speaks for it.
    """
    own, counts = model.linear.inputs(profile)
    if not len(own) or not len(items):
        return [[] for _item in items]
    terms = counts[:, np.newaxis] * model.linear.weights_between(own, np.array(items))
    ids = model.catalog.items.ids[own]
    contributions: list[list[tuple[int, float]]] = []
    for column, total in zip(terms.T, np.maximum(terms, 0.0).sum(axis=0).tolist(), strict=True):
        said = np.argsort(-column, kind="stable") if total > 0 else np.array([], dtype=np.int64)
        contributions.append(
            [(int(ids[place]), float(column[place] / total)) for place in said if column[place]]
        )
    return contributions
