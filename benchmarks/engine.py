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
from contextlib import redirect_stdout
from functools import partial
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, where http.py is

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
_READERS_AT_ONCE = 1024
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


class Cost(NamedTuple):
    """What something took: on the clock, and of the processor (all threads)."""

    seconds: float
    cpu_seconds: float


def timed(work: Callable[[], Any]) -> Cost:
    """Return what a computation took."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - started, time.process_time() - cpu)


def blas_work(interactions: Interactions) -> Cost:
    """Return the cost of one Gram product and one Cholesky inverse of its size, in float32."""
    matrix = interaction_weights(interactions, STAR_WEIGHTS, 1.0)

    def gram_and_inverse() -> None:
        gram: NDArray[np.float32] = (matrix.T @ matrix).toarray(order="F")
        gram[np.diag_indices_from(gram)] += 100.0
        factor, info = lapack.spotrf(gram, lower=1, clean=0, overwrite_a=1)
        assert info == 0, info
        _, info = lapack.spotri(factor, lower=1, overwrite_c=1)
        assert info == 0, info

    return timed(gram_and_inverse)


def fit_beside_blas(name: str, data: RankingData) -> Ranker:
    """Fit between two rounds of the BLAS work, and print the ratios and the peak.

    On a machine with other work the ratio of processor time is the one to go by.
    """
    before = blas_work(data.interactions)
    held = reset_peak()
    ranker = ALGORITHMS[name].ranker()
    fit = timed(partial(ranker.fit, data.interactions, data.catalog))
    peak = peak_megabytes()
    after = blas_work(data.interactions)
    blas = Cost(*((one + other) / 2 for one, other in zip(before, after, strict=True)))
    print(
        f"fit of {name}: {fit.seconds:.1f} s, {fit.seconds / blas.seconds:.2f} times its BLAS "
        f"work (Gram product and Cholesky inverse: {before.seconds:.1f} s before, "
        f"{after.seconds:.1f} s after); of processor time {fit.cpu_seconds:.1f} s, "
        f"{fit.cpu_seconds / blas.cpu_seconds:.2f} times; "
        f"peak {peak:,.0f} MB{'' if held else ' of the whole process'}",
        flush=True,
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
        timed(lambda: ranker.recommend(profile, k=10, series=series)).seconds
        for _ in range(n_rounds)
    ]
    median, slow = np.percentile(taken, [50, 95]) * 1000
    print(
        f"top 10 of {ranker.name} for a reader with {_SHOWN} ratings: "
        f"median {median:.2f} ms, 95 % under {slow:.2f} ms",
        flush=True,
    )


def time_all_readers(ranker: Ranker, data: RankingData) -> None:
    """Print how long the top 10 of every training reader and every withheld one takes.

    On the clock it is as short as ``n_threads`` cores make it where nothing else runs on them;
    processor time is that of all threads.
    """

    def everybody() -> Iterator[Profile]:
        yield from map(data.interactions.profile, range(data.interactions.n_users))
        yield from data.profiles

    batch: list[Profile] = []

    def all_lists() -> None:
        def finish() -> None:
            left_out = [np.concatenate((p.item_indices, p.shelf_indices)) for p in batch]
            rank_batch(ranker.batch_scores(batch), k=10, excluded=left_out)
            batch.clear()

        for profile in everybody():
            batch.append(profile)
            if len(batch) == _READERS_AT_ONCE:
                finish()
        if batch:
            finish()

    held = reset_peak()
    cost = timed(all_lists)
    n_lists = data.interactions.n_users + len(data.profiles)
    n_threads = getattr(ranker, "n_threads", 1)
    print(
        f"top 10 of {ranker.name} for all {n_lists:,} readers, {n_threads} "
        f"thread{'s' if n_threads > 1 else ''}: {cost.seconds:.1f} s, of processor time "
        f"{cost.cpu_seconds:.1f} s ({cost.cpu_seconds / n_lists * 1000:.2f} ms a reader), "
        f"peak {peak_megabytes():,.0f} MB{'' if held else ' of the whole process'}; load "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        flush=True,
    )


class Peer:
    """Another library behind the two names that a measurement needs.

    ``scores`` takes CSR rows of readers; ``values`` makes what a row holds from stars.
    """

    def __init__(
        self,
        n_items: int,
        scores: Callable[[csr_matrix], NDArray[Any]],
        values: Callable[[NDArray[np.float32]], NDArray[Any]],
    ) -> None:
        self.n_items = n_items
        self._scores = scores
        self._values = values

    def batch_scores(self, profiles: Sequence[Profile]) -> NDArray[np.float32]:
        columns = np.concatenate([p.item_indices for p in profiles])
        values = np.concatenate([self._values(p.stars) for p in profiles]).astype(np.float32)
        ends = np.cumsum([len(p.item_indices) for p in profiles])
        indptr = np.concatenate(([0], ends))
        rows = csr_matrix((values, columns, indptr), shape=(len(profiles), self.n_items))
        rows.eliminate_zeros()
        return np.asarray(self._scores(rows), dtype=np.float32)


def is_known(stars: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Every rating counts 1."""
    return stars > 0


def is_liked(stars: NDArray[np.float32]) -> NDArray[np.bool_]:
    """A rating of 4 or 5 stars counts 1."""
    return stars >= 4


def known_books(interactions: Interactions) -> csr_matrix:
    """Return 1 for every book that a reader rated or shelved: what these libraries take."""
    matrix = csr_matrix(interactions.ratings + interactions.shelved)
    matrix.data = np.ones(matrix.nnz, dtype=np.float32)
    return matrix


def fit_ease(data: RankingData, penalty: float) -> Scorer:
    """EASE as published: likes only, a constant penalty, every weight kept."""
    liked = csr_matrix(data.interactions.ratings)
    liked.data = is_liked(liked.data).astype(np.float32)
    gram = (liked.T @ liked).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += penalty
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return Peer(len(weights), lambda rows: rows @ weights, is_liked)


def fit_implicit_als(data: RankingData, n_factors: int, alpha: float, penalty: float) -> Scorer:
    """implicit's ALS, confidence 1 + alpha, its own fold-in."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    confidence = csr_matrix(known_books(data.interactions) * np.float32(1 + alpha))
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=n_factors, regularization=penalty, iterations=10, random_state=0
        )
        model.fit(confidence, show_progress=False)

    def scores(rows: csr_matrix) -> NDArray[Any]:
        with threadpool_limits(1, "blas"):
            folded = model.recalculate_user(
                np.arange(rows.shape[0]), csr_matrix(rows * np.float32(1 + alpha))
            )
        result: NDArray[Any] = folded @ model.item_factors.T
        return result

    return Peer(data.interactions.n_items, scores, is_known)


def fit_implicit_bm25(data: RankingData, n_neighbours: int) -> Scorer:
    """implicit's BM25 neighbourhoods with its k1 and b; a reader's books count by their stars."""
    from implicit.nearest_neighbours import BM25Recommender

    model = BM25Recommender(K=n_neighbours)
    model.fit(known_books(data.interactions), show_progress=False)
    similarity = csr_matrix(model.similarity).astype(np.float32)
    return Peer(
        data.interactions.n_items, lambda rows: (rows @ similarity).toarray(), lambda stars: stars
    )


def fit_irspack_ials(
    data: RankingData, n_factors: int, alpha0: float, penalty: float, epochs: int
) -> Scorer:
    """irspack's iALS: regularization that grows with frequency."""
    from irspack import IALSRecommender

    model = IALSRecommender(
        known_books(data.interactions),
        n_components=n_factors,
        alpha0=alpha0,
        reg=penalty,
        train_epochs=epochs,
        random_seed=0,
    )
    with redirect_stdout(StringIO()):  # its progress bar
        model.learn()
    return Peer(data.interactions.n_items, model.get_score_cold_user, is_known)


# The best by NDCG@10 on the visible split of two to five settings each; EASE as published.
PEERS: dict[str, tuple[Callable[..., Scorer], dict[str, Any]]] = {
    "EASE, likes only": (fit_ease, {"penalty": 50.0}),
    "implicit ALS": (fit_implicit_als, {"n_factors": 256, "alpha": 2.0, "penalty": 5.0}),
    "implicit BM25": (fit_implicit_bm25, {"n_neighbours": 30}),
    "irspack iALS": (
        fit_irspack_ials,
        {"n_factors": 256, "alpha0": 1.0, "penalty": 0.001, "epochs": 8},
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
[evaluation.md](evaluation.md). One run on one machine ({os.cpu_count()} cores,
{platform.machine()}, Python {platform.python_version()}, {libraries}), which may
have been shared with other work.

{ranking_table(results, {})}

Those that are named in [the registry](../../recommender/engine/registry.py) are the engine's, with
their defaults, chosen on this split. The others are given every rated or shelved book as a 1
(EASE, as published, the ratings of 4 and 5 stars), with the best by NDCG@10 of a handful of
settings each, on this split too:

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
            cost = timed(partial(ranker.fit, data.interactions, data.catalog))
            print(
                f"fit of {name}: {cost.seconds:.1f} s, of processor time {cost.cpu_seconds:.1f} s"
            )
        time_one_reader(ranker, data)
        time_all_readers(ranker, data)


if __name__ == "__main__":
    main()
