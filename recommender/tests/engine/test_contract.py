"""What every ranker must do, whatever its algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from recommender.engine import (
    ArtifactError,
    Catalog,
    InputError,
    Interactions,
    LinearConfig,
    LinearRanker,
    NotFittedError,
    Part,
    PopularityRanker,
    Profile,
    Ranker,
    Series,
    Vocabulary,
    load_artifact,
    write_artifact,
)
from recommender.engine.als import AlsConfig, AlsRanker
from recommender.engine.item_knn import ItemKnnConfig, ItemKnnRanker
from recommender.engine.two_stage import TwoStageRanker
from recommender.engine.two_stage_config import TwoStageConfig
from recommender.engine.user_knn import UserKnnRanker
from recommender.tests.engine.conftest import N_ITEMS, random_interactions


@dataclass(frozen=True)
class Case:
    """One algorithm: how to make it, and whether its scores depend on the reader."""

    make: Callable[[], Ranker]
    is_personal: bool


CASES = {
    "linear": Case(lambda: LinearRanker(LinearConfig(regularization=4.0)), is_personal=True),
    "linear, sparse": Case(
        lambda: LinearRanker(LinearConfig(regularization=40.0, solver="sparse", n_support=6)),
        is_personal=True,
    ),
    "popularity": Case(PopularityRanker, is_personal=False),
    "item_knn": Case(ItemKnnRanker, is_personal=True),
    "item_knn by cosine": Case(
        lambda: ItemKnnRanker(ItemKnnConfig(weighting="cosine")), is_personal=True
    ),
    "user_knn": Case(UserKnnRanker, is_personal=True),
    "two_stage": Case(
        lambda: TwoStageRanker(linear_config=LinearConfig(regularization=4.0)), is_personal=True
    ),
    "two_stage with a network": Case(
        lambda: TwoStageRanker(
            TwoStageConfig(least_examples=1, n_members=1, n_epochs=2, n_candidates=6),
            linear_config=LinearConfig(regularization=4.0),
        ),
        is_personal=True,
    ),
    "two_stage, sparse": Case(
        lambda: TwoStageRanker(
            linear_config=LinearConfig(regularization=40.0, solver="sparse", n_support=6)
        ),
        is_personal=True,
    ),
    "als": Case(lambda: AlsRanker(AlsConfig(n_factors=2, regularization=0.1)), is_personal=True),
}

NOBODY = Profile(np.array([], dtype=np.int64), np.array([]))
READER = Profile(np.array([0, 2, 5]), np.array([5, 4, 1]), np.array([9]))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
class TestRanker:
    def test_scores_have_one_finite_float32_per_item(self, case: Case) -> None:
        interactions = random_interactions(0)
        ranker = case.make().fit(interactions)
        assert ranker.n_items == interactions.n_items
        for profile in (NOBODY, READER):
            scores = ranker.scores(profile)
            assert scores.shape == (interactions.n_items,)
            assert scores.dtype == np.float32
            assert np.isfinite(scores).all()

    def test_the_same_input_gives_the_same_bits(self, case: Case) -> None:
        first, second = (case.make().fit(random_interactions(0)) for _ in range(2))
        assert np.array_equal(first.scores(READER), second.scores(READER))
        arrays = second.to_part().arrays
        for name, array in first.to_part().arrays.items():
            assert np.array_equal(array, arrays[name])

    def test_a_fit_leaves_its_input_alone_and_replaces_the_one_before(self, case: Case) -> None:
        interactions, before = random_interactions(0), random_interactions(0)
        ranker = case.make().fit(random_interactions(1)).fit(interactions)
        assert np.array_equal(interactions.ratings.toarray(), before.ratings.toarray())
        assert np.array_equal(interactions.shelved.toarray(), before.shelved.toarray())
        assert np.array_equal(ranker.scores(READER), case.make().fit(before).scores(READER))

    def test_scoring_changes_neither_the_ranker_nor_the_profile(self, case: Case) -> None:
        ranker = case.make().fit(random_interactions(0))
        scores = ranker.scores(READER)
        wanted = scores.copy()
        scores[:] = 7
        assert np.array_equal(ranker.scores(READER), wanted)
        assert READER.stars.tolist() == [5, 4, 1]

    def test_a_batch_has_the_bits_of_single_scores(self, case: Case) -> None:
        ranker = case.make().fit(random_interactions(0))
        batch = ranker.batch_scores([READER, NOBODY])
        assert np.array_equal(batch, np.stack([ranker.scores(READER), ranker.scores(NOBODY)]))
        assert ranker.batch_scores([]).shape == (0, ranker.n_items)

    def test_a_list_never_has_an_excluded_item_and_at_most_k(self, case: Case) -> None:
        ranker = case.make().fit(random_interactions(0))
        for k in (1, 5, 100):
            ranked = ranker.recommend(READER, k=k, excluded=[3, 4])
            assert not {0, 2, 5, 9, 3, 4} & set(ranked.tolist())
            assert len(ranked) == len(set(ranked.tolist())) == min(k, 25 - 6)

    def test_a_reader_of_everything_gets_an_empty_list(self, case: Case) -> None:
        ranker = case.make().fit(random_interactions(0))
        everything = Profile(np.arange(25), np.full(25, 5))
        assert ranker.recommend(everything, k=10).tolist() == []

    def test_a_list_keeps_the_series_rule(self, case: Case) -> None:
        ranker = case.make().fit(random_interactions(0))
        number = np.where(np.arange(25) < 4, np.arange(25) + 1, np.nan)
        series = Series(np.where(np.arange(25) < 4, 0, -1), number)
        reader = Profile(np.array([0, 8]), np.array([5, 5]))
        assert set(ranker.recommend(reader, k=25, series=series)) & {0, 1, 2, 3} == {1}

    def test_unknown_ids_are_masked(self, case: Case) -> None:
        interactions = random_interactions(0)
        ranker = case.make().fit(interactions)
        known = Profile.from_ids(interactions.items, [0, 20], [5, 2])
        with_unknown = Profile.from_ids(interactions.items, [999, 0, -1, 20], [1, 5, 1, 2], [777])
        assert np.array_equal(ranker.scores(known), ranker.scores(with_unknown))

    def test_an_index_of_a_larger_catalog_is_refused(self, case: Case) -> None:
        ranker = case.make().fit(random_interactions(0))
        for profile in (
            Profile(np.array([25]), np.array([5])),
            Profile(np.array([1]), np.array([5]), np.array([25])),
        ):
            with pytest.raises(InputError, match="item index 25"):
                ranker.scores(profile)

    def test_scores_survive_save_and_load_bit_by_bit(self, case: Case, tmp_path: Path) -> None:
        interactions = random_interactions(0)
        ranker = case.make().fit(interactions)
        folder = write_artifact(
            tmp_path / "run",
            {ranker.name: ranker.to_part(), "items": Catalog.bare(interactions.items).to_part()},
            created_at=datetime(2030, 1, 1, tzinfo=UTC),
        )
        loaded = type(ranker).from_part(load_artifact(folder).part(ranker.name))
        assert loaded.n_items == ranker.n_items
        for profile in (NOBODY, READER):
            assert np.array_equal(loaded.scores(profile), ranker.scores(profile))
        assert loaded.to_part().config == ranker.to_part().config
        assert np.array_equal(loaded.batch_scores([READER])[0], ranker.scores(READER))

    def test_a_part_of_another_algorithm_is_refused(self, case: Case) -> None:
        with pytest.raises(ArtifactError, match="part is of"):
            type(case.make()).from_part(Part("another", {}))

    def test_before_a_fit_there_are_no_scores(self, case: Case) -> None:
        with pytest.raises(NotFittedError, match="fit"):
            case.make().scores(NOBODY)
        with pytest.raises(NotFittedError, match="fit"):
            case.make().to_part()

    def test_a_catalog_of_other_items_is_refused(self, case: Case) -> None:
        with pytest.raises(InputError, match="catalog"):
            case.make().fit(random_interactions(0), Catalog.bare(Vocabulary.of([1])))

    def test_an_item_without_interactions_can_be_ranked_and_comes_late(self, case: Case) -> None:
        ranker = case.make().fit(random_interactions(0))
        assert ranker.scores(NOBODY)[7] == 0
        assert 7 in ranker.recommend(NOBODY, k=25)

    def test_progress_ends_at_1(self, case: Case) -> None:
        told: list[float] = []
        case.make().fit(random_interactions(0), on_progress=lambda _, part: told.append(part))
        assert told == sorted(told)
        assert told[-1] == 1.0

    def test_the_checkerboard_has_its_known_answer(
        self, case: Case, checkerboard: Interactions
    ) -> None:
        """Even readers like even books (5 stars), odd readers odd books (3 stars)."""
        ranker = case.make().fit(checkerboard)
        for missing in range(N_ITEMS):
            same = np.arange(missing % 2, N_ITEMS, 2)
            rated = same[same != missing]
            first = ranker.recommend(Profile(rated, np.full(len(rated), 5)), k=1)[0]
            # Popularity knows only that even books are the better liked.
            assert first == missing if case.is_personal or missing % 2 == 0 else first % 2 == 0
