"""The stack of predicted stars as TensorFlow's operations, beside the one of numpy."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from recommender.engine import FitError, InputError, Part, Profile, Vocabulary
from recommender.engine.embeddings.dot_product import DotProductConfig
from recommender.engine.id_tensors import BookIds, load_tensorflow
from recommender.engine.regression_trees import RegressionTrees
from recommender.engine.stars import StarsConfig, StarsPredictor
from recommender.engine.stars_tensors import StarsTensors
from recommender.tests.engine.test_embeddings import N_ITEMS, planted
from recommender.tests.engine.test_stars import QUICK

# An id of a book is no place in a matrix.
IDS = Vocabulary(np.arange(N_ITEMS) * 3 + 1000)
NEWER, TOOK_IN_1003, NOBODYS = 5000, 5001, 77
BOOKS = BookIds(IDS, {TOOK_IN_1003: 1003}, {NEWER: 2.5})
# Sums of float32 in another order; no column of these readers lies on a threshold of a tree.
ROUNDING = 1e-5
Rated = list[tuple[int, float]]


@pytest.fixture(scope="module")
def predictor() -> StarsPredictor:
    train, catalog, *_ = planted()
    return StarsPredictor(QUICK).fit(train, catalog)


@pytest.fixture(scope="module")
def tensors(predictor: StarsPredictor) -> StarsTensors:
    return StarsTensors(predictor, BOOKS)


def rated_by(seed: int, n: int) -> Rated:
    generator = np.random.default_rng(seed)
    ids = generator.choice(IDS.ids, n, replace=False).tolist()
    return list(zip(ids, generator.integers(1, 6, n).tolist(), strict=True))


ALICE, BOB, CHARLIE = rated_by(1, 36), rated_by(2, 2), Rated()


def stars_of(
    tensors: StarsTensors, rated: Rated, shelved: Any = (), books: Any = IDS.ids
) -> tuple[list[float], list[str]]:
    """One reader's answer: stars and their basis."""
    answer = tensors.predict(
        np.array([books], dtype=np.int64).reshape(1, -1),
        np.array([[book for book, _ in rated]], dtype=np.int64),
        np.array([[stars for _, stars in rated]], dtype=np.float32),
        np.array([shelved], dtype=np.int64),
    )
    assert answer["stars"].dtype.name == "float32"
    return answer["stars"].numpy()[0].tolist(), [b.decode() for b in answer["basis"].numpy()[0]]


def own(predictor: StarsPredictor, rated: Rated, shelved: Any = ()) -> np.ndarray:
    ids, stars = [book for book, _ in rated], [stars for _, stars in rated]
    return predictor.predict_profile(Profile.from_ids(IDS, ids, stars, shelved))


@pytest.mark.parametrize(
    ("rated", "shelved"),
    [
        (ALICE, []),
        (ALICE, [1000, 1003, 1006, 1009]),
        (BOB, []),
        (BOB, [1090, 1090, 1012]),
        ([(1000, 5)], []),
        ([(1000, 4.5), (1003, 1.25)], [1003]),
        ([(int(book), 1) for book in IDS.ids], []),
    ],
)
def test_a_readers_stars_are_those_of_the_site(
    predictor: StarsPredictor, tensors: StarsTensors, rated: Rated, shelved: list[int]
) -> None:
    stars, basis = stars_of(tensors, rated, shelved)
    np.testing.assert_allclose(stars, own(predictor, rated, shelved), rtol=0, atol=ROUNDING)
    assert set(basis) == {"reader"}
    assert np.std(stars) > 0.01 or all(star == 1 for _, star in rated)


def test_who_has_rated_nothing_gets_everybodys_mean(
    predictor: StarsPredictor, tensors: StarsTensors
) -> None:
    for rated, shelved in ((CHARLIE, []), (CHARLIE, [1000, 1003]), ([(NOBODYS, 5)], [])):
        stars, basis = stars_of(tensors, rated, shelved)
        assert stars == predictor.item_means.tolist()
        assert set(basis) == {"mean"}


def test_books_that_were_not_fitted_have_the_mean_that_is_known_or_that_of_all_ratings(
    predictor: StarsPredictor, tensors: StarsTensors
) -> None:
    for rated in (ALICE, CHARLIE):
        stars, basis = stars_of(tensors, rated, books=[NEWER, NOBODYS, -3, 0, 1000])
        assert stars[0] == 2.5
        assert stars[1:4] == [pytest.approx(predictor.global_mean)] * 3
        assert basis == ["mean", *["unknown"] * 3, "reader" if rated else "mean"]


def test_of_a_book_that_comes_twice_the_last_stars_count(tensors: StarsTensors) -> None:
    once = stars_of(tensors, [(1003, 5), (1000, 2)])
    assert stars_of(tensors, [(1000, 5), (1003, 5), (1000, 2)]) == once
    assert stars_of(tensors, [(1000, 2), (1003, 5), (1000, 5)]) != once


def test_a_book_that_took_in_another_counts_as_that(tensors: StarsTensors) -> None:
    wanted = stars_of(tensors, [(1003, 5), (1000, 2)], [1006])
    assert stars_of(tensors, [(TOOK_IN_1003, 5), (1000, 2)], [1006]) == wanted
    assert stars_of(tensors, [(1003, 1), (1000, 2), (TOOK_IN_1003, 5)], [1006]) == wanted
    assert stars_of(tensors, [(1000, 5)], [TOOK_IN_1003]) == stars_of(tensors, [(1000, 5)], [1003])


def test_neither_order_nor_filling_nor_company_changes_anything(tensors: StarsTensors) -> None:
    """Readers in one request, each row filled up with 0, whatever the stars beside it."""
    alone = [stars_of(tensors, rated, [1090]) for rated in (ALICE, BOB, CHARLIE)]
    assert stars_of(tensors, ALICE[::-1], [1090]) == alone[0]
    width = len(ALICE) + 2
    rows = [rated + [(0, np.nan)] * (width - len(rated)) for rated in (ALICE, BOB, CHARLIE)]
    together = tensors.predict(
        np.tile(IDS.ids, (3, 1)),
        np.array([[book for book, _ in row] for row in rows]),
        np.array([[stars for _, stars in row] for row in rows], dtype=np.float32),
        np.array([[0, 1090, NOBODYS]] * 3),
    )
    for place, (stars, basis) in enumerate(alone):
        np.testing.assert_allclose(together["stars"].numpy()[place], stars, rtol=0, atol=ROUNDING)
        assert [b.decode() for b in together["basis"].numpy()[place]] == basis


def test_nothing_asked_nothing_answered(tensors: StarsTensors) -> None:
    assert stars_of(tensors, BOB, books=[]) == ([], [])
    assert stars_of(tensors, CHARLIE, books=[]) == ([], [])
    ids, stars = np.empty((0, 4), dtype=np.int64), np.empty((0, 4), dtype=np.float32)
    nobody = tensors.predict(ids, ids, stars, ids)
    assert nobody["stars"].shape == nobody["basis"].shape == (0, 4)


@pytest.mark.parametrize("stars", [0, 5.01, -1, np.nan, np.inf])
def test_what_are_no_stars_is_refused(tensors: StarsTensors, stars: float) -> None:
    tf = load_tensorflow()
    with pytest.raises(tf.errors.InvalidArgumentError, match="not in 1..5"):
        stars_of(tensors, [(1000, 3), (1003, stars)])


def test_inputs_that_do_not_fit_together_are_refused(tensors: StarsTensors) -> None:
    tf = load_tensorflow()
    two, one = np.array([[1000], [1003]]), np.array([[1000, 1003]])
    stars = np.full((1, 2), 3, dtype=np.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many readers"):
        tensors.predict(two, one, stars, one)
    with pytest.raises(tf.errors.InvalidArgumentError, match="differ"):
        tensors.predict(one, one, stars[:, :1], one)


def with_embeddings(predictor: StarsPredictor) -> StarsPredictor:
    """The stack with a column of embeddings, and trees that look at it before all others."""
    generator = np.random.default_rng(4)
    config = DotProductConfig(n_factors=4)
    embedding = {
        "item_factors": np.column_stack((generator.normal(0, 0.5, (N_ITEMS, 4)), np.ones(N_ITEMS))),
        "item_offsets": generator.normal(3.5, 0.5, N_ITEMS),
        "mean_user": generator.normal(0, 0.3, 5),
        "penalties": np.array([2.0, 2, 1, 3, 4]),
    }
    part = predictor.to_part()
    names = part.metrics["columns"][:]
    names.insert(7, "embedding")
    rows = generator.normal(3.5, 1, (3000, len(names))).astype(np.float32)
    trees = RegressionTrees.fit(
        rows, np.sin(4 * rows[:, 7]), names, options={"num_leaves": 15}, n_rounds=20
    )
    arrays = {f"embedding_{name}": array.astype(np.float32) for name, array in embedding.items()}
    return StarsPredictor.from_part(
        Part(
            "stars",
            {**part.arrays, **arrays, **trees.forest.arrays()},
            {**part.config, "embeddings": True},
            {**part.metrics, "columns": names, "embedding": {"config": asdict(config)}},
        )
    )


def test_the_column_of_the_embeddings_is_that_of_the_site(predictor: StarsPredictor) -> None:
    """Readers with more and with fewer ratings than a vector has numbers."""
    stacked = with_embeddings(predictor)
    assert stacked.config == StarsConfig(**{**asdict(QUICK), "embeddings": True})
    tensors = StarsTensors(stacked, BOOKS)
    for rated in (ALICE, BOB):
        wanted = own(stacked, rated)
        stars, _ = stars_of(tensors, rated)
        np.testing.assert_allclose(stars, wanted, rtol=0, atol=ROUNDING)
        assert np.abs(wanted - own(predictor, rated)).max() > 0.1


def test_ids_that_mean_two_things_are_refused(predictor: StarsPredictor) -> None:
    with pytest.raises(InputError, match="was fitted"):
        BookIds(IDS, {1000: 1003})
    with pytest.raises(InputError, match="was fitted"):
        BookIds(IDS, {}, {1000: 3.0})
    with pytest.raises(InputError, match="not fitted"):
        BookIds(IDS, {5000: 5001})
    with pytest.raises(InputError, match=r"1\.\.5"):
        BookIds(IDS, {}, {5000: 0.0})
    with pytest.raises(InputError, match="got 2 books for a predictor of 40 items"):
        StarsTensors(predictor, BookIds(Vocabulary(np.array([1, 2]))))


def test_without_tensorflow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(FitError, match=r"install requirements\.txt"):
        load_tensorflow()
