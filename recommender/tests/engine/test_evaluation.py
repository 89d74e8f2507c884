from __future__ import annotations

import numpy as np
import pytest

from recommender.engine import (
    Holdout,
    InputError,
    Interactions,
    LinearConfig,
    LinearRanker,
    PopularityRanker,
    Profile,
    evaluate,
    lists_for,
    measure_lists,
    ndcg_at_k,
    recall_at_k,
    split_holdout,
)
from recommender.tests.engine.conftest import random_interactions


def test_the_split_partitions_each_withheld_reader_and_drops_him_from_the_fit() -> None:
    interactions = random_interactions(0)
    train, holdout = split_holdout(interactions, n_users=20, seed=1, min_ratings=5)
    assert not set(holdout.user_ids) & set(train.user_ids)
    assert train.n_users == interactions.n_users - 20
    assert train.item_ids.tolist() == interactions.item_ids.tolist()
    for user_id, profile, relevant in zip(
        holdout.user_ids, holdout.profiles, holdout.relevant, strict=True
    ):
        whole = interactions.profile(int(interactions.users.indices([user_id])[0]))
        stars = dict(zip(whole.item_indices.tolist(), whole.stars.tolist(), strict=True))
        shown = profile.item_indices.tolist()
        assert [stars[item] for item in shown] == profile.stars.tolist()
        assert not set(shown) & set(relevant.tolist())
        assert all(stars[item] >= 4 for item in relevant.tolist())
        n_target = len(stars) - len(shown)
        assert n_target == max(1, round(0.2 * len(stars)))


def test_the_same_seed_withholds_the_same_and_another_does_not() -> None:
    interactions = random_interactions(0)
    first, again, other = (
        split_holdout(interactions, n_users=15, seed=seed, min_ratings=5)[1] for seed in (1, 1, 2)
    )
    assert first.user_ids.tolist() == again.user_ids.tolist()
    assert all(
        a.item_indices.tolist() == b.item_indices.tolist()
        for a, b in zip(first.profiles, again.profiles, strict=True)
    )
    assert first.user_ids.tolist() != other.user_ids.tolist()


def test_users_with_few_ratings_are_never_withheld() -> None:
    interactions = Interactions.from_pairs([1] * 6 + [2] * 2, [*range(6), 0, 1], [5] * 8)
    train, holdout = split_holdout(interactions, n_users=10, seed=0, min_ratings=3)
    assert holdout.user_ids.tolist() == [1]
    assert train.user_ids.tolist() == [2]
    with pytest.raises(InputError, match="the most is 6"):
        split_holdout(interactions, n_users=10, seed=0, min_ratings=7)


@pytest.mark.parametrize(
    "wrong", [{"n_users": 0}, {"min_ratings": 1}, {"target_share": 0.0}, {"target_share": 1.0}]
)
def test_a_split_that_means_nothing_is_refused(wrong: dict[str, float]) -> None:
    arguments = {"n_users": 5, "seed": 0} | wrong
    with pytest.raises(InputError, match="wanted"):
        split_holdout(random_interactions(0), **arguments)  # type: ignore[arg-type]


def test_the_report_is_the_mean_of_the_metrics_of_full_lists() -> None:
    train, holdout = split_holdout(random_interactions(0), n_users=20, seed=1, min_ratings=5)
    ranker = LinearRanker(LinearConfig(regularization=4.0)).fit(train)
    report = evaluate(ranker, holdout)
    lists = []
    for profile in holdout.profiles:
        scores = ranker.scores(profile)
        rated = set(profile.item_indices.tolist())
        order = np.argsort(-scores, kind="stable")
        lists.append([item for item in order.tolist() if item not in rated])
    pairs = list(zip(lists, holdout.relevant, strict=True))
    assert report.n_users == len(lists)
    assert report.n_items == 25
    assert report.ndcg_at_10 == pytest.approx(np.mean([ndcg_at_k(a, b, 10) for a, b in pairs]))
    assert report.recall_at_20 == pytest.approx(
        np.mean([recall_at_k(a, b, 20, denominator="reachable") for a, b in pairs])
    )
    assert report.recall_at_100 == pytest.approx(
        np.mean([recall_at_k(a, b, 100, denominator="relevant") for a, b in pairs])
    )
    assert report.coverage_at_10 == len({item for items in lists for item in items[:10]})
    low, high = report.ndcg_at_10_interval
    assert low < report.ndcg_at_10 < high
    assert evaluate(ranker, holdout) == report
    assert report.as_dict()["ndcg_at_10_interval"] == [low, high]


def test_the_personal_ranker_beats_popularity_where_readers_differ(
    checkerboard: Interactions,
) -> None:
    train, holdout = split_holdout(
        Interactions.from_pairs(
            checkerboard.user_ids[checkerboard.ratings.tocoo().row],
            checkerboard.item_ids[checkerboard.ratings.tocoo().col],
            np.full(checkerboard.ratings.nnz, 5),
        ),
        n_users=12,
        seed=0,
        min_ratings=5,
    )
    personal = evaluate(LinearRanker(LinearConfig(regularization=1.0)).fit(train), holdout)
    popular = evaluate(PopularityRanker().fit(train), holdout)
    assert personal.ndcg_at_10 > popular.ndcg_at_10


def test_lists_leave_the_fold_in_out_and_tell_their_progress() -> None:
    interactions = random_interactions(0)
    ranker = PopularityRanker().fit(interactions)
    profiles = [interactions.profile(user) for user in range(interactions.n_users)] * 4
    told: list[float] = []
    lists = lists_for(ranker, profiles, k=3, on_progress=lambda stage, part: told.append(part))
    assert len(lists) == len(profiles)
    for profile, ranked in zip(profiles, lists, strict=True):
        assert not set(profile.item_indices) & set(ranked)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_holdout_that_measures_nothing_is_refused() -> None:
    profile, relevant = Profile(np.array([1]), np.array([5])), np.array([2])
    for user_ids, profiles, targets, complaint in (
        ([], (), (), "measures nothing"),
        ([1], (), (relevant,), "as many"),
        ([1], (profile,), (np.array([], dtype=int),), "no relevant item"),
    ):
        with pytest.raises(InputError, match=complaint):
            Holdout(np.array(user_ids), profiles, targets)
    with pytest.raises(InputError, match="1 lists and 0"):
        measure_lists([relevant], [], n_items=3)
