"""Both Keras predictors on planted ratings: one fit each, looked at from all sides."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommender.engine import (
    ArtifactError,
    Catalog,
    FitError,
    InputError,
    Interactions,
    NotFittedError,
    Part,
    Profile,
    Series,
    Vocabulary,
    load_artifact,
    write_artifact,
)
from recommender.engine.embeddings.config import PUBLISHED
from recommender.engine.embeddings.dot_product import DotProductConfig, DotProductPredictor
from recommender.engine.embeddings.neural import NeuralConfig, NeuralPredictor
from recommender.tests.event_files import logged

pytestmark = pytest.mark.slow

N_USERS, N_ITEMS = 150, 40
Predictor = DotProductPredictor | NeuralPredictor
NOBODY = Profile(np.array([], dtype=np.int64), np.array([]))
READER = Profile(np.array([0, 2, 5]), np.array([5, 4, 1]), np.array([9]))
EVERYTHING_BUT_3 = np.delete(np.arange(N_ITEMS), 3)


def planted() -> tuple[Interactions, Catalog, np.ndarray, np.ndarray, np.ndarray]:
    """Even readers like even books: a taste, biases, noise; a fifth of the ratings held out."""
    generator = np.random.default_rng(1)
    user_bias, item_bias = generator.normal(0, 0.5, N_USERS), generator.normal(0, 0.4, N_ITEMS)
    users, items = np.nonzero(generator.random((N_USERS, N_ITEMS)) < 0.6)
    taste = np.where(users % 2 == items % 2, 0.9, -0.9)
    noise = generator.normal(0, 0.3, len(users))
    stars = np.clip(np.round(3 + user_bias[users] + item_bias[items] + taste + noise), 1, 5)
    held = generator.random(len(users)) < 0.2
    train = Interactions.from_pairs(
        users[~held], items[~held], stars[~held].astype(int), catalog_ids=np.arange(N_ITEMS)
    )
    tags = np.zeros((N_ITEMS, 10), dtype=np.float32)
    tags[np.arange(N_ITEMS), np.arange(N_ITEMS) % 10] = 5
    catalog = Catalog(
        train.items,
        Series(np.arange(N_ITEMS) // 4, np.full(N_ITEMS, np.nan)),
        np.arange(N_ITEMS) % 8 - 1,
        np.full(N_ITEMS, -1),
        mean_stars=np.clip(3 + item_bias, 1, 5).astype(np.float32),
        tags=csr_array(tags),
    )
    return train, catalog, users[held], items[held], stars[held]


SMALL: dict[str, Any] = {"n_factors": 4, "batch_size": 32, "learning_rate": 0.01, "patience": 3}
MAKE: dict[str, Callable[[], Predictor]] = {
    "dot_product": lambda: DotProductPredictor(
        DotProductConfig(**SMALL, n_epochs=8, user_regularization=2.0, item_regularization=1.0)
    ),
    "neural": lambda: NeuralPredictor(
        NeuralConfig(**SMALL, n_epochs=8, user_regularization=2.0, item_regularization=1.0)
    ),
    "dot_product published": lambda: DotProductPredictor(
        DotProductConfig("published", learning_rate=0.01, n_epochs=20)
    ),
    "neural published": lambda: NeuralPredictor(
        NeuralConfig("published", learning_rate=0.01, n_epochs=20)
    ),
}


@pytest.fixture(scope="module", params=MAKE)
def case(request: pytest.FixtureRequest) -> tuple[str, Predictor]:
    """One fit of each predictor and preset."""
    train, catalog, *_ = planted()
    return request.param, MAKE[request.param]().fit(train, catalog)


def test_it_beats_the_mean_where_there_is_something_to_learn(case: tuple[str, Predictor]) -> None:
    name, predictor = case
    _, _, users, items, stars = planted()
    predicted = predictor.predict(users, items)
    assert predicted.dtype == np.float32
    error = np.mean((predicted - stars) ** 2)
    # The published dot product has no mean and no bias: it learns those first.
    limit = {"dot_product": 0.3, "neural": 0.35}.get(name, 0.8)
    assert error < limit * np.var(stars)


def test_a_new_reader_gets_stars_without_training(case: tuple[str, Predictor]) -> None:
    """Folded in from his own ratings, a training user keeps the predictions he has."""
    _, predictor = case
    train, *_ = planted()
    everything = np.arange(N_ITEMS)
    differences = []
    for user in range(0, N_USERS, 10):
        folded = predictor.predict_profile(train.profile(user))
        assert folded.shape == (N_ITEMS,)
        assert folded.min() >= 1
        assert folded.max() <= 5
        fitted = predictor.predict(np.full(N_ITEMS, user), everything)
        differences.append(np.sqrt(np.mean((folded - fitted) ** 2)))
    if case[0] == "dot_product":
        assert max(differences) < 1e-4
    else:
        assert np.mean(differences) < 0.5


def test_a_folded_in_reader_of_even_books_is_given_even_books(case: tuple[str, Predictor]) -> None:
    _, predictor = case
    books = np.arange(20)
    stars = predictor.predict_profile(Profile(books, np.where(books % 2 == 0, 5, 1)))[20:]
    opposite = predictor.predict_profile(Profile(books, np.where(books % 2 == 0, 1, 5)))[20:]
    assert stars[::2].mean() > opposite[::2].mean() + 0.3
    assert stars[1::2].mean() < opposite[1::2].mean() - 0.3


def test_a_reader_without_ratings_is_given_what_readers_think_on_average(
    case: tuple[str, Predictor],
) -> None:
    _, predictor = case
    train, *_ = planted()
    means = train.ratings.sum(axis=0) / train.ratings.astype(bool).sum(axis=0)
    predicted = predictor.predict_profile(NOBODY)
    assert np.corrcoef(predicted, means)[0, 1] > 0.9
    assert abs(predicted.mean() - means.mean()) < 0.3


def test_stars_follow_the_readers_generosity(case: tuple[str, Predictor]) -> None:
    _, predictor = case
    generous = predictor.predict_profile(Profile(EVERYTHING_BUT_3, np.full(N_ITEMS - 1, 5)))
    strict = predictor.predict_profile(Profile(EVERYTHING_BUT_3, np.full(N_ITEMS - 1, 1)))
    assert generous.mean() > strict.mean() + 0.5


def test_fold_in_survives_save_and_load_bit_by_bit(
    case: tuple[str, Predictor], tmp_path: Path
) -> None:
    _, predictor = case
    folder = write_artifact(
        tmp_path / "run",
        {predictor.name: predictor.to_part()},
        created_at=datetime(2030, 1, 1, tzinfo=UTC),
    )
    part = load_artifact(folder).part(predictor.name)
    loaded = type(predictor).from_part(part)
    assert loaded.n_items == N_ITEMS
    assert loaded.config == predictor.config
    for profile in (NOBODY, READER):
        wanted = predictor.predict_profile(profile)
        assert np.array_equal(loaded.predict_profile(profile), wanted)
    with pytest.raises(NotFittedError, match="artifact"):
        loaded.predict([0], [0])
    history = part.metrics["history"]
    assert len(history["training"]) >= history["best_epoch"] >= 1


def test_a_part_that_is_not_whole_is_refused(case: tuple[str, Predictor]) -> None:
    _, predictor = case
    part = predictor.to_part()
    for changed in ("item_factors", "item_offsets", "penalties"):
        broken = dict(part.arrays) | {changed: part.arrays[changed] * np.float32(np.nan)}
        with pytest.raises(ArtifactError, match="fit together"):
            type(predictor).from_part(Part(predictor.name, broken, part.config))
    with pytest.raises(ArtifactError, match="config"):
        type(predictor).from_part(Part(predictor.name, part.arrays, {"preset": "best"}))
    with pytest.raises(ArtifactError, match="part is of"):
        type(predictor).from_part(Part("another", {}))


def test_unusable_input_is_refused(case: tuple[str, Predictor]) -> None:
    _, predictor = case
    with pytest.raises(InputError, match="user_indices span"):
        predictor.predict([10_000], [0])
    with pytest.raises(InputError, match="item index 40"):
        predictor.predict_profile(Profile(np.array([40]), np.array([5])))
    with pytest.raises(InputError, match="catalog"):
        predictor.fit(planted()[0], Catalog.bare(Vocabulary.of([1])))
    with pytest.raises(FitError, match="no rating"):
        predictor.fit(Interactions.from_pairs([], [], [], catalog_ids=[1]))


@pytest.mark.parametrize("name", ["dot_product", "neural"])
def test_the_same_seed_gives_the_same_bits_and_progress_is_told(name: str) -> None:
    train, catalog, *_ = planted()
    told: list[float] = []
    first, second = MAKE[name](), MAKE[name]()
    for predictor in (first, second):
        told.clear()
        predictor.config = dataclasses.replace(predictor.config, n_epochs=2)
        predictor.fit(train, catalog, on_progress=lambda _, part: told.append(part))
        assert told == sorted(told)
        assert told[-1] == 1.0
    assert np.array_equal(first.predict_profile(READER), second.predict_profile(READER))
    assert np.array_equal(first.predict([3], [4]), second.predict([3], [4]))


def test_the_best_epoch_is_kept_and_tensorboard_has_its_log(tmp_path: Path) -> None:
    """A learning rate far too high: the first epochs are the best, later ones overfit."""
    train, catalog, *_ = planted()
    config = DotProductConfig(
        n_factors=8,
        batch_size=16,
        learning_rate=0.05,
        n_epochs=6,
        patience=5,
        validation_part=0.2,
        user_regularization=0.1,
        item_regularization=0.0,
        group_regularization=0.0,
    )
    predictor = DotProductPredictor(config, log_folder=tmp_path).fit(train, catalog)
    history = predictor.history
    assert history is not None
    assert len(history.training) == len(history.validation) == 6
    assert history.best_epoch == np.argmin(history.validation) + 1
    assert logged(tmp_path, "epoch_val_mean_squared_error") == pytest.approx(history.validation)


def test_the_log_of_neural_has_its_history(tmp_path: Path) -> None:
    train, *_ = planted()
    config = NeuralConfig(n_factors=2, batch_size=256, n_epochs=2)
    history = NeuralPredictor(config, log_folder=tmp_path).fit(train).history
    assert history is not None
    assert logged(tmp_path, "epoch_mean_squared_error") == pytest.approx(history.training)


def test_without_a_catalog_both_are_fitted_on_ids_alone() -> None:
    train, _, users, items, stars = planted()
    predictor = MAKE["dot_product"]().fit(train)
    assert np.mean((predictor.predict(users, items) - stars) ** 2) < 0.5 * np.var(stars)


def test_the_published_preset_is_that_of_the_notebooks() -> None:
    for config in (DotProductConfig("published"), NeuralConfig("published")):
        settings = config.settings
        assert settings == PUBLISHED
        assert (settings.n_factors, settings.n_epochs, settings.batch_size) == (5, 5, 32)
        assert not settings.has_biases
        assert not settings.has_metadata
        assert settings.validation_part == 0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"preset": "best"}, "preset"),
        ({"seed": -1}, "seed"),
        ({"n_factors": 0}, "n_factors"),
        ({"learning_rate": np.nan}, "learning_rate"),
        ({"validation_part": 0.9}, "validation_part"),
        ({"patience": -1}, "patience"),
        ({"item_regularization": -1.0}, "item_regularization"),
    ],
)
def test_a_config_that_means_nothing_is_refused(changes: dict[str, Any], named: str) -> None:
    for config in (DotProductConfig, NeuralConfig):
        with pytest.raises(InputError, match=named):
            config(**changes)


def test_before_a_fit_there_are_no_predictions() -> None:
    for predictor in (DotProductPredictor(), NeuralPredictor()):
        with pytest.raises(NotFittedError, match="fit"):
            predictor.predict([0], [0])
        with pytest.raises(NotFittedError, match="fit"):
            predictor.predict_profile(NOBODY)
        with pytest.raises(NotFittedError, match="fit"):
            predictor.to_part()
        with pytest.raises(NotFittedError, match="fit"):
            _ = predictor.n_items


def test_without_metadata_dot_product_is_tuned_for_ratings_alone() -> None:
    train, catalog, *_ = planted()
    short = DotProductConfig(n_epochs=1, n_factors=4)
    bare = DotProductPredictor(short).fit(train, Catalog.bare(train.items))
    assert bare.config == dataclasses.replace(short, preset="ratings_only")
    assert bare.config.settings.item_regularization < short.settings.item_regularization
    without = DotProductPredictor(short).fit(train)
    assert np.array_equal(bare.predict_profile(READER), without.predict_profile(READER))
    again = DotProductPredictor.from_part(without.to_part())
    assert np.array_equal(again.predict_profile(READER), without.predict_profile(READER))
    assert DotProductPredictor(short).fit(train, catalog).config == short
    published = DotProductConfig(preset="published", n_epochs=1)
    assert DotProductPredictor(published).fit(train).config == published
