from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from recommender.engine import ArtifactError, FitError
from recommender.engine.list_network import ListNetwork, NormalScores, beside_its_list
from recommender.engine.list_network_fit import NetworkSettings, fit_list_network
from recommender.tests.event_files import logged

SETTINGS = NetworkSettings(
    n_members=2,
    n_hidden=16,
    n_epochs=12,
    batch_size=32,
    learning_rate=0.01,
    dropout=0.1,
    weight_decay=1e-4,
    seed=0,
)


def lists_and_likes(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return lists in which the candidate that stands out most beside its list is liked.

    The first feature says it, in a unit of its own for each list and skewed; the second is
    noise, the third the same for a whole list.
    """
    generator = np.random.default_rng(seed)
    merit = generator.normal(size=(600, 10))
    level = generator.normal(size=(600, 1)) * 3
    features = np.stack(
        (
            np.exp(merit + level),
            generator.normal(size=merit.shape),
            np.broadcast_to(level, merit.shape),
        )
    ).astype(np.float32)
    return features, merit >= np.sort(merit, axis=1)[:, -2:-1]


@pytest.fixture(scope="module")
def fitted() -> ListNetwork:
    lists, liked = lists_and_likes()
    return fit_list_network(lists, liked, SETTINGS)


def test_the_liked_candidates_come_first_on_lists_it_has_not_seen(fitted: ListNetwork) -> None:
    lists, liked = lists_and_likes(seed=1)
    first = np.argsort(-fitted.predict(lists), axis=1)[:, :2]
    found = np.take_along_axis(liked, first, axis=1).mean()
    assert found > 0.85
    by_noise = np.argsort(-lists[1], axis=1)[:, :2]
    assert np.take_along_axis(liked, by_noise, axis=1).mean() < 0.3


def test_what_is_the_same_in_a_list_is_not_compared_inside_it(fitted: ListNetwork) -> None:
    assert fitted.normal.is_of_list.tolist() == [True, True, False]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(fitted: ListNetwork) -> None:
    lists, liked = lists_and_likes()
    again = fit_list_network(lists, liked, SETTINGS)
    for name, array in fitted.arrays().items():
        assert np.array_equal(array, again.arrays()[name]), name
    other = fit_list_network(lists, liked, dataclasses.replace(SETTINGS, seed=7))
    assert not np.array_equal(other.first, fitted.first)
    assert not np.array_equal(fitted.first[0], fitted.first[1])


def test_numpy_computes_what_the_formula_says(fitted: ListNetwork) -> None:
    """In float64, candidate by candidate, with the quantiles interpolated by hand."""
    lists, _ = lists_and_likes(seed=2)
    wanted = np.zeros((3, 10))
    for place in range(3):
        scores = np.array(
            [
                [np.interp(value, knots, normal) for value in lists[f, place]]
                for f, (knots, normal) in enumerate(
                    zip(fitted.normal.knots, fitted.normal.scores, strict=True)
                )
            ]
        )
        beside = [(row - row.mean()) / (row.std() + 0.1) for row in scores[:2]]
        inputs = np.concatenate((scores, beside))
        for candidate in range(10):
            for member in range(2):
                hidden = inputs[:, candidate] @ fitted.first[member] + fitted.first_bias[member]
                hidden = hidden / (1 + np.exp(-hidden))
                hidden = hidden @ fitted.second[member] + fitted.second_bias[member]
                hidden = hidden / (1 + np.exp(-hidden))
                wanted[place, candidate] += hidden @ fitted.last[member] / 2
    assert np.allclose(fitted.predict(lists[:, :3]), wanted, atol=1e-4)


def test_a_list_has_the_same_bits_alone_and_among_others(fitted: ListNetwork) -> None:
    lists, _ = lists_and_likes(seed=3)
    together = fitted.predict(lists)
    for place in (0, 1, 77, 599):
        assert np.array_equal(fitted.predict(lists[:, place : place + 1])[0], together[place])


def test_normal_scores_keep_the_order_and_stop_at_the_ends() -> None:
    generator = np.random.default_rng(0)
    values = np.exp(3 * generator.normal(size=(1, 400, 50))).astype(np.float32)
    normal = NormalScores.of_lists(values)
    points = np.sort(generator.choice(values.ravel(), 200))
    scores = normal.transform(points[np.newaxis, np.newaxis])[0, 0]
    assert (np.diff(scores) >= 0).all()
    ranks = np.searchsorted(np.sort(values.ravel()), points) / values.size
    inside = (ranks > 0.01) & (ranks < 0.99)
    assert np.abs(scores - ndtri(ranks.clip(1e-6, 1 - 1e-6)))[inside].max() < 0.1
    ends = normal.transform(np.array([[[-1e30, 1e30]]]))[0, 0]
    assert np.allclose(ends, ndtri([0.001, 0.999]), atol=1e-5)


def test_a_feature_of_few_values_has_a_score_for_each_and_a_constant_one_has_0() -> None:
    generator = np.random.default_rng(0)
    flags = (generator.random((1, 300, 20)) < 0.25).astype(np.float32)
    normal = NormalScores.of_lists(flags)
    low, high = normal.transform(np.array([[[0.0, 1.0]]]))[0, 0]
    assert low < 0 < high
    constant = NormalScores.of_lists(np.full((1, 30, 20), 7.0, dtype=np.float32))
    assert np.abs(constant.transform(np.full((1, 2, 3), 7.0))).max() < 1e-6
    assert not constant.is_of_list.any()


def test_what_is_added_is_the_distance_from_the_lists_mean_in_its_own_unit() -> None:
    scores = np.array([[[1.0, 2.0, 3.0]], [[5.0, 5.0, 5.0]]], dtype=np.float32)
    result = beside_its_list(scores.copy(), np.array([True, False]))
    assert result.shape == (3, 1, 3)
    assert np.array_equal(result[:2], scores)
    spread = np.std([1, 2, 3]) + 0.1
    assert result[2, 0] == pytest.approx([-1 / spread, 0, 1 / spread], abs=1e-6)


def test_lists_without_a_liked_candidate_teach_nothing() -> None:
    lists, liked = lists_and_likes()
    with pytest.raises(FitError, match="no list has a liked candidate"):
        fit_list_network(lists, np.zeros_like(liked), SETTINGS)
    short = dataclasses.replace(SETTINGS, n_epochs=1, n_members=1)
    useful = np.concatenate((liked[:200], np.zeros_like(liked[:100])))
    with_empty = fit_list_network(lists[:, :300], useful, short)
    without = fit_list_network(lists[:, :200], liked[:200], short)
    assert np.array_equal(with_empty.first, without.first)


def test_a_loss_that_is_not_finite_ends_the_fit() -> None:
    lists, liked = lists_and_likes()
    with pytest.raises(FitError, match="lower its learning rate"):
        fit_list_network(lists, liked, dataclasses.replace(SETTINGS, learning_rate=1e30))


def test_each_network_has_a_log_of_its_losses(tmp_path: Path) -> None:
    lists, liked = lists_and_likes()
    short = dataclasses.replace(SETTINGS, n_epochs=3)
    network = fit_list_network(lists, liked, short, log_folder=tmp_path)
    assert [len(losses) for losses in network.losses] == [3, 3]
    for number, losses in enumerate(network.losses, start=1):
        assert logged(tmp_path / f"network-{number}", "epoch_loss") == pytest.approx(losses)
    assert network.losses[0][-1] < network.losses[0][0]
    assert "network_losses" not in network.arrays()


def test_progress_rises_to_1() -> None:
    lists, liked = lists_and_likes()
    told: list[float] = []
    fit_list_network(
        lists, liked, dataclasses.replace(SETTINGS, n_epochs=2), on_progress=told.append
    )
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_arrays_bring_the_same_network_back(fitted: ListNetwork) -> None:
    lists, _ = lists_and_likes(seed=4)
    again = ListNetwork.of_arrays(fitted.arrays(), 3)
    assert np.array_equal(again.predict(lists), fitted.predict(lists))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("first", lambda a: a[:, :-1]),
        ("first_bias", lambda a: a * np.nan),
        ("second", lambda a: a.astype(np.float64)),
        ("second_bias", lambda a: a[:, :-1]),
        ("last", lambda a: a[:-1]),
        ("knots", lambda a: a[:, ::-1]),
        ("scores", lambda a: a[:, :-1]),
        ("is_of_list", lambda a: ~a),
    ],
)
def test_arrays_that_do_not_fit_are_refused(fitted: ListNetwork, name: str, wrong: object) -> None:
    arrays = fitted.arrays()
    assert callable(wrong)
    arrays[f"network_{name}"] = wrong(arrays[f"network_{name}"])
    with pytest.raises(ArtifactError, match="does not fit"):
        ListNetwork.of_arrays(arrays, 3)


def test_predicting_imports_no_tensorflow() -> None:
    code = (
        "import sys, recommender.engine.two_stage;"
        "assert not {'tensorflow', 'keras', 'lightgbm'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
