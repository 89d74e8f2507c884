"""`manage.py train`: fit, measure and publish a model from the ratings in the database."""

from argparse import ArgumentParser
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from recommender.engine import EngineError
from recommender.errors import TrainingError
from recommender.models import TrainingRun
from recommender.training import is_up_to_date, run_training


class Command(BaseCommand):
    help = "Fit the ranker on all ratings, measure it on held-out readers, and put it live."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--if-needed",
            action="store_true",
            help="Do nothing when the active run was fitted on the latest data import.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
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
            with Progress(*columns, console=console) as progress:
                run = run_training(trigger="command", on_stage=_Bars(progress))
        except (TrainingError, EngineError, OSError) as error:
            raise CommandError(str(error)) from error
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
        for name, metrics in run.metrics.items():
            self.stdout.write(
                f"{name:>10}: NDCG@10 {metrics['ndcg_at_10']:.4f}, "
                f"Recall@20 {metrics['recall_at_20']:.4f} "
                f"on {metrics['n_users']} held-out readers"
            )


class _Bars:
    """One progress bar per stage, added when the stage begins."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: float) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=1.0)
        self._progress.update(self._tasks[stage], completed=done)
