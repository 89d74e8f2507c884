from __future__ import annotations

import math

import numpy as np
import pytest

from recommender.engine import (
    ArtifactError,
    Catalog,
    FitError,
    InputError,
    Interactions,
    NotFittedError,
    Part,
    PopularityConfig,
    PopularityRanker,
    Series,
    Vocabulary,
)


def fitted(counts: list[float], means: list[float], **config: float) -> PopularityRanker:
    """Fit on catalog figures; the one rating there is must not matter."""
    items = Vocabulary.of(np.arange(len(counts)))
    bare = Catalog.bare(items)
    catalog = Catalog(
        items, bare.series, bare.author_index, bare.genre_index, np.array(counts), np.array(means)
    )
    interactions = Interactions.from_pairs([1], [0], [1], catalog_ids=items.ids)
    return PopularityRanker(PopularityConfig(**config)).fit(interactions, catalog)


def test_the_score_is_the_formula_worked_by_hand() -> None:
    # mu = (100*4 + 300*3) / 400 = 3.25; with m = 100: (325+400)/200 = 3.625, (325+900)/400 = 3.0625
    ranker = fitted([100, 300], [4, 3], prior_ratings=100, audience_exponent=2)
    np.testing.assert_allclose(ranker.mean_stars, [3.625, 3.0625], rtol=1e-6)
    audience = math.log(101) / math.log(301)
    wanted = [(3.625 - 1) / 4 * audience**2, (3.0625 - 1) / 4]
    np.testing.assert_allclose(ranker.diverse_top(2), [1, 0])
    from recommender.engine import Profile

    nobody = Profile(np.array([], dtype=int), np.array([]))
    np.testing.assert_allclose(ranker.scores(nobody), wanted, rtol=1e-6)


def test_the_prior_is_the_median_count_of_the_rated_books() -> None:
    given = fitted([10, 30, 50, 0], [5, 3, 4, np.nan], prior_ratings=30)
    assert np.array_equal(given.mean_stars, fitted([10, 30, 50, 0], [5, 3, 4, np.nan]).mean_stars)


def test_one_enthusiast_does_not_beat_a_loved_and_known_book() -> None:
    assert fitted([1, 5000, 6000], [5.0, 4.5, 3.0]).diverse_top(3).tolist() == [1, 2, 0]


def test_without_catalog_figures_the_interactions_are_counted() -> None:
    interactions = Interactions.from_pairs(
        [1, 2, 3, 1], [10, 10, 10, 20], [5, 5, 4, 5], catalog_ids=[10, 20, 30]
    )
    ranker = PopularityRanker().fit(interactions)
    assert ranker.diverse_top(3).tolist() == [0, 1, 2]
    # mu = 19/4, m = median(3, 1) = 2
    np.testing.assert_allclose(ranker.mean_stars[0], (2 * 4.75 + 14) / 5, rtol=1e-6)
    np.testing.assert_allclose(ranker.mean_stars[2], 4.75, rtol=1e-6)


def test_a_book_whose_catalog_figures_are_unknown_is_counted_in_the_interactions() -> None:
    ranker = fitted([np.nan, 10], [np.nan, 4.0], prior_ratings=0)
    np.testing.assert_allclose(ranker.mean_stars, [1.0, 4.0])


def test_a_fit_without_any_rating_is_refused() -> None:
    with pytest.raises(FitError, match="no item has a rating"):
        PopularityRanker().fit(Interactions.from_pairs([], [], [], catalog_ids=[1]))


def test_a_catalog_of_other_items_is_refused() -> None:
    interactions = Interactions.from_pairs([1], [1], [5])
    with pytest.raises(InputError, match="other ids"):
        PopularityRanker().fit(interactions, Catalog.bare(Vocabulary.of([2])))


@pytest.mark.parametrize("wrong", [{"prior_ratings": -1}, {"audience_exponent": np.nan}])
def test_a_config_that_means_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        PopularityConfig(**wrong)


def test_the_diverse_list_has_an_author_once_and_of_a_series_the_first_volume() -> None:
    ranker = fitted([900, 800, 700, 600, 500], [4] * 5)
    series = Series(np.array([0, 0, -1, -1, -1]), np.array([2, 1, np.nan, np.nan, np.nan]))
    authors = np.array([-1, -1, 3, 3, -1])
    assert ranker.diverse_top(5, series=series, authors=authors).tolist() == [1, 2, 4]
    assert ranker.diverse_top(5, series=series).tolist() == [1, 2, 3, 4]


def test_genres_take_turns_as_far_as_the_penalty_says() -> None:
    ranker = fitted([900, 890, 880, 600], [4] * 4)
    genres = np.array([1, 1, 1, 2])
    assert ranker.diverse_top(4, genres=genres, genre_penalty=0).tolist() == [0, 1, 2, 3]
    assert ranker.diverse_top(4, genres=genres, genre_penalty=0.2).tolist() == [0, 3, 1, 2]
    assert ranker.diverse_top(4, genres=np.full(4, -1)).tolist() == [0, 1, 2, 3]


def test_the_diverse_list_leaves_exclusions_out_and_is_never_padded() -> None:
    ranker = fitted([9, 8, 7], [4] * 3)
    assert ranker.diverse_top(10, excluded=[0]).tolist() == [1, 2]
    assert ranker.diverse_top(1).tolist() == [0]
    assert ranker.diverse_top(10, excluded=[0, 1, 2]).tolist() == []


def test_the_diverse_list_refuses_arguments_that_mean_nothing() -> None:
    ranker = fitted([9, 8, 7], [4] * 3)
    with pytest.raises(InputError, match="k is 0"):
        ranker.diverse_top(0)
    with pytest.raises(InputError, match="genre_penalty"):
        ranker.diverse_top(1, genre_penalty=1.5)
    with pytest.raises(InputError, match="authors"):
        ranker.diverse_top(1, authors=np.array([1]))


def test_an_unfitted_ranker_says_so() -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        PopularityRanker().diverse_top(1)


def test_a_part_that_is_not_whole_is_refused() -> None:
    part = fitted([9, 8], [4, 3]).to_part()
    scores = part.arrays["scores"]
    for wrong in (scores[:1], scores * np.float32(np.nan), scores.astype(np.float64)):
        with pytest.raises(ArtifactError, match="do not fit together"):
            arrays = {"scores": wrong, "mean_stars": part.arrays["mean_stars"]}
            PopularityRanker.from_part(Part("popularity", arrays, part.config))
    with pytest.raises(ArtifactError, match="part is of linear"):
        PopularityRanker.from_part(Part("linear", part.arrays))
    with pytest.raises(ArtifactError, match="config"):
        PopularityRanker.from_part(Part("popularity", part.arrays, {"prior": 3}))
