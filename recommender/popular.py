"""Well-liked books: what is shown to a stranger, and what fills up a short list."""

from collections.abc import Iterable, Sequence

import numpy as np
from django.db.models import Q

from catalog.models import Book
from catalog.selectors import load_cards, visible_books
from recommender.active import ActiveModel
from recommender.places import POOL, Asked, in_boosted_order, moved_books, moves
from recommender.standing import as_boosts, boost_in_force

EVERY_BOOK = Q()
# So many of the next popular books may be hidden or gone since the fit without another question.
SPARE = 10


def popular_for(asked: Asked, taken: set[int], k: int) -> list[Book]:
    """Return k well-liked books that match, as the reader's wishes order them, rows alone.

    Fewer when no more match, or only volumes of series whose next one does not.
    """
    model, matching = asked.model, asked.matching
    if matching is None:
        listed = model.catalog.items.ids[model.popular].tolist()
        if not moves(asked):
            first = [book for book in listed if book not in taken][: k + SPARE]
            if len(books := in_order(first, with_cards=False)) >= k:
                return books[:k]
        # Some may have been hidden or deleted since the fit.
        shown = visible_books().filter(pk__in=listed).values_list("pk", flat=True)
        left = set(shown) - taken
        listed = [book for book in listed if book in left]
        if len(listed) >= k:
            return in_order(moved_books(asked, listed, k), with_cards=False)
        matching = frozenset(visible_books().values_list("pk", flat=True))
    listed = moved_books(asked, _popular_of(model, matching - taken, max(POOL, k)), k)
    books = in_order(listed, with_cards=False)
    newer = matching - taken - set(model.catalog.items.ids.tolist())
    if len(books) < k and newer:
        books += most_read(taken, k - len(books), Q(pk__in=newer), with_cards=False)
    return books


def popular_ids(model: ActiveModel | None, k: int, wanted: Q = EVERY_BOOK) -> list[int]:
    """Return well-liked books of many kinds that meet a condition, then the most read of those.

    Those shown for a smaller k are the first of those for a larger one.
    """
    listed: list[int] = []
    rows: list[tuple[int, str | None]] = []
    shown = visible_books().annotate(way=boost_in_force()).values_list("pk", "way")
    if model is not None and wanted:
        rows = list(shown.filter(wanted))
        matching = frozenset(pk for pk, _way in rows)
        listed = _popular_of(model, matching, max(k, POOL))
    elif model is not None:
        popular = model.catalog.items.ids[model.popular].tolist()
        rows = list(shown.filter(pk__in=popular))
        left = {pk for pk, _way in rows}
        listed = [book for book in popular if book in left]
    listed = in_boosted_order(as_boosts(rows), listed[:POOL]) + listed[POOL:]
    listed = listed[:k]
    if len(listed) < k:
        listed += most_read_ids(set(listed), k - len(listed), wanted)
    return listed


def _popular_of(model: ActiveModel, books: frozenset[int], k: int) -> list[int]:
    """Return well-liked books of many kinds among some."""
    catalog = model.catalog
    others = np.ones(len(catalog.items), dtype=np.bool_)
    others[catalog.items.known_indices(sorted(books))] = False
    if others.all():
        return []
    found = model.popularity.diverse_top(
        k,
        series=catalog.series,
        authors=catalog.author_index,
        genres=catalog.genre_index,
        excluded=np.flatnonzero(others),
    )
    listed: list[int] = catalog.items.ids[found].tolist()
    return listed


def most_read(
    taken: set[int], k: int, wanted: Q = EVERY_BOOK, *, with_cards: bool = True
) -> list[Book]:
    """Return the books with the most ratings that meet a condition."""
    matching = visible_books().filter(wanted).exclude(pk__in=taken)
    books = list(matching.order_by("-ratings_count", "id")[:k])
    if with_cards:
        load_cards(books)
    return books


def most_read_ids(taken: set[int], k: int, wanted: Q = EVERY_BOOK) -> list[int]:
    """Return the ids of the books with the most ratings that meet a condition."""
    others = visible_books().filter(wanted).exclude(pk__in=taken).order_by("-ratings_count", "id")
    return list(others.values_list("pk", flat=True)[:k])


def books_by_id(
    ids: Iterable[int],
    *,
    with_series: bool = True,
    with_cards: bool = True,
    beside: Iterable[Book] = (),
) -> dict[int, Book]:
    """Return those of the books that exist and are shown, with what a card needs or without.

    What cards need is loaded for the books `beside` them too.
    """
    books = list(visible_books().filter(pk__in=list(ids)))
    if with_cards:
        load_cards([*books, *beside], with_series=with_series)
    return {book.pk: book for book in books}


def in_order(
    ids: Sequence[int], *, with_series: bool = True, with_cards: bool = True
) -> list[Book]:
    """Return the books that are shown, in the order of the ids."""
    found = books_by_id(ids, with_series=with_series, with_cards=with_cards)
    return [found[book] for book in ids if book in found]
