"""What the active run knows around one book: its like, what its readers loved too, its stars."""

from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from catalog.genre_names import genre_name
from catalog.models import Book
from catalog.selectors import for_comparison, load_cards, visible_books
from catalog.telling_tags import tag_label, telling_tags
from ratings.opinions import Opinions
from recommender.active import ActiveModel, holder
from recommender.engine import LovedToo
from recommender.newcomers import similar_ids
from recommender.places import in_boosted_order, profile_of
from recommender.predictions import PredictedStars, predict
from recommender.standing import standing

# Of each of the two lists.
N_SHOWN = 8
# Of a reason's genres and tags, so many are named.
MAX_SHARED = 2


@dataclass(frozen=True)
class SimilarBook:
    book: Book
    # Why it is here: short and true, such as "Also by Ursula K. Le Guin".
    why: str


@dataclass(frozen=True)
class LovedBook:
    book: Book
    # How many readers loved both, and which part of those who loved the one that is, in 0..1.
    n_both: int
    share: float


@dataclass(frozen=True)
class BookNeighbours:
    similar: list[SimilarBook]
    # None of the similar ones again.
    also_loved: list[LovedBook]
    # None where nobody knows anything of the book.
    predicted: PredictedStars | None
    # The training run that knows of them; None: none is active.
    run_id: int | None

    @property
    def has_model(self) -> bool:
        return self.run_id is not None


def neighbours_of(book: Book, opinions: Opinions | None, k: int = N_SHOWN) -> BookNeighbours:
    """Return at most k books a list; `opinions` are of whom stars are predicted for, if any.

    The book is one of `catalog.selectors.for_comparison`, and gets its authors for a card on the
    way: one query for those of all books here.
    """
    model = holder.current()
    profile = profile_of(model, opinions) if model and opinions else None
    predicted = predict(model, profile, [book]).get(book.pk)
    if model is None:
        load_cards([book], with_series=False)
        return BookNeighbours([], [], predicted, run_id=None)
    similar_ids, loved = _found(model, book, k)
    wanted = {*similar_ids, *(other for other, _, _ in loved)}
    books = {
        other.pk: other for other in for_comparison(visible_books().filter(pk__in=sorted(wanted)))
    }
    load_cards([book, *books.values()], with_series=False)
    loved_ids = {other for other, _, _ in loved}
    similar = [
        SimilarBook(books[other], why_similar(book, books[other], is_loved=other in loved_ids))
        for other in similar_ids
        if other in books
    ][:k]
    shown = {row.book.pk for row in similar}
    also_loved = [
        LovedBook(books[other], n_both, share)
        for other, n_both, share in loved
        if other in books and other not in shown
    ][:k]
    return BookNeighbours(similar, also_loved, predicted, model.run_id)


def why_similar(book: Book, other: Book, *, is_loved: bool) -> str:
    """Return why a book is similar: its author or series, its readers, or what both are about.

    The similarity itself is a number made of readers' ratings and shelves; of these reasons only
    what is true of the two books is said.
    """
    reasons = []
    authors = {authorship.author_id for authorship in book.authorships.all()}
    by_both = [a.author.name for a in other.authorships.all() if a.author_id in authors]
    if set(book.series_ids) & set(other.series_ids):  # type: ignore[attr-defined]
        reasons.append(_("in the same series"))
    elif by_both:
        reasons.append(_("also by %(author)s") % {"author": by_both[0]})
    if is_loved:
        reasons.append(_("loved by the same readers"))
    if len(reasons) < 2 and (shared := _shared_subjects(book, other)):
        reasons.append(_("both: %(subjects)s") % {"subjects": ", ".join(shared)})
    if not reasons:
        reasons.append(_("readers rate and shelve the two alike"))
    return capfirst("; ".join(reasons[:2]))


def _shared_subjects(book: Book, other: Book) -> list[str]:
    """Return what both are about: tags, which tell more, before genres.

    What is a part of another's words ("contemporary", "contemporary fiction") says nothing more.
    A tag that is one of the genres is left to it: tags are English, genres in the page's language.
    """
    slugs = {genre["slug"] for genre in other.genre_list}  # type: ignore[attr-defined]
    genres = [
        genre["name"]
        for genre in book.genre_list  # type: ignore[attr-defined]
        if genre["slug"] in slugs
    ]
    tags = set(telling_tags(other.tag_names, known=genres))  # type: ignore[attr-defined]
    own = telling_tags(book.tag_names, known=genres)  # type: ignore[attr-defined]
    shared = [tag_label(name) for name in own if name in tags]
    shared += [genre_name(name).lower() for name in genres]
    told: list[str] = []
    for subject in dict.fromkeys(shared):
        if not any(subject in other or other in subject for other in told):
            told.append(subject)
    return told[:MAX_SHARED]


def _found(
    model: ActiveModel, book: Book, k: int
) -> tuple[list[int], list[tuple[int, int, float]]]:
    """Return the ids of similar books, and (id, n_both, share) of those loved too, best first."""
    now = standing(newer_than=model.newest_book)
    # More than are shown: some may have been hidden or deleted since the fit.
    similar = similar_ids(model, book.pk, k, now.new_books(model.untouched))
    similar = in_boosted_order(now.boosts, similar)
    known = model.catalog.items.known_indices([book.pk])
    if model.also_loved is None or not len(known):
        return similar, []
    index = int(known[0])
    ids = model.catalog.items.ids
    too: LovedToo = model.also_loved.of(index, model.also_loved.config.n_kept)
    rows = zip(
        ids[too.item_indices].tolist(), too.n_both.tolist(), too.shares.tolist(), strict=True
    )
    return similar, list(rows)
