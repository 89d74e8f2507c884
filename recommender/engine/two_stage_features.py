"""What the second stage looks at: one row per candidate of one reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from recommender.engine.catalog import Catalog
from recommender.engine.completeness import Completeness, liked_share
from recommender.engine.errors import ArtifactError
from recommender.engine.interactions import Interactions
from recommender.engine.metadata_gram import tag_vectors

N_TAG_FACTORS: Final = 64
_YEARS: Final = (1900.0, 2018.0)
_UNKNOWN_YEAR: Final = 2000.0
_NO_VOLUME: Final = -50.0
_ONE_THREAD: Final = 1 << 18

# Of the candidate by the first stage: score, place, score relative to the first and the tenth.
HEAD: Final = ("score", "place", "of_first", "of_tenth")
# Of what the reader's books say by the first stage: all; those of few stars, of 3, 4 and 5; the
# strongest, the three strongest, how many speak for it; the mean of their stars, weighted by how
# much they speak, less the reader's mean and less everybody's; the strongest's part of all.
MAIN: Final = (
    *("sum", "few_stars", "three_stars", "four_stars", "five_stars"),
    *("strongest", "three_strongest", "n_for", "stars_for", "stars_beyond", "concentration"),
)
# The same by the weights learned from the most complete readers; ranks among the candidates.
OTHER: Final = ("other_sum", "other_strongest", "other_rank")
# Of the candidate beside the reader's books.
PAIR: Final = (
    *("tags", "nearest_tags", "five_nearest_tags"),
    *("author_count", "author_liking", "author_stars_beyond", "author_stars"),
    *("series_count", "series_stars", "series_gap", "series_next"),
    *("years_from", "popularity_from", "stars_from"),
)
# Of the candidate alone.
ITEM: Final = (
    *("log_popularity", "log_shelved", "log_reviews", "log_shelved_ratio", "log_share"),
    *("mean_stars", "std_stars", "liked_share", "year", "in_series", "volume", "log_review_ratio"),
)
# Of the reader and of the list.
USER: Final = (
    *("n_rated", "user_stars", "user_popularity", "user_popularity_spread", "user_strictness"),
    *("user_liked", "user_series", "tenth_score", "last_score"),
)
FEATURES: Final = (*HEAD, *MAIN, *PAIR, *ITEM, *USER, *OTHER)


class Reader(NamedTuple):
    """A reader's ratings: item indices, stars, and what each counts in the first stage."""

    items: NDArray[np.int64]
    stars: NDArray[np.float32]
    counts: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ItemTables:
    """What is known of every item; finite throughout.

    Parameters
    ----------
    items : float32 array, shape (n_items, number of ``ITEM``).
    authors, series : int32 arrays, shape (n_items,). -1 for none.
    tags : float32 array, shape (n_items, any). Rows of length 1, or 0.
    """

    items: NDArray[np.float32]
    authors: NDArray[np.int32]
    series: NDArray[np.int32]
    tags: NDArray[np.float32]

    @classmethod
    def build(
        cls, interactions: Interactions, catalog: Catalog | None, completeness: Completeness
    ) -> Self:
        """Gather what interactions and catalog say; whatever the catalog lacks is constant.

        Parameters
        ----------
        interactions : Interactions.
        catalog : Catalog or None. Of the same items.
        completeness : Completeness of both.
        """
        n_items = interactions.n_items
        if catalog is None:
            catalog = Catalog.bare(interactions.items)
        ratings = interactions.ratings
        counts = np.bincount(ratings.indices, minlength=n_items)
        sums = np.bincount(ratings.indices, ratings.data, minlength=n_items)
        overall = float(sums.sum() / max(counts.sum(), 1))
        own_means = (sums + 5.0 * overall) / (counts + 5.0)
        shelved = np.bincount(interactions.shelved.indices, minlength=n_items)
        n_raters = max(int(np.count_nonzero(np.diff(ratings.indptr))), 1)
        expected = completeness.expected
        n_ratings = _known(catalog.n_ratings, expected * n_raters)
        n_reviews = _known(catalog.n_reviews, np.zeros(n_items))
        volume = np.nan_to_num(catalog.series.number.astype(np.float64))
        columns = {
            "log_popularity": np.log(expected),
            "log_shelved": np.log1p(shelved),
            "log_reviews": np.log1p(n_reviews),
            "log_shelved_ratio": np.log((shelved + 5.0) / (expected * n_raters)),
            "log_share": np.log(completeness.share),
            "mean_stars": _known(catalog.mean_stars, own_means),
            "std_stars": _known(catalog.std_stars, np.ones(n_items)),
            "liked_share": liked_share(interactions, catalog),
            "year": _known(catalog.years, np.full(n_items, _UNKNOWN_YEAR)).clip(*_YEARS),
            "in_series": catalog.series.index >= 0,
            "volume": volume.clip(-1e3, 1e3),
            "log_review_ratio": np.log((n_reviews + 1.0) / np.maximum(n_ratings, 1.0)),
        }
        tags = tag_vectors(catalog, N_TAG_FACTORS)
        return cls(
            np.stack([columns[name] for name in ITEM], axis=1).astype(np.float32),
            catalog.author_index,
            catalog.series.index,
            np.zeros((n_items, 1), dtype=np.float32) if tags is None else tags,
        )

    def column(self, name: str) -> NDArray[np.float32]:
        """Return one of ``ITEM``, float32 (n_items,)."""
        return self.items[:, ITEM.index(name)]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what an artifact keeps."""
        return {f"table_{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], n_items: int) -> Self:
        """Rebuild from ``arrays``.

        Raises
        ------
        ArtifactError
            When they do not fit together.
        """
        tables = cls(*(np.asarray(arrays[f"table_{field.name}"]) for field in fields(cls)))
        whole = (
            tables.items.shape == (n_items, len(ITEM))
            and tables.authors.shape == tables.series.shape == (n_items,)
            and tables.tags.ndim == 2
            and len(tables.tags) == n_items
            and tables.authors.dtype.kind == tables.series.dtype.kind == "i"
            and tables.items.dtype == tables.tags.dtype == np.float32
            and bool(np.isfinite(tables.items).all() and np.isfinite(tables.tags).all())
        )
        if not whole:
            raise ArtifactError("the tables of the second stage do not fit together; train again.")
        return tables


def _known(values: NDArray[np.float32] | None, otherwise: NDArray[np.float64]) -> NDArray[Any]:
    """Return the values, where they are unknown the others."""
    if values is None:
        return otherwise
    return np.where(np.isnan(values), otherwise, values.astype(np.float64))


def first_features(
    tables: ItemTables,
    reader: Reader,
    candidates: NDArray[np.int64],
    scores: NDArray[np.floating],
    weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return all features but ``OTHER``.

    Parameters
    ----------
    tables : ItemTables.
    reader : Reader, of at least one rating.
    candidates : int64 array, shape (n,), n > 0. By descending score.
    scores : float array, shape (n,). Of the first stage.
    weights : float32 array, shape (n_rated, n). The first stage's, not scaled.

    Returns
    -------
    float32 array, shape (n, n_features - 3).
    """
    n = len(candidates)
    tenth, last = scores[min(9, n - 1)], scores[-1]
    user = _user_features(tables, reader, float(tenth), float(last))
    blocks = (
        np.stack(
            (scores, np.arange(n), scores / (scores[0] + 1e-6), scores / (tenth + 1e-6)), axis=1
        ),
        _main_features(reader, tables.column("mean_stars")[reader.items], weights.T),
        _pair_features(tables, reader, candidates),
        tables.items[candidates],
        np.broadcast_to(user, (n, len(user))),
    )
    return np.concatenate(blocks, axis=1, dtype=np.float32, casting="same_kind")


def other_features(reader: Reader, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``OTHER``: what the second source says.

    Parameters
    ----------
    reader : Reader, of at least one rating.
    weights : float32 array, shape (n_rated, n). The second source's, not scaled.

    Returns
    -------
    float32 array, shape (n, 3).
    """
    terms = weights.T * reader.counts
    sums = terms.sum(axis=1)
    ranks = np.empty(len(sums))
    ranks[np.argsort(-sums, kind="stable")] = np.arange(len(sums))
    return np.stack((sums, terms.max(axis=1), ranks), axis=1).astype(np.float32)


def _product(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return left @ right by products small enough for one thread.

    OpenBLAS wakes its threads for more than 2^18 terms. On a busy machine the wait for them is
    several times the whole list's time.
    """
    n_rows = max(1, _ONE_THREAD // max(right.size, 1))
    if len(left) <= n_rows:
        return left @ right
    return np.concatenate(
        [left[first : first + n_rows] @ right for first in range(0, len(left), n_rows)]
    )


def _main_features(
    reader: Reader, everybodys_stars: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return ``MAIN``; weights have shape (n, n_rated)."""
    stars, counts = reader.stars, reader.counts
    terms = weights * counts
    stars_class = np.stack(
        (stars < 2.5, (stars >= 2.5) & (stars < 3.5), (stars >= 3.5) & (stars < 4.5), stars >= 4.5),
        axis=1,
    ).astype(np.float32)
    by_stars = _product(weights, stars_class)
    n_top = min(3, len(stars))
    strongest = np.partition(terms, len(stars) - n_top, axis=1)[:, len(stars) - n_top :]
    most = np.maximum(strongest.max(axis=1), 0)
    positive = np.maximum(weights, 0)
    about = np.stack((np.ones_like(stars), stars - stars.mean(), stars - everybodys_stars), axis=1)
    total, beyond_mean, beyond_all = _product(positive, about).T
    return np.concatenate(
        (
            terms.sum(axis=1)[:, np.newaxis],
            by_stars,
            np.stack(
                (
                    most,
                    strongest.sum(axis=1),
                    (terms > 0).sum(axis=1),
                    beyond_mean / (total + 1e-3),
                    beyond_all / (total + 1e-3),
                    most / (np.maximum(terms, 0).sum(axis=1) + 1e-3),
                ),
                axis=1,
            ),
        ),
        axis=1,
        dtype=np.float32,
        casting="same_kind",
    )


def _pair_features(
    tables: ItemTables, reader: Reader, candidates: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return ``PAIR``."""
    read, stars, counts = reader.items, reader.stars, reader.counts
    about = np.stack((np.ones_like(stars), counts, stars - stars.mean(), stars), axis=1)
    own_tags, tags = tables.tags[read], tables.tags[candidates]
    taste = (counts + np.float32(1e-3)) @ own_tags
    taste /= np.linalg.norm(taste) + np.float32(1e-9)
    near = _product(tags, own_tags.T)
    n_near = min(5, len(read))
    nearest = np.partition(near, len(read) - n_near, axis=1)[:, len(read) - n_near :]

    author, series = tables.authors[candidates], tables.series[candidates]
    same_author = (author[:, np.newaxis] == tables.authors[read]) & (author >= 0)[:, np.newaxis]
    n_author, liking, deviation, author_stars = _product(same_author.astype(np.float32), about).T
    same_series = (series[:, np.newaxis] == tables.series[read]) & (series >= 0)[:, np.newaxis]
    n_series, _, _, series_stars = _product(same_series.astype(np.float32), about).T
    volume = tables.column("volume")
    own_volumes, volumes = volume[read], volume[candidates]
    last_read = np.where(same_series, own_volumes, -1.0).max(axis=1)
    is_before = np.abs(own_volumes - (volumes - 1)[:, np.newaxis]) < 0.01
    columns = (
        tags @ taste,
        nearest.max(axis=1),
        nearest.mean(axis=1),
        n_author,
        liking,
        deviation / (n_author + 1),
        author_stars / np.maximum(n_author, 1),
        n_series,
        series_stars / np.maximum(n_series, 1),
        np.where(n_series > 0, volumes - last_read, _NO_VOLUME),
        (same_series & is_before).any(axis=1),
        *(
            tables.column(name)[candidates] - tables.column(name)[read].mean()
            for name in ("year", "log_popularity", "mean_stars")
        ),
    )
    return np.stack(columns, axis=1, dtype=np.float32, casting="same_kind")


def _user_features(
    tables: ItemTables, reader: Reader, tenth: float, last: float
) -> NDArray[np.float32]:
    """Return ``USER``, float32 (n,)."""
    stars = reader.stars
    popularity = tables.column("log_popularity")[reader.items]
    return np.array(
        (
            len(stars),
            stars.mean(),
            popularity.mean(),
            popularity.std(),
            (stars - tables.column("mean_stars")[reader.items]).mean(),
            (stars >= 3.5).mean(),
            (tables.series[reader.items] >= 0).mean(),
            tenth,
            last,
        ),
        dtype=np.float32,
    )
