"""What is served of an artifact: its ranker, predicted stars, whatever else it holds."""

import numpy as np
import pytest

from accounts.tests.factories import UserFactory
from catalog.tests.factories import BookFactory
from ratings.services import rate_book
from recommender.active import holder
from recommender.dataset import load_dataset
from recommender.engine import (
    AlsoLoved,
    BookMap,
    LinearRanker,
    Profile,
    ReaderNeighbours,
    TwoStageConfig,
    TwoStageRanker,
)
from recommender.engine.book_map import BookMapConfig
from recommender.engine.stars import StarsConfig, StarsPredictor
from recommender.models import TrainingRun
from recommender.serving import predicted_stars, recommendations_for
from recommender.tests.published_runs import fitted_parts, put_live

PATIENCE = 60


@pytest.fixture
def alice(two_tastes):
    alice = UserFactory(username="alice")
    for book in two_tastes["Dragon"][:3]:
        rate_book(user=alice, book=book, stars=5)
    return alice


def test_an_artifact_from_before_the_second_stage_is_served(two_tastes, artifacts, alice) -> None:
    run = put_live(fitted_parts())
    found = recommendations_for(alice, k=5)
    assert (found.run_id, found.basis) == (run.pk, "ratings")
    assert isinstance(holder.current().ranker, LinearRanker)
    assert all(item.reasons for item in found.items)
    assert all(item.predicted is None for item in found.items)


SMALL = TwoStageConfig(
    n_candidates=4, n_splits=1, n_cold_splits=1, least_examples=10, n_members=1, n_epochs=1
)


@pytest.mark.parametrize("config", [TwoStageConfig(), SMALL])
def test_lists_are_in_the_order_of_the_two_stage_ranker(
    two_tastes, artifacts, alice, config: TwoStageConfig
) -> None:
    """Too little data for a second stage with the first config, enough with the other."""
    data = load_dataset()
    parts = fitted_parts()
    del parts["linear"]
    parts["two_stage"] = TwoStageRanker(config).fit(data.interactions, data.catalog).to_part()
    hidden = two_tastes["Dragon"][3]
    hidden.is_hidden = True
    hidden.save()
    put_live(parts)
    found = recommendations_for(alice, k=7)

    ranker = holder.current().ranker
    assert isinstance(ranker, TwoStageRanker)
    has_second_stage = config is SMALL
    assert (ranker.skipped_because is None) == has_second_stage
    items = holder.current().catalog.items
    profile = data.interactions.profile(data.interactions.users.indices([alice.pk])[0])
    expected = ranker.recommend(profile, k=7, excluded=items.indices([hidden.pk]))
    assert [item.book.pk for item in found.items] == items.ids[expected].tolist()
    assert all(item.reasons for item in found.items)
    scores = [item.score for item in found.items]
    assert scores == sorted(scores, reverse=True)
    if has_second_stage:
        # The hidden book took no candidate's place; after the candidates comes the index.
        assert [score > 0 for score in scores] == [True] * 4 + [False] * 3


@pytest.fixture
def with_stars(two_tastes, artifacts) -> TrainingRun:
    data = load_dataset()
    stars = StarsPredictor(StarsConfig(embeddings=False)).fit(data.interactions, data.catalog)
    return put_live(fitted_parts() | {"stars": stars.to_part()})


def test_predicted_stars_are_the_readers_own(with_stars, two_tastes, alice) -> None:
    books = [two_tastes["Dragon"][5], two_tastes["Detective"][5]]
    predicted = predicted_stars(alice, books)
    model = holder.current()
    profile = Profile.from_ids(
        model.catalog.items, [book.pk for book in two_tastes["Dragon"][:3]], [5, 5, 5], []
    )
    expected = model.stars.predict_profile(profile)[
        model.catalog.items.indices([book.pk for book in books])
    ]
    np.testing.assert_allclose([predicted[book.pk].stars for book in books], expected, rtol=1e-6)
    assert all(found.is_personal for found in predicted.values())
    shown = recommendations_for(alice, k=3, with_predicted_stars=True).items
    assert [item.predicted for item in shown] == list(
        predicted_stars(alice, [item.book for item in shown]).values()
    )


def test_a_reader_without_ratings_is_told_the_readers_mean(with_stars, two_tastes) -> None:
    book = two_tastes["Dragon"][5]
    predicted = predicted_stars(UserFactory(), [book])[book.pk]
    model = holder.current()
    place = model.catalog.items.indices([book.pk])[0]
    assert predicted.stars == pytest.approx(float(model.stars.item_means[place]))
    assert not predicted.is_personal


def test_without_predictions_the_catalogues_mean_is_told(two_tastes, artifacts, alice) -> None:
    rated, unrated = two_tastes["Dragon"][5:7]
    rated.average_rating, unrated.average_rating = 3.5, None
    for run in (None, put_live):
        if run:
            run(fitted_parts())
        predicted = predicted_stars(alice, [rated, unrated])
        assert set(predicted) == {rated.pk}
        assert predicted[rated.pk].stars == 3.5
        assert not predicted[rated.pk].is_personal


def test_a_part_of_another_algorithm_is_not_served(two_tastes, artifacts, alice) -> None:
    good = put_live(fitted_parts())
    assert recommendations_for(alice).run_id == good.pk
    parts = fitted_parts()
    put_live(parts | {"stars": parts["popularity"]})
    recommendations_for(alice)
    holder.settle(PATIENCE)
    assert recommendations_for(alice).run_id == good.pk
    assert holder.state() == "stale"


def test_further_parts_are_served_where_there_are_any(two_tastes, artifacts) -> None:
    put_live(fitted_parts())
    bare = holder.current()
    assert (bare.stars, bare.embeddings, bare.book_map, bare.readers, bare.also_loved) == (
        None,
    ) * 5
    data = load_dataset()
    n_items = data.interactions.n_items
    places = np.random.default_rng(0).uniform(-1, 1, (n_items, 2)).astype(np.float32)
    further = {
        "map": BookMap(places, -places, np.ones(n_items, dtype=np.bool_), BookMapConfig()),
        "readers": ReaderNeighbours().fit(data.interactions),
        "also_loved": AlsoLoved.fit(data.interactions),
    }
    run = put_live(fitted_parts() | {name: part.to_part() for name, part in further.items()})
    holder.current()
    holder.settle(PATIENCE)
    model = holder.current()
    assert model.run_id == run.pk
    np.testing.assert_array_equal(model.book_map.tsne, -places)
    profile = data.interactions.profile(0)
    found, expected = (
        readers.nearest(profile, 5).user_ids for readers in (model.readers, further["readers"])
    )
    assert len(expected)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(model.also_loved.item_indices, further["also_loved"].item_indices)


def test_a_part_of_other_items_is_not_served(two_tastes, artifacts, caplog) -> None:
    parts = fitted_parts()
    BookFactory()
    stars = StarsPredictor(StarsConfig(embeddings=False))
    data = load_dataset()
    put_live(parts | {"stars": stars.fit(data.interactions, data.catalog).to_part()})
    assert holder.current() is None
    assert holder.state() == "stale"
    assert "stars is of 25 items, the catalog of 24" in caplog.text
