"""Lists for a reader, computed at request time from what they think right now."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from accounts.models import User
from catalog.models import Book
from ratings.opinions import Opinions, opinions_of
from recommender.active import ActiveModel, holder
from recommender.book_sources import BOOK_ROWS, BookSource, ShownBook
from recommender.list_options import NO_OPTIONS, ListOptions
from recommender.metrics import ModelFigures, model_metrics
from recommender.newcomers import similar_ids
from recommender.places import (
    Asked,
    Place,
    in_boosted_order,
    places_like,
    profile_of,
    speaks,
)
from recommender.popular import in_order, most_read, popular_for, popular_ids
from recommender.predictions import PredictedStars, predict
from recommender.reasons import Reason
from recommender.remembered import remembered_places
from recommender.standing import Standing, standing

Basis = Literal["ratings", "popular", "book", "off"]


@dataclass(frozen=True)
class Recommendation:
    rank: int
    # A row, or what is in memory (`book_sources`).
    book: Any
    # Orders this list and says nothing beside another reader's. Above 0, up to 1: the second
    # stage's probability that of all books proposed this is the one that the reader likes next.
    # 0 or below: further books in the order of the similarity index, then popular ones. Where
    # there is no second stage, the similarity index's score; in a list of popular books the
    # place from the end. In a list that dismissals, sliders or a book moved, what it was chosen
    # by (`rerank`).
    score: float
    reasons: list[Reason]
    # None unless asked for, and where nobody knows anything of the book.
    predicted: PredictedStars | None = None
    # All of the reader's visible books that say anything of it, as `contributions_of`; only where
    # the options ask for an explanation.
    contributions: list[Reason] = field(default_factory=list)

    @property
    def other_percent(self) -> int:
        """What the reader's books that are not named among the reasons contributed together."""
        return max(0, 100 - sum(reason.percent for reason in self.reasons)) if self.reasons else 0


@dataclass(frozen=True)
class RecommendationList:
    items: list[Recommendation]
    # What the list was made from: the reader's ratings, what everybody likes, or the one book
    # of which more were asked for; "off": the reader wants none.
    basis: Basis
    # The training run that scored it; None when no model is active.
    run_id: int | None
    # How many of the last places are popular books, because the reader's own few ratings speak
    # for no more.
    n_filled_up: int = 0

    @property
    def book_ids(self) -> list[int]:
        """The books in their order."""
        return [item.book.pk for item in self.items]


def recommendations_for(
    user: User,
    k: int = 10,
    *,
    options: ListOptions = NO_OPTIONS,
    with_predicted_stars: bool = False,
    opinions: Opinions | None = None,
    source: BookSource[Any] = BOOK_ROWS,
) -> RecommendationList:
    """Return the reader's top k, as `recommendations_from` what they have said until now.

    None, with the basis "off", for who wants none. Pass the opinions where they are known.
    """
    if not user.wants_recommendations:
        return RecommendationList([], "off", None)
    return recommendations_from(
        opinions_of(user) if opinions is None else opinions,
        k,
        options=options,
        with_predicted_stars=with_predicted_stars,
        source=source,
    )


def recommendations_from(
    opinions: Opinions,
    k: int = 10,
    *,
    options: ListOptions = NO_OPTIONS,
    with_predicted_stars: bool = False,
    source: BookSource[Any] = BOOK_ROWS,
) -> RecommendationList:
    """Return the top k of a reader or guest: never a book they know or dismissed, nor a hidden one.

    The fallback ladder: the active ranker folded in with the reader's ratings; well-liked books
    when there is nothing to fold in; the catalogue by popularity when no model is active. Every
    rung shows only books that meet the filters.
    """
    return recommendations_by(
        holder.current(),
        opinions,
        k,
        options=options,
        with_predicted_stars=with_predicted_stars,
        source=source,
    )


def recommendations_by(
    model: ActiveModel | None,
    opinions: Opinions,
    k: int = 10,
    *,
    options: ListOptions = NO_OPTIONS,
    with_predicted_stars: bool = False,
    source: BookSource[Any] = BOOK_ROWS,
    now: Standing | None = None,
) -> RecommendationList:
    """Return the list that readers would get while this model, or none, is the active one.

    `now`: what `standing` says for this model and these options, where it has just been read.
    """
    profile = None
    if model is None:
        # Of no book it is known what is like it.
        books = (
            most_read(options.taken(opinions), k, options.matching())
            if options.like is None
            else []
        )
        found = RecommendationList(_unexplained(source.of_rows(books)), "popular", None)
    else:
        profile = profile_of(model, opinions)
        if now is None:
            now = standing(options, newer_than=model.newest_book)
        asked = Asked(
            model,
            opinions,
            profile,
            options,
            gone=now.hidden,
            matching=now.matching,
            boosts=now.boosts,
            new=now.new_books(model.untouched),
        )
        found = _made(asked, k, source)
        # Once for all rungs of the ladder.
        listed = [item.book for item in found.items]
        source.complete(listed + [reason.book for item in found.items for reason in item.reasons])
    if not with_predicted_stars:
        return found
    predicted = source.predicted(model, profile, [item.book for item in found.items])
    items = [replace(item, predicted=predicted.get(item.book.pk)) for item in found.items]
    return replace(found, items=items)


def _made(asked: Asked, k: int, source: BookSource[Any]) -> RecommendationList:
    run_id = asked.model.run_id
    if (like := asked.options.like) is not None:
        # As many as there are: popular books are not what was asked for.
        items = _explained(asked, lambda now: places_like(now, like, k), source)
        return RecommendationList(items, "ratings" if speaks(asked.profile) else "book", run_id)
    if not speaks(asked.profile):
        popular = _unexplained(source.of_rows(popular_for(asked, asked.taken, k)))
        return RecommendationList(popular, "popular", run_id)
    items = _explained(asked, lambda now: remembered_places(now, k), source)
    popular_ones = _filled_up(asked, items, k, source) if len(items) < k else []
    return RecommendationList(items + popular_ones, "ratings", run_id, len(popular_ones))


def _explained(
    asked: Asked, place: Callable[[Asked], list[Place]], source: BookSource[Any]
) -> list[Recommendation]:
    """Place books and read them; a book deleted since the fit is still an item, so try again."""
    while True:
        places = place(asked)
        causes = {cause for found in places for cause, _share in found.causes}
        books = source.by_id({found.book for found in places} | causes)
        if not (missing := {found.book for found in places} - books.keys()):
            break
        asked = replace(asked, gone=asked.gone | missing)
    stars = asked.opinions.stars
    titles = source.titled({book for found in places for book, _ in found.contributions})
    return [
        Recommendation(
            number,
            books[found.book],
            found.score,
            [
                Reason(books[cause], stars.get(cause), share)
                for cause, share in found.causes
                if cause in books
            ],
            contributions=[
                Reason(titles[book], stars.get(book), share)
                for book, share in found.contributions
                if book in titles
            ],
        )
        for number, found in enumerate(places, start=1)
    ]


def _filled_up(
    asked: Asked, listed: list[Recommendation], k: int, source: BookSource[Any]
) -> list[Recommendation]:
    """Return popular books for the places that the reader's own few ratings do not fill."""
    present = {item.book.pk for item in listed}
    popular = source.of_rows(popular_for(asked, asked.taken | present, k - len(listed)))
    # Scores descend to the end of the list.
    score = min([0.0, *(item.score for item in listed)])
    return [
        Recommendation(number, book, score, [])
        for number, book in enumerate(popular, start=len(listed) + 1)
    ]


class RankedBooks(list[Book]):
    """Books in their order, and the training run that put them into it; None: none is active."""

    def __init__(self, books: Iterable[Book], run_id: int | None) -> None:
        super().__init__(books)
        self.run_id = run_id


def popular_books(k: int = 20) -> RankedBooks:
    """Return well-liked books of many kinds: what a stranger is shown."""
    model = holder.current()
    ids = popular_ids(model, k, ListOptions().matching())
    return RankedBooks(in_order(ids), model.run_id if model else None)


def popular_book_ids(k: int, *, genre: str = "") -> list[int]:
    """Return the ids of `popular_books`, of one genre when its slug is given."""
    return popular_ids(holder.current(), k, ListOptions(genre=genre).matching())


def similar_books(book: Book, k: int = 10, *, with_series: bool = True) -> RankedBooks:
    """Return the books that the same readers like, the closest first; may be empty.

    Of a book that nobody has rated, those that it is like by what is known of it.
    """
    model = holder.current()
    if model is None:
        return RankedBooks([], None)
    now = standing(newer_than=model.newest_book)
    similar = similar_ids(model, book.pk, k, now.new_books(model.untouched))
    ids = in_boosted_order(now.boosts, similar)
    return RankedBooks(in_order(ids, with_series=with_series)[:k], model.run_id)


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

    The readers' mean where nothing is known of the reader, they want no recommendations or no
    part of the active run predicts stars; a book of which nobody knows anything is left out.
    """
    model = holder.current()
    profile = None
    if user.wants_recommendations and model is not None and model.stars is not None:
        profile = profile_of(model, opinions_of(user))
    return predict(model, profile, list(books))


def _unexplained(books: Sequence[ShownBook]) -> list[Recommendation]:
    """Rank books that are shown to everybody; their score is their place from the end."""
    return [
        Recommendation(place, book, float(len(books) - place + 1), [])
        for place, book in enumerate(books, start=1)
    ]
