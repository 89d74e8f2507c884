"""The active run's map of the books, as pages draw it: visible books alone, in small files."""

import gzip
import json
import math
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from django.db.models import OuterRef, Subquery
from numpy.typing import NDArray

from catalog.models import Authorship, Book, BookGenre, Genre
from catalog.versions import catalog_version
from recommender.active import ActiveModel, holder

Layout = Literal["tsne", "pca"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
NO_GENRE = 255
_FULL = 65_535


@dataclass(frozen=True, eq=False)
class PlacedBooks:
    """The visible books that the active run has a place for, in the order of their ids.

    Made for one run and one version of the catalogue, which `token` names: what is kept under it
    never changes.
    """

    token: str
    # shape (n,), ascending.
    ids: NDArray[np.uint32]
    # Number in `genres`, NO_GENRE for none.
    genre: NDArray[np.uint8]
    # 0..255: the logarithm of how many ratings it has, in parts of the most.
    popularity: NDArray[np.uint8]
    # shape (n, 2), -1..1.
    places: dict[Layout, NDArray[np.float32]]
    # Those of the books, the fullest first, each with how many.
    genres: tuple[tuple[Genre, int], ...]
    names: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def files(self) -> dict[str, bytes]:
        """What a page loads, compressed by gzip; numbers are little-endian.

        books: their number n (uint32), n ids, each as the step from the one before (uint32),
        n genres (uint8), n popularities (uint8).
        tsne, pca: n times x, then n times y (uint16; 0 is -1 and 65535 is 1).
        titles: [[title, first author], …] as JSON.
        """
        head = np.array([len(self)], dtype="<u4").tobytes()
        steps = np.diff(self.ids, prepend=np.uint32(0)).astype("<u4")
        books = head + steps.tobytes()
        contents = {
            "books": books + self.genre.tobytes() + self.popularity.tobytes(),
            "titles": json.dumps(self.names, ensure_ascii=False, separators=(",", ":")).encode(),
        }
        for layout, places in self.places.items():
            whole = np.rint((places.astype(np.float64) + 1) / 2 * _FULL)
            contents[layout] = whole.T.astype("<u2").tobytes()
        return {name: gzip.compress(content, mtime=0) for name, content in contents.items()}

    def nearest(self, book_id: int, layout: Layout, k: int) -> list[int]:
        """Return the ids of the k books that stand nearest, the nearest first; [] if unplaced."""
        at = int(np.searchsorted(self.ids, book_id))
        if at == len(self) or self.ids[at] != book_id:
            return []
        places = self.places[layout]
        distance = np.linalg.norm(places - places[at], axis=1)
        distance[at] = np.inf
        order = np.argsort(distance, kind="stable")[: min(k, len(self) - 1)]
        return [int(pk) for pk in self.ids[order]]


class _Kept:
    """The last map made in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: PlacedBooks | None = None

    def get(self, token: str, make: Callable[[], PlacedBooks]) -> PlacedBooks:
        kept = self._kept
        if kept is None or kept.token != token:
            with self._lock:
                kept = self._kept
                if kept is None or kept.token != token:
                    kept = self._kept = make()
        return kept


_kept = _Kept()


def placed_books() -> PlacedBooks | None:
    """Return the map, or None when no run is live or the live one has none; two queries."""
    model = holder.current()
    if model is None or model.book_map is None:
        return None
    version = catalog_version()
    # The artifact too: a database that was set up again counts its runs from the start.
    token = f"{model.run_id}-{model.artifact.rpartition('-')[2]}-{version[0]}-{version[1]}"
    return _kept.get(token, lambda: _make(model, token))


def _make(model: ActiveModel, token: str) -> PlacedBooks:
    assert model.book_map is not None  # noqa: S101 - asked by placed_books
    genre = BookGenre.objects.filter(book=OuterRef("pk")).order_by("-share", "genre_id")
    author = Authorship.objects.filter(book=OuterRef("pk")).order_by("position")
    rows = {
        row[0]: row
        for row in Book.objects.filter(is_hidden=False).values_list(
            "pk",
            "title",
            "ratings_count",
            Subquery(genre.values("genre_id")[:1]),
            Subquery(author.values("author__name")[:1]),
        )
    }
    items = [
        (pk, item)
        for item, pk in enumerate(model.catalog.items.ids.tolist())
        if pk in rows and model.book_map.placed[item]
    ]
    items.sort()
    shown = [rows[pk] for pk, _ in items]
    indices = np.array([item for _, item in items], dtype=np.int64)
    counts = Counter(row[3] for row in shown if row[3] is not None)
    known = Genre.objects.in_bulk(counts)
    ordered = sorted(counts, key=lambda pk: (-counts[pk], known[pk].name))
    number = {pk: min(place, NO_GENRE) for place, pk in enumerate(ordered)}
    most = math.log1p(max((row[2] for row in shown), default=0)) or 1.0
    return PlacedBooks(
        token,
        np.array([pk for pk, _ in items], dtype=np.uint32),
        np.array([number.get(row[3], NO_GENRE) for row in shown], dtype=np.uint8),
        np.array([round(255 * math.log1p(row[2]) / most) for row in shown], dtype=np.uint8),
        {
            "tsne": np.asarray(model.book_map.tsne[indices]),
            "pca": np.asarray(model.book_map.pca[indices]),
        },
        tuple((known[pk], counts[pk]) for pk in ordered),
        tuple((row[1], row[4] or "") for row in shown),
    )
