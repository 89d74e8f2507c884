"""A full run with every part that the pages show, each of them fitted quickly instead of well.

    python -m bookrec_site.tests.lean_training

Lists are those of a quick run; stars are learned from every eighth reader, and the map is drawn
by few steps. On goodbooks-10k a minute instead of ten.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Self

import django
import numpy as np

READERS_OF_STARS = 8


def main() -> None:
    django.setup()
    from recommender import fitting
    from recommender.engine import Interactions, LinearRanker, TwoStageRanker
    from recommender.engine.book_map import BookMap, BookMapConfig
    from recommender.engine.stars import StarsPredictor
    from recommender.training import run_training

    class FirstStage(TwoStageRanker):
        def fit(self, train, catalog, **options) -> TwoStageRanker:
            first = LinearRanker().fit(train, catalog, **options)
            return TwoStageRanker.of_first_stage(first, fitting.QUICK)

    class QuickMap(BookMap):
        @classmethod
        def fit(cls, vectors, tags=None, **options) -> Self:
            config = BookMapConfig(n_components=10, perplexity=5, n_iterations=250)
            return super().fit(vectors, tags, config=config, **options)

    def fit_stars(
        fitted: fitting.Fitted, train: Interactions, stage: fitting.Stage, log_folder: Path
    ) -> None:
        with stage("stars") as report:
            few = train.select_users(np.arange(train.n_users) % READERS_OF_STARS == 0)
            predictor = StarsPredictor(replace(fitting.STARS, n_rounds=5))
            fitted.stars = predictor.fit(few, fitted.catalog, on_progress=report)

    fitting.TwoStageRanker = FirstStage
    fitting.BookMap = QuickMap
    fitting._fit_stars = fit_stars
    run = run_training(trigger="tests", kind="full")
    logging.getLogger(__name__).info("lean run: %s", run.stage_seconds)


if __name__ == "__main__":
    main()
