"""What the second stage looks at: one row per candidate of a reader.

A feature is a name in one of the tuples below, and a column of that name from one of the
functions at the end, for several readers at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from recommender.engine.catalog import Catalog
from recommender.engine.completeness import Completeness, liked_share
from recommender.engine.errors import ArtifactError
from recommender.engine.interactions import Interactions
from recommender.engine.metadata_gram import tag_vectors
from recommender.engine.readers import Readers
from recommender.engine.threads import small_product

Columns = dict[str, NDArray[Any]]  # by the name of the feature

N_TAG_FACTORS: Final = 64
_YEARS: Final = (1900.0, 2018.0)
_UNKNOWN_YEAR: Final = 2000.0
_NO_VOLUME: Final = -50.0
_STAR_CLASSES: Final = ("few_stars", "three_stars", "four_stars", "five_stars")
_CLASS_STARTS: Final = np.array((2.5, 3.5, 4.5), dtype=np.float32)  # of all but the first
_COMPARED: Final = {"years": "year", "popularity": "log_popularity", "stars": "mean_stars"}

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
FIRST: Final = (*HEAD, *MAIN, *PAIR, *ITEM, *USER)
FEATURES: Final = (*FIRST, *OTHER)


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


def write_columns(columns: Columns, names: Sequence[str], table: NDArray[np.float32]) -> None:
    """Write named columns into a table, in the order of the names.

    Parameters
    ----------
    columns : mapping of name to array that broadcasts to (n_readers, n_candidates).
    names : sequence of str.
    table : float32 array, shape (len(names), n_readers, n_candidates). Written to.
    """
    for column, name in zip(table, names, strict=True):
        column[:] = columns[name]


def first_columns(
    tables: ItemTables,
    readers: Readers,
    candidates: NDArray[np.int64],
    scores: NDArray[np.floating],
    weights: NDArray[np.float32],
) -> Columns:
    """Return all features but ``OTHER``, by name.

    Parameters
    ----------
    tables : ItemTables.
    readers : Readers.
    candidates : int64 array, shape (n_readers, n), n > 0. Rows by descending score.
    scores : float array, same shape. Of the first stage.
    weights : float32 array, shape (n_books, n). The first stage's, not scaled: of each reader's
        books towards his candidates.

    Returns
    -------
    dict of name to array that broadcasts to (n_readers, n).
    """
    first, tenth, last = scores[:, :1], scores[:, 9:10], scores[:, -1:]
    items = dict(zip(ITEM, np.moveaxis(tables.items[candidates], 2, 0), strict=True))
    own_items = tables.items[readers.items]
    usual = dict(zip(ITEM, readers.means_of_rows(own_items).T[:, :, np.newaxis], strict=True))
    if not tenth.size:
        tenth = last
    return {
        "score": scores,
        "place": np.arange(scores.shape[1]),
        "of_first": scores / (first + 1e-6),
        "of_tenth": scores / (tenth + 1e-6),
        **_main_columns(readers, own_items[:, ITEM.index("mean_stars")], weights),
        **_tag_columns(tables, readers, candidates),
        **_author_columns(tables, readers, candidates),
        **_series_columns(tables, readers, candidates),
        **items,
        **{f"{short}_from": items[name] - usual[name] for short, name in _COMPARED.items()},
        **_user_columns(tables, readers, usual),
        "tenth_score": tenth,
        "last_score": last,
    }


def other_columns(readers: Readers, weights: NDArray[np.float32]) -> Columns:
    """Return ``OTHER`` by name; weights as in ``first_columns``, of the second source."""
    terms = weights * readers.counts[:, np.newaxis]
    (sums,) = readers.sums(weights, readers.counts)
    ranks = np.empty(sums.shape, dtype=np.float32)
    order = np.argsort(-sums, axis=1, kind="stable")
    np.put_along_axis(ranks, order, np.arange(sums.shape[1], dtype=np.float32), axis=1)
    return {"other_sum": sums, "other_strongest": readers.largest(terms), "other_rank": ranks}


def _main_columns(
    readers: Readers, everybodys_stars: NDArray[np.float32], weights: NDArray[np.float32]
) -> Columns:
    """Return ``MAIN``."""
    stars, counts = readers.stars, readers.counts
    star_class = np.searchsorted(_CLASS_STARTS, stars, side="right")
    is_of_class = star_class == np.arange(len(_STAR_CLASSES))[:, np.newaxis]
    total, *by_stars = readers.sums(weights, counts, *is_of_class.astype(np.float32))
    speaking, for_it, beyond_mean, beyond_all = readers.sums(
        np.maximum(weights, 0),
        np.ones_like(counts),
        np.maximum(counts, 0),
        readers.stars_beyond_mean,
        stars - everybodys_stars,
    )
    terms = weights * counts[:, np.newaxis]
    strongest, three_strongest = readers.strongest(terms, 3)
    strongest = np.maximum(strongest, 0)
    little = np.float32(1e-3)
    return {
        "sum": total,
        **dict(zip(_STAR_CLASSES, by_stars, strict=True)),
        "strongest": strongest,
        "three_strongest": three_strongest,
        "n_for": readers.counts_of(terms > 0),
        "stars_for": beyond_mean / (speaking + little),
        "stars_beyond": beyond_all / (speaking + little),
        "concentration": strongest / (for_it + little),
    }


def _tag_columns(tables: ItemTables, readers: Readers, candidates: NDArray[np.int64]) -> Columns:
    """Return likeness of tags to the reader's taste, his nearest and five nearest books."""
    own_tags, tags = tables.tags[readers.items], tables.tags[candidates]
    (taste,) = readers.sums(own_tags, readers.counts + np.float32(1e-3))
    taste /= np.linalg.norm(taste, axis=1, keepdims=True) + np.float32(1e-9)
    near = np.empty((len(own_tags), candidates.shape[1]), dtype=np.float32)
    for (start, end), own_candidates in zip(readers.spans, tags, strict=True):
        near[start:end] = small_product(own_tags[start:end], own_candidates.T)
    nearest, five_nearest = readers.strongest(near, 5)
    return {
        "tags": (tags @ taste[:, :, np.newaxis])[:, :, 0],
        "nearest_tags": nearest,
        "five_nearest_tags": five_nearest / np.minimum(readers.n_books, 5)[:, np.newaxis],
    }


def _author_columns(tables: ItemTables, readers: Readers, candidates: NDArray[np.int64]) -> Columns:
    """Return what the reader thinks of the candidate's author."""
    same = readers.matches(tables.authors, candidates)
    n_books = same.sums(np.ones_like(readers.stars))
    return {
        "author_count": n_books,
        "author_liking": same.sums(readers.counts),
        "author_stars_beyond": same.sums(readers.stars_beyond_mean) / (n_books + 1),
        "author_stars": same.sums(readers.stars) / np.maximum(n_books, 1),
    }


def _series_columns(tables: ItemTables, readers: Readers, candidates: NDArray[np.int64]) -> Columns:
    """Return how far the reader is in the candidate's series."""
    same = readers.matches(tables.series, candidates)
    own_volumes = tables.column("volume")[readers.items]
    volumes = tables.column("volume")[candidates]
    n_books = same.sums(np.ones_like(readers.stars))
    last_read = same.largest(own_volumes, at_least=-1.0)
    is_before = np.abs(own_volumes[same.books] - (volumes.ravel()[same.pairs] - 1)) < 0.01
    return {
        "series_count": n_books,
        "series_stars": same.sums(readers.stars) / np.maximum(n_books, 1),
        "series_gap": np.where(n_books > 0, volumes - last_read, _NO_VOLUME),
        "series_next": same.sums_of_pairs(is_before) > 0,
    }


def _user_columns(
    tables: ItemTables, readers: Readers, usual: Mapping[str, NDArray[np.float64]]
) -> Columns:
    """Return ``USER`` but what is of the list; usual: the means of his books' ``ITEM``."""
    stars = readers.means(readers.stars)
    popularity = tables.column("log_popularity")[readers.items]
    return {
        "n_rated": readers.n_books[:, np.newaxis],
        "user_stars": stars,
        "user_popularity": usual["log_popularity"],
        "user_popularity_spread": np.sqrt(readers.means(readers.beyond_mean(popularity) ** 2)),
        "user_strictness": stars - usual["mean_stars"],
        "user_liked": readers.means(readers.stars >= 3.5),
        "user_series": readers.means(tables.series[readers.items] >= 0),
    }
