"""The places of a list before any book is read from the database: ranked, then re-ranked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from catalog.merged import survivors
from ratings.opinions import Opinions
from recommender.active import ActiveModel
from recommender.engine import Profile, Ranked, Vocabulary, rank_places, top_k
from recommender.engine.reranking import (
    boosted,
    likeness,
    mutual_likeness,
    nearness,
    rarity,
    relevance_of_places,
    rerank,
)
from recommender.list_options import ListOptions
from recommender.new_places import causes_among, new_books_placed, terms_of
from recommender.newcomers import NewBooks, borrowed_by
from recommender.reasons import LIKED_STARS, causes_of, contributions_of

# So many of a ranked list can come to its top by a reader's wishes.
POOL = 200
# Of so many books like the one asked for, those that suit the reader are shown.
CLOSEST = 150


@dataclass(frozen=True)
class Place:
    """A place of a list, with the book by its id alone."""

    book: int
    score: float
    # (book id, share of what speaks for this place), the strongest first.
    causes: list[tuple[int, float]]
    # All that speaks for it or, below 0, against it; only where that was asked for.
    contributions: list[tuple[int, float]] = field(default_factory=list)


def profile_of(model: ActiveModel, opinions: Opinions) -> Profile:
    """Return what the engine is told of a reader."""
    known_as = _known_as(model, [*opinions.stars, *opinions.to_read])
    stars: Mapping[int, int] = opinions.stars
    to_read: Iterable[int] = opinions.to_read
    if known_as:
        stars = {known_as.get(book, book): given for book, given in stars.items()}
        to_read = {known_as.get(book, book) for book in to_read}
    return Profile.from_ids(model.catalog.items, list(stars), list(stars.values()), sorted(to_read))


def _known_as(model: ActiveModel, books: list[int]) -> dict[int, int]:
    """Return `known_as` of some books. Costs a query only for who spoke of a book that is new."""
    items = model.catalog.items
    indices = items.indices(books)
    if (indices >= 0).all():
        return {}
    new = {book for book, index in zip(books, indices.tolist(), strict=True) if index < 0}
    return {book: old for book, old in known_as(items).items() if book in new}


def known_as(items: Vocabulary) -> dict[int, int]:
    """Return, of the books that a run does not know, those merged into them that it does.

    A book that is new since the fit may have taken the opinions of an older one.
    """
    merged = survivors()
    # The lowest id of several comes last: the one that the data set has.
    older = sorted(zip(merged, items.indices(list(merged)).tolist(), strict=True), reverse=True)
    found = {merged[old]: old for old, index in older if index >= 0}
    indices = items.indices(list(found)).tolist()
    return {
        book: old for (book, old), index in zip(found.items(), indices, strict=True) if index < 0
    }


def speaks(profile: Profile) -> bool:
    """Return whether the reader liked anything they read.

    Dislikes alone point nowhere, and wishes alone rank worse than popularity does (NDCG@10 .063
    against .095, docs/algorithms/linear.md).
    """
    return bool((profile.stars >= LIKED_STARS).any())


@dataclass(frozen=True)
class Asked:
    """One request for a list: who asks, for what, and which books cannot be in it."""

    model: ActiveModel
    opinions: Opinions
    profile: Profile
    options: ListOptions
    # Hidden or deleted books: they count as read, so that a series goes on after them.
    gone: frozenset[int]
    # The visible books that meet the filters; None: there are none.
    matching: frozenset[int] | None
    # (book id, 1: boosted or -1: buried by a curator).
    boosts: tuple[tuple[int, int], ...] = ()
    # Visible books of which the model has learned nothing.
    new: NewBooks = field(default_factory=NewBooks)

    @property
    def dismissed(self) -> frozenset[int]:
        """The books whose like sinks; stars say more than a dismissal beside them."""
        return self.opinions.dismissed - self.opinions.stars.keys()

    @property
    def taken(self) -> set[int]:
        """The reader's books that the list may not show."""
        return self.options.taken(self.opinions)

    def left_out(self) -> NDArray[np.int64]:
        """Return the item indices that no place may show."""
        items = self.model.catalog.items
        taken = items.known_indices(sorted(self.taken | self.gone))
        if self.options.like is not None:
            taken = np.concatenate((taken, items.known_indices([self.options.like])))
        if self.matching is None:
            return taken
        others = np.ones(len(items), dtype=np.bool_)
        others[items.known_indices(sorted(self.matching))] = False
        others[taken] = True
        return np.flatnonzero(others)

    def read(self) -> NDArray[np.int64]:
        """Return the item indices after which a series goes on."""
        read = self.opinions.read if self.options.exclude_read else frozenset[int]()
        return self.model.catalog.items.known_indices(sorted(read | self.gone))


def ranked_places(asked: Asked, k: int) -> list[Place]:
    """Rank what the reader's books speak for; shorter than k when that is little.

    The filters restrict the candidates before they are ranked: the second stage orders those
    that match. A series of which the next volume does not match is left out, like one of which
    it is dismissed: a later volume would be out of order, another book not what was asked for.
    """
    model, profile = asked.model, asked.profile
    excluded = asked.left_out()
    linear_scores = model.linear.scores(profile)
    scores = model.scores(profile, excluded, first=linear_scores)
    spoken_for = linear_scores > model.linear.prior
    ranked = rank_places(
        scores,
        k=POOL if moves(asked) else k,
        excluded=excluded,
        series=model.catalog.series,
        read=asked.read(),
    )
    # The next volume of a series stands in the place that another volume may have earned.
    kept = spoken_for[ranked.earned_by]
    places = _placed(asked, Ranked(ranked.items[kept], ranked.earned_by[kept]), k, scores=scores)
    if not asked.new.ids:
        return places
    left = np.ones(len(linear_scores), dtype=np.bool_)
    left[excluded] = False
    return _with_new_books(asked, places, k, linear_scores[left])


def _with_new_books(
    asked: Asked, places: list[Place], k: int, known_scores: NDArray[np.floating]
) -> list[Place]:
    """Return the list with a few new books in it, each with the score of the place it takes."""
    chosen = new_books_placed(asked, k, known_scores)
    borrowed = borrowed_by(asked.model, asked.new)
    if borrowed is None or not chosen:
        return places
    new = {book for _at, book, _number in chosen}
    # One that the fit knew without a rating may stand further down by its metadata.
    merged = [place for place in places if place.book not in new]
    for at, book, number in chosen:
        at = min(at, len(merged))
        beside = merged[at] if at < len(merged) else merged[-1] if merged else None
        terms = terms_of(asked, borrowed.newcomers, number)
        merged.insert(
            at,
            Place(
                book,
                beside.score if beside else 0.0,
                causes_among(asked, terms),
                terms if asked.options.explain else [],
            ),
        )
    return merged[:k]


def places_like(asked: Asked, book: int, k: int) -> list[Place]:
    """Rank books like one book, those first that are close to it and suit the reader.

    May be empty: of a book newer than the model nothing is known.
    """
    model, profile = asked.model, asked.profile
    known = model.catalog.items.known_indices([book])
    if not len(known):
        return []
    everything = np.arange(model.linear.n_items)
    similar = model.linear.similarities_between(known, everything)[0]
    similar[asked.left_out()] = 0.0
    closest = top_k(similar, CLOSEST)
    closest = closest[similar[closest] > 0]
    others = np.ones(len(everything), dtype=np.bool_)
    others[closest] = False
    excluded = np.flatnonzero(others)
    scores = model.scores(profile, excluded) if speaks(profile) else similar
    ranked = rank_places(
        scores, k=POOL, excluded=excluded, series=model.catalog.series, read=asked.read()
    )
    closeness = likeness(similar[ranked.earned_by], model.usual_similarity)
    return _placed(asked, ranked, k, scores=scores, closeness=closeness)


def moved_books(asked: Asked, books: list[int], k: int) -> list[int]:
    """Return k of the ranked books as the reader's dismissals and sliders move them."""
    if not moves(asked):
        return books[:k]
    items = asked.model.catalog.items
    indices = items.known_indices(books)  # all of them are known: they are the model's own
    order, _values = _moved(asked, indices, relevance_of_places(len(indices)), k)
    return [books[place] for place in order.tolist()]


def _placed(
    asked: Asked,
    ranked: Ranked,
    k: int,
    *,
    scores: NDArray[np.floating],
    closeness: NDArray[np.float64] | None = None,
) -> list[Place]:
    """Return k of the ranked items as the reader's wishes move them, with what speaks for each."""
    shown, origin = ranked
    order, values = _moved(asked, shown, scores[origin], k, closeness)
    earned_by = origin[order].tolist()
    causes = causes_of(asked.model, asked.profile, earned_by)
    contributions: list[list[tuple[int, float]]] = [[] for _place in earned_by]
    if asked.options.explain:
        contributions = contributions_of(asked.model, asked.profile, earned_by)
    ids = asked.model.catalog.items.ids[shown[order]].tolist()
    return [
        Place(book, score, because, all_of_it)
        for book, score, because, all_of_it in zip(
            ids, values.tolist(), causes, contributions, strict=True
        )
    ]


def boosted_among(
    boosts: Sequence[tuple[int, int]], books: NDArray[np.int64]
) -> NDArray[np.int8] | None:
    """Return for each book id 1 where it is boosted, -1 where buried, else 0; None: none is."""
    moved = np.zeros(len(books), dtype=np.int8)
    for book, direction in boosts:
        moved[books == book] = direction
    return moved if moved.any() else None


def in_boosted_order(boosts: Sequence[tuple[int, int]], books: list[int]) -> list[int]:
    """Return a ranked list of book ids as boosts move it."""
    moved = boosted_among(boosts, np.array(books, dtype=np.int64))
    return books if moved is None else [books[place] for place in boosted(moved).tolist()]


def moves(asked: Asked) -> bool:
    """Return whether anything but relevance may order this list."""
    return bool(asked.boosts or _wishes(asked))


def _wishes(asked: Asked) -> bool:
    options = asked.options
    return bool(asked.dismissed or options.diversity or options.novelty or options.like is not None)


def _moved(
    asked: Asked,
    shown: NDArray[np.int64],
    scores: NDArray[np.floating],
    k: int,
    closeness: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Return which k of the ranked items stay, in their new order, and by which score."""
    boosts = boosted_among(asked.boosts, asked.model.catalog.items.ids[shown])
    if boosts is None and not _wishes(asked):
        return np.arange(min(k, len(shown))), scores[:k]
    model, options, catalog = asked.model, asked.options, asked.model.catalog
    usual = model.usual_similarity
    dismissed = catalog.items.known_indices(sorted(asked.dismissed))
    near = None
    if len(dismissed):
        near = nearness(likeness(model.linear.similarities_between(dismissed, shown), usual))
    rare = None
    if options.novelty and catalog.n_ratings is not None:
        rare = rarity(np.nan_to_num(catalog.n_ratings[shown]))
    alike = None
    if options.diversity:
        alike = mutual_likeness(
            likeness(model.linear.similarities_between(shown, shown), usual),
            catalog.author_index[shown],
            catalog.genre_index[shown],
        )
    return rerank(
        len(shown),
        k=k,
        near_dismissed=near,
        moved=boosts,
        rare=rare,
        novelty=options.novelty,
        closeness=closeness,
        alike=alike,
        diversity=options.diversity,
    )
