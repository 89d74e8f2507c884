"""Readers whose taste is like a reader's: only those whom everybody may see."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from django.contrib.auth.models import AnonymousUser
from numpy.typing import NDArray

from accounts.models import User
from accounts.selectors import can_see_ratings, public_readers
from catalog.models import Book
from ratings.models import Rating
from ratings.opinions import Opinions, opinions_of
from recommender.active import ActiveModel, holder
from recommender.engine import Profile
from recommender.places import profile_of
from recommender.popular import books_by_id

LOVED_STARS = 4
MAX_SHARED, MAX_NEW = 3, 4
# Looked at for each reader wanted; four times as many again while too few of them may be shown.
_LOOKED_AT = 4


@dataclass(frozen=True)
class LikeMinded:
    """A reader with a taste like somebody's, and what may be told of it."""

    user: User
    # Cosine of the two tastes, above 0 and up to 1.
    similarity: float
    # Books both gave 4 or 5 stars. None, as the lists are empty, when their ratings are private.
    n_shared: int | None = None
    shared: list[Book] = field(default_factory=list)
    # Loved by them and not known to the reader, the most promising first.
    new: list[Book] = field(default_factory=list)


@dataclass(frozen=True)
class LikeMindedReaders:
    readers: list[LikeMinded]
    # False: no model is active, or it is one that knows nothing of readers.
    is_ready: bool
    # False: the reader has not liked enough for anybody to be like them.
    has_taste: bool


def like_minded_readers(user: User, k: int = 12) -> LikeMindedReaders:
    """Return up to k readers like this one, the most alike first.

    Who may be shown is asked of the database each time, so a reader who makes the profile private
    is gone at the next request, whatever the model remembers.
    """
    model = holder.current()
    if model is None or model.readers is None:
        return LikeMindedReaders([], is_ready=False, has_taste=True)
    opinions = opinions_of(user)
    profile = profile_of(model, opinions)
    if model.readers.vector(profile) is None:
        return LikeMindedReaders([], is_ready=True, has_taste=False)
    found = _visible_neighbours(model, profile, user, k)
    readers = _told(model, profile, opinions, found)
    return LikeMindedReaders(readers, is_ready=True, has_taste=True)


def _visible_neighbours(
    model: ActiveModel, profile: Profile, user: User, k: int
) -> list[tuple[User, float]]:
    assert model.readers is not None  # noqa: S101 - asked by the caller
    n_looked_at = _LOOKED_AT * k
    while True:
        nearest = model.readers.nearest(profile, n_looked_at, excluded=[user.pk])
        ids = nearest.user_ids.tolist()
        shown = {reader.pk: reader for reader in _showable(ids)}
        if len(shown) >= k or len(ids) < n_looked_at:
            break
        n_looked_at *= 4
    pairs = zip(ids, nearest.similarities.tolist(), strict=True)
    return [(shown[id], similarity) for id, similarity in pairs if id in shown][:k]


def _showable(ids: Iterable[int]) -> Iterable[User]:
    """Return those with a public profile, and the anonymous readers of data sets."""
    anonymous = User.objects.exclude(source=User.Source.SITE)
    return (public_readers() | anonymous).filter(pk__in=ids)


def _told(
    model: ActiveModel, profile: Profile, opinions: Opinions, found: list[tuple[User, float]]
) -> list[LikeMinded]:
    """Say of each reader what may be said: two queries, and one for the authors of books."""
    open_ids = [reader.pk for reader, _ in found if shows_ratings(reader)]
    loved: dict[int, list[int]] = {id: [] for id in open_ids}
    ratings = Rating.objects.filter(user__in=open_ids, stars__gte=LOVED_STARS)
    for reader_id, book_id in ratings.order_by("-stars", "book_id").values_list("user", "book"):
        loved[reader_id].append(book_id)
    own = {book for book, stars in opinions.stars.items() if stars >= LOVED_STARS}
    shared = {id: [book for book in books if book in own] for id, books in loved.items()}
    new = _new_to(opinions, model, model.linear.scores(profile), loved)
    # One may be hidden: one more than is shown is looked up.
    chosen = {
        book for id in loved for book in (*_telling(model, shared[id])[: MAX_SHARED + 1], *new[id])
    }
    books = books_by_id(chosen)

    def present(ids: Iterable[int], most: int) -> list[Book]:
        return [books[id] for id in ids if id in books][:most]

    return [
        LikeMinded(
            reader,
            similarity,
            len(shared[reader.pk]),
            present(_telling(model, shared[reader.pk]), MAX_SHARED),
            present(new[reader.pk], MAX_NEW),
        )
        if shows_ratings(reader)
        else LikeMinded(reader, similarity)
        for reader, similarity in found
    ]


def shows_ratings(reader: User) -> bool:
    """Return whether anybody may see the reader's stars; those of data sets are public."""
    return reader.source != User.Source.SITE or can_see_ratings(reader, AnonymousUser())


def _new_to(
    opinions: Opinions,
    model: ActiveModel,
    scores: NDArray[np.float32],
    loved: dict[int, list[int]],
) -> dict[int, list[int]]:
    """Choose for each reader what they loved and this one does not know, the best first.

    What an earlier one of them has shown comes last, or all would show the same few books.
    """
    taken, shown = opinions.taken, set[int]()
    new = {}
    for reader, books in loved.items():
        unknown = _most_promising(model, scores, [book for book in books if book not in taken])
        new[reader] = sorted(unknown, key=shown.__contains__)[: MAX_NEW + 1]
        shown.update(new[reader][:MAX_NEW])
    return new


def _most_promising(model: ActiveModel, scores: NDArray[np.float32], books: list[int]) -> list[int]:
    """Order books by what the similarity index thinks of them for the reader."""
    items = model.catalog.items
    indices = items.known_indices(books)
    found: list[int] = items.ids[indices[np.argsort(-scores[indices], kind="stable")]].tolist()
    return found


def _telling(model: ActiveModel, books: list[int]) -> list[int]:
    """Order books that two readers share by how few know them: those say more of a taste."""
    items, known_by = model.catalog.items, model.catalog.n_ratings
    indices = items.known_indices(books)
    if known_by is not None:
        indices = indices[np.argsort(np.nan_to_num(known_by[indices]), kind="stable")]
    found: list[int] = items.ids[indices].tolist()
    return found
