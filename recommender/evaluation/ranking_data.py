"""The files of a ranking evaluation as what a ranker is fitted on and whom it ranks for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.engine import UNKNOWN, Catalog, Interactions, Profile, Vocabulary
from recommender.engine.evaluation import RELEVANT_STARS
from recommender.evaluation.csv_input import Table, read_pairs, read_ratings
from recommender.evaluation.errors import EvaluationError
from recommender.evaluation.metadata import BookMetadata, read_metadata


@dataclass(frozen=True)
class RankingFiles:
    """Where the tables of one ranking evaluation are."""

    ratings: Path
    fold_in: Path
    to_read: Path | None = None
    books: Path | None = None
    target: Path | None = None


@dataclass(frozen=True)
class RankingCounts:
    """How many rows there were, and how many were left out for which reason."""

    # What the fit learns from.
    n_ratings: int
    n_shelved: int
    n_training_users: int
    n_books: int
    # Rows of the readers to be ranked for, left out of the fit.
    n_ratings_left_out: int
    n_shelved_left_out: int
    # Rows left out because a later row of the file names the same pair.
    n_duplicates: dict[str, int]
    # Readers to be ranked for, and what of their fold-in names no known book.
    n_users: int
    n_unknown_fold_in: int
    n_users_without_known_book: int
    # Rows of the target by readers who are not in the fold-in.
    n_target_of_others: int


@dataclass(frozen=True, eq=False)
class RankingData:
    """One ranking evaluation, ready to be run.

    Parameters
    ----------
    interactions : Interactions without any row of the readers to be ranked for.
    catalog : Catalog of the same items, or None without a folder of metadata.
    user_ids : int64 array, shape (n_users,), ascending. The readers to be ranked for.
    profiles : tuple of n_users Profile: their fold-in. Empty when it names no known book.
    relevant : tuple of n_users int64 arrays of book ids, known or not; or None without a target.
    counts : RankingCounts.
    """

    interactions: Interactions
    catalog: Catalog | None
    user_ids: NDArray[np.int64]
    profiles: tuple[Profile, ...]
    relevant: tuple[NDArray[np.int64], ...] | None
    counts: RankingCounts

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return asdict(self.counts)


def load_ranking_data(files: RankingFiles) -> RankingData:
    """Read and join the tables.

    The books to be ranked are those of the fit and, with a folder of metadata, of books.csv.

    Raises
    ------
    EvaluationError
        When a file is not usable, or nothing is left to fit.
    """
    fold_in = read_ratings(files.fold_in)
    target = read_ratings(files.target) if files.target else None
    ratings = read_ratings(files.ratings)
    to_read = read_pairs(files.to_read) if files.to_read else None
    metadata = read_metadata(files.books) if files.books else None
    users = Vocabulary.of(fold_in.user_ids)
    kept_ratings = _without(ratings, users)
    kept_to_read = _without(to_read, users) if to_read else None
    if not len(kept_ratings):
        raise EvaluationError(
            f"{files.ratings} has no row left after leaving out the readers of {files.fold_in}; "
            "there is nothing to fit."
        )
    interactions = make_interactions(kept_ratings, kept_to_read, metadata)
    catalog = metadata.catalog(interactions.items) if metadata else None
    items = interactions.items
    profiles = tuple(
        Profile.from_ids(items, fold_in.book_ids[rows], fold_in.rated[rows])
        for rows in _rows_of_users(fold_in, users)
    )
    relevant = None
    if target:
        liked = target.select(target.rated >= RELEVANT_STARS)
        relevant = tuple(liked.book_ids[rows] for rows in _rows_of_users(liked, users))
        if not any(len(books) for books in relevant):
            raise EvaluationError(
                f"{files.target} has no book with {RELEVANT_STARS} stars or more of a reader of "
                f"{files.fold_in}; there is nothing to be found."
            )
    tables = {"ratings": ratings, "to_read": to_read, "fold_in": fold_in, "target": target}
    counts = RankingCounts(
        n_ratings=len(kept_ratings),
        n_shelved=len(kept_to_read) if kept_to_read else 0,
        n_training_users=interactions.n_users,
        n_books=interactions.n_items,
        n_ratings_left_out=len(ratings) - len(kept_ratings),
        n_shelved_left_out=len(to_read) - len(kept_to_read) if to_read and kept_to_read else 0,
        n_duplicates={name: table.n_duplicates for name, table in tables.items() if table},
        n_users=len(users),
        n_unknown_fold_in=int(np.count_nonzero(items.indices(fold_in.book_ids) == UNKNOWN)),
        n_users_without_known_book=sum(profile.is_empty for profile in profiles),
        n_target_of_others=(
            int(np.count_nonzero(users.indices(target.user_ids) == UNKNOWN)) if target else 0
        ),
    )
    return RankingData(interactions, catalog, users.ids, profiles, relevant, counts)


def make_interactions(
    ratings: Table, to_read: Table | None, metadata: BookMetadata | None
) -> Interactions:
    """Return the interaction matrices, with a column for every book that any table names."""
    shelf = (
        {"shelf_user_ids": to_read.user_ids, "shelf_item_ids": to_read.book_ids} if to_read else {}
    )
    named = [ratings.book_ids, *([to_read.book_ids] if to_read else [])]
    if metadata:
        named.append(metadata.book_ids)
    return Interactions.from_pairs(
        ratings.user_ids,
        ratings.book_ids,
        ratings.rated,
        catalog_ids=np.unique(np.concatenate(named)),
        **shelf,
    )


def _without(table: Table, users: Vocabulary) -> Table:
    """Return the rows of all other users."""
    return table.select(users.indices(table.user_ids) == UNKNOWN)


def _rows_of_users(table: Table, users: Vocabulary) -> list[NDArray[np.int64]]:
    """Return where the rows of each user are, in file order; of other users nowhere."""
    places = users.indices(table.user_ids)
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(len(users) + 1))
    return [order[a:b] for a, b in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)]
