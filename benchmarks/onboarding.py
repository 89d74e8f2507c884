"""Measure what a new reader's first stars are worth, by the books that they are asked about.

    GOODBOOKS_DIR=… .venv/bin/python benchmarks/onboarding.py [--tune]

Readers with 50 ratings or more are withheld from a fit of `linear`. Each is shown a grid of 24
books, then further ones; of those that they have rated, the first five become their profile, and
the list made from it is measured on the rest of what they liked: on the books that none of the
ways compared asks about, the same ones for all. The figures are of one half of these readers;
--tune prints what was tried, of the other half.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder, where http.py is

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from recommender.engine import (  # noqa: E402
    Catalog,
    Interactions,
    LinearRanker,
    PopularityRanker,
    Profile,
    bootstrap_interval,
    ndcg_at_k,
    rank,
)
from recommender.engine.probes import N_DIRECTIONS, POOL_SIZE, ProbePool  # noqa: E402
from recommender.evaluation.csv_input import read_pairs, read_ratings  # noqa: E402
from recommender.evaluation.metadata import read_metadata  # noqa: E402
from recommender.evaluation.ranking_data import make_interactions  # noqa: E402

GRID = 24
PAGES = (1, 2, 4)
FIRST_STARS = 5
N_WITHHELD = 3000
MIN_RATINGS = 50
RELEVANT_STARS = 4
LIKED_STARS = 3
DIVERSE = "popular yet diverse"

# The books of one page after those asked about before.
Asking = Callable[[NDArray[np.int64]], NDArray[np.int64]]


def load(folder: Path) -> tuple[Interactions, Catalog]:
    metadata = read_metadata(folder)
    interactions = make_interactions(
        read_ratings(folder / "ratings.csv"), read_pairs(folder / "to_read.csv"), metadata
    )
    return interactions, metadata.catalog(interactions.items)


def withhold(interactions: Interactions) -> tuple[Interactions, list[Profile]]:
    """Return what is fitted on, and the readers who are not in it, in random order."""
    many = np.flatnonzero(np.diff(interactions.ratings.indptr) >= MIN_RATINGS)
    rows = np.random.default_rng(0).permutation(many)[:N_WITHHELD]
    readers = [interactions.profile(int(row)) for row in rows]
    return interactions.without_users(interactions.user_ids[rows]), readers


def pages_of(asking: Asking, n_pages: int) -> NDArray[np.int64]:
    """Return the books of the first pages, in the order shown."""
    shown = np.empty(0, dtype=np.int64)
    for _ in range(n_pages):
        shown = np.concatenate((shown, asking(shown)))
    return shown


def first_stars(reader: Profile, shown: NDArray[np.int64]) -> Profile:
    """Return the reader's stars for the first five of the books shown that they have rated."""
    stars = dict(zip(reader.item_indices.tolist(), reader.stars.tolist(), strict=True))
    known = [item for item in shown.tolist() if item in stars][:FIRST_STARS]
    return Profile(
        np.array(known, dtype=np.int64), np.array([stars[item] for item in known], dtype=np.float32)
    )


class Measure:
    """Lists of a fitted ranker for readers of few stars."""

    def __init__(self, linear: LinearRanker, popularity: PopularityRanker) -> None:
        self._linear = linear
        self._popular = popularity.scores(
            Profile(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
        )
        self._left_out = np.empty(0, dtype=np.int64)

    def leave_out(self, items: NDArray[np.int64]) -> None:
        """Neither recommend these items nor count them."""
        self._left_out = items

    def figures(
        self, readers: list[Profile], shown: NDArray[np.int64]
    ) -> tuple[float, float, list[float]]:
        """Return the mean number of books known, the share who know five, and each NDCG@10."""
        known, ndcg = [], []
        for reader in readers:
            known.append(np.isin(shown, reader.item_indices).sum())
            liked = reader.item_indices[reader.stars >= RELEVANT_STARS]
            wanted = np.setdiff1d(liked, self._left_out)
            if len(wanted):
                ndcg.append(ndcg_at_k(self._list(first_stars(reader, shown)), wanted, 10))
        counts = np.array(known)
        return float(counts.mean()), float((counts >= FIRST_STARS).mean()), ndcg

    def _list(self, profile: Profile) -> NDArray[np.int64]:
        """Rank as the site does: by what the reader liked, by popularity when that is nothing."""
        speaks = (profile.stars >= LIKED_STARS).any()
        scores = self._linear.scores(profile) if speaks else self._popular
        return rank(scores, k=10, excluded=self._left_out)


def of_order(order: NDArray[np.int64]) -> Asking:
    """Ask through a fixed list."""
    return lambda asked: order[len(asked) : len(asked) + GRID]


def cells(figures: list[tuple[float, float, list[float]]]) -> str:
    shown = [
        f"{known:.1f} · {100 * five:.0f} % · {np.mean(ndcg):.4f}".replace(" 0.", " .")
        for known, five, ndcg in figures
    ]
    return " | ".join(shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tune", action="store_true", help="print what was tried")
    options = parser.parse_args()
    if not os.environ.get("GOODBOOKS_DIR"):
        sys.exit("GOODBOOKS_DIR is not set; it names the folder of goodbooks-10k.")
    interactions, catalog = load(Path(os.environ["GOODBOOKS_DIR"]))
    train, readers = withhold(interactions)
    linear = LinearRanker().fit(train, catalog)
    popularity = PopularityRanker().fit(train, catalog)
    measure = Measure(linear, popularity)
    half = len(readers) // 2
    chosen = readers[:half] if options.tune else readers[half:]
    print(f"{len(chosen)} readers; pages of {GRID}: books known · five or more · NDCG@10\n")
    print("| asked about | " + " | ".join(f"{n} page{'s' * (n > 1)}" for n in PAGES) + " |")
    print("|---" * (len(PAGES) + 1) + "|")
    if catalog.n_ratings is None:
        sys.exit("books.csv names no ratings_count.")
    counts = np.nan_to_num(catalog.n_ratings)
    most_read = of_order(rank(counts, k=400))
    one_a_series = of_order(rank(counts, k=400, series=catalog.series))
    diverse = of_order(
        popularity.diverse_top(
            400,
            series=catalog.series,
            authors=catalog.author_index,
            genres=catalog.genre_index,
        )
    )
    rows: list[tuple[str, Asking]] = [
        ("most read", most_read),
        ("most read, one a series", one_a_series),
        (DIVERSE, diverse),
    ]
    settings = [(POOL_SIZE, N_DIRECTIONS)]
    if options.tune:
        settings = [(size, n) for size in (200, 400, 800) for n in (8, 16, 32, 64)]
    for size, n_directions in settings:
        pool = ProbePool.of(linear, popularity, catalog, size=size, n_directions=n_directions)

        def asking(asked: NDArray[np.int64], pool: ProbePool = pool) -> NDArray[np.int64]:
            return pool.ask(GRID, asked=asked)

        rows.append((f"told apart: {size} books, {n_directions} directions", asking))
    shown = {name: pages_of(asking, max(PAGES)) for name, asking in rows}
    # What nobody is asked about, by any of the ways compared, is to be found by all of them.
    measure.leave_out(np.unique(np.concatenate(list(shown.values()))))
    compared = []
    for name, order in shown.items():
        figures = [measure.figures(chosen, order[: n * GRID]) for n in PAGES]
        print(f"| {name} | {cells(figures)} |", flush=True)
        if name in (DIVERSE, rows[-1][0]):
            compared.append([np.array(ndcg) for _known, _five, ndcg in figures])
    print(f"\n{rows[-1][0]}, less {DIVERSE}, with 95 % intervals of 1,000 bootstrap samples:")
    for n, before, after in zip(PAGES, *compared, strict=True):
        low, high = bootstrap_interval((after - before).tolist(), seed=0)
        print(f"{n} pages: {np.mean(after - before):+.4f} ({low:+.4f} to {high:+.4f})")


if __name__ == "__main__":
    main()
