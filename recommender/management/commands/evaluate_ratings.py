"""`manage.py evaluate_ratings`: measure predicted stars on files; needs no database."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from recommender.engine import OnProgress
from recommender.engine.registry import Algorithm, predictors
from recommender.evaluation.options import ALL
from recommender.evaluation.output import check_writable, of_algorithm, write_json
from recommender.evaluation.ratings_run import (
    RatingsFiles,
    RatingsResult,
    describe_ratings_data,
    load_ratings_data,
    ratings_table,
    run_predictor,
    write_predictions,
)
from recommender.management.evaluation_command import EvaluationCommand


class Command(EvaluationCommand):
    help = "Fit a predictor of stars on one file and measure it on another."

    def candidates(self) -> Sequence[Algorithm]:
        return predictors()

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        for name in ("train", "test"):
            parser.add_argument(
                f"--{name}", required=True, type=Path, help="CSV: user_id, book_id, rating."
            )
        parser.add_argument(
            "--predictions",
            required=True,
            type=Path,
            help="CSV to write: user_id, book_id, rating, predicted. With all, OUT.csv becomes "
            "OUT.NAME.csv.",
        )

    def evaluate(self, options: dict[str, Any]) -> None:
        chosen, is_all = self.chosen(options), options["algorithm"] == ALL
        path, json_path = options["predictions"], options["json"]
        for place in filter(None, (path, json_path)):
            check_writable(place)
        data = load_ratings_data(
            RatingsFiles(options["train"], options["test"], options["to_read"], options["books"])
        )
        self.stdout.write(describe_ratings_data(data))

        def run(algorithm: Algorithm, config: Any, on_progress: OnProgress | None) -> RatingsResult:
            result = run_predictor(algorithm, config, data, on_progress=on_progress)
            place = of_algorithm(path, algorithm.name) if is_all else path
            write_predictions(place, data, result.predicted)
            return result

        results, failures = self.results_of(chosen, run, is_all=is_all)
        self.stdout.write(f"\n{ratings_table(results, failures)}")
        if json_path:
            write_json(
                json_path,
                {
                    "data": data.counts,
                    "results": [result.as_dict() for result in results],
                    "failures": failures,
                },
            )
        if failures:
            raise CommandError(f"{len(failures)} of {len(chosen)} algorithms failed.")
