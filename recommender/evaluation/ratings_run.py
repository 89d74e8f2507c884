"""Fit predictors of stars on one file, measure them on another."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.engine import UNKNOWN, Catalog, Interactions, OnProgress
from recommender.engine.metrics import Interval, bootstrap_interval
from recommender.engine.predictor import as_predicted_stars
from recommender.engine.registry import Algorithm
from recommender.evaluation.csv_input import Table, read_pairs, read_ratings
from recommender.evaluation.metadata import read_metadata
from recommender.evaluation.output import writing
from recommender.evaluation.peak_memory import peak_megabytes, reset_peak
from recommender.evaluation.ranking_data import make_interactions
from recommender.evaluation.tables import text_table


@dataclass(frozen=True)
class RatingsFiles:
    """Where the tables of one evaluation of predicted stars are."""

    train: Path
    test: Path
    to_read: Path | None = None
    books: Path | None = None


@dataclass(frozen=True, eq=False)
class RatingsData:
    """One evaluation of predicted stars, ready to be run.

    Parameters
    ----------
    interactions : Interactions of the training file.
    catalog : Catalog of the same items, or None.
    test : Table with stars.
    user_indices, item_indices : int64 arrays, shape (n_test,). UNKNOWN (-1) where the training
        file does not name the user, or neither it nor books.csv the book.
    fallback : float32 array, shape (n_test,). The mean stars of the book in the training file,
        else of all its ratings.
    counts : dict. How many rows there were and what was special about them, as JSON values.
    """

    interactions: Interactions
    catalog: Catalog | None
    test: Table
    user_indices: NDArray[np.int64]
    item_indices: NDArray[np.int64]
    fallback: NDArray[np.float32]
    counts: dict[str, int]


@dataclass(frozen=True, eq=False)
class RatingsResult:
    """What one predictor did.

    Parameters
    ----------
    algorithm : str.
    config : dict. Its hyperparameters.
    predicted : float32 array, shape (n_test,). Stars 1..5.
    mse, rmse, mae : float. Over all rows of the test file, fallbacks included. In stars squared
        and stars.
    mse_interval : Interval. Bootstrap over rows, 95 %.
    fit_seconds, predict_seconds, peak_megabytes : float.
    """

    algorithm: str
    config: dict[str, Any]
    predicted: NDArray[np.float32]
    mse: float
    rmse: float
    mae: float
    mse_interval: Interval
    fit_seconds: float
    predict_seconds: float
    peak_megabytes: float

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the predictions as JSON values."""
        values = {name: value for name, value in vars(self).items() if name != "predicted"}
        values["options"] = values.pop("config")
        return values | {"mse_interval": list(self.mse_interval)}


def load_ratings_data(files: RatingsFiles) -> RatingsData:
    """Read and join the tables.

    Raises
    ------
    EvaluationError
        When a file is not usable.
    """
    train, test = read_ratings(files.train), read_ratings(files.test)
    to_read = read_pairs(files.to_read) if files.to_read else None
    metadata = read_metadata(files.books) if files.books else None
    interactions = make_interactions(train, to_read, metadata)
    users = interactions.users.indices(test.user_ids)
    items = interactions.items.indices(test.book_ids)
    known = (users != UNKNOWN) & (items != UNKNOWN)
    in_train = np.zeros(len(test), dtype=np.bool_)
    in_train[known] = _entries(interactions, users[known], items[known])
    counts = {
        "n_train": len(train),
        "n_test": len(test),
        "n_shelved": interactions.shelved.nnz,
        "n_users": interactions.n_users,
        "n_books": interactions.n_items,
        "n_duplicates_train": train.n_duplicates,
        "n_duplicates_test": test.n_duplicates,
        "n_unknown_users": int(np.count_nonzero(users == UNKNOWN)),
        "n_unknown_books": int(np.count_nonzero(items == UNKNOWN)),
        "n_fallback": int(np.count_nonzero(~known)),
        "n_test_in_train": int(np.count_nonzero(in_train)),
    }
    return RatingsData(
        interactions,
        metadata.catalog(interactions.items) if metadata else None,
        test,
        users,
        items,
        _mean_stars(interactions, items),
        counts,
    )


def _entries(
    interactions: Interactions, users: NDArray[np.int64], items: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which pairs are rated in the training file."""
    ratings = interactions.ratings
    rows = np.repeat(np.arange(interactions.n_users), np.diff(ratings.indptr))
    keys = rows * interactions.n_items + ratings.indices
    return np.isin(users * interactions.n_items + items, keys)


def _mean_stars(interactions: Interactions, items: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the mean stars of some items (UNKNOWN allowed), the global mean without ratings."""
    ratings = interactions.ratings
    counts = np.bincount(ratings.indices, minlength=interactions.n_items + 1)
    sums = np.bincount(ratings.indices, ratings.data, minlength=interactions.n_items + 1)
    overall = float(ratings.data.mean(dtype=np.float64))
    means = np.divide(sums, counts, out=np.full(len(sums), overall), where=counts > 0)
    # UNKNOWN is -1: the last element, which no item has.
    return as_predicted_stars(means[items])


def run_predictor(
    algorithm: Algorithm,
    config: Any,
    data: RatingsData,
    *,
    on_progress: OnProgress | None = None,
) -> RatingsResult:
    """Fit and measure one predictor.

    Raises
    ------
    EngineError
        When the fit fails.
    """
    reset_peak()
    started = time.perf_counter()
    predictor = algorithm.predictor(config)
    predictor.fit(data.interactions, data.catalog, on_progress=on_progress)
    fitted = time.perf_counter()
    known = (data.user_indices != UNKNOWN) & (data.item_indices != UNKNOWN)
    predicted = data.fallback.copy()
    predicted[known] = predictor.predict(data.user_indices[known], data.item_indices[known])
    done = time.perf_counter()
    error = predicted.astype(np.float64) - data.test.rated
    mse = float(np.mean(error**2))
    return RatingsResult(
        algorithm=algorithm.name,
        config=asdict(config),
        predicted=predicted,
        mse=mse,
        rmse=mse**0.5,
        mae=float(np.mean(np.abs(error))),
        mse_interval=bootstrap_interval(error**2, seed=0, n_resamples=200),
        fit_seconds=fitted - started,
        predict_seconds=done - fitted,
        peak_megabytes=peak_megabytes(),
    )


def describe_ratings_data(data: RatingsData) -> str:
    """Say what was fitted and what was special about the test rows, a fact a line."""
    c = data.counts
    lines = [
        f"Fitted on {c['n_train']:,} ratings and {c['n_shelved']:,} to-read entries of "
        f"{c['n_users']:,} readers and {c['n_books']:,} books; {c['n_test']:,} to predict."
    ]
    if c["n_duplicates_train"] or c["n_duplicates_test"]:
        lines.append(
            "Duplicate pairs, of which the last row counts: "
            f"{c['n_duplicates_train']:,} in train, {c['n_duplicates_test']:,} in test."
        )
    if c["n_fallback"]:
        lines.append(
            f"{c['n_fallback']:,} test rows have an unknown reader ({c['n_unknown_users']:,}) or "
            f"book ({c['n_unknown_books']:,}) and are given the mean stars of the book, or else "
            "of all ratings."
        )
    if c["n_test_in_train"]:
        lines.append(f"{c['n_test_in_train']:,} test pairs are in the training file too.")
    return "\n".join(lines)


def ratings_table(results: Sequence[RatingsResult], failures: dict[str, str]) -> str:
    """Return one row for each algorithm."""
    header = (
        "algorithm",
        "MSE",
        "95 % interval",
        "RMSE",
        "MAE",
        "fit s",
        "predict s",
        "peak MB",
    )
    rows = [
        (
            result.algorithm,
            f"{result.mse:.4f}",
            f"{result.mse_interval.low:.4f} to {result.mse_interval.high:.4f}",
            f"{result.rmse:.4f}",
            f"{result.mae:.4f}",
            f"{result.fit_seconds:.1f}",
            f"{result.predict_seconds:.1f}",
            f"{result.peak_megabytes:,.0f}",
        )
        for result in results
    ]
    rows += [(name, "failed", "", "", "", "", "", "") for name in failures]
    notes = [f"{name} failed: {reason}" for name, reason in failures.items()]
    return "\n".join([text_table(header, rows), *notes])


def write_predictions(path: Path, data: RatingsData, predicted: NDArray[np.float32]) -> None:
    """Write user_id, book_id, rating and predicted, in the order of the test file."""
    test = data.test
    columns = (test.user_ids, test.book_ids, test.rated.astype(np.int64), predicted)
    with writing(path) as file:
        file.write("user_id,book_id,rating,predicted\n")
        file.writelines(
            f"{user},{book},{stars},{value:.6g}\n"
            for user, book, stars, value in zip(*(c.tolist() for c in columns), strict=True)
        )
