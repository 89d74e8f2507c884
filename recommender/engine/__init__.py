"""Ranking mathematics: functions of arrays. Knows no Django, no Celery, no clock.

The path of a list: ``Profile.from_ids`` -> ``Ranker.scores`` -> ``rank``; of a fit:
``Interactions.from_pairs`` -> ``Ranker.fit`` -> ``write_artifact``.
"""

from recommender.engine.also_loved import AlsoLoved, LovedToo
from recommender.engine.artifact import Artifact, Part, load_artifact, write_artifact
from recommender.engine.book_map import BookMap
from recommender.engine.catalog import Catalog
from recommender.engine.errors import (
    ArtifactError,
    CatalogTooLargeError,
    EngineError,
    FitError,
    InputError,
    NotFittedError,
)
from recommender.engine.evaluation import (
    EvaluationReport,
    Holdout,
    evaluate,
    lists_for,
    measure_lists,
    split_holdout,
)
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.linear import Contributions, LinearRanker, SimilarItems
from recommender.engine.linear_config import LinearConfig
from recommender.engine.metrics import (
    Interval,
    bootstrap_interval,
    coverage_at_k,
    ndcg_at_k,
    recall_at_k,
)
from recommender.engine.popularity import PopularityConfig, PopularityRanker
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import Ranker
from recommender.engine.ranking import Ranked, rank, rank_batch, rank_places, top_k
from recommender.engine.reader_neighbours import Neighbours, ReaderNeighbours
from recommender.engine.series import NO_GROUP, Series
from recommender.engine.two_stage import TwoStageRanker
from recommender.engine.two_stage_config import TwoStageConfig
from recommender.engine.vocabulary import UNKNOWN, Vocabulary

__all__ = [
    "NO_GROUP",
    "UNKNOWN",
    "AlsoLoved",
    "Artifact",
    "ArtifactError",
    "BookMap",
    "Catalog",
    "CatalogTooLargeError",
    "Contributions",
    "EngineError",
    "EvaluationReport",
    "FitError",
    "Holdout",
    "InputError",
    "Interactions",
    "Interval",
    "LinearConfig",
    "LinearRanker",
    "LovedToo",
    "Neighbours",
    "NotFittedError",
    "OnProgress",
    "Part",
    "PopularityConfig",
    "PopularityRanker",
    "Profile",
    "Ranked",
    "Ranker",
    "Series",
    "ReaderNeighbours",
    "SimilarItems",
    "TwoStageConfig",
    "TwoStageRanker",
    "Vocabulary",
    "bootstrap_interval",
    "coverage_at_k",
    "evaluate",
    "lists_for",
    "load_artifact",
    "measure_lists",
    "ndcg_at_k",
    "rank",
    "rank_batch",
    "rank_places",
    "recall_at_k",
    "split_holdout",
    "top_k",
    "write_artifact",
]
