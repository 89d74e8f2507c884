"""The rankers on goodbooks-10k, by the protocol of the evaluation's README."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recommender.engine import EvaluationReport
from recommender.engine.registry import ALGORITHMS
from recommender.evaluation.ranking_data import RankingData, RankingFiles, load_ranking_data
from recommender.evaluation.ranking_run import run_ranker


def folder(variable: str) -> Path:
    """Return the folder that an environment variable names, or skip the test."""
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set: it names a folder of real data.")
    return Path(os.environ[variable])


@pytest.fixture(scope="module")
def visible_split() -> RankingData:
    """The interactions without any row of the visible users, and those users."""
    goodbooks, evaluation = folder("GOODBOOKS_DIR"), folder("EVALUATION_DIR")
    return load_ranking_data(
        RankingFiles(
            ratings=goodbooks / "ratings.csv",
            to_read=goodbooks / "to_read.csv",
            books=goodbooks,
            fold_in=evaluation / "fold_in.csv",
            target=evaluation / "target.csv",
        )
    )


def measured(name: str, data: RankingData) -> EvaluationReport:
    report = run_ranker(ALGORITHMS[name], ALGORITHMS[name].config_type()(), data).report
    assert report is not None
    return report


@pytest.mark.realdata
@pytest.mark.slow
def test_linear_finds_on_the_visible_split_what_the_documentation_says(
    visible_split: RankingData,
) -> None:
    linear = measured("linear", visible_split)
    assert linear.ndcg_at_10 == pytest.approx(0.412, abs=0.004)
    assert linear.recall_at_20 == pytest.approx(0.359, abs=0.004)
    assert linear.coverage_at_10 > 3300
    popularity = measured("popularity", visible_split)
    assert linear.ndcg_at_10_interval.low > 3 * popularity.ndcg_at_10
