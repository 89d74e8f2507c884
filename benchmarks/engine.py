"""Measure the engine: speed as ratios inside one run, quality beside other libraries.

    GOODBOOKS_DIR=… EVALUATION_DIR=… .venv/bin/python benchmarks/engine.py [--peers]

GOODBOOKS_DIR has ratings.csv, to_read.csv, books.csv, tags.csv and book_tags.csv; EVALUATION_DIR
has fold_in.csv and target.csv. With --peers (which needs benchmarks/requirements.txt) every ranker
of the engine and the other libraries are fitted on the same split, one after another, and
docs/algorithms/comparison.md is written.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import scipy  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.linalg import lapack  # noqa: E402
from scipy.sparse import csr_matrix  # noqa: E402

from recommender.engine import Interactions, Profile, Ranker, rank_batch  # noqa: E402
from recommender.engine.registry import ALGORITHMS, rankers  # noqa: E402
from recommender.engine.weights import STAR_WEIGHTS, interaction_weights  # noqa: E402
from recommender.evaluation.peak_memory import peak_megabytes, reset_peak  # noqa: E402
from recommender.evaluation.ranking_data import (  # noqa: E402
    RankingData,
    RankingFiles,
    load_ranking_data,
)
from recommender.evaluation.ranking_report import ranking_table  # noqa: E402
from recommender.evaluation.ranking_run import (  # noqa: E402
    RankingResult,
    Scorer,
    measure,
    run_ranker,
)

COMPARISON = ROOT / "docs" / "algorithms" / "comparison.md"
_READERS_AT_ONCE = 256
_SHOWN = 100  # ratings of the reader whose list is timed


def folder(variable: str) -> Path:
    """Return the folder that an environment variable names, or end."""
    if not os.environ.get(variable):
        sys.exit(f"{variable} is not set; it names a folder of data, see benchmarks/engine.py.")
    return Path(os.environ[variable])


def load() -> RankingData:
    """Read the visible split: fitted on everybody else."""
    goodbooks, evaluation = folder("GOODBOOKS_DIR"), folder("EVALUATION_DIR")
    return load_ranking_data(
        RankingFiles(
            ratings=goodbooks / "ratings.csv",
            fold_in=evaluation / "fold_in.csv",
            to_read=goodbooks / "to_read.csv",
            books=goodbooks,
            target=evaluation / "target.csv",
        )
    )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that something took, and its result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def blas_work(interactions: Interactions) -> float:
    """Return the seconds of one Gram product and one Cholesky inverse of its size, in float32."""
    matrix = interaction_weights(interactions, STAR_WEIGHTS, 1.0)

    def gram_and_inverse() -> None:
        gram: NDArray[np.float32] = (matrix.T @ matrix).toarray(order="F")
        gram[np.diag_indices_from(gram)] += 100.0
        factor, info = lapack.spotrf(gram, lower=1, clean=0, overwrite_a=1)
        assert info == 0, info
        _, info = lapack.spotri(factor, lower=1, overwrite_c=1)
        assert info == 0, info

    return timed(gram_and_inverse)[0]


def fit_beside_blas(name: str, data: RankingData) -> Ranker:
    """Fit between two rounds of the BLAS work, and print the ratio and the peak."""
    before = blas_work(data.interactions)
    held = reset_peak()
    ranker = ALGORITHMS[name].ranker()
    seconds, _ = timed(lambda: ranker.fit(data.interactions, data.catalog))
    peak = peak_megabytes()
    after = blas_work(data.interactions)
    blas = (before + after) / 2
    print(
        f"fit of {name}: {seconds:.1f} s, {seconds / blas:.2f} times its BLAS work "
        f"(Gram product and Cholesky inverse: {before:.1f} s before, {after:.1f} s after); "
        f"peak {peak:,.0f} MB{'' if held else ' of the whole process'}"
    )
    return ranker


def reader_of(data: RankingData, n_ratings: int) -> Profile:
    """Return the first reader with so many ratings, the others left out."""
    profile = next(p for p in data.profiles if len(p.item_indices) >= n_ratings)
    return Profile(profile.item_indices[:n_ratings], profile.stars[:n_ratings])


def time_one_reader(ranker: Ranker, data: RankingData, n_rounds: int = 300) -> None:
    """Print how long a top 10 takes in process: scores, exclusions, series rule."""
    profile = reader_of(data, _SHOWN)
    series = data.catalog.series if data.catalog else None
    for _ in range(10):
        ranker.recommend(profile, k=10, series=series)
    taken = [
        timed(lambda: ranker.recommend(profile, k=10, series=series))[0] for _ in range(n_rounds)
    ]
    median, slow = np.percentile(taken, [50, 95]) * 1000
    print(
        f"top 10 of {ranker.name} for a reader with {_SHOWN} ratings: "
        f"median {median:.2f} ms, 95 % under {slow:.2f} ms"
    )


def time_all_readers(ranker: Ranker, data: RankingData) -> None:
    """Print how long the top 10 of every training reader and every withheld one takes."""

    def everybody() -> Iterator[Profile]:
        yield from map(data.interactions.profile, range(data.interactions.n_users))
        yield from data.profiles

    def all_lists() -> int:
        n_lists = 0
        batch: list[Profile] = []

        def finish() -> None:
            left_out = [np.concatenate((p.item_indices, p.shelf_indices)) for p in batch]
            rank_batch(ranker.batch_scores(batch), k=10, excluded=left_out)

        for profile in everybody():
            batch.append(profile)
            if len(batch) == _READERS_AT_ONCE:
                finish()
                n_lists += len(batch)
                batch.clear()
        if batch:
            finish()
        return n_lists + len(batch)

    seconds, n_lists = timed(all_lists)
    print(f"top 10 of {ranker.name} for all {n_lists:,} readers: {seconds:.1f} s")


class DensePeer:
    """Scores of readers by a dense item-item matrix: plain EASE."""

    def __init__(self, weights: NDArray[np.float32], threshold: int) -> None:
        self._weights = weights
        self._threshold = threshold

    @property
    def n_items(self) -> int:
        return len(self._weights)

    def batch_scores(self, profiles: Sequence[Profile]) -> NDArray[np.float32]:
        liked = rows_of(profiles, self.n_items, self._threshold)
        return np.asarray(liked @ self._weights, dtype=np.float32)


class LibraryPeer:
    """Scores of readers by a function of their rows."""

    def __init__(
        self, n_items: int, scores: Callable[[csr_matrix], NDArray[Any]], threshold: int
    ) -> None:
        self.n_items = n_items
        self._scores = scores
        self._threshold = threshold

    def batch_scores(self, profiles: Sequence[Profile]) -> NDArray[np.float32]:
        rows = rows_of(profiles, self.n_items, self._threshold)
        return np.asarray(self._scores(rows), dtype=np.float32)


def rows_of(profiles: Sequence[Profile], n_items: int, threshold: int) -> csr_matrix:
    """Return 1 for every book that a reader rated with so many stars or more."""
    kept = [p.item_indices[p.stars >= threshold] for p in profiles]
    indptr = np.concatenate(([0], np.cumsum([len(items) for items in kept])))
    columns = np.concatenate(kept)
    ones = np.ones(len(columns), dtype=np.float32)
    return csr_matrix((ones, columns, indptr), shape=(len(profiles), n_items))


def likes(interactions: Interactions, threshold: int) -> csr_matrix:
    """Return 1 for every training rating of so many stars or more."""
    matrix = csr_matrix(interactions.ratings)
    matrix.data = (matrix.data >= threshold).astype(np.float32)
    matrix.eliminate_zeros()
    return matrix


def fit_ease(data: RankingData, penalty: float) -> Scorer:
    """EASE as published: likes only, a constant penalty, every weight kept."""
    liked = likes(data.interactions, 4)
    gram = (liked.T @ liked).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += penalty
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return DensePeer(weights, 4)


def fit_implicit_als(data: RankingData, n_factors: int, alpha: float, penalty: float) -> Scorer:
    """implicit's ALS on all ratings, confidence 1 + alpha, its own fold-in."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    confidence = likes(data.interactions, 1) * (1 + alpha)
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=n_factors, regularization=penalty, iterations=15, random_state=0
        )
        model.fit(confidence, show_progress=False)

    def scores(rows: csr_matrix) -> NDArray[Any]:
        with threadpool_limits(1, "blas"):
            folded = model.recalculate_user(np.arange(rows.shape[0]), rows * (1 + alpha))
        result: NDArray[Any] = folded @ model.item_factors.T
        return result

    return LibraryPeer(data.interactions.n_items, scores, 1)


def fit_implicit_bm25(data: RankingData, n_neighbours: int) -> Scorer:
    """implicit's BM25 neighbourhoods on all ratings, its default k1 and b."""
    from implicit.nearest_neighbours import BM25Recommender

    model = BM25Recommender(K=n_neighbours)
    model.fit(likes(data.interactions, 1), show_progress=False)
    similarity = model.similarity.astype(np.float32)
    return LibraryPeer(data.interactions.n_items, lambda rows: (rows @ similarity).toarray(), 1)


def fit_irspack_ials(
    data: RankingData, n_factors: int, alpha0: float, penalty: float, epochs: int
) -> Scorer:
    """irspack's iALS on all ratings: regularization that grows with frequency."""
    from irspack import IALSRecommender

    model = IALSRecommender(
        likes(data.interactions, 1),
        n_components=n_factors,
        alpha0=alpha0,
        reg=penalty,
        train_epochs=epochs,
        random_seed=0,
    )
    model.learn()
    return LibraryPeer(data.interactions.n_items, model.get_score_cold_user, 1)


PEERS: dict[str, tuple[Callable[..., Scorer], dict[str, Any]]] = {
    "EASE, likes only": (fit_ease, {"penalty": 50.0}),
    "implicit ALS": (fit_implicit_als, {"n_factors": 256, "alpha": 2.0, "penalty": 5.0}),
    "implicit BM25": (fit_implicit_bm25, {"n_neighbours": 100}),
    "irspack iALS": (
        fit_irspack_ials,
        {"n_factors": 256, "alpha0": 0.1, "penalty": 0.003, "epochs": 10},
    ),
}


def compare(data: RankingData, names: Sequence[str]) -> list[RankingResult]:
    """Fit and measure every ranker and every peer, each alone in memory but for the data."""
    results = []
    for algorithm in rankers():
        if not names or algorithm.name in names:
            results.append(run_ranker(algorithm, algorithm.config_type()(), data))
            print(ranking_table(results[-1:], {}).splitlines()[-1], flush=True)
    for name, (fit, settings) in PEERS.items():
        if not names or name in names:
            results.append(measure(name, settings, partial(fit, data, **settings), data))
            print(ranking_table(results[-1:], {}).splitlines()[-1], flush=True)
    return results


def write_comparison(path: Path, data: RankingData, results: Sequence[RankingResult]) -> None:
    """Write the comparison page."""
    own = {algorithm.name for algorithm in rankers()}
    settings = [
        f"- {result.algorithm}: "
        + (", ".join(f"{k} {v}" for k, v in result.config.items()) or "no settings")
        for result in results
        if result.algorithm not in own
    ]
    counts = data.counts
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("numpy", "scipy", "implicit", "irspack")
    )
    text = f"""# The rankers beside each other and beside other libraries

Written by `benchmarks/engine.py`; do not edit. The command, after
`pip install -r benchmarks/requirements.txt`:

    GOODBOOKS_DIR=… EVALUATION_DIR=… python benchmarks/engine.py --peers

The visible split of goodbooks-10k: {counts.n_users:,} readers, of whom nothing is in the fit, are
ranked for from 80 % of their ratings; {counts.n_ratings:,} ratings and {counts.n_shelved:,} to-read
entries of {counts.n_training_users:,} other readers are fitted on. The columns are defined in
[evaluation.md](evaluation.md). One run, one machine ({os.cpu_count()} cores, {platform.machine()},
Python {platform.python_version()}, {libraries}), shared with other work: times are comparable with
each other at best.

{ranking_table(results, {})}

Those that are named in [the registry](../../recommender/engine/registry.py) are the engine's, with
their defaults; they learn from the to-read shelf too and, where they use it, from the metadata. The
others learn from the ratings alone, with these settings:

{chr(10).join(settings)}
"""
    path.write_text(text)
    print(f"wrote {path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="Compare and write the page.")
    parser.add_argument(
        "--only", action="append", default=[], help="With --peers: only this one; repeatable."
    )
    parser.add_argument("--output", type=Path, default=COMPARISON, help="Page that --peers writes.")
    options = parser.parse_args()
    data = load()
    print(
        f"{data.counts.n_ratings:,} ratings, {data.counts.n_shelved:,} to-read entries, "
        f"{data.counts.n_books:,} books; {os.cpu_count()} cores, numpy {np.__version__}, "
        f"scipy {scipy.__version__}"
    )
    if options.peers:
        write_comparison(options.output, data, compare(data, options.only))
        return
    timed_rankers = ["linear", *(["two_stage"] if "two_stage" in ALGORITHMS else [])]
    for name in timed_rankers:
        if name == "linear":
            ranker = fit_beside_blas(name, data)
        else:
            ranker = ALGORITHMS[name].ranker()
            seconds, _ = timed(partial(ranker.fit, data.interactions, data.catalog))
            print(f"fit of {name}: {seconds:.1f} s")
        time_one_reader(ranker, data)
        time_all_readers(ranker, data)


if __name__ == "__main__":
    main()
