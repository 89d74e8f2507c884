"""`manage.py evaluate_ratings`: measure predicted stars on files; needs no database."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from recommender.engine import EngineError
from recommender.engine.registry import predictors
from recommender.evaluation.errors import EvaluationError
from recommender.evaluation.options import ALL, choose_algorithms, make_config
from recommender.evaluation.output import check_writable, of_algorithm, write_json
from recommender.evaluation.progress_bar import progress_bar
from recommender.evaluation.ratings_run import (
    RatingsFiles,
    RatingsResult,
    describe_ratings_data,
    load_ratings_data,
    ratings_table,
    run_predictor,
    write_predictions,
)


class Command(BaseCommand):
    help = "Fit a predictor of stars on one file and measure it on another."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = ", ".join(algorithm.name for algorithm in predictors())
        parser.add_argument("--algorithm", required=True, help=f"One of {names}, or {ALL}.")
        for name in ("train", "test"):
            parser.add_argument(
                f"--{name}", required=True, type=Path, help="CSV: user_id, book_id, rating."
            )
        parser.add_argument("--to-read", type=Path, help="CSV to fit on: user_id, book_id.")
        parser.add_argument(
            "--books", type=Path, help="Folder of books.csv, tags.csv and book_tags.csv."
        )
        parser.add_argument(
            "--predictions",
            required=True,
            type=Path,
            help="CSV to write: user_id, book_id, rating, predicted. With all, OUT.csv becomes "
            "OUT.NAME.csv.",
        )
        parser.add_argument("--json", type=Path, help="JSON file to write.")
        parser.add_argument(
            "--option",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="Hyperparameter of the algorithm; may be repeated.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._evaluate(options)
        except EvaluationError as error:
            raise CommandError(str(error), returncode=2) from error
        except (EngineError, MemoryError, OSError) as error:
            raise CommandError(str(error) or type(error).__name__) from error

    def _evaluate(self, options: dict[str, Any]) -> None:
        algorithms = choose_algorithms(options["algorithm"], predictors())
        is_all = options["algorithm"] == ALL
        if is_all and options["option"]:
            raise EvaluationError(f"--option changes one algorithm; name it in place of {ALL}.")
        configs = [make_config(algorithm, options["option"]) for algorithm in algorithms]
        path, json_path = options["predictions"], options["json"]
        for place in filter(None, (path, json_path)):
            check_writable(place)
        data = load_ratings_data(
            RatingsFiles(options["train"], options["test"], options["to_read"], options["books"])
        )
        self.stdout.write(describe_ratings_data(data))
        results: list[RatingsResult] = []
        failures: dict[str, str] = {}
        for algorithm, config in zip(algorithms, configs, strict=True):
            try:
                with progress_bar(algorithm.name) as on_progress:
                    result = run_predictor(algorithm, config, data, on_progress=on_progress)
            except (EngineError, MemoryError) as error:
                if not is_all:
                    raise
                failures[algorithm.name] = str(error) or type(error).__name__
                continue
            place = of_algorithm(path, algorithm.name) if is_all else path
            write_predictions(place, data, result.predicted)
            results.append(result)
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
            raise CommandError(f"{len(failures)} of {len(algorithms)} algorithms failed.")
