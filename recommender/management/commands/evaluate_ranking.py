"""`manage.py evaluate_ranking`: measure a ranker on files; needs no database."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from recommender.engine import OnProgress
from recommender.engine.registry import Algorithm, rankers
from recommender.evaluation.errors import EvaluationError
from recommender.evaluation.options import ALL
from recommender.evaluation.output import check_writable, of_algorithm, write_json
from recommender.evaluation.ranking_data import RankingFiles, load_ranking_data
from recommender.evaluation.ranking_report import (
    cold_start_table,
    describe_ranking_data,
    ranking_json,
    ranking_table,
    write_lists,
)
from recommender.evaluation.ranking_run import RankingResult, run_ranker
from recommender.management.evaluation_command import EvaluationCommand


class Command(EvaluationCommand):
    help = "Fit a ranker on files, rank for readers it has not seen, and measure the lists."

    def candidates(self) -> Sequence[Algorithm]:
        return rankers()

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--ratings", required=True, type=Path, help="CSV to fit on: user_id, book_id, rating."
        )
        parser.add_argument(
            "--fold-in",
            required=True,
            type=Path,
            help="CSV of what is known of the readers to rank for: user_id, book_id, rating.",
        )
        parser.add_argument(
            "--target", type=Path, help="CSV of what should be found: user_id, book_id, rating."
        )
        parser.add_argument("--k", default="100", help="Length of the lists (default: 100).")
        parser.add_argument(
            "--lists",
            required=True,
            type=Path,
            help="CSV to write: user_id, rank, book_id. With all, OUT.csv becomes OUT.NAME.csv.",
        )
        parser.add_argument(
            "--fold-in-limit",
            metavar="N,…",
            help="Also measure with only so many ratings of each reader, e.g. 1,3,5,10,20.",
        )
        parser.add_argument("--seed", default="0", help="Of bootstrap and fold-in limits.")

    def evaluate(self, options: dict[str, Any]) -> None:
        chosen, is_all = self.chosen(options), options["algorithm"] == ALL
        k = _positive("--k", options["k"])
        seed = _positive("--seed", options["seed"], least=0)
        limits = _limits(options["fold_in_limit"])
        if limits and not options["target"]:
            raise EvaluationError("--fold-in-limit measures lists; add --target.")
        lists_path, json_path = options["lists"], options["json"]
        for path in filter(None, (lists_path, json_path)):
            check_writable(path)
        data = load_ranking_data(
            RankingFiles(
                ratings=options["ratings"],
                fold_in=options["fold_in"],
                to_read=options["to_read"],
                books=options["books"],
                target=options["target"],
            )
        )
        self.stdout.write(describe_ranking_data(data))

        def run(algorithm: Algorithm, config: Any, on_progress: OnProgress | None) -> RankingResult:
            result = run_ranker(
                algorithm, config, data, k=k, limits=limits, seed=seed, on_progress=on_progress
            )
            place = of_algorithm(lists_path, algorithm.name) if is_all else lists_path
            write_lists(place, data, result.lists)
            return result

        results, failures = self.results_of(chosen, run, is_all=is_all)
        self.stdout.write(f"\n{ranking_table(results, failures)}")
        if limits and results:
            self.stdout.write(f"\n{cold_start_table(results)}")
        if json_path:
            write_json(json_path, ranking_json(data, results, failures, k=k, seed=seed))
        if failures:
            raise CommandError(f"{len(failures)} of {len(chosen)} algorithms failed.")


def _positive(name: str, text: str, least: int = 1) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise EvaluationError(f"{name} is {text!r}; wanted a whole number from {least}.")
    return number


def _limits(text: str | None) -> list[int]:
    """Return the numbers of "1,3,5", ascending and each once."""
    if text is None:
        return []
    return sorted({_positive("--fold-in-limit", part.strip()) for part in text.split(",")})
