"""The rows of a reader's home page: their ten, what goes on, and what is like what they loved."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from catalog.models import Book
from ratings.latest import Latest
from ratings.next_volumes import NextVolume, next_volumes
from ratings.opinions import Opinions
from recommender.active import ActiveModel, holder
from recommender.engine import Profile, rank
from recommender.list_options import NO_OPTIONS
from recommender.places import (
    Asked,
    Place,
    in_boosted_order,
    moved_books,
    profile_of,
    ranked_places,
    speaks,
)
from recommender.popular import books_by_id, most_read_ids
from recommender.predictions import PredictedStars, predict
from recommender.reasons import Reason
from recommender.standing import standing

TOP = 10
NEXT_VOLUMES = 8
TO_READ = 8
READING = 8
BECAUSE_ROWS = 3
BECAUSE_BOOKS = 8
# A shorter row looks like an accident.
MIN_BECAUSE_BOOKS = 4
LOVED_STARS = 5
# So many of the latest loved books are looked at, and so many books like each.
LOVED_BOOKS = 40
SIMILAR_BOOKS = 60
# Two loved books with so many of the closest in common speak of one taste.
SAME_TASTE = 12
# Some may have been deleted since the fit.
_SPARE = 5


@dataclass(frozen=True)
class TopBook:
    rank: int
    book: Book
    reasons: list[Reason]


@dataclass(frozen=True)
class NextBook:
    volume: NextVolume
    book: Book
    after: Book


@dataclass(frozen=True)
class BecauseRow:
    """Books like one that the reader loved."""

    loved: Book
    books: list[Book]


@dataclass(frozen=True)
class HomeRows:
    top: list[TopBook] = field(default_factory=list)
    # Whether the ten are the reader's own, not what everybody likes.
    is_personal: bool = False
    # The training run that chose them; None: none did.
    run_id: int | None = None
    next_volumes: list[NextBook] = field(default_factory=list)
    because: list[BecauseRow] = field(default_factory=list)
    to_read: list[Book] = field(default_factory=list)
    reading: list[Book] = field(default_factory=list)
    # By book id, of the ten and of the shelf.
    predicted: dict[int, PredictedStars] = field(default_factory=dict)

    @property
    def books(self) -> list[Book]:
        """Every book of every row."""
        found = [*self.to_read, *self.reading, *(item.book for item in self.top)]
        found += [item.book for item in self.next_volumes]
        return found + [book for row in self.because for book in row.books]


def home_rows(
    opinions: Opinions, latest: Latest, *, recommends: bool, beside: Sequence[Book] = ()
) -> HomeRows:
    """Return all rows of a reader; no book is in two of them.

    First every row is chosen by ids, then all books are read at once: six queries in all. With
    `recommends` False nothing is recommended or predicted: there is what the reader began and
    shelved. The cards of the books `beside` the rows are loaded along with theirs.
    """
    model = holder.current() if recommends else None
    coming = next_volumes(opinions, latest, NEXT_VOLUMES)
    on_hand = {*(volume.book_id for volume in coming), *latest.reading}
    profile = profile_of(model, opinions) if model else None
    top: list[Place] = []
    loved: dict[int, list[int]] = {}
    is_personal = False
    if model and profile:
        is_personal = speaks(profile)
        now = standing(newer_than=model.newest_book)
        asked = Asked(
            model,
            opinions,
            profile,
            NO_OPTIONS,
            gone=now.hidden,
            matching=None,
            boosts=now.boosts,
            new=now.new_books(model.untouched),
        )
        if is_personal:
            top = ranked_places(asked, TOP + _SPARE)
        # Popular books fill the places that few ratings leave.
        top += _popular_places(asked, {place.book for place in top}, TOP + _SPARE - len(top))
        chosen = {place.book for place in top} | on_hand
        loved = _because(asked, latest, chosen)
    elif recommends:
        top = [Place(book, 0.0, []) for book in most_read_ids(opinions.taken, TOP)]
    to_read = _to_read(model, profile, [b for b in latest.to_read if b not in on_hand])
    books = books_by_id(
        {
            *(place.book for place in top),
            *(cause for place in top for cause, _share in place.causes[:1]),
            *on_hand,
            *(volume.after for volume in coming),
            *loved,
            *(book for row in loved.values() for book in row),
            *to_read,
        },
        beside=beside,
    )
    ten = [place for place in top if place.book in books][:TOP]
    in_ten = {place.book for place in ten}
    shown = [*in_ten, *to_read]
    return HomeRows(
        top=[
            TopBook(
                number,
                books[place.book],
                [
                    Reason(books[cause], opinions.stars.get(cause), share)
                    for cause, share in place.causes[:1]
                    if cause in books
                ],
            )
            for number, place in enumerate(ten, start=1)
        ],
        is_personal=is_personal,
        run_id=model.run_id if model else None,
        next_volumes=[
            NextBook(volume, books[volume.book_id], books[volume.after])
            for volume in coming
            if volume.book_id not in in_ten and volume.book_id in books and volume.after in books
        ],
        because=_read_rows(loved, books),
        to_read=_shown(to_read, books)[:TO_READ],
        reading=_shown(latest.reading, books)[:READING],
        predicted=predict(model, profile, _shown(shown, books)) if recommends else {},
    )


def _shown(ids: Sequence[int], books: dict[int, Book]) -> list[Book]:
    return [books[book] for book in ids if book in books]


def _popular_places(asked: Asked, present: set[int], k: int) -> list[Place]:
    if k <= 0:
        return []
    left_out = asked.opinions.taken | asked.gone | present
    listed = asked.model.catalog.items.ids[asked.model.popular].tolist()
    listed = [book for book in listed if book not in left_out]
    return [Place(book, 0.0, []) for book in moved_books(asked, listed, k)]


def _because(asked: Asked, latest: Latest, elsewhere: set[int]) -> dict[int, list[int]]:
    """Return rows of books by the loved book that each is for, the book rated last first.

    Loved books of one taste, by what is like them, give one row: that of the latest.
    """
    model, stars = asked.model, asked.opinions.stars
    items = model.catalog.items
    rows: dict[int, list[int]] = {}
    tastes: list[set[int]] = []
    taken = asked.left_out()
    taken = np.concatenate((taken, items.known_indices(sorted(elsewhere))))
    loved = [book for book in latest.read if stars.get(book) == LOVED_STARS]
    for book in loved[:LOVED_BOOKS]:
        known = items.known_indices([book])
        if not len(known) or book in asked.gone:
            continue
        item = int(known[0])
        similar = model.linear.similar_items(item, SIMILAR_BOOKS)
        taste = {item, *similar.item_indices.tolist()}
        if any(item in other or len(taste & other) >= SAME_TASTE for other in tastes):
            continue
        scores = np.zeros(len(items), dtype=np.float32)
        scores[similar.item_indices] = similar.similarities
        others = np.ones(len(items), dtype=np.bool_)
        others[similar.item_indices] = False
        places = rank(
            scores,
            k=BECAUSE_BOOKS,
            excluded=np.concatenate((np.flatnonzero(others), taken)),
            series=model.catalog.series,
            read=asked.read(),
        )
        if len(places) < MIN_BECAUSE_BOOKS:
            continue
        tastes.append(taste)
        rows[book] = in_boosted_order(asked.boosts, items.ids[places].tolist())
        taken = np.concatenate((taken, places))
        if len(rows) == BECAUSE_ROWS:
            break
    return rows


def _read_rows(loved: dict[int, list[int]], books: dict[int, Book]) -> list[BecauseRow]:
    rows = [
        BecauseRow(books[book], _shown(ids, books)) for book, ids in loved.items() if book in books
    ]
    return [row for row in rows if len(row.books) >= MIN_BECAUSE_BOOKS]


def _to_read(model: ActiveModel | None, profile: Profile | None, shelved: list[int]) -> list[int]:
    """Order the shelf by predicted stars; those shelved last first where none are predicted."""
    if model is None or profile is None or model.stars is None or not shelved:
        return shelved[: TO_READ + _SPARE]
    found = model.catalog.items.indices(shelved)
    known = [(book, item) for book, item in zip(shelved, found.tolist(), strict=True) if item >= 0]
    stars = model.stars.predict_items(
        profile, np.array([item for _book, item in known], dtype=np.int64)
    )
    by_stars = dict(zip((book for book, _item in known), stars.tolist(), strict=True))
    # Of a book newer than the model nothing is predicted; it comes after those.
    ordered = sorted(shelved, key=lambda book: -by_stars.get(book, 0.0))
    return ordered[: TO_READ + _SPARE]
