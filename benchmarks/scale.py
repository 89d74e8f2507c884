"""How fit time, memory, artifact and lists grow with the catalogue: 1, 3 and 10 times goodbooks.

    GOODBOOKS_DIR=… .venv/bin/python benchmarks/scale.py [--scales 1 3 10] [--kind quick|full]
        [--dense-books N] [--support N] [--output TABLE.md] [--blocks N]

Each scale is a process of its own, so that its peak memory is its own too. The data is made from
goodbooks-10k's by ``scaled_goodbooks``; readers whom no fit has seen are ranked for, against
popularity, to show that the lists still mean something. Seconds are of the processor, of all
threads; beside them stands how many times that is of one BLAS work, the Cholesky inverse of a
matrix of 4,000 x 4,000, measured before and after. Set OPENBLAS_NUM_THREADS=1 and OMP_NUM_THREADS=1
for figures of one core. Needs no database.

With --blocks only so many of the blocks of a sparse fit are solved, spread evenly, for a scale that
takes too long here: what they took is printed for all of them, and there is no table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, where http.py is
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookrec_site.settings.base")

import numpy as np  # noqa: E402
import scipy  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.linalg import lapack  # noqa: E402

from benchmarks.scaled_goodbooks import scaled  # noqa: E402
from recommender.engine import (  # noqa: E402
    Catalog,
    Interactions,
    LinearConfig,
    LinearRanker,
    OnProgress,
    evaluate,
    linear_sparse,
    load_artifact,
    split_holdout,
    write_artifact,
)
from recommender.engine.linear_supports import Supports, shared_blocks  # noqa: E402
from recommender.engine.two_stage import TwoStageRanker  # noqa: E402
from recommender.evaluation.csv_input import read_pairs, read_ratings  # noqa: E402
from recommender.evaluation.metadata import read_metadata  # noqa: E402
from recommender.evaluation.peak_memory import peak_megabytes, reset_peak  # noqa: E402
from recommender.evaluation.ranking_data import make_interactions  # noqa: E402

_BLAS_SIDE: Final = 4000
_HELD_OUT: Final = 300
_LEAST_RATED: Final = 60
_TIMED: Final = 200


def goodbooks(folder: Path) -> tuple[Interactions, Catalog]:
    """Return the data set as it is."""
    metadata = read_metadata(folder)
    interactions = make_interactions(
        read_ratings(folder / "ratings.csv"), read_pairs(folder / "to_read.csv"), metadata
    )
    return interactions, metadata.catalog(interactions.items)


def blas_seconds() -> float:
    """Return the processor time of the Cholesky inverse that others are compared with."""
    matrix: NDArray[np.float32] = np.eye(_BLAS_SIDE, dtype=np.float32, order="F") + 1e-4
    started = time.process_time()
    factor, info = lapack.spotrf(matrix, lower=1, clean=0, overwrite_a=1)
    assert info == 0, info
    _, info = lapack.spotri(factor, lower=1, overwrite_c=1)
    assert info == 0, info
    return time.process_time() - started


class Stages:
    """What each stage of a fit took."""

    def __init__(self) -> None:
        self.cpu_seconds: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.peaks: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[OnProgress]:
        """Time a stage, and say on the error stream when it is over."""
        reset_peak()
        started, cpu = time.perf_counter(), time.process_time()
        told = (name, 0)

        def tell(detail: str, done: float) -> None:
            """Say each tenth, so that a run which has to be ended has said how far it came."""
            nonlocal told
            if (detail, int(done * 10)) != told:
                told = (detail, int(done * 10))
                print(
                    f"    {detail}: {done:.0%} of {name} after "
                    f"{time.process_time() - cpu:.1f} s of processor time, peak "
                    f"{peak_megabytes():,.0f} MB",
                    file=sys.stderr,
                    flush=True,
                )

        yield tell
        self.cpu_seconds[name] = time.process_time() - cpu
        self.seconds[name] = time.perf_counter() - started
        self.peaks[name] = peak_megabytes()
        print(
            f"  {name}: {self.cpu_seconds[name]:.1f} s of processor time, "
            f"{self.seconds[name]:.1f} s on the clock, peak {self.peaks[name]:,.0f} MB",
            file=sys.stderr,
            flush=True,
        )


def measure(scale: int, kind: str, folder: Path) -> dict[str, Any]:
    """Make the data of one scale, fit, write, read back and rank; return the figures."""
    import django

    django.setup()
    from recommender.fitting import fit_parts

    stages = Stages()
    with stages("data"):
        data, catalog = scaled(*goodbooks(folder), scale)
        train, holdout = split_holdout(
            data, n_users=_HELD_OUT, min_ratings=_LEAST_RATED, target_share=0.2, seed=0
        )
        size = {
            "readers": data.n_users,
            "books": data.n_items,
            "ratings": data.ratings.nnz,
            "shelved": data.shelved.nnz,
        }
        del data
    blas = [blas_seconds()]
    with tempfile.TemporaryDirectory() as scratch:
        fitted = fit_parts(kind, train, catalog, stage=stages, log_folder=Path(scratch) / "log")
        blas.append(blas_seconds())
        with stages("writing"):
            artifact = Path(scratch) / "artifact"
            write_artifact(artifact, fitted.parts, created_at=datetime.now(UTC), metrics={})
        files = sum(path.stat().st_size for path in artifact.iterdir())
        with stages("loading"):
            part = load_artifact(artifact, in_memory=True).part("two_stage")
            ranker = TwoStageRanker.from_part(part)
        with stages("measuring"):
            ndcg = evaluate(ranker, holdout).ndcg_at_10
            popular = evaluate(fitted.popularity, holdout).ndcg_at_10
    path = ranker.linear.path
    return {
        "scale": scale,
        "kind": kind,
        **size,
        "path": path.solver if path else "",
        "because": path.because if path else "",
        "blas": sum(blas) / len(blas),
        "stages": stages.cpu_seconds,
        "clock": stages.seconds,
        "peaks": stages.peaks,
        "artifact_mb": files / 1e6,
        "weights": int(part.array("linear_indptr")[-1]),
        "ndcg": ndcg,
        "popular_ndcg": popular,
        "skipped": fitted.skipped,
        **list_times(ranker, train, catalog),
        "load": os.getloadavg()[0],
    }


def sample(scale: int, n_blocks: int, folder: Path) -> None:
    """Fit the lists with some of the blocks only, and print what all would take."""
    stages = Stages()
    with stages("data"):
        train, catalog = scaled(*goodbooks(folder), scale)
    taken = {"all": 0, "solved": 0}
    marks: list[float] = []

    def some_blocks(
        supports: Supports, most_items: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield every so many-th block."""
        blocks = list(shared_blocks(supports, most_items))
        chosen = np.unique(np.linspace(0, len(blocks) - 1, n_blocks).astype(int))
        taken.update(all=len(blocks), solved=sum(len(blocks[i][0]) for i in chosen))
        marks.append(time.process_time())
        for place in chosen:
            yield blocks[place]
        marks.append(time.process_time())

    linear_sparse.shared_blocks = some_blocks  # type: ignore[attr-defined]
    blas = blas_seconds()
    with stages("lists") as report:
        LinearRanker(LinearConfig(solver="sparse")).fit(train, catalog, on_progress=report)
    per_book = (marks[1] - marks[0]) / taken["solved"]
    before = stages.cpu_seconds["lists"] - (marks[1] - marks[0])
    whole = before + per_book * train.n_items
    print(
        f"{scale} x: {n_blocks} of {taken['all']:,} blocks, {taken['solved']:,} of "
        f"{train.n_items:,} books, {per_book * 1000:.2f} ms each; all else {before:.1f} s;\n"
        f"together {whole:,.0f} s of processor time, {whole / blas:,.0f} times the BLAS work "
        f"({blas:.2f} s); peak {stages.peaks['lists']:,.0f} MB; load {os.getloadavg()[0]:.1f}"
    )


def list_times(ranker: TwoStageRanker, train: Interactions, catalog: Catalog) -> dict[str, float]:
    """Return milliseconds of processor time: a list, its ten reasons, ten similar books."""
    rows = np.linspace(0, train.n_users - 1, _TIMED).astype(int).tolist()
    profiles = [train.profile(row) for row in rows]
    taken: dict[str, list[float]] = {"list_ms": [], "reasons_ms": [], "similar_ms": []}
    ranker.recommend(profiles[0], k=10, series=catalog.series)
    for profile in profiles:
        started = time.process_time()
        places = ranker.recommend(profile, k=10, series=catalog.series).tolist()
        listed = time.process_time()
        for item in places:
            ranker.contributions(profile, item)
        explained = time.process_time()
        ranker.similar_items(places[0], 10)
        ended = time.process_time()
        for name, seconds in zip(
            taken, (listed - started, explained - listed, ended - explained), strict=True
        ):
            taken[name].append(seconds * 1000)
    return {name: float(np.median(values)) for name, values in taken.items()}


def table(results: list[dict[str, Any]]) -> str:
    """Return the figures as a Markdown table, a column for each scale."""

    def row(name: str, *cells: str) -> str:
        return f"| {name} | {' | '.join(cells)} |"

    def times_blas(seconds: float, result: dict[str, Any]) -> str:
        return f"{seconds:,.1f} s, {seconds / result['blas']:,.1f} ×"

    stages = dict.fromkeys(name for result in results for name in result["stages"])
    return "\n".join(
        [
            row("", *(f"{result['scale']} × goodbooks" for result in results)),
            row("---", *("---:" for _ in results)),
            *(
                row(name, *(f"{result[name]:,}" for result in results))
                for name in ("readers", "books", "ratings", "shelved")
            ),
            row("path of `linear`", *(result["path"] for result in results)),
            row("BLAS work (1 ×)", *(f"{result['blas']:.2f} s" for result in results)),
            *(
                row(
                    f"{name}, processor time",
                    *(
                        times_blas(result["stages"][name], result)
                        if name in result["stages"]
                        else "not fitted"
                        for result in results
                    ),
                )
                for name in stages
            ),
            row(
                "peak memory while fitting",
                *(
                    f"{max(result['peaks'][n] for n in result['peaks'] if n != 'data'):,.0f} MB"
                    for result in results
                ),
            ),
            row("artifact", *(f"{result['artifact_mb']:,.0f} MB" for result in results)),
            row("weights", *(f"{result['weights']:,}" for result in results)),
            row("a list of ten", *(f"{result['list_ms']:.2f} ms" for result in results)),
            row("its reasons", *(f"{result['reasons_ms']:.2f} ms" for result in results)),
            row("similar books", *(f"{result['similar_ms']:.3f} ms" for result in results)),
            row("NDCG@10", *(f"{result['ndcg']:.4f}" for result in results)),
            row("NDCG@10 of popularity", *(f"{result['popular_ndcg']:.4f}" for result in results)),
            row("load of the machine", *(f"{result['load']:.1f}" for result in results)),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scales", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--kind", choices=["quick", "full"], default="quick")
    parser.add_argument("--dense-books", type=int, help="LINEAR_DENSE_BOOKS for these runs.")
    parser.add_argument("--support", type=int, help="LINEAR_SUPPORT_BOOKS for these runs.")
    parser.add_argument("--output", type=Path, help="Where the table is written too.")
    parser.add_argument("--blocks", type=int, help="Solve so many blocks of each scale only.")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = os.environ.get("GOODBOOKS_DIR", "")
    if not folder:
        sys.exit("Set GOODBOOKS_DIR to the folder of the goodbooks-10k files.")
    if options.child:
        print(json.dumps(measure(options.child, options.kind, Path(folder))))
        return
    if options.blocks:
        for scale in options.scales:
            sample(scale, options.blocks, Path(folder))
        return
    environment = dict(os.environ)
    for name, value in (
        ("LINEAR_DENSE_BOOKS", options.dense_books),
        ("LINEAR_SUPPORT_BOOKS", options.support),
    ):
        if value is not None:
            environment[name] = str(value)
    results = []
    for scale in options.scales:
        print(f"{scale} x goodbooks, {options.kind}", file=sys.stderr, flush=True)
        child = subprocess.run(
            [sys.executable, __file__, "--child", str(scale), "--kind", options.kind],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        results.append(json.loads(child.stdout.splitlines()[-1]))
        print(child.stdout.splitlines()[-1], file=sys.stderr, flush=True)
    text = (
        f"{table(results)}\n\n{os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, "
        f"{datetime.now(UTC):%Y-%m-%d}.\n"
    )
    print(text)
    if options.output:
        options.output.write_text(text)


if __name__ == "__main__":
    main()
