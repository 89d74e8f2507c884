"""How well books without a rating are ranked by their metadata; docs/algorithms/new_books.md.

    GOODBOOKS_DIR=… EVALUATION_DIR=… .venv/bin/python -m benchmarks.new_books

200 books of goodbooks-10k are taken out of the ratings as if they were new, three times with
others; the readers of the evaluation, of whom nothing is in the fit, are shown those 200 alone,
ranked from the rest of what they rated.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from recommender.engine import Catalog, Interactions, LinearRanker, Profile
from recommender.engine.newcomers import Newcomers, Traits, metadata_likeness
from recommender.engine.series import Series
from recommender.engine.vocabulary import Vocabulary
from recommender.evaluation.ranking_data import RankingData, RankingFiles, load_ranking_data

N_NEW, ROUNDS = 200, 3
TAGS_OF_A_CURATOR = 8
K = 10


def main() -> None:
    goodbooks, evaluation = (Path(os.environ[n]) for n in ("GOODBOOKS_DIR", "EVALUATION_DIR"))
    data = load_ranking_data(
        RankingFiles(
            ratings=goodbooks / "ratings.csv",
            fold_in=evaluation / "fold_in.csv",
            to_read=goodbooks / "to_read.csv",
            books=goodbooks,
            target=evaluation / "target.csv",
        )
    )
    if data.catalog is None or data.relevant is None:
        sys.exit("books.csv and target.csv are needed.")
    figures: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(ROUNDS):
        for name, found in one_round(data, data.catalog, seed).items():
            figures.setdefault(name, []).append(found)
    print(f"{'':34}NDCG@10  Recall@20  hit in ten")
    for name, rows in figures.items():
        mean = np.mean(rows, axis=0)
        print(f"{name:34}{mean[0]:.3f}    {mean[1]:.3f}      {mean[2]:.3f}")


def one_round(
    data: RankingData, catalog: Catalog, seed: int
) -> dict[str, tuple[float, float, float]]:
    """Return (NDCG@10, Recall@20, share of readers with a hit in ten) of each way to rank."""
    rng = np.random.default_rng(seed)
    n_items = catalog.n_items
    new = np.sort(rng.choice(n_items, N_NEW, replace=False))
    known = np.setdiff1d(np.arange(n_items), new)
    readers = [
        (liked_new, rest)
        for profile, relevant in zip(data.profiles, data.relevant or (), strict=True)
        if (liked_new := liked(profile, relevant, catalog.items, new)).any()
        and len((rest := without(profile, new)).item_indices)
    ]
    print(f"round {seed}: {len(readers)} readers liked one of the {N_NEW}", file=sys.stderr)
    ways: dict[str, list[NDArray[np.float64]]] = {}

    # As the site does it before the next run: the fit does not know the books at all.
    linear = LinearRanker().fit(columns(data.interactions, known), subset(catalog, known))
    traits = traits_of(catalog)
    for label, n_tags in (("authors, series, genre, 8 tags", TAGS_OF_A_CURATOR), ("no tags", 0)):
        likeness = metadata_likeness(
            rows_of(traits, new, n_tags), rows_of(traits, known), rarity_of(traits)
        )
        newcomers = Newcomers.of(catalog.items.ids[new], likeness, linear)
        position = np.full(n_items, -1)
        position[known] = np.arange(len(known))
        ways[f"borrowed: {label}"] = [
            newcomers.scores(renumbered(rest, position), linear) for _liked, rest in readers
        ]
    # After the next run, with nobody's ratings yet: rows of metadata in the Gram matrix.
    emptied = without_columns(data.interactions, new)
    unrated = replace(
        catalog,
        n_ratings=masked(catalog.n_ratings, new),
        mean_stars=masked(catalog.mean_stars, new),
        std_stars=masked(catalog.std_stars, new),
        n_reviews=masked(catalog.n_reviews, new),
    )
    retrained = LinearRanker().fit(emptied, unrated)
    ways["a run with the books, unrated"] = [
        retrained.scores(rest)[new].astype(np.float64) for _liked, rest in readers
    ]
    popularity = np.nan_to_num(catalog.n_ratings[new]).astype(np.float64)  # type: ignore[index]
    ways["popularity, which no new book has"] = [popularity for _reader in readers]
    ways["chance"] = [rng.random(N_NEW) for _reader in readers]
    liked_by = [liked_new for liked_new, _rest in readers]
    return {name: measured(scores, liked_by, rng) for name, scores in ways.items()}


def liked(
    profile: Profile, relevant: NDArray[np.int64], items: Vocabulary, new: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which of the new books the reader gave 4 or 5 stars, shown or to be found."""
    own = profile.item_indices[profile.stars >= 4]
    return np.isin(new, np.concatenate((own, items.known_indices(relevant))))


def without(profile: Profile, new: NDArray[np.int64]) -> Profile:
    rated = ~np.isin(profile.item_indices, new)
    shelf = profile.shelf_indices[~np.isin(profile.shelf_indices, new)]
    return Profile(profile.item_indices[rated], profile.stars[rated], shelf)


def renumbered(profile: Profile, position: NDArray[np.int64]) -> Profile:
    return Profile(position[profile.item_indices], profile.stars, position[profile.shelf_indices])


def columns(interactions: Interactions, kept: NDArray[np.int64]) -> Interactions:
    return Interactions(
        csr_array(interactions.ratings[:, kept]),
        csr_array(interactions.shelved[:, kept]),
        interactions.users,
        Vocabulary(interactions.items.ids[kept]),
    )


def without_columns(interactions: Interactions, new: NDArray[np.int64]) -> Interactions:
    keep = np.ones(interactions.n_items, dtype=np.float32)
    keep[new] = 0

    def emptied(matrix: csr_array) -> csr_array:
        scaled = csr_array(matrix @ diags_array(keep)).astype(np.float32)
        scaled.eliminate_zeros()
        return scaled

    return Interactions(
        emptied(interactions.ratings),
        emptied(interactions.shelved),
        interactions.users,
        interactions.items,
    )


def masked(values: NDArray[np.float32] | None, new: NDArray[np.int64]) -> NDArray[np.float32]:
    if values is None:
        raise ValueError("books.csv has no such column.")
    masked = np.array(values)
    masked[new] = np.nan
    return masked


def subset(catalog: Catalog, kept: NDArray[np.int64]) -> Catalog:
    def some(values: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        return None if values is None else values[kept]

    return Catalog(
        Vocabulary(catalog.items.ids[kept]),
        Series(catalog.series.index[kept], catalog.series.number[kept]),
        catalog.author_index[kept],
        catalog.genre_index[kept],
        n_ratings=some(catalog.n_ratings),
        mean_stars=some(catalog.mean_stars),
        std_stars=some(catalog.std_stars),
        n_reviews=some(catalog.n_reviews),
        years=some(catalog.years),
        tags=None if catalog.tags is None else csr_array(catalog.tags[kept]),
    )


def groups(index: NDArray[np.int32]) -> csr_array:
    rows = np.flatnonzero(index >= 0)
    shape = (len(index), int(index.max(initial=0)) + 1)
    return csr_array((np.ones(len(rows), np.float32), (rows, index[rows])), shape=shape)


def traits_of(catalog: Catalog) -> Traits:
    if catalog.authors is None or catalog.tags is None:
        raise ValueError("authors and tags are needed.")
    return Traits(
        catalog.authors,
        groups(catalog.series.index),
        groups(catalog.genre_index),
        catalog.tags,
    )


def rarity_of(traits: Traits) -> NDArray[np.float64]:
    """Return the rarity of each tag; 0 for those under 5 books or over 30 % of them."""
    n_books = np.bincount(traits.tags.indices, minlength=traits.tags.shape[1])
    usable = (n_books >= 5) & (n_books <= 0.3 * traits.n_books)
    return np.where(usable, np.log(traits.n_books / np.maximum(n_books, 1)), 0.0)


def rows_of(traits: Traits, rows: NDArray[np.int64], n_tags: int | None = None) -> Traits:
    """Return some books; with `n_tags` as a curator would describe them, by the tags most used."""
    tags = csr_array(traits.tags[rows])
    if n_tags is not None:
        dense = tags.toarray() * (rarity_of(traits) > 0)
        least = np.sort(dense, axis=1)[:, -n_tags][:, np.newaxis] if n_tags else np.inf
        tags = csr_array(np.where((dense >= least) & (dense > 0), dense, 0.0))
    return Traits(
        csr_array(traits.authors[rows]),
        csr_array(traits.series[rows]),
        csr_array(traits.genres[rows]),
        tags,
    )


def measured(
    scores: list[NDArray[np.float64]], liked_by: list[NDArray[np.bool_]], rng: np.random.Generator
) -> tuple[float, float, float]:
    discounts = 1 / np.log2(np.arange(2, K + 2))
    rows = []
    for values, wanted in zip(scores, liked_by, strict=True):
        # Ties by lot: many new books may have a score of 0.
        order = np.lexsort((rng.random(len(values)), -values))
        hits = wanted[order]
        ideal = discounts[: min(K, int(wanted.sum()))].sum()
        ndcg = float((hits[:K] * discounts).sum() / ideal)
        rows.append((ndcg, hits[:20].sum() / min(20, wanted.sum()), float(hits[:K].any())))
    mean = np.mean(rows, axis=0)
    return float(mean[0]), float(mean[1]), float(mean[2])


if __name__ == "__main__":
    main()
