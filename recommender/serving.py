"""Lists for a reader, computed at request time from what they think right now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from accounts.models import User
from catalog.models import Book
from catalog.selectors import load_cards, visible_books
from ratings.opinions import Opinions, opinions_of
from recommender.active import ActiveModel, holder
from recommender.engine import Profile, rank_places
from recommender.metrics import ModelFigures, model_metrics
from recommender.predictions import PredictedStars, predict

Basis = Literal["ratings", "popular"]

# A reason with a smaller part of the score than this says nothing about the list.
MIN_SHARE = 0.02
MAX_REASONS = 3
LIKED_STARS = 3


@dataclass(frozen=True)
class Reason:
    """One of the reader's own books that speaks for a recommendation."""

    book: Book
    # None: the book is on the to-read shelf, not rated.
    stars: int | None
    # Part of all that speaks for the recommendation, 0..1.
    share: float

    @property
    def text(self) -> str:
        if self.stars is None:
            return f"because {self.book.title} is on your to-read shelf"
        unit = "star" if self.stars == 1 else "stars"
        return f"because you gave {self.book.title} {self.stars} {unit}"


@dataclass(frozen=True)
class Recommendation:
    rank: int
    book: Book
    # Orders this list and says nothing beside another reader's. Above 0, up to 1: the second
    # stage's probability that of all books proposed this is the one that the reader likes next.
    # 0 or below: further books in the order of the similarity index, then popular ones. Where
    # there is no second stage, the similarity index's score; in a list of popular books the
    # place from the end.
    score: float
    reasons: list[Reason]
    # None unless asked for, and where nobody knows anything of the book.
    predicted: PredictedStars | None = None


@dataclass(frozen=True)
class RecommendationList:
    items: list[Recommendation]
    # What the list was made from: the reader's ratings, or what everybody likes.
    basis: Basis
    # The training run that scored it; None when no model is active.
    run_id: int | None


def recommendations_for(
    user: User, k: int = 10, *, with_predicted_stars: bool = False
) -> RecommendationList:
    """Return the reader's top k, as `recommendations_from` what they have said until now."""
    return recommendations_from(opinions_of(user), k, with_predicted_stars=with_predicted_stars)


def recommendations_from(
    opinions: Opinions, k: int = 10, *, with_predicted_stars: bool = False
) -> RecommendationList:
    """Return the top k of a reader or guest: never a book they know or dismissed, nor a hidden one.

    The fallback ladder: the active ranker folded in with the reader's ratings; well-liked books
    when there is nothing to fold in; the catalogue by popularity when no model is active.
    """
    taken = opinions.taken
    model = holder.current()
    if model is None:
        found = RecommendationList(_unexplained(_most_read(taken, k)), "popular", None)
        profile = None
    else:
        profile = profile_of(model, opinions)
        if _speaks(profile):
            found = _ranked(model, profile, opinions.stars, taken, k)
        else:
            popular = _unexplained(_popular(model, taken, k))
            found = RecommendationList(popular, "popular", model.run_id)
    if not with_predicted_stars:
        return found
    predicted = predict(model, profile, [item.book for item in found.items])
    items = [replace(item, predicted=predicted.get(item.book.pk)) for item in found.items]
    return replace(found, items=items)


def profile_of(model: ActiveModel, opinions: Opinions) -> Profile:
    """Return what the engine is told of a reader."""
    return Profile.from_ids(
        model.catalog.items,
        list(opinions.stars),
        list(opinions.stars.values()),
        sorted(opinions.to_read),
    )


def _ranked(
    model: ActiveModel, profile: Profile, stars: Mapping[int, int], taken: set[int], k: int
) -> RecommendationList:
    """Rank by what the reader's ratings say, and fill up with popular books."""
    # A book deleted since the fit is still an item: rank again without it until all exist.
    gone = _hidden_book_ids()
    while True:
        places = _places(model, profile, taken, gone, k)
        causes = {cause for place in places for cause, _ in place.causes}
        books = books_by_id({place.book for place in places} | causes)
        if not (missing := {place.book for place in places} - books.keys()):
            break
        gone |= missing
    items = [
        Recommendation(
            number,
            books[place.book],
            place.score,
            [
                Reason(books[cause], stars.get(cause), share)
                for cause, share in place.causes
                if cause in books
            ],
        )
        for number, place in enumerate(places, start=1)
    ]
    if len(items) < k:
        items += _filled_up(model, taken, items, k)
    return RecommendationList(items, "ratings", model.run_id)


@dataclass(frozen=True)
class _Place:
    """A place of a list before the books are read from the database."""

    book: int
    score: float
    # (book id, share of what speaks for this place), the strongest first.
    causes: list[tuple[int, float]]


def _places(
    model: ActiveModel, profile: Profile, taken: set[int], gone: set[int], k: int
) -> list[_Place]:
    """Rank what the reader's books speak for; shorter than k when that is little.

    A volume that is gone (hidden, deleted) counts as read: the series goes on after it.
    """
    items = model.catalog.items
    gone_indices = items.known_indices(sorted(gone))
    excluded = np.concatenate((items.known_indices(sorted(taken)), gone_indices))
    scores = model.scores(profile, excluded)
    spoken_for = model.linear.scores(profile) > model.linear.prior
    ranked = rank_places(
        scores,
        k=k,
        excluded=excluded,
        series=model.catalog.series,
        read=np.concatenate((profile.item_indices, gone_indices)),
    )
    # The next volume of a series stands in the place that another volume may have earned.
    return [
        _Place(book, float(scores[origin]), _strongest(model, profile, int(origin)))
        for book, origin in zip(items.ids[ranked.items].tolist(), ranked.earned_by, strict=True)
        if spoken_for[origin]
    ]


def _filled_up(
    model: ActiveModel, taken: set[int], listed: list[Recommendation], k: int
) -> list[Recommendation]:
    """Return popular books for the places that the reader's own few ratings do not fill."""
    present = {item.book.pk for item in listed}
    popular = _popular(model, taken | present, k - len(listed))
    # Scores descend to the end of the list.
    score = min([0.0, *(item.score for item in listed)])
    return [
        Recommendation(number, book, score, [])
        for number, book in enumerate(popular, start=len(listed) + 1)
    ]


def popular_books(k: int = 20) -> list[Book]:
    """Return well-liked books of many kinds: what a stranger is shown."""
    model = holder.current()
    if model is None:
        return _most_read(set(), k)
    return _popular(model, set(), k)


def similar_books(book: Book, k: int = 10) -> list[Book]:
    """Return the books that the same readers like, the closest first; may be empty."""
    model = holder.current()
    if model is None:
        return []
    known = model.catalog.items.known_indices([book.pk])
    if not len(known):
        return []
    similar = model.linear.similar_items(int(known[0]), 2 * k).item_indices
    return _in_order(model.catalog.items.ids[similar].tolist())[:k]


def model_state() -> str:
    """Return "ok", "missing", "stale" or "damaged": whether this process serves the active run.

    The last two are served through: "stale" by the run before or by popular books, "damaged"
    from memory while the files are not what they were.
    """
    return holder.state()


def model_figures() -> ModelFigures:
    """Return which run this process serves, since when, and how many loads failed."""
    return model_metrics.figures()


def predicted_stars(user: User, books: Iterable[Book]) -> dict[int, PredictedStars]:
    """Return the stars that the reader would give each book, by book id.

    The readers' mean where nothing is known of the reader or no part of the active run predicts
    stars; a book of which nobody knows anything is left out.
    """
    model = holder.current()
    profile = None
    if model is not None and model.stars is not None:
        profile = profile_of(model, opinions_of(user))
    return predict(model, profile, list(books))


def books_by_id(ids: Iterable[int]) -> dict[int, Book]:
    """Return those of the books that exist and are shown, with what a card needs."""
    books = list(visible_books().filter(pk__in=list(ids)))
    load_cards(books)
    return {book.pk: book for book in books}


def _in_order(ids: Sequence[int]) -> list[Book]:
    found = books_by_id(ids)
    return [found[book] for book in ids if book in found]


def _most_read(taken: set[int], k: int) -> list[Book]:
    books = list(visible_books().exclude(pk__in=taken).order_by("-ratings_count", "id")[:k])
    load_cards(books)
    return books


def _popular(model: ActiveModel, taken: set[int], k: int) -> list[Book]:
    """Return well-liked books of many kinds, then the most read ones when those run out."""
    popular = model.catalog.items.ids[model.popular].tolist()
    shown = visible_books().filter(pk__in=popular).values_list("pk", flat=True)
    # Some may have been hidden or deleted since the fit.
    left = set(shown) - taken
    books = _in_order([book for book in popular if book in left][:k])
    if len(books) < k:
        books += _most_read(taken | {book.pk for book in books}, k - len(books))
    return books


def _hidden_book_ids() -> set[int]:
    return set(Book.objects.filter(is_hidden=True).values_list("id", flat=True))


def _speaks(profile: Profile) -> bool:
    """Return whether the reader liked anything they read.

    Dislikes alone point nowhere, and wishes alone rank worse than popularity does (NDCG@10 .063
    against .095, docs/algorithms/linear.md).
    """
    return bool((profile.stars >= LIKED_STARS).any())


def _strongest(model: ActiveModel, profile: Profile, item: int) -> list[tuple[int, float]]:
    """Return (book id, share of all positive contributions) of what speaks most for an item.

    A book that the reader disliked can speak for another in the sum, but is no reason to people;
    it is named only when nothing else speaks for the item.
    """
    found = model.linear.contributions(profile, item)
    positive = found.values > 0
    causes, values = found.item_indices[positive], found.values[positive]
    shares = values / values.sum()
    disliked = np.isin(causes, profile.item_indices[profile.stars < LIKED_STARS])
    if not disliked.all():
        causes, shares = causes[~disliked], shares[~disliked]
    ids = model.catalog.items.ids[causes].tolist()
    return [
        (book, share)
        for book, share in list(zip(ids, shares.tolist(), strict=True))[:MAX_REASONS]
        if share >= MIN_SHARE
    ]


def _unexplained(books: list[Book]) -> list[Recommendation]:
    """Rank books that are shown to everybody; their score is their place from the end."""
    return [
        Recommendation(place, book, float(len(books) - place + 1), [])
        for place, book in enumerate(books, start=1)
    ]
