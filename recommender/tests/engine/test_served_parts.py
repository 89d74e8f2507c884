"""What a web process does with an artifact: everything, without any library of the fits."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from recommender.engine import (
    AlsoLoved,
    ArtifactError,
    BookMap,
    Catalog,
    Part,
    PopularityRanker,
    ReaderNeighbours,
    write_artifact,
)
from recommender.engine.also_loved import AlsoLovedConfig
from recommender.engine.embeddings.dot_product import DotProductConfig, DotProductPredictor
from recommender.engine.reader_neighbours import ReaderNeighboursConfig
from recommender.engine.stars import StarsConfig, StarsPredictor
from recommender.tests.engine.conftest import random_interactions
from recommender.tests.engine.isolated import FIT_LIBRARIES, modules_after

SERVED = """
import numpy as np
from recommender.engine import (
    AlsoLoved, BookMap, Catalog, PopularityRanker, Profile, ReaderNeighbours
)
from recommender.engine.embeddings.dot_product import DotProductPredictor
from recommender.engine.stars import StarsPredictor

catalog = Catalog.from_part(artifact.part("items"))
profile = Profile.from_ids(catalog.items, [0, 20, 50, 60], [5, 4, 1, 5], [90])
assert PopularityRanker.from_part(artifact.part("popularity")).scores(profile).any()
for part, kind in (("embeddings", DotProductPredictor), ("stars", StarsPredictor)):
    stars = kind.from_part(artifact.part(part)).predict_profile(profile)
    assert stars.shape == (25,) and 1 <= stars.min() < stars.max() <= 5
assert BookMap.from_part(artifact.part("map")).placed.any()
assert len(ReaderNeighbours.from_part(artifact.part("readers")).nearest(profile, 3).user_ids) == 3
assert len(AlsoLoved.from_part(artifact.part("also_loved")).of(0, 3).item_indices)
"""


def embeddings_of(n_items: int) -> Part:
    """Return what a fit of ``dot_product`` leaves, with numbers drawn at random."""
    generator = np.random.default_rng(0)
    vectors = np.column_stack((generator.normal(0, 1, (n_items, 3)), np.ones(n_items)))
    return Part(
        "dot_product",
        {
            "item_factors": vectors.astype(np.float32),
            "item_offsets": generator.uniform(2.5, 3.5, n_items).astype(np.float32),
            "mean_user": np.zeros(4, dtype=np.float32),
            "penalties": np.array([2, 2, 2, 3], dtype=np.float32),
        },
        dataclasses.asdict(DotProductConfig(n_factors=3)),
    )


def test_every_part_is_served_without_a_library_of_the_fits(tmp_path: Path) -> None:
    interactions = random_interactions(0)
    stars = StarsPredictor(StarsConfig(embeddings=False, n_rounds=5, n_vector_factors=8))
    readers = ReaderNeighbours(ReaderNeighboursConfig(n_factors=8, least_liked=2))
    embeddings = embeddings_of(interactions.n_items)
    parts = {
        "items": Catalog.bare(interactions.items).to_part(),
        "popularity": PopularityRanker().fit(interactions).to_part(),
        "embeddings": embeddings,
        "stars": stars.fit(interactions).to_part(),
        "map": BookMap.fit(embeddings.arrays["item_factors"][:, :3]).to_part(),
        "readers": readers.fit(interactions, stars.reading).to_part(),
        "also_loved": AlsoLoved.fit(interactions, AlsoLovedConfig(least_stars=4)).to_part(),
    }
    folder = write_artifact(tmp_path / "run", parts, created_at=datetime(2030, 1, 1, tzinfo=UTC))
    assert modules_after(SERVED, folder) == set()


def test_embeddings_of_another_width_than_their_config_are_refused() -> None:
    part = embeddings_of(25)
    DotProductPredictor.from_part(part)
    for n_factors in (2, 4):
        config = dataclasses.asdict(DotProductConfig(n_factors=n_factors))
        with pytest.raises(ArtifactError, match="fit together"):
            DotProductPredictor.from_part(Part("dot_product", part.arrays, config))


def test_a_library_that_is_imported_is_noticed(tmp_path: Path) -> None:
    part = PopularityRanker().fit(random_interactions(0)).to_part()
    folder = write_artifact(
        tmp_path / "run", {"popularity": part}, created_at=datetime(2030, 1, 1, tzinfo=UTC)
    )
    assert "sklearn" in FIT_LIBRARIES
    assert "sklearn" in modules_after("import sklearn", folder)
