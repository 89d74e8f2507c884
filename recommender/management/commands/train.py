"""`manage.py train`: fit, measure and publish a model from the ratings in the database."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from recommender.demand import is_up_to_date
from recommender.engine import EngineError
from recommender.engine.registry import ALGORITHMS
from recommender.errors import Rejected, TrainingError
from recommender.evaluation.errors import EvaluationError
from recommender.evaluation.options import make_config
from recommender.fitting import AlsEngine, LocalAls
from recommender.models import TrainingRun
from recommender.training import run_training

TWO_STAGE: Final = "two_stage"
# What Spark's defaults change of those of als.
CHANGED: Final = ("n_factors", "regularization", "n_iterations", "scaled_regularization")


class Command(BaseCommand):
    help = "Fit a model on all ratings, measure it on held-out readers, and put it live."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--kind",
            choices=TrainingRun.Kind.values,
            help="quick: only what lists need; full: embeddings and predicted stars too "
            "(default: full; with --engine als or spark only quick is to be had).",
        )
        parser.add_argument(
            "--engine",
            choices=[TWO_STAGE, "als", "spark"],
            default=TWO_STAGE,
            help="What makes the lists: the similarity index with its second stage (default), als "
            "fitted in this process, or als fitted by a Spark cluster (docs/spark.md).",
        )
        parser.add_argument(
            "--master",
            metavar="URL",
            help="With --engine spark: spark://HOST:PORT, or local[2] (default: SPARK_MASTER).",
        )
        parser.add_argument(
            "--interactions",
            type=Path,
            metavar="DIR",
            help="With --engine spark: fit on what export_interactions wrote there, not on the "
            "database.",
        )
        parser.add_argument(
            "--option",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="Hyperparameter of als, such as n_factors=128; may be repeated.",
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="Go live even if it compares badly with the active run; this is recorded. "
            "Never with weights that are no numbers.",
        )
        parser.add_argument(
            "--if-needed",
            action="store_true",
            help="Do nothing when the active run was fitted on the latest data import.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        kind = options["kind"] or TrainingRun.Kind.FULL
        if options["engine"] != TWO_STAGE:
            if options["kind"] == TrainingRun.Kind.FULL:
                raise CommandError("als makes lists alone: --engine als or spark is --kind quick.")
            kind = TrainingRun.Kind.QUICK
        if options["if_needed"] and is_up_to_date():
            self.stdout.write("The active model was trained on this data: nothing to do.")
            return
        console = Console(file=cast(IO[str], self.stdout))
        columns = (
            TextColumn("{task.description:12}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
        )
        try:
            with als_engine(options) as als, Progress(*columns, console=console) as progress:
                run = run_training(
                    trigger="command",
                    kind=kind,
                    force=options["force"],
                    on_stage=_Bars(progress),
                    als=als,
                )
        except Rejected as error:
            active = TrainingRun.objects.filter(status=TrainingRun.Status.ACTIVE).first()
            if not options["if_needed"] or active is None:
                raise CommandError(f"The run was rejected: {error}") from error
            self.stdout.write(f"The run was rejected, run {active.pk} stays live: {error}")
        except (TrainingError, EngineError, OSError) as error:
            raise CommandError(str(error)) from error
        else:
            self._report(run)

    def _report(self, run: TrainingRun) -> None:
        seconds = run.stage_seconds
        stages = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
        self.stdout.write(
            f"Run {run.pk} is live: {stages}; {sum(seconds.values()):.1f} s in all, "
            f"peak {run.peak_megabytes} MB."
        )
        data = run.dataset
        self.stdout.write(
            f"Fitted on {data['n_ratings']:,} ratings and {data['n_shelved']:,} to-read entries "
            f"of {data['n_readers']:,} readers for {data['n_books']:,} books."
        )
        for name, reason in run.skipped_parts.items():
            self.stdout.write(f"Without {name}: {reason}.")
        for name, metrics in run.metrics.items():
            if "ndcg_at_10" in metrics:
                low, high = metrics["ndcg_at_10_interval"]
                self.stdout.write(
                    f"{name:>10}: NDCG@10 {metrics['ndcg_at_10']:.4f} ({low:.4f} to {high:.4f}), "
                    f"Recall@20 {metrics['recall_at_20']:.4f} "
                    f"on {metrics['n_users']} held-out readers"
                )
        for rule in run.verdict["rules"]:
            answer = {True: "passed", False: "overruled", None: "not checked"}[rule["passed"]]
            self.stdout.write(f"{answer:>12}: {rule['detail']}")


@contextmanager
def als_engine(options: dict[str, Any]) -> Iterator[AlsEngine | None]:
    """Give what --engine names; None for the usual lists.

    Raises
    ------
    CommandError
        When an option does not go with it.
    TrainingError
        When what it needs is missing or does not answer.
    """
    engine = options["engine"]
    if engine != "spark" and (options["master"] or options["interactions"]):
        raise CommandError("--master and --interactions go with --engine spark.")
    if engine == TWO_STAGE:
        if options["option"]:
            raise CommandError("--option goes with --engine als or spark.")
        yield None
        return
    try:
        if engine == "als":
            yield LocalAls(make_config(ALGORITHMS["als"], options["option"]))
            return
        # Loaded for who asks for it; pyspark is in requirements-spark.txt.
        from recommender.spark.als import DEFAULTS
        from recommender.spark.engine import spark_als

        own = [f"{name}={getattr(DEFAULTS, name)}" for name in CHANGED]
        config = make_config(ALGORITHMS["als"], [*own, *options["option"]])
        master, folder = options["master"], options["interactions"]
        with spark_als(master=master, folder=folder, config=config) as spark:
            yield spark
    except EvaluationError as error:
        raise CommandError(str(error)) from error


class _Bars:
    """One progress bar per stage, added when the stage begins."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: float) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=1.0)
        self._progress.update(self._tasks[stage], completed=done)
