"""Books that came after the fit: ranked by what is known of them, until readers say more.

A new book borrows from the known books that it resembles: who likes those, and what their
readers like. The formulas, and what they find, are in docs/algorithms/new_books.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.engine.errors import InputError
from recommender.engine.interactions import Profile
from recommender.engine.linear import LinearRanker

# What each kind of likeness counts; a book that has nothing of a kind is judged by the others.
SERIES_PART: Final = 1.0
AUTHOR_PART: Final = 1.0
TAG_PART: Final = 1.0
GENRE_PART: Final = 0.25
# So many of the known books most like a new one lend it their weights.
LENDERS: Final = 20
# Below this likeness two books have nothing in common that is worth anything.
LEAST_LIKENESS: Final = 0.05
# The power of likeness that lenders count by: what is nearest says most.
SHARPNESS: Final = 3
# What liking a lender itself counts, beside the strongest weight towards one.
OWN_PART: Final = 2.0
# Weights kept per new book.
WEIGHTS_KEPT: Final = 400
_AT_ONCE: Final = 16


@dataclass(frozen=True, eq=False)
class Traits:
    """What is known of some books, by columns that are the same for all books compared.

    Parameters
    ----------
    authors, series, genres, tags : CSR float32, shape (n_books, any). Above 0 where a book has
        the author, series, genre or tag; of genres the share.
    """

    authors: csr_array
    series: csr_array
    genres: csr_array
    tags: csr_array

    @property
    def n_books(self) -> int:
        """Number of books."""
        return int(self.authors.shape[0])


def metadata_likeness(
    new: Traits, known: Traits, tag_rarity: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return how like each known book each new one is by its metadata, 0 or more.

    likeness_jn = 1 [a series in common] + 1 [an author in common] + 1 tags_jn + .25 genres_jn,
    tags_jn = sum of rarity over j's tags that n has / sum of rarity over j's tags,
    genres_jn = cosine of the shares of genres.

    A new book has few tags and a known one a hundred, so that the part of the new one's tags
    counts, which a cosine would drown.

    Parameters
    ----------
    new, known : Traits with the same columns.
    tag_rarity : float array, shape (n_tags,). log(n_books / books of the tag), 0 or more.

    Returns
    -------
    float32 array, shape (new.n_books, known.n_books).

    Raises
    ------
    InputError
        When the columns differ.
    """
    for name in ("authors", "series", "genres", "tags"):
        own, other = getattr(new, name).shape[1], getattr(known, name).shape[1]
        if own != other:
            raise InputError(f"{name} of the new books have {own} columns, of the known {other}.")
    likeness = SERIES_PART * _shared(new.series, known.series)
    likeness += AUTHOR_PART * _shared(new.authors, known.authors)
    rare = _ones(new.tags).multiply(tag_rarity[np.newaxis, :])
    tags = csr_array(rare) @ _ones(known.tags).T
    total = np.asarray(rare.sum(axis=1)).ravel()
    likeness += TAG_PART * tags.toarray() / np.where(total > 0, total, 1.0)[:, np.newaxis]
    likeness += GENRE_PART * (_unit(new.genres) @ _unit(known.genres).T).toarray()
    return likeness.astype(np.float32)


def _ones(links: csr_array) -> csr_array:
    ones = csr_array(links, copy=True).astype(np.float64)
    ones.data[:] = 1.0
    return ones


def _shared(new: csr_array, known: csr_array) -> NDArray[np.float64]:
    """Return 1.0 where two books have anything in common."""
    shared: NDArray[np.float64] = ((_ones(new) @ _ones(known).T).toarray() > 0).astype(np.float64)
    return shared


def _unit(links: csr_array) -> csr_array:
    lengths = np.sqrt(np.asarray(links.multiply(links).sum(axis=1)).ravel())
    scaled = links.multiply((1 / np.where(lengths > 0, lengths, 1.0))[:, np.newaxis])
    return csr_array(scaled)


@dataclass(frozen=True, eq=False)
class Newcomers:
    """New books with the weights that they borrow.

    Parameters
    ----------
    ids : int64 array, shape (n_new,). Database ids.
    weights : CSR float32, shape (n_new, n_items). What liking each known item says for each.
    lenders : CSR float32, shape (n_new, n_items). Likeness, to the power of three, of the known
        items they borrow from.
    """

    ids: NDArray[np.int64]
    weights: csr_array
    lenders: csr_array

    @classmethod
    def of(
        cls, ids: NDArray[np.int64], likeness: NDArray[np.floating], linear: LinearRanker
    ) -> Newcomers:
        """Let new books borrow from the known ones that they are like.

        With w_jn the third power of the likeness to the 20 most similar known books n, divided
        by its sum, and lambda_j the mean of the strongest weights towards those, weighted alike:

            b_ij = min(1, max_n likeness_jn^3) (sum_n w_jn B_in + 2 lambda_j w_ji)

        in the similarity index's own scale, so that scores compare with those of known books.
        Cost: one pass over the index for every 16 new books, about 0.1 s on goodbooks.

        Parameters
        ----------
        ids : int64 array, shape (n_new,).
        likeness : float array, shape (n_new, n_items). ``metadata_likeness``.
        linear : LinearRanker.
        """
        n_items = linear.n_items
        if likeness.shape != (len(ids), n_items):
            raise InputError(
                f"likeness has shape {likeness.shape}; wanted ({len(ids)}, {n_items})."
            )
        near = np.where(likeness >= LEAST_LIKENESS, likeness, 0.0) ** SHARPNESS
        lenders = _strongest(near, LENDERS)
        parts = [
            _borrowed(lenders[start : start + _AT_ONCE], linear)
            for start in range(0, len(ids), _AT_ONCE)
        ]
        empty = np.zeros((0, n_items), dtype=np.float32)
        weights = _strongest(np.concatenate([empty, *parts]), WEIGHTS_KEPT)
        return cls(ids, csr_array(weights), csr_array(lenders))

    def scores(self, profile: Profile, linear: LinearRanker) -> NDArray[np.float64]:
        """Return the score of each new book, which compares with ``LinearRanker.scores``.

        Returns
        -------
        float64 array, shape (n_new,). 0 for what none of the reader's books says anything of.
        """
        items, counts = linear.inputs(profile)
        own = np.zeros(linear.n_items)
        own[items] = counts
        scores: NDArray[np.float64] = self.weights @ own
        return scores

    def terms(
        self, place: int, profile: Profile, linear: LinearRanker
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return what each of the reader's books adds to the score of one new book.

        Returns
        -------
        (items, values) : int64 and float64 arrays; the values add up to the score.
        """
        items, counts = linear.inputs(profile)
        row = self.weights[[place]].toarray().ravel()
        return items, counts * row[items]

    def closest(self, place: int) -> NDArray[np.int64]:
        """Return the known items that a new book is most like, the closest first."""
        row = self.lenders[[place]].toarray().ravel()
        order = np.argsort(-row, kind="stable")
        return order[row[order] > 0]


def _strongest(rows: NDArray[np.floating], k: int) -> NDArray[np.float32]:
    """Return the rows with all but the k largest magnitudes of each set to 0."""
    kept = np.array(rows, dtype=np.float32)
    if rows.shape[1] > k and len(rows):
        least = np.partition(np.abs(kept), -k, axis=1)[:, -k][:, np.newaxis]
        kept[np.abs(kept) < least] = 0.0
    return kept


def _borrowed(lenders: NDArray[np.float32], linear: LinearRanker) -> NDArray[np.float32]:
    """Return the weights towards some new books from all items, (n_new, n_items)."""
    lending = np.flatnonzero(lenders.any(axis=0))
    if not len(lending):
        return np.zeros_like(lenders)
    towards = linear.weights_between(np.arange(linear.n_items), lending)
    towards *= linear.score_scale[lending]
    total = lenders.sum(axis=1, keepdims=True)
    parts = lenders / np.where(total > 0, total, 1.0)
    strongest = np.maximum(towards.max(axis=0), 0.0)
    borrowed = parts[:, lending] @ towards.T
    borrowed += OWN_PART * (parts[:, lending] @ strongest)[:, np.newaxis] * parts
    sure = np.minimum(lenders.max(axis=1, keepdims=True), 1.0)
    result: NDArray[np.float32] = (borrowed * sure).astype(np.float32)
    return result
