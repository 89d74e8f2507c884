"""Every feature said again for one pair at a time, as plainly as possible."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.engine.readers import Reader, Readers
from recommender.engine.two_stage_features import (
    FEATURES,
    ITEM,
    ItemTables,
    first_columns,
    other_columns,
    write_columns,
)

N_ITEMS = 60


def random_tables(generator: np.random.Generator) -> ItemTables:
    items = generator.normal(size=(N_ITEMS, len(ITEM))).astype(np.float32)
    items[:, ITEM.index("volume")] = generator.integers(0, 4, N_ITEMS)
    tags = generator.normal(size=(N_ITEMS, 5)).astype(np.float32)
    tags /= np.linalg.norm(tags, axis=1, keepdims=True)
    tags[::9] = 0
    return ItemTables(
        items,
        generator.integers(-1, 8, N_ITEMS).astype(np.int32),
        generator.integers(-1, 5, N_ITEMS).astype(np.int32),
        tags,
    )


def random_reader(generator: np.random.Generator, n_rated: int, n_candidates: int) -> tuple:
    order = generator.permutation(N_ITEMS)
    stars = generator.integers(1, 6, n_rated).astype(np.float32)
    counts = np.array([0, 0, 0.2, 0.6, 1, 1.2], dtype=np.float32)[stars.astype(int)]
    reader = Reader(np.sort(order[:n_rated]), stars, counts)
    candidates = order[n_rated : n_rated + n_candidates]
    scores = -np.sort(-generator.random(n_candidates)).astype(np.float32)
    shape = (n_rated, n_candidates)
    weights, others = (
        (generator.normal(size=shape) * (generator.random(shape) < 0.6)).astype(np.float32)
        for _ in range(2)
    )
    return reader, candidates, scores, weights, others


def plain_features(
    tables: ItemTables,
    reader: Reader,
    candidates: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray,
    others: np.ndarray,
    place: int,
) -> dict[str, float]:
    """Return the features of the candidate at a place, by name."""
    stars, counts, books = reader.stars.tolist(), reader.counts.tolist(), reader.items.tolist()
    item = int(candidates[place])
    value = dict(zip(ITEM, tables.items[item].tolist(), strict=True))

    def of(book: int, name: str) -> float:
        return float(tables.items[book, ITEM.index(name)])

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    own = [float(w) for w in weights[:, place]]
    terms = [w * c for w, c in zip(own, counts, strict=True)]
    positive = [max(w, 0) for w in own]
    strongest = max(0, *terms) if len(terms) > 1 else max(0, terms[0])
    tenth = float(scores[min(9, len(scores) - 1)])
    other_sums = [
        sum(c * float(w) for c, w in zip(counts, column, strict=True)) for column in others.T
    ]
    taste = sum((c + 1e-3) * tables.tags[b] for c, b in zip(counts, books, strict=True))
    taste = taste / (np.linalg.norm(taste) + 1e-9)
    near = sorted((float(tables.tags[b] @ tables.tags[item]) for b in books), reverse=True)
    by_author = [n for n, b in enumerate(books) if tables.authors[b] == tables.authors[item] >= 0]
    in_series = [n for n, b in enumerate(books) if tables.series[b] == tables.series[item] >= 0]
    series_volumes = [of(books[n], "volume") for n in in_series]
    popularity = [of(b, "log_popularity") for b in books]
    return value | {
        "score": float(scores[place]),
        "place": place,
        "of_first": float(scores[place]) / (float(scores[0]) + 1e-6),
        "of_tenth": float(scores[place]) / (tenth + 1e-6),
        "sum": sum(terms),
        "few_stars": sum(w for w, s in zip(own, stars, strict=True) if s <= 2),
        "three_stars": sum(w for w, s in zip(own, stars, strict=True) if s == 3),
        "four_stars": sum(w for w, s in zip(own, stars, strict=True) if s == 4),
        "five_stars": sum(w for w, s in zip(own, stars, strict=True) if s == 5),
        "strongest": strongest,
        "three_strongest": sum(sorted(terms)[-3:]),
        "n_for": sum(t > 0 for t in terms),
        "stars_for": sum(p * (s - mean(stars)) for p, s in zip(positive, stars, strict=True))
        / (sum(positive) + 1e-3),
        "stars_beyond": sum(
            p * (s - of(b, "mean_stars")) for p, s, b in zip(positive, stars, books, strict=True)
        )
        / (sum(positive) + 1e-3),
        "concentration": strongest / (sum(max(t, 0) for t in terms) + 1e-3),
        "other_sum": other_sums[place],
        "other_strongest": max(c * float(w) for c, w in zip(counts, others[:, place], strict=True)),
        "other_rank": sorted(range(len(candidates)), key=lambda n: -other_sums[n]).index(place),
        "tags": float(taste @ tables.tags[item]),
        "nearest_tags": near[0],
        "five_nearest_tags": mean(near[:5]),
        "author_count": len(by_author),
        "author_liking": sum(counts[n] for n in by_author),
        "author_stars_beyond": sum(stars[n] - mean(stars) for n in by_author)
        / (len(by_author) + 1),
        "author_stars": sum(stars[n] for n in by_author) / max(len(by_author), 1),
        "series_count": len(in_series),
        "series_stars": sum(stars[n] for n in in_series) / max(len(in_series), 1),
        "series_gap": value["volume"] - max(series_volumes) if in_series else -50,
        "series_next": float(value["volume"] - 1 in series_volumes),
        "years_from": value["year"] - mean([of(b, "year") for b in books]),
        "popularity_from": value["log_popularity"] - mean(popularity),
        "stars_from": value["mean_stars"] - mean([of(b, "mean_stars") for b in books]),
        "n_rated": len(books),
        "user_stars": mean(stars),
        "user_popularity": mean(popularity),
        "user_popularity_spread": float(np.std(popularity)),
        "user_strictness": mean(
            [s - of(b, "mean_stars") for s, b in zip(stars, books, strict=True)]
        ),
        "user_liked": mean([float(s >= 4) for s in stars]),
        "user_series": mean([float(tables.series[b] >= 0) for b in books]),
        "tenth_score": tenth,
        "last_score": float(scores[-1]),
    }


def features(
    tables: ItemTables,
    readers: Readers,
    candidates: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray,
    others: np.ndarray,
) -> np.ndarray:
    table = np.empty((len(FEATURES), *candidates.shape), dtype=np.float32)
    columns = first_columns(tables, readers, candidates, scores, weights)
    write_columns(columns | other_columns(readers, others), FEATURES, table)
    return table


@pytest.mark.parametrize("n_rated", [1, 2, 4, 25])
@pytest.mark.parametrize("n_candidates", [1, 6, 20])
def test_every_feature_is_what_it_says(n_rated: int, n_candidates: int) -> None:
    generator = np.random.default_rng(n_rated)
    tables = random_tables(generator)
    reader, candidates, scores, weights, others = random_reader(generator, n_rated, n_candidates)
    table = features(
        tables, Readers.of([reader]), candidates[np.newaxis], scores[np.newaxis], weights, others
    )
    assert table.shape == (len(FEATURES), 1, n_candidates)
    for place, row in enumerate(table[:, 0].T):
        wanted = plain_features(tables, reader, candidates, scores, weights, others, place)
        assert set(wanted) == set(FEATURES)
        got = dict(zip(FEATURES, row.tolist(), strict=True))
        assert got == pytest.approx(wanted, rel=1e-4, abs=2e-5)


def test_a_readers_features_do_not_depend_on_the_readers_beside_him() -> None:
    generator = np.random.default_rng(7)
    tables = random_tables(generator)
    drawn = [random_reader(generator, n_rated, 20) for n_rated in (3, 1, 40, 7, 7, 2)]
    readers = Readers.of([reader for reader, *_ in drawn])
    candidates, scores = (np.stack([one[n] for one in drawn]) for n in (1, 2))
    weights, others = (np.concatenate([one[n] for one in drawn]) for n in (3, 4))
    together = features(tables, readers, candidates, scores, weights, others)
    for number, (reader, own, own_scores, own_weights, own_others) in enumerate(drawn):
        alone = features(
            tables,
            Readers.of([reader]),
            own[np.newaxis],
            own_scores[np.newaxis],
            own_weights,
            own_others,
        )
        assert np.array_equal(together[:, number], alone[:, 0])
