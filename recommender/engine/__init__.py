"""Ranking mathematics: functions of arrays. Knows no Django, no Celery, no clock.

The path of a list: ``Profile.from_ids`` -> ``Ranker.scores`` -> ``rank``; of a fit:
``Interactions.from_pairs`` -> ``Ranker.fit`` -> ``write_artifact``.
"""

from recommender.engine.artifact import Artifact, Part, load_artifact, write_artifact
from recommender.engine.catalog import Catalog, Series
from recommender.engine.errors import (
    ArtifactError,
    CatalogTooLargeError,
    EngineError,
    FitError,
    InputError,
    NotFittedError,
)
from recommender.engine.interactions import Interactions, Profile
from recommender.engine.linear import Contributions, LinearRanker, SimilarItems
from recommender.engine.linear_solve import LinearConfig
from recommender.engine.progress import OnProgress
from recommender.engine.ranker import Ranker
from recommender.engine.ranking import rank, rank_batch, top_k
from recommender.engine.vocabulary import UNKNOWN, Vocabulary

__all__ = [
    "UNKNOWN",
    "Artifact",
    "ArtifactError",
    "Catalog",
    "CatalogTooLargeError",
    "Contributions",
    "EngineError",
    "FitError",
    "InputError",
    "Interactions",
    "LinearConfig",
    "LinearRanker",
    "NotFittedError",
    "OnProgress",
    "Part",
    "Profile",
    "Ranker",
    "Series",
    "SimilarItems",
    "Vocabulary",
    "load_artifact",
    "rank",
    "rank_batch",
    "top_k",
    "write_artifact",
]
