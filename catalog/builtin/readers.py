"""Simulated readers: who reads what, how many stars they give, what they mean to read.

Every reader has a few favourite genres, a time they like books from, authors who suit them, a
generosity and a number of books read; every book has a popularity and a quality. A reader takes
books with probability proportional to popularity^a * exp(affinity), goes on with a series whose
last volume they liked, and gives quality + affinity + generosity + noise, rounded to 1..5 stars.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.builtin.library import GENRES, LibraryBook, genre_shares, next_volumes

FEWEST_RATINGS = 8
MOST_RATINGS = 150

# Readers per block: bounds the memory, whatever the number of readers.
_BLOCK = 2000

# Activity: median and spread (of the logarithm) of the number of books rated.
_ACTIVITY_MEDIAN = 33.0
_ACTIVITY_SPREAD = 0.65
# To-read entries: mean per reader, drawn from a geometric distribution.
_TO_READ_MEAN = 16.0

# Choice. Popularity is Zipf-like over the rank: 1 / (rank + offset)^exponent.
_ZIPF_EXPONENT = 1.0
_ZIPF_OFFSET = 20.0
# Spread, in steps of fame, of the noise that orders books of the same fame.
_FAME_NOISE = 0.45
# Logarithms of the odds: of a favourite genre against none, per squared era, per author's unit.
_GENRE_PULL = 5.0
_ERA_PULL = 0.25
_AUTHOR_PULL = 0.6
# Hardly anyone begins a series in the middle.
_LATER_VOLUME_PENALTY = 2.5
# Part of the books that a reader picks before going on with the series begun among them.
_FIRST_PICKS = 0.65
# Chance to go on with a series after a volume rated 1..5 stars.
_CHANCE_TO_GO_ON = np.array([0.0, 0.02, 0.1, 0.45, 0.75])

# Stars. The mean and the spreads together give about 2, 6, 25, 36 and 31 % of 1 to 5 stars.
_MEAN_STARS = 3.68
_QUALITY_SPREAD = 0.27
# What is known to more readers is somewhat better: stars per step of fame.
_QUALITY_OF_FAME = 0.07
_GENEROSITY_SPREAD = 0.4
_GENRE_STARS = 0.9
_AUTHOR_STARS = 0.25
_NOISE_SPREAD = 0.9

# Years and their place on the scale on which eras are compared: recent decades count for more.
_ERA_YEARS = (-800, 500, 1600, 1800, 1900, 1950, 1980, 2000, 2020)
_ERA_MEAN = 6.0
_ERA_SPREAD = 1.8


@dataclass(frozen=True)
class Readings:
    """What simulated readers did; reader and book are indices from 0, ordered by both.

    ``reader``, ``book`` and ``stars`` (1..5) are parallel arrays of the ratings; the other two
    are the books meant to be read. No pair of reader and book occurs twice in all of them.
    """

    reader: NDArray[np.int64]
    book: NDArray[np.int64]
    stars: NDArray[np.int64]
    to_read_reader: NDArray[np.int64]
    to_read_book: NDArray[np.int64]


@dataclass(frozen=True)
class _Shelves:
    """The books as the readers see them: one entry or row per book."""

    genres: NDArray[np.float64]
    era: NDArray[np.float64]
    author: NDArray[np.int64]
    log_popularity: NDArray[np.float64]
    quality: NDArray[np.float64]
    steps: list[tuple[int, int]]


def simulate_readers(
    books: list[LibraryBook], n_readers: int, rng: np.random.Generator
) -> Readings:
    shelves = _shelves(books, rng)
    blocks = [
        _simulate_block(shelves, first, min(_BLOCK, n_readers - first), rng)
        for first in range(0, n_readers, _BLOCK)
    ]
    return Readings(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _shelves(books: list[LibraryBook], rng: np.random.Generator) -> _Shelves:
    fame = np.array([book.fame for book in books])
    by_fame = np.argsort(-(fame + rng.normal(0, _FAME_NOISE, len(books))))
    rank = np.empty(len(books))
    rank[by_fame] = np.arange(1, len(books) + 1)
    steps = next_volumes(books)
    log_popularity = -_ZIPF_EXPONENT * np.log(rank + _ZIPF_OFFSET)
    log_popularity[[later for _, later in steps]] -= _LATER_VOLUME_PENALTY
    years = np.array([book.year for book in books])
    return _Shelves(
        genres=genre_shares(books),
        era=np.interp(years, _ERA_YEARS, np.arange(len(_ERA_YEARS))),
        author=np.unique([book.first_author for book in books], return_inverse=True)[1],
        log_popularity=log_popularity,
        quality=rng.normal(0, _QUALITY_SPREAD, len(books)) + _QUALITY_OF_FAME * (fame - 3),
        steps=steps,
    )


def _tastes(shelves: _Shelves, n_readers: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a sparse Dirichlet taste over genres: one to three favourites, traces of the rest."""
    # Favourite genres are those with many books, but not in proportion: all get their readers.
    appeal = np.log(shelves.genres.sum(axis=0) ** 0.7 + 1e-9)
    order = np.argsort(-(appeal + rng.gumbel(size=(n_readers, len(GENRES)))), axis=1)
    n_favourites = rng.choice([1, 2, 3], size=(n_readers, 1), p=[0.3, 0.4, 0.3])
    concentration = np.full((n_readers, len(GENRES)), 0.04)
    favourite = np.where(np.arange(3) < n_favourites, 3.0, 0.04)
    np.put_along_axis(concentration, order[:, :3], favourite, axis=1)
    weights = rng.standard_gamma(concentration)
    tastes: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return tastes


def _simulate_block(
    shelves: _Shelves, first_reader: int, n_readers: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], ...]:
    n_books = len(shelves.quality)
    size = (n_readers, n_books)
    # A book all of a reader's only favourite genre has affinity 1.
    tastes = _tastes(shelves, n_readers, rng)
    genre = (tastes / tastes.max(axis=1, keepdims=True)) @ shelves.genres.T
    author = rng.normal(size=(n_readers, shelves.author.max() + 1))[:, shelves.author]
    era = shelves.era - rng.normal(_ERA_MEAN, _ERA_SPREAD, size=(n_readers, 1))
    desire = (
        shelves.log_popularity
        + _GENRE_PULL * genre
        + _AUTHOR_PULL * author
        - _ERA_PULL * np.square(era) / 2
    )
    latent_stars = (
        _MEAN_STARS
        + shelves.quality
        + _GENRE_STARS * (genre - 0.25)
        + _AUTHOR_STARS * author
        + rng.normal(0, _GENEROSITY_SPREAD, size=(n_readers, 1))
        + rng.normal(0, _NOISE_SPREAD, size=size)
    )
    stars = np.clip(np.rint(latent_stars), 1, 5).astype(np.int64)

    activity = rng.lognormal(np.log(_ACTIVITY_MEDIAN), _ACTIVITY_SPREAD, n_readers)
    n_ratings = np.clip(np.rint(activity), FEWEST_RATINGS, MOST_RATINGS).astype(np.int64)

    # Adding Gumbel noise and taking the largest draws without replacement, with probability
    # proportional to exp(desire) (the Gumbel-max trick).
    utility = desire + rng.gumbel(size=size)
    read = _largest(utility, np.ceil(_FIRST_PICKS * n_ratings).astype(np.int64))
    _go_on_with_series(read, stars, n_ratings, shelves.steps, rng)
    read |= _largest(np.where(read, -np.inf, utility), n_ratings - read.sum(axis=1))

    for volume, later in shelves.steps:
        liked = read[:, volume] & (stars[:, volume] >= 4)
        desire[liked, later] += 2 * _LATER_VOLUME_PENALTY
    wish = np.where(read, -np.inf, desire + rng.gumbel(size=size))
    n_wishes = rng.geometric(1 / (_TO_READ_MEAN + 1), n_readers) - 1
    to_read = _largest(wish, np.minimum(n_wishes, n_books - n_ratings))

    reader_index, book_index = np.nonzero(read)
    to_read_reader, to_read_book = np.nonzero(to_read)
    return (
        reader_index + first_reader,
        book_index,
        stars[reader_index, book_index],
        to_read_reader + first_reader,
        to_read_book,
    )


def _largest(utility: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark in each row the `counts[row]` largest entries; there must be as many finite ones."""
    never = np.full((len(utility), 1), np.inf)
    ascending = np.concatenate([np.sort(utility, axis=1), never], axis=1)
    least = np.take_along_axis(ascending, utility.shape[1] - counts[:, None], axis=1)
    marked: NDArray[np.bool_] = utility >= least
    return marked


def _go_on_with_series(
    read: NDArray[np.bool_],
    stars: NDArray[np.int64],
    n_ratings: NDArray[np.int64],
    steps: list[tuple[int, int]],
    rng: np.random.Generator,
) -> None:
    """Add to `read` the next volumes, as long as the readers have books left to read."""
    room = n_ratings - read.sum(axis=1)
    for volume, later in steps:
        chance = _CHANCE_TO_GO_ON[stars[:, volume] - 1]
        goes_on = read[:, volume] & ~read[:, later] & (room > 0)
        goes_on &= rng.random(len(read)) < chance
        read[goes_on, later] = True
        room -= goes_on
