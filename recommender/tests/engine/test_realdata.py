"""The linear ranker on goodbooks-10k, by the protocol of the evaluation's README."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recommender.engine import (
    Holdout,
    Interactions,
    LinearRanker,
    PopularityRanker,
    Profile,
    evaluate,
)


def folder(variable: str) -> Path:
    """Return the folder that an environment variable names, or skip the test."""
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set: it names a folder of real data.")
    return Path(os.environ[variable])


def withhold(
    ratings: pd.DataFrame, shelved: pd.DataFrame, fold_in: pd.DataFrame, target: pd.DataFrame
) -> tuple[Interactions, Holdout]:
    """Return the interactions without any row of the fold-in's users, and those users."""
    withheld = fold_in.user_id.unique()
    ratings = ratings[~ratings.user_id.isin(withheld)]
    shelved = shelved[~shelved.user_id.isin(withheld)]
    interactions = Interactions.from_pairs(
        ratings.user_id.to_numpy(),
        ratings.book_id.to_numpy(),
        ratings.rating.to_numpy(),
        shelf_user_ids=shelved.user_id.to_numpy(),
        shelf_item_ids=shelved.book_id.to_numpy(),
        catalog_ids=np.arange(1, 10_001),
    )
    items = interactions.items
    relevant = {
        user_id: items.known_indices(rows.book_id.to_numpy())
        for user_id, rows in target[target.rating >= 4].groupby("user_id")
    }
    profiles = {
        user_id: Profile.from_ids(items, rows.book_id.to_numpy(), rows.rating.to_numpy())
        for user_id, rows in fold_in.groupby("user_id")
        if user_id in relevant
    }
    holdout = Holdout(
        np.array(list(profiles)),
        tuple(profiles.values()),
        tuple(relevant[user_id] for user_id in profiles),
    )
    return interactions, holdout


@pytest.mark.realdata
@pytest.mark.slow
def test_linear_finds_on_the_visible_split_what_the_documentation_says() -> None:
    goodbooks, evaluation = folder("GOODBOOKS_DIR"), folder("EVALUATION_DIR")
    interactions, holdout = withhold(
        pd.read_csv(goodbooks / "ratings.csv"),
        pd.read_csv(goodbooks / "to_read.csv"),
        pd.read_csv(evaluation / "fold_in.csv"),
        pd.read_csv(evaluation / "target.csv"),
    )
    linear = evaluate(LinearRanker().fit(interactions), holdout)
    assert linear.ndcg_at_10 == pytest.approx(0.394, abs=0.004)
    assert linear.recall_at_20 == pytest.approx(0.341, abs=0.004)
    assert linear.coverage_at_10 > 3300
    popularity = evaluate(PopularityRanker().fit(interactions), holdout)
    assert linear.ndcg_at_10_interval.low > 3 * popularity.ndcg_at_10
