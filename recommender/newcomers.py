"""Books that the active run knows nothing of, in lists until readers have said enough of them."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from catalog.models import Authorship, BookGenre, BookTag, Volume
from catalog.selectors import allowed_tags
from recommender.active import ActiveModel
from recommender.engine.newcomers import SHARPNESS, Newcomers, Traits, metadata_likeness

# A tag of more books says nothing of one.
_MOST_SHARE = 0.3
# From this likeness on, that of an author in common, a new book is shown beside a known one.
NEAREST = 1.0
_Token = tuple[int, str, "NewBooks"]


@dataclass(frozen=True)
class NewBooks:
    """Ids of visible books of which the active run has learned nothing, as of a moment."""

    ids: tuple[int, ...] = ()
    # The curators' latest change: what is made of the books holds until the next.
    latest_change: int = 0


@dataclass(frozen=True, eq=False)
class Borrowed:
    """New books with their weights, and the books to be read before each: volumes before it."""

    newcomers: Newcomers
    earlier: dict[int, frozenset[int]]


class _Kept:
    """The last newcomers made in this process, for one run and one state of the catalogue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[_Token, Borrowed] | None = None

    def get(self, token: _Token, make: Callable[[], Borrowed]) -> Borrowed:
        kept = self._kept
        if kept is None or kept[0] != token:
            with self._lock:
                kept = self._kept
                if kept is None or kept[0] != token:
                    kept = self._kept = (token, make())
        return kept[1]


_kept = _Kept()


def borrowed_by(model: ActiveModel, new: NewBooks) -> Borrowed | None:
    """Return what new books borrow from those that the model knows; None without any.

    Made anew when the run, the books, or what curators said changes: six queries, and 0.1 s for
    16 books.
    """
    if not new.ids:
        return None
    return _kept.get((model.run_id, model.artifact, new), lambda: _make(model, sorted(new.ids)))


def _make(model: ActiveModel, new: list[int]) -> Borrowed:
    known = model.catalog.items.ids
    # One that the fit knew without a rating is new too, and lends nothing.
    place = {pk: len(new) + row for row, pk in enumerate(known.tolist())}
    place |= {pk: row for row, pk in enumerate(new)}
    n_rows = len(new) + len(known)

    def links(rows: Sequence[tuple[int, int, float]]) -> csr_array:
        """Return all books by what the rows link them to: (book, other, value)."""
        kept = [row for row in rows if row[0] in place]
        numbers: dict[int, int] = {}
        columns = [numbers.setdefault(other, len(numbers)) for _book, other, _value in kept]
        return csr_array(
            (
                np.array([value for *_pair, value in kept], dtype=np.float32),
                ([place[book] for book, *_rest in kept], columns),
            ),
            shape=(n_rows, max(1, len(numbers))),
        )

    # Only what a new book has can be shared with one.
    authors = Authorship.objects.filter(
        author__in=Authorship.objects.filter(book__in=new).values("author")
    ).values_list("book_id", "author_id")
    series = Volume.objects.filter(
        series__in=Volume.objects.filter(book__in=new).values("series")
    ).values_list("book_id", "series_id")
    genres = BookGenre.objects.values_list("book_id", "genre_id", "share")
    tags = allowed_tags(
        BookTag.objects.filter(tag__in=BookTag.objects.filter(book__in=new).values("tag"))
    ).values_list("book_id", "tag_id", "count")
    tag_links = links([(book, tag, float(count)) for book, tag, count in tags])
    traits = [
        links([(book, author, 1.0) for book, author in authors]),
        links([(book, group, 1.0) for book, group in series]),
        links([(book, genre, share) for book, genre, share in genres]),
        tag_links,
    ]
    own, others = (
        Traits(*(csr_array(matrix[rows]) for matrix in traits))
        for rows in (slice(0, len(new)), slice(len(new), None))
    )
    likeness = metadata_likeness(own, others, _rarity(tag_links))
    newcomers = Newcomers.of(np.array(new, dtype=np.int64), likeness, model.linear)
    return Borrowed(newcomers, _earlier_volumes(new))


def _rarity(tags: csr_array) -> NDArray[np.float64]:
    """Return how much each tag says: log(n_books / its books), 0 for one of too many."""
    n_books = np.bincount(tags.indices, minlength=tags.shape[1])
    usable = (n_books > 0) & (n_books <= max(5.0, _MOST_SHARE * tags.shape[0]))
    rarity: NDArray[np.float64] = np.where(
        usable, np.log(tags.shape[0] / np.maximum(n_books, 1)), 0.0
    )
    return rarity


def similar_ids(model: ActiveModel, book_id: int, k: int, new: NewBooks) -> list[int]:
    """Return the ids of books like one, the closest first: more than k, for some may be gone.

    A new book is like those that it borrows from; one that is nearest to this book stands in the
    last of the k places.
    """
    items = model.catalog.items
    borrowed = borrowed_by(model, new)
    newcomers = borrowed.newcomers if borrowed else None
    if newcomers is not None and book_id in new.ids:
        place = int(np.searchsorted(newcomers.ids, book_id))
        closest: list[int] = items.ids[newcomers.closest(place)].tolist()
        return closest
    known = items.known_indices([book_id])
    if not len(known):
        return []
    similar: list[int] = items.ids[
        model.linear.similar_items(int(known[0]), 2 * k).item_indices
    ].tolist()
    if newcomers is not None:
        likeness = newcomers.lenders[:, [int(known[0])]].toarray().ravel()
        best = int(np.argmax(likeness))
        if likeness[best] >= NEAREST**SHARPNESS:
            similar.insert(k - 1, int(newcomers.ids[best]))
    return similar


def _earlier_volumes(book_ids: Sequence[int]) -> dict[int, frozenset[int]]:
    """Return for each later volume the visible books of its series that come before it."""
    own = Volume.objects.filter(book__in=book_ids, position=0, number__gt=1)
    numbers = {row.book_id: (row.series_id, float(row.number or 0)) for row in own}
    series = {series for series, _number in numbers.values()}
    before: dict[int, list[tuple[int, float]]] = {}
    rows = Volume.objects.filter(series__in=series, number__gte=1, book__is_hidden=False)
    for row in rows:
        before.setdefault(row.series_id, []).append((row.book_id, float(row.number or 0)))
    return {
        book: frozenset(other for other, n in before.get(of, ()) if n < number)
        for book, (of, number) in numbers.items()
    }
