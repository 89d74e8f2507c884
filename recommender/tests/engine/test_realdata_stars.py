"""Predicted stars on a quarter of the older Kaggle file's readers; docs/algorithms/stars.md."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from recommender.engine import Catalog, Interactions, Profile
from recommender.engine.biases import BiasesPredictor
from recommender.engine.embeddings.dot_product import DotProductPredictor
from recommender.engine.predictor import RatingPredictor
from recommender.engine.stars import StarsConfig, StarsPredictor
from recommender.evaluation.metadata import read_metadata
from recommender.tests.engine.test_realdata import folder

pytestmark = [pytest.mark.realdata, pytest.mark.slow]


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Four fifths of the ratings of a quarter of the readers; the other fifth of half of them."""

    train: Interactions
    catalog: Catalog
    users: np.ndarray
    items: np.ndarray
    stars: np.ndarray

    def predicted(self, predictor: RatingPredictor) -> np.ndarray:
        return predictor.predict(self.users, self.items)

    def squared_error(self, predicted: np.ndarray) -> float:
        return float(np.mean((predicted - self.stars) ** 2))


@pytest.fixture(scope="module")
def split() -> Split:
    """Read the files once; the split is that of the published notebooks, quartered."""
    goodbooks = folder("GOODBOOKS_DIR")
    ratings = pd.read_csv(goodbooks / "kaggle" / "ratings.csv")
    train, test = train_test_split(ratings, test_size=0.2, random_state=42)
    to_read = pd.read_csv(goodbooks / "to_read.csv")
    train, to_read = train[train.user_id % 4 == 0], to_read[to_read.user_id % 4 == 0]
    interactions = Interactions.from_pairs(
        train.user_id.to_numpy(),
        train.book_id.to_numpy(),
        train.rating.to_numpy(),
        shelf_user_ids=to_read.user_id.to_numpy(),
        shelf_item_ids=to_read.book_id.to_numpy(),
        catalog_ids=np.arange(1, 10_001),
    )
    catalog = read_metadata(goodbooks).catalog(interactions.items)
    test = test[(test.user_id % 8 == 0) & test.user_id.isin(train.user_id)]
    return Split(
        interactions,
        catalog,
        interactions.users.indices(test.user_id.to_numpy()),
        interactions.items.indices(test.book_id.to_numpy()),
        test.rating.to_numpy(),
    )


@pytest.fixture(scope="module")
def error_of_biases(split: Split) -> float:
    return split.squared_error(split.predicted(BiasesPredictor().fit(split.train)))


@pytest.fixture(scope="module")
def stars(split: Split) -> StarsPredictor:
    """Without the embeddings, which are worth .001 and four fits of dot_product."""
    return StarsPredictor(StarsConfig(embeddings=False)).fit(split.train, split.catalog)


@pytest.fixture(scope="module")
def predicted(split: Split, stars: StarsPredictor) -> np.ndarray:
    return split.predicted(stars)


def test_dot_product_is_as_much_better_than_biases_as_the_documentation_says(
    split: Split, error_of_biases: float
) -> None:
    predictor = DotProductPredictor().fit(split.train, split.catalog)
    error = split.squared_error(split.predicted(predictor))
    assert error < error_of_biases - 0.05
    assert error == pytest.approx(0.656, abs=0.005)


def test_stars_are_as_much_better_than_biases_as_the_documentation_says(
    split: Split, predicted: np.ndarray, error_of_biases: float
) -> None:
    error = split.squared_error(predicted)
    assert error < error_of_biases - 0.08
    assert error == pytest.approx(0.624, abs=0.005)


def test_stars_are_calibrated_in_every_tenth(split: Split, predicted: np.ndarray) -> None:
    """Where 3.5 stars are predicted, readers give 3.5 on average; and so on from 2.7 to 4.8."""
    for tenth in np.array_split(np.argsort(predicted), 10):
        standard_error = split.stars[tenth].std() / len(tenth) ** 0.5
        difference = abs(predicted[tenth].mean() - split.stars[tenth].mean())
        assert difference < 3 * standard_error + 0.01


def test_one_rating_draws_the_stars_of_its_series_most(split: Split, stars: StarsPredictor) -> None:
    nobody = stars.predict_profile(Profile(np.array([], dtype=np.int64), np.array([])))
    np.testing.assert_array_equal(nobody, stars.item_means)
    series = split.catalog.series.index
    longest = series == np.bincount(series[series >= 0]).argmax()
    rated = np.flatnonzero(longest)[:1]
    fall = nobody - stars.predict_profile(Profile(rated, np.array([1])))
    assert fall.mean() > 0.1
    assert fall[longest].mean() > 2 * fall[~longest].mean()
