"""What the commands that measure algorithms on files have in common."""

from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import BaseCommand, CommandError

from recommender.engine import EngineError, OnProgress
from recommender.engine.registry import Algorithm
from recommender.evaluation.errors import EvaluationError
from recommender.evaluation.options import ALL, choose_algorithms, make_config
from recommender.evaluation.progress_bar import progress_bar

_Result = TypeVar("_Result")


class EvaluationCommand(BaseCommand):
    """Fits one algorithm, or all that there are, and says how good each is."""

    requires_system_checks = []

    def candidates(self) -> Sequence[Algorithm]:
        """Return the algorithms that this command can measure."""
        raise NotImplementedError

    def evaluate(self, options: dict[str, Any]) -> None:
        """Do what the options say; raises EvaluationError where they are wrong."""
        raise NotImplementedError

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = ", ".join(algorithm.name for algorithm in self.candidates())
        parser.add_argument("--algorithm", required=True, help=f"One of {names}, or {ALL}.")
        parser.add_argument("--to-read", type=Path, help="CSV to fit on: user_id, book_id.")
        parser.add_argument(
            "--books", type=Path, help="Folder of books.csv, tags.csv and book_tags.csv."
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
            self.evaluate(options)
        except EvaluationError as error:
            raise CommandError(str(error), returncode=2) from error
        except (EngineError, MemoryError, OSError) as error:
            raise CommandError(str(error) or type(error).__name__) from error

    def chosen(self, options: dict[str, Any]) -> list[tuple[Algorithm, Any]]:
        """Return the algorithms to measure, each with its config.

        Raises
        ------
        EvaluationError
            When there is no such algorithm or option, or all are to have one.
        """
        algorithms = choose_algorithms(options["algorithm"], self.candidates())
        if options["algorithm"] == ALL and options["option"]:
            raise EvaluationError(f"--option changes one algorithm; name it in place of {ALL}.")
        return [(one, make_config(one, options["option"])) for one in algorithms]

    @staticmethod
    def results_of(
        chosen: Sequence[tuple[Algorithm, Any]],
        run: Callable[[Algorithm, Any, OnProgress | None], _Result],
        *,
        is_all: bool,
    ) -> tuple[list[_Result], dict[str, str]]:
        """Run each; return the results, and why which algorithm has none. One alone may raise."""
        results: list[_Result] = []
        failures: dict[str, str] = {}
        for algorithm, config in chosen:
            try:
                with progress_bar(algorithm.name) as on_progress:
                    results.append(run(algorithm, config, on_progress))
            except (EngineError, MemoryError) as error:
                if not is_all:
                    raise
                failures[algorithm.name] = str(error) or type(error).__name__
        return results, failures
